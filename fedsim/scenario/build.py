"""Plain tables into a scenario, bottom up, with every problem found on the way.

Sections are pydantic dataclasses built by their own constructors; choices of algorithms are looked up in the
registries and their settings checked against the signatures. A key that is wrong is left out, so that the search for
problems goes on with the rest.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import takewhile
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from fedsim.errors import PluginFailed, Problem, UnknownName
from fedsim.plugins.named import is_address, named
from fedsim.registry import registries
from fedsim.scenario.automatic import settled
from fedsim.scenario.hints import choice_beside, choice_of, hints_of, marks_of, member_of, section_of
from fedsim.scenario.moved_keys import MOVED_KEYS
from fedsim.scenario.sections import Attack, Choice, In, Partition, Scenario
from fedsim.scenario.validation import check_settings, freeze, problems_of, shown

Path = tuple[str | int, ...]


def compose(table: Mapping[str, Any]) -> tuple[Scenario | None, list[Problem]]:
    """The scenario a table describes, and everything that is wrong with it; with problems, what is left of it."""
    problems: list[Problem] = []
    scenario = _section(Scenario, freeze(table), (), problems)
    return settled(scenario, problems) if scenario else None, problems


def decompose(scenario: Any) -> dict[str, Any]:
    """The table that describes a scenario, every default filled in; keys without a value are left out."""
    table: dict[str, Any] = {}
    cls: type = type(scenario)
    for name, hint in hints_of(cls).items():
        value, choice = getattr(scenario, name), choice_of(hint)
        if value is None:
            continue
        if choice is not None and choice.flat:
            table |= _plain(value)
        else:
            table[name] = _plain(value)
    return table


RESULT_FREE_SECTIONS = ("name", "question", "plugins", "execution", "output", "tracking")
"""Sections that change no result; what plug-ins do is told by their text, not by where they lie."""


def settings_of(scenario: Any) -> dict[str, Any]:
    """Every setting that a result depends on by its dotted path, defaults filled in."""
    found: dict[str, Any] = {}
    _flatten("", {key: value for key, value in decompose(scenario).items() if key not in RESULT_FREE_SECTIONS}, found)
    return found


def _flatten(path: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _flatten(f"{path}.{key}" if path else key, item, found)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            _flatten(f"{path}[{place}]", item, found)
    else:
        found[path] = value


def _plain(value: Any) -> Any:
    if isinstance(value, Choice):
        return {"name": value.name} | {key: _plain(item) for key, item in value.settings.items() if item is not None}
    if dataclasses.is_dataclass(value):
        return decompose(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _section(cls: Any, table: Any, path: Path, problems: list[Problem]) -> Any:
    """An instance of a section, without what is wrong in it, or None where nothing can be made of it."""
    table = {"name": table} if cls is Partition and isinstance(table, str) else table
    if not isinstance(table, Mapping):
        what = "the name of one of the partitions or a table" if cls is Partition else "a table of settings"
        problems.append(Problem(path, f"must be {what}, got {shown(table)}", table))
        return None
    values, moved = dict(table), MOVED_KEYS.get(cls.__name__, {})
    problems += [Problem((*path, key), moved[key], values.pop(key)) for key in moved if key in values]
    for name, hint in hints_of(cls).items():
        values |= _part(name, hint, values, path, problems)
    try:
        return cls(**values)
    except ValidationError as error:
        found = problems_of(error, _adapter(cls), path)
    problems += found
    wrong = {problem.path[len(path)] for problem in found if len(problem.path) > len(path)}
    try:
        return cls(**{key: value for key, value in values.items() if key not in wrong})
    except ValidationError:
        return None


def _part(name: str, hint: Any, values: dict[str, Any], path: Path, problems: list[Problem]) -> dict[str, Any]:
    """The field with its tables turned into choices and sections; nothing where pydantic can do it alone."""
    choice, inner = choice_of(hint), member_of(hint)
    if choice is not None and choice.flat:
        return _flat_choice(name, choice, values, path, problems)
    if choice is not None and (name in values or type(None) not in get_args(get_args(hint)[0])):
        table = values.get(name, {"name": DEFAULTS[choice.family]} if choice.family in DEFAULTS else {})
        if isinstance(table, Mapping) and choice.family in NAMELESS:
            table = {"name": DEFAULTS[choice.family], **table}
        return {name: _choose(choice.family, table, (*path, name), problems)}
    if (beside := choice_beside(hint)) is not None and isinstance(values.get(name), Mapping | str):
        return {name: _choose(beside.family, values[name], (*path, name), problems)}
    if hint is Partition and name not in values:
        return {}
    if cls := section_of(hint):
        left_out = hint is not cls and name not in values
        return {} if left_out else _kept(name, _section(cls, values.pop(name, {}), (*path, name), problems))
    if name not in values:
        return {}
    build = _builder(inner)
    if build is None:
        return {}
    items = values.pop(name)
    if not isinstance(items, tuple):
        what = "tables" if dataclasses.is_dataclass(inner) else "names or tables"
        problems.append(Problem((*path, name), f"must be a list of {what}, got {shown(items)}", items))
        return {}
    built = [build(item, (*path, name, place), problems) for place, item in enumerate(items)]
    return {name: tuple(takewhile(lambda item: item is not None, built))}  # those after it would lose their place


def _kept(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _builder(inner: Any) -> Callable[[Any, Path, list[Problem]], Any] | None:
    """What makes one item of a list field, where the items are choices or sections."""
    choice = choice_of(inner)
    if choice is not None:
        family = choice.family
        return lambda item, path, problems: _choose(family, item, path, problems)
    if dataclasses.is_dataclass(inner):
        return lambda item, path, problems: _section(inner, item, path, problems)
    return None


def _flat_choice(
    name: str, choice: In, values: dict[str, Any], path: Path, problems: list[Problem]
) -> dict[str, Choice]:
    """A choice whose name and settings stand among the section's own keys, which are taken out; none for a chain."""
    own = _own_keys(choice)
    if "name" not in values and any(key in values for key in CHAIN):
        return {}  # what else stands there is no key of the section, and is refused as such
    table = {key: values.pop(key) for key in list(values) if key not in own}
    return {name: _choose(choice.family, table, path, problems, beside=own)}


