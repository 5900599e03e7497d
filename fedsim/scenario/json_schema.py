"""The JSON Schema of scenario files, for editors that complete and check TOML.

Everything in it is read from the same places as everything else: the sections' fields with the sentence under them,
and the algorithms' signatures.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import TypeAdapter

from fedsim.registry import Entry
from fedsim.scenario.adversary_checks import CLIENT_KEYS
from fedsim.scenario.build import CHAIN, DEFAULTS, NAMELESS, families
from fedsim.scenario.hints import choice_beside, choice_of, hints_of, member_of
from fedsim.scenario.sections import (
    Attack,
    Clients,
    Evaluation,
    Scenario,
    Server,
    Topology,
    Tracking,
    Training,
)
from fedsim.scenario.validation import settings_adapter

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Node = dict[str, Any]

ADDRESSED: Node = {
    "type": "string",
    "pattern": r"^[^:\n]+:[A-Za-z_]\w*$",
    "description": "Own code by its address, such as ./my_net.py:Net or torchvision.models:resnet18",
}


def scenario_schema() -> Node:
    """The JSON Schema (2020-12) of a scenario file."""
    raw = TypeAdapter(Scenario).json_schema(ref_template="#/$defs/{model}")
    sections = {name: _plain(node) for name, node in raw.pop("$defs").items()}
    scenario = _plain(raw)
    _point_at_families(Scenario, scenario)
    holders = {"holders": sections.pop("Partition")["properties"]["holders"]}
    partition = scenario["properties"]["partition"]
    scenario["properties"]["partition"] = partition | {"$ref": "#/$defs/partitions", "default": DEFAULTS["partitions"]}
    for cls in (Clients, Training, Topology, Server, Evaluation, Tracking):
        _point_at_families(cls, sections[cls.__name__])
    sections["Attack"] = _attack(sections["Attack"])
    chosen = {family: _family(list(families()[family])) for family in families() if family != "attacks"}
    chosen["partitions"] = _family(list(families()["partitions"]), holders)
    chosen |= {_chained(kind): _family(_attacks(kind)) for kind in CHAIN}
    head = {"$schema": DIALECT, "title": "A fedsim scenario"}
    schema: Node = head | scenario | {"$defs": sections | chosen}
    return schema


def setting_schemas(entry: Entry) -> dict[str, Node]:
    """The JSON Schema of each of an algorithm's settings, with its meaning and its default."""
    found = settings_adapter(entry, in_scenario=True).json_schema(ref_template="#/$defs/{model}").get("properties", {})
    return {name: _setting(entry, name, node) for name, node in found.items()}


def key_schemas(section: type) -> dict[str, Node]:
    """The JSON Schema of each key of a section of a scenario; choices appear as plain tables."""
    properties: dict[str, Node] = _plain(TypeAdapter(section).json_schema())["properties"]
    return properties


def _setting(entry: Entry, name: str, node: Node) -> Node:
    setting = entry.settings[name]
    node = _plain(node) | ({"description": setting.meaning} if setting.meaning else {})
    return node if setting.required or setting.default is None else node | {"default": setting.default}


def _plain(node: Any) -> Any:
    """Without what a TOML file cannot say (null) and what repeats the key (title)."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    plain = {key: _plain(item) for key, item in node.items() if not (key == "title" and isinstance(item, str))}
    if plain.get("default", 0) is None:
        del plain["default"]
    options = [option for option in plain.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        del plain["anyOf"]
        return options[0] | plain
    return plain | ({"anyOf": options} if options else {})


def _point_at_families(section: type, node: Node) -> None:
    """Put the family's own tables where a field of the section is a choice."""
    for name, (family, shape) in _choices(section).items():
        field, choice = node["properties"][name], {"$ref": f"#/$defs/{family}"}
        kept = {key: field[key] for key in ("description",) if key in field}
        if shape == "beside":
            plain = [option for option in field["anyOf"] if option.get("type") != "object"]
            node["properties"][name] = field | {"anyOf": [*plain, choice]}
            continue
        node["properties"][name] = kept | ({"type": "array", "items": choice} if shape == "list" else choice)
        if shape != "optional":
            node["properties"][name]["default"] = [] if shape == "list" else DEFAULTS[family]


def _choices(section: type) -> dict[str, tuple[str, str]]:
    """Fields of a section that are choices: the family, and whether one, an optional one, a list, or beside a value."""
    found: dict[str, tuple[str, str]] = {}
    for name, hint in hints_of(section).items():
        if (mark := choice_of(hint)) is not None:
            found[name] = mark.family, "optional" if type(None) in get_args(get_args(hint)[0]) else "one"
        elif (mark := choice_beside(hint)) is not None:
            found[name] = mark.family, "beside"
        elif (mark := choice_of(member_of(hint))) is not None:
            found[name] = mark.family, "list"
    return found


def _family(entries: Sequence[Entry], own: Mapping[str, Node] | None = None) -> Node:
    """A bare name where nothing else must be said, an address of own code, or a table that names the algorithm.

    `own` are keys of the section that stand in the table beside the algorithm's settings.
    """
    bare = [name for entry in entries if not _required(entry) for name in (entry.name, *entry.aliases)]
    tables = [_table(entry, own or {}) for entry in entries]
    return {"anyOf": [*([{"enum": sorted(bare)}] if bare else []), ADDRESSED, *tables, _addressed(own or {})]}


def _addressed(own: Mapping[str, Node]) -> Node:
    """A table that names own code by its address, whose settings only the code itself knows."""
    return {"type": "object", "properties": {"name": ADDRESSED, **own}, "required": ["name"]}


def _table(entry: Entry, own: Mapping[str, Node]) -> Node:
    name = {"enum": [entry.name, *entry.aliases]} if entry.aliases else {"const": entry.name}
    usual = entry.family in NAMELESS and DEFAULTS[entry.family] == entry.name
    return {
        "type": "object",
        "description": entry.summary,
        "properties": {"name": name | {"description": entry.summary}, **setting_schemas(entry), **own},
        "required": [*([] if usual else ["name"]), *_required(entry)],
        "additionalProperties": False,
    }


def _required(entry: Entry) -> list[str]:
    return [setting.name for setting in entry.settings.values() if setting.required]


def _chained(kind: str) -> str:
    return f"{kind.removesuffix('s')}_attacks"


def _attacks(kind: str) -> list[Entry]:
    return [entry for entry in families()["attacks"] if entry.traits["poisons"] == kind]


def _attack(section: Node) -> Node:
    """An attack's settings stand beside the section's own keys: one table for each attack, and one for chains."""
    flat = next(name for name, hint in hints_of(Attack).items() if choice_of(hint))
    own = {name: node for name, node in section["properties"].items() if name not in (flat, *CHAIN)}
    for name, (family, _) in _choices(Attack).items():
        if name in own:
            own[name] = {"description": own[name]["description"], "$ref": f"#/$defs/{family}"}
    chain = {
        kind: section["properties"][kind] | {"items": {"$ref": f"#/$defs/{_chained(kind)}"}, "minItems": 1}
        for kind in CHAIN
    }
    return {
        "description": section["description"],
        "anyOf": [*(_table(entry, own) for entry in families()["attacks"]), _addressed(own), _chain(chain | own)],
        "oneOf": [{"required": [key]} for key in CLIENT_KEYS],
    }


def _chain(properties: Mapping[str, Node]) -> Node:
    """An adversary without a name, which says step by step what it does."""
    return {
        "type": "object",
        "description": "An adversary of several steps.",
        "properties": dict(properties),
        "anyOf": [{"required": [kind]} for kind in CHAIN],
        "additionalProperties": False,
    }
