"""The own code that a scenario asks for: run before its names are looked up, or refused."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fedsim.errors import PluginFailed, Problem
from fedsim.paths import absolute
from fedsim.plugins.load import load
from fedsim.plugins.named import is_address
from fedsim.plugins.permission import refusal
from fedsim.plugins.places import is_file_name

TEXTS = ("question", "plugins")
"""Keys whose text names no algorithm."""


def run_plugins(plugins: Any) -> list[Problem]:
    """Run each plug-in that is named; what is wrong with those that cannot be."""
    found = []
    for place, asked in enumerate(plugins if isinstance(plugins, list | tuple) else ()):
        try:
            if isinstance(asked, str) and asked:
                load(asked)
        except PluginFailed as error:
            found.append(Problem(("plugins", place), str(error), asked))
    return found


def with_absolute_plugins(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The table with the files among its plug-ins named from the root: a scenario is also read elsewhere."""
    plugins = table.get("plugins")
    if not isinstance(plugins, list):
        return dict(table)
    return {**table, "plugins": [_absolute(each, folder) for each in plugins]}


def _absolute(asked: Any, folder: Path) -> Any:
    return absolute(asked, folder) if isinstance(asked, str) and is_file_name(asked) else asked


def refused(table: Mapping[str, Any]) -> list[Problem]:
    """One problem that names all own code that is asked for, where none may be run."""
    plugins = table.get("plugins", ())
    named = (
        [_as_written(each) for each in plugins if isinstance(each, str)] if isinstance(plugins, list | tuple) else []
    )
    words = refusal([*named, *_addresses(table)])
    return [Problem(("plugins",), words)] if words else []


def _as_written(asked: str) -> str:
    return Path(asked).name if is_file_name(asked) else asked


def _addresses(node: Any) -> Iterator[str]:
    if isinstance(node, str) and is_address(node):
        yield node
    elif isinstance(node, Mapping):
        for key, inner in node.items():
            if key not in TEXTS:
                yield from _addresses(inner)
    elif isinstance(node, list | tuple):
        for inner in node:
            yield from _addresses(inner)