def _choose(family: str, table: Any, path: Path, problems: list[Problem], beside: tuple[str, ...] = ()) -> Choice:
    """The choice a table or a bare name describes; a placeholder where it is wrong."""
    registry = families()[family]
    table = {"name": table} if isinstance(table, str) else table
    if not isinstance(table, Mapping):
        problems.append(Problem(path, f"must be the name of one of the {family} or a table, got {shown(table)}", table))
        return Choice("")
    if not isinstance(name := table.get("name"), str):
        reason = f"got {shown(name)}" if "name" in table else f"one of {', '.join(e.name for e in registry)}"
        problems.append(Problem((*path, "name"), f"must name one of the {family}: {reason}", name))
        return Choice("")
    try:
        entry = named(registry, name) if is_address(name) else registry[name]
        given = {key: value for key, value in table.items() if key != "name"}
        settings, found = check_settings(entry, given, path, beside=("name", *beside), in_scenario=True)
    except UnknownName as error:
        meant = f"unknown {registry.noun} `{name}`; name what is meant in it: {name}:NAME"
        problems.append(Problem((*path, "name"), meant if name.endswith(".py") else str(error), name))
        return Choice(name)
    except PluginFailed as error:
        problems.append(Problem((*path, "name"), str(error), name))
        return Choice(name)
    problems += found
    return Choice(name if is_address(name) else entry.name, settings)


_USUAL: tuple[Any, ...] = (
    Scenario(), Scenario().partition, Scenario().clients, Scenario().training, Scenario().server,
)  # fmt: skip
DEFAULTS: dict[str, Any] = {
    In_.family: getattr(holder, name).name
    for holder in _USUAL
    for name, hint in hints_of(type(holder)).items()
    if (In_ := choice_of(hint)) is not None and getattr(holder, name) is not None
}
"""The algorithm of each family that a scenario gets without asking."""
CHAIN = ("data", "training", "updates")
"""Keys that stand in the place of an adversary's name."""
NAMELESS = {"optimizers", "server_optimizers", "latencies"}
"""Families whose usual member is meant by a table without a name: `[training.optimizer]` with `lr = 0.1` is SGD."""


def choices(section: Any) -> Iterator[tuple[str, Choice]]:
    """Every algorithm that a section and those below it choose, with its family."""
    cls: type = type(section)
    for name, hint in hints_of(cls).items():
        value, mark = getattr(section, name), next(marks_of(hint), None)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Choice) and mark is not None:
                yield mark.family, each
            elif dataclasses.is_dataclass(each):
                yield from choices(each)


@cache
def families() -> dict[str, Any]:
    """Every registry by family."""
    return registries()


@cache
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


@cache
def _own_keys(choice: In) -> tuple[str, ...]:
    """Keys of the section that holds this flat choice, its own ones."""
    (holder,) = (cls for cls in (Attack, Partition) if choice in map(choice_of, hints_of(cls).values()))
    return tuple(name for name, hint in hints_of(holder).items() if choice_of(hint) != choice)
