"""The keys of a scenario by their dotted paths, each with the sentence under it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from cli.display.formatting import kind
from cli.display.layout import body, labelled, section
from fedsim.scenario.json_schema import scenario_schema
from fedsim.scenario.toml_values import toml

Node = Mapping[str, Any]


def key_pages() -> dict[str, dict[str, Any]]:
    """Every key of a scenario by its dotted path: its JSON Schema with the sentence under it."""
    schema = scenario_schema()
    pages: dict[str, dict[str, Any]] = {}
    _collect(schema, schema["$defs"], "", pages)
    return pages


def key_page(path: str, node: Node, width: int) -> Iterator[Text]:
    """The page of a key or of a section."""
    yield Text.assemble((path, "bold"), f" · {'section' if 'properties' in node else 'key'} of a scenario")
    yield from body(node.get("description", ""), width=width)
    properties: Mapping[str, Node] = node.get("properties", {})
    if not properties:
        yield Text(f"  {_kind(node)}", style="dim")
    for name, inner in properties.items():
        yield from labelled(name, _kind(inner), width=width, column=len(name) + 2, style="bold")
        yield from body(inner.get("description", ""), width=width, indent=6)
    yield from section("In a scenario", _example(path, node), width=width)


def _collect(node: Node, sections: Mapping[str, Any], path: str, pages: dict[str, dict[str, Any]]) -> None:
    for name, inner in node.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        part = _section(inner, sections)
        pages[place] = {
            "description": part.get("description", ""),
            **inner,
            **({"properties": part["properties"]} if part else {}),
        }
        _collect(part, sections, place, pages)


def _section(node: Node, sections: Mapping[str, Any]) -> Node:
    """The section that a key opens, or nothing where it is a plain key or a choice."""
    found: Node = sections.get(target(node), {})
    if target(node) in {"Attack", "partitions"}:
        return {"properties": _own(found)}
    return found if "properties" in found else {}


def target(node: Node) -> str:
    """The definition that a key's table, or each of its tables, follows."""
    name: str = node.get("items", node).get("$ref", "").rsplit("/", 1)[-1]
    return name


def _own(attack: Node) -> dict[str, Any]:
    """Keys of the section itself: those of its last table, which names no algorithm of the house."""
    properties: dict[str, Any] = attack["anyOf"][-1]["properties"]
    return {name: node for name, node in properties.items() if name != "name"}


def _kind(node: Node) -> str:
    if node.get("default") == {} or "properties" in node:
        return "section"
    default = f", default {toml(node['default'])}" if node.get("default") not in (None, [], "") else ""
    return f"{kind(node)}{default}"


def _example(path: str, node: Node) -> str:
    if "properties" in node:
        return f"[[{path}]]" if node.get("type") == "array" else f"[{path}]"
    table, _, key = path.rpartition(".")
    value = toml(node["default"]) if "default" in node else "…"
    brackets = f"[[{table}]]\n" if table == "attacks" else f"[{table}]\n" if table else ""
    return f"{brackets}{key} = {value}"
