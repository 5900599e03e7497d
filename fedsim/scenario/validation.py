"""Values from outside against declared types: every problem found, in words a person can act on."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, Required

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from fedsim.errors import PluginFailed, Problem, did_you_mean
from fedsim.registry import BYZANTINE, Entry, Setting

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)
"""No text taken for a number, no truth for a one, no unknown key."""

PLAIN_WORD = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,79}$"
PLAIN_PATH = r"^[^\x00-\x1f\x7f]+$"
SCHEDULER = r"^(tcp|tls|ucx|ws|wss)://[^\s/]+:[0-9]{1,5}$"
PATTERNS = {
    PLAIN_WORD: "a plain word of at most 80 letters, digits, `_`, `-` and `.`",
    SCHEDULER: "the address of a scheduler of Dask, such as tcp://10.0.0.1:8786",
    PLAIN_PATH: "a path of at least one letter and without control characters",
}
"""What a text must look like, and the same in words."""

BOUNDS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}

FINDING_FAMILIES = ("aggregators", "preaggregators")
"""Families whose f a scenario may leave to be found."""

_adapters: dict[object, TypeAdapter[Any]] = {}


def check_settings(
    entry: Entry,
    given: Mapping[str, object],
    path: tuple[str | int, ...] = (),
    beside: Sequence[str] = (),
    *,
    in_scenario: bool = False,
) -> tuple[dict[str, Any], list[Problem]]:
    """The entry's settings, given ones checked and defaults filled in, and every problem with them.

    `beside` are other keys that may stand in the same table, for suggestions only; a scenario may leave f to be found.
    """
    defaults = {s.name: s.default for s in entry.settings.values() if not s.required}
    adapter = settings_adapter(entry, in_scenario=in_scenario)
    try:
        return defaults | adapter.validate_python(freeze(given)), []
    except ValidationError as error:
        problems = problems_of(error, adapter, path, beside)
    meanings = {s.name: s.meaning for s in entry.settings.values() if s.name not in given}
    return defaults, [_missing(entry, p, meanings) if p.path[-1] in meanings else p for p in problems]


def settings_adapter(entry: Entry, *, in_scenario: bool) -> TypeAdapter[Any]:
    """The pydantic type of an entry's settings table."""
    key = entry.function, in_scenario and entry.family in FINDING_FAMILIES
    if key not in _adapters:
        types = {s.name: _type(s, found=key[1]) for s in entry.settings.values()}
        fields = {
            s.name: Required[types[s.name]] if s.required else NotRequired[types[s.name]]
            for s in entry.settings.values()
        }
        make: Any = TypedDict  # its fields are known only now
        table = make(entry.name, fields)
        table.__pydantic_config__ = STRICT
        try:
            _adapters[key] = TypeAdapter(table)
        except PydanticSchemaGenerationError as error:
            what = f"{entry.family.removesuffix('s')} `{entry.name}`"
            raise PluginFailed(f"{what}: a setting has a type that a scenario cannot give ({entry.file})") from error
    return _adapters[key]


def _type(setting: Setting, *, found: bool) -> Any:
    """What may be given for a setting; f may be left to be found where it is an algorithm of the server's."""
    return setting.annotation | Literal["auto"] if found and setting.name == BYZANTINE else setting.annotation


UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""What pydantic says of a key that it does not know."""


def problems_of(
    error: ValidationError, adapter: TypeAdapter[Any], path: tuple[str | int, ...] = (), beside: Sequence[str] = ()
) -> list[Problem]:
    """Everything a validation found, in our words and with the path from the top."""
    keys = known_keys(adapter)
    keys[()] = [*keys.get((), ()), *beside]
    places: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for detail in error.errors():
        places.setdefault(_place(detail), []).append(detail)
    return [
        Problem((*path, *place), _joined([_words(detail, place, keys) for detail in details]), details[0].get("input"))
        for place, details in places.items()
    ]


def _joined(messages: Sequence[str]) -> str:
    """One sentence for a place where a union's members each complain: `must be this or that, got ...`."""
    first, *others = messages
    if not others or not all(", got " in message for message in messages):
        return first
    options = [message.partition(", got ")[0].removeprefix("must be ") for message in messages]
    return f"must be {' or '.join(options)}, got {first.partition(', got ')[2]}"


