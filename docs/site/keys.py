"""The page of the scenario file: every key with its kind, its default and its meaning, as in the JSON Schema."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.display.formatting import kind
from cli.keys import key_pages
from docs.site.algorithms import HEADINGS
from docs.site.prose import markdown, plain
from fedsim.scenario.toml_values import toml

INTRODUCTION = """A scenario is one TOML file. Everything that is left out has a default. `fedsim explain KEY` says in
the terminal what stands here, and `fedsim schema` prints the same as a JSON Schema for editors."""


def page() -> str:
    """Keys of the whole, then section by section."""
    found = key_pages()
    sections = {path: node for path, node in found.items() if "properties" in node}
    plain = [path for path in found if "." not in path and path not in sections]
    parts = [
        "# The scenario file",
        INTRODUCTION,
        "## Keys before any section",
        *(_key(path, found[path]) for path in plain),
    ]
    for path, node in sections.items():
        brackets = f"[[{path}]]" if node.get("type") == "array" else f"[{path}]"
        parts += [f"(scenario-{path})=\n## {brackets}".replace("[", "\\["), markdown(node.get("description", ""))]
        parts += [
            _key(f"{path}.{name}", found.get(f"{path}.{name}", inner)) for name, inner in node["properties"].items()
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _key(path: str, node: Mapping[str, Any]) -> str:
    described = markdown(node.get("description", "")) or "A section of its own, below."
    return f"`{path.rpartition('.')[2]}`\n: {_kind(path, node)}\n\n  {described}"


def _kind(path: str, node: Mapping[str, Any]) -> str:
    if "properties" in node:
        return f"[section](#scenario-{path})"
    default = f", default `{toml(node['default'])}`" if node.get("default") not in (None, [], "", {}) else ""
    return (
        plain(kind(node))
        + default
        + "".join(f" · [what there is](reference/{family}/index.md)" for family in _families(node))
    )


def _families(node: Mapping[str, Any]) -> Iterator[str]:
    """The family that a key chooses from."""
    names = {
        str(part.get("$ref", "")).rsplit("/", 1)[-1] for part in (node, node.get("items", {}), *node.get("anyOf", []))
    }
    yield from sorted(names & HEADINGS.keys())
