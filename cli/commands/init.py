"""`fedsim init`: a scenario to start from, written from the real defaults and the sentences under them."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from cli.commands.explain import sample
from cli.display.formatting import kind
from cli.keys import Node, target
from fedsim.errors import ResultsConflict
from fedsim.paths import path_settings
from fedsim.scenario.build import DEFAULTS, families
from fedsim.scenario.json_schema import scenario_schema, setting_schemas
from fedsim.scenario.toml_values import toml

QUESTION = "Does the trimmed mean survive Gaussian noise from a fifth of the clients?"
ACTIVE_KEYS: dict[str, dict[str, str]] = {
    "": {"seed": "1", "rounds": "20"},
    "data": {"name": '"digits"'},
    "partition": {"name": '"iid"'},
    "model": {"name": '"mlp"'},
    "clients": {"population": "50", "sampled": "10"},
    "training": {"epochs": "5"},
    "training.optimizer": {"name": '"sgd"', "lr": "0.1"},
    "attacks": {"name": '"noise"', "fraction": "0.2"},
    "aggregator": {"name": '"trimmed_mean"', "f": "3"},
}
"""What the starter says aloud; every other key stands there as a comment with its default."""
ENOUGH_GROUPS = 8
"""Of the topology that stands there as an example: as many as the starter's rule needs."""
WIDTH = 100
HIDDEN_KEYS = {"name", "question", "preaggregators"}


def starter() -> str:
    """The text of a scenario that loads, runs in seconds, and shows every key there is."""
    schema = scenario_schema()
    return "\n".join([f"# {QUESTION}", "#", *_introduction(), "", *_keys("", schema, schema["$defs"])]).rstrip() + "\n"


def write_starter(path: Path, force: bool) -> None:
    """Write the starter; a file that is there already is only replaced when told to."""
    if path.exists() and not force:
        raise ResultsConflict(f"{path} exists; replace it with --force, or name another file")
    try:
        path.write_text(starter(), encoding="utf-8")
    except OSError as error:
        raise ResultsConflict(f"{path} cannot be written: {error.strerror or error}") from error


def _introduction() -> list[str]:
    return [
        "# Commented keys show their defaults, or a value where they have none. `fedsim explain KEY` says",
        "# more, `fedsim list` what can be chosen, and `fedsim check FILE` what the scenario can promise.",
    ]


def _keys(path: str, node: Node, sections: Node) -> Iterator[str]:
    """Plain keys first, tables after, as TOML wants it."""
    plain: list[tuple[str, Node]] = []
    tables: list[tuple[str, Node]] = []
    for name, inner in node["properties"].items():
        (tables if _is_table(inner) else plain).append((name, inner))
    for name, inner in plain:
        if name not in HIDDEN_KEYS:
            yield from _key(path, name, inner if _lists_choices(inner) else _optional(inner, sections))
    for name, inner in tables:
        if name not in HIDDEN_KEYS:
            yield from _table(f"{path}.{name}" if path else name, inner, sections.get(target(inner), {}), sections)


def _is_table(node: Node) -> bool:
    """Whether a key stands as a table of its own: a section or a choice that every scenario has."""
    return bool(target(node)) and not _lists_choices(node) and ("default" in node or node.get("type") == "array")


def _optional(node: Node, sections: Node) -> Node:
    """A key with an example where it is a section or a choice that may be left out."""
    name, section = target(node), sections.get(target(node), {})
    if name in families():
        usual = next(each.name for each in families()[name] if not any(s.required for s in each.settings.values()))
        return {**node, "default": usual}
    if "properties" in section:
        return {**node, "default": dict.fromkeys(section["required"], ENOUGH_GROUPS)}
    return node


def _lists_choices(node: Node) -> bool:
    """Whether the key holds names of algorithms in a list."""
    return node.get("type") == "array" and target(node) in families()


def _table(path: str, field: Node, section: Node, sections: Node) -> Iterator[str]:
    listed = field.get("type") == "array"
    yield ""
    yield from _comment(field.get("description", section.get("description", "")))
    yield f"[[{path}]]" if listed else f"[{path}]"
    if path == "attacks":
        yield from _attack(section)
    elif "properties" in section:
        yield from _keys(path, section, sections)
    else:
        yield from _choice(path, field, section)


def _choice(path: str, field: Node, section: Node) -> Iterator[str]:
    """A chosen algorithm with all its settings."""
    family = field["$ref"].rsplit("/", 1)[1]
    name = ACTIVE_KEYS.get(path, {}).get("name", toml(field["default"]))
    yield from _comment(f"One of {', '.join(entry.name for entry in families()[family])}.")
    yield f"name = {name}"
    yield from _settings(path, family, name)
    if path == "partition":
        yield from _key(path, "holders", section["anyOf"][-1]["properties"]["holders"])


def _attack(section: Node) -> Iterator[str]:
    name = ACTIVE_KEYS["attacks"]["name"]
    settings = set(families()["attacks"][name.strip('"')].settings)
    table = next(each for each in section["anyOf"] if each["properties"]["name"].get("const") == name.strip('"'))
    yield f"name = {name}"
    yield from _settings("attacks", "attacks", name)
    for key, inner in table["properties"].items():
        if key != "name" and key not in settings:
            yield from _key("attacks", key, inner)


def _settings(path: str, family: str, name: str) -> Iterator[str]:
    entry = families()[family][name.strip('"')]
    for key, inner in setting_schemas(entry).items():
        if key not in path_settings(entry.settings):  # no example of a file would be there
            yield from _key(path, key, inner)


def _key(path: str, name: str, node: Node) -> Iterator[str]:
    """A key with its sentence; one that the starter does not need is commented out."""
    value = ACTIVE_KEYS.get(path, {}).get(name)
    sentence = node.get("description", "").rstrip(".")
    yield from _comment(f"{sentence} ({kind(node)})." if sentence else f"{kind(node)}.")
    if _lists_choices(node):
        yield from _comment(f"Any of {', '.join(entry.name for entry in families()[target(node)])}.")
    if value is not None:
        yield f"{name} = {value}"
    else:
        usual = DEFAULTS.get(target(node))  # a name that may stand there as it is
        yield f"# {name} = {sample(dict(node)) if usual is None or _lists_choices(node) else toml(usual)}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