def known_keys(adapter: TypeAdapter[Any]) -> dict[tuple[str, ...], list[str]]:
    """Keys that may stand in each table of the type, by the table's path (list positions left out)."""
    schema = adapter.json_schema()
    found: dict[tuple[str, ...], list[str]] = {}

    def visit(node: Mapping[str, Any], path: tuple[str, ...]) -> None:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
        for option in (*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())):
            visit(option, path)
        if "properties" in node:
            found[path] = list(node["properties"])
            for key, child in node["properties"].items():
                visit(child, (*path, key))

    visit(schema, ())
    return found


def freeze(value: Any) -> Any:
    """Lists as tuples all the way down: a scenario is a frozen value."""
    if isinstance(value, Mapping):
        return {key: freeze(item) for key, item in value.items()}
    return tuple(freeze(item) for item in value) if isinstance(value, list | tuple) else value


def shown(value: object, limit: int = 60) -> str:
    """A value as it may stand in a message, never longer than a line."""
    text = str(value).lower() if isinstance(value, bool) else repr(value).replace("\n", " ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _place(error: ErrorDetails) -> tuple[str | int, ...]:
    """The keys that lead to what is wrong; an unknown key may look like anything."""
    *parents, last = error["loc"] or ("",)
    known = error["type"] not in UNKNOWN
    return tuple(part for part in (*parents, last) if (part is last and not known) or not _is_union_member(part))


def _is_union_member(part: str | int) -> bool:
    """Whether pydantic put the name of a union's member among the keys."""
    return isinstance(part, str) and ("[" in part or "-" in part or part in {"int", "float", "str", "bool", "none"})


def _missing(entry: Entry, problem: Problem, meanings: Mapping[str, str]) -> Problem:
    key = problem.path[-1]
    meaning = meanings[str(key)]
    return Problem(problem.path, f"missing: {entry.name} needs `{key}`{f', {meaning}' if meaning else ''}")


def _words(error: ErrorDetails, place: tuple[str | int, ...], keys: dict[tuple[str, ...], list[str]]) -> str:
    kind, context, value = error["type"], error.get("ctx", {}), shown(error.get("input"))
    if kind in UNKNOWN:
        table = tuple(part for part in place[:-1] if isinstance(part, str))
        known = keys.get(table, [])
        return f"unknown key{did_you_mean(str(place[-1]), known) or _listed(known)}"
    if kind == "literal_error":
        options = [option.strip(" '") for option in context["expected"].replace(" or ", ",").split(",")]
        return f"must be {context['expected']}, got {value}{did_you_mean(str(error['input']), options)}"
    if kind in BOUNDS:
        key, sign = BOUNDS[kind]
        return f"must be {sign} {context[key]}, got {value}"
    return {
        "missing": "missing",
        "int_type": f"must be a whole number, got {value}",
        "float_type": f"must be a number, got {value}",
        "finite_number": f"must be a finite number, got {value}",
        "string_type": f"must be text in quotes, got {value}",
        "bool_type": f"must be true or false, got {value}",
        "tuple_type": f"must be a list, got {value}",
        "dataclass_type": f"must be a table of settings, got {value}",
        "dict_type": f"must be a table of settings, got {value}",
        "is_instance_of": f"must be the name of a law or a table, got {value}",
        "string_pattern_mismatch": f"must be {PATTERNS.get(context.get('pattern', ''), 'otherwise')}, got {value}",
    }.get(kind, f"{error['msg'][:1].lower()}{error['msg'][1:]}, got {value}")


def _listed(known: Sequence[str]) -> str:
    return f"; known here: {', '.join(known)}" if known else "; it takes no settings"
