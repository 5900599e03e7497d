"""The code that a cell's numbers come from: what is changed elsewhere makes no cell stale.

A rule that a cell does not use cannot change its numbers. So of the families' files only those count that hold what the
scenario chose, and what these import; of all other floors every file does, but for those that only read results. The
versions of the libraries that touch a number count too.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fedsim.code_files import fedsim_files
from fedsim.plugins.load import plugin_of
from fedsim.provenance import versions
from fedsim.runs.code_record import UNTOLD, Code, present_code
from fedsim.scenario.build import choices, families
from fedsim.scenario.sections import Scenario
from fedsim.signatures import HOUSE, source_file

READERS = ("fedsim/study/", "fedsim/report/", "fedsim/proof/", "fedsim/trackers/")
"""Floors that read results and make none."""
CONTRACTS = ("__init__.py", "contract.py")
LIBRARIES = ("torch", "torchvision", "numpy", "scipy")
KEY_LENGTH = 8


def code_key(scenario: Scenario) -> str:
    """Eight hexadecimal digits that name the code and the libraries that this scenario's numbers come from."""
    code, libraries = relevant_code(present_code(scenario), scenario), library_versions(versions())
    text = json.dumps([dict(code.fedsim), dict(code.own), libraries], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def library_versions(found: dict[str, str]) -> dict[str, str]:
    """Those of the libraries that touch a number."""
    return {name: found.get(name, "") for name in LIBRARIES}


def relevant_code(code: Code, scenario: Scenario) -> Code:
    """The record without the files that this scenario's numbers do not come from."""
    used = used_files(tuple(sorted({str(file) for file in _chosen_files(scenario)})))
    kept = {name: digest for name, digest in code.fedsim.items() if _counts(name, used)}
    return Code(kept, _own_code(code, scenario))


def _own_code(code: Code, scenario: Scenario) -> dict[str, str]:
    """Of own code the files whose algorithms the scenario chose, and what they import; all where it is unclear."""
    names: set[str] = set()
    digests: set[str] = set()
    for file in _chosen_files(scenario):
        plugin = plugin_of(file)
        if plugin is not None:
            names |= {source.name for source in plugin.sources}
            digests |= {source.digest for source in plugin.sources}
        elif not _name_of(file):
            return dict(code.own)
    return {name: digest for name, digest in code.own.items() if name in names or digest in digests}


def _counts(name: str, used: frozenset[str]) -> bool:
    parts = name.split("/")
    if name.startswith(READERS):
        return False
    return len(parts) < 3 or parts[1] not in families() or parts[-1] in CONTRACTS or name in used  # noqa: PLR2004


def _chosen_files(scenario: Scenario) -> Iterator[Path]:
    for family, choice in choices(scenario):
        if (
            choice.name
            and family != UNTOLD
            and (file := source_file(families()[family][choice.name].function)) is not None
        ):
            yield file


@cache
def used_files(start: tuple[str, ...]) -> frozenset[str]:
    """These files and what they import from the families, and so on, as `fedsim/…`."""
    known = fedsim_files()
    waiting = [name for file in start if (name := _name_of(Path(file))) in known]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for each in _imports(name) if each in known]
    return frozenset(found)


def _name_of(file: Path) -> str:
    return file.relative_to(HOUSE.parent).as_posix() if file.is_relative_to(HOUSE.parent) else ""


@cache
def _imports(name: str) -> tuple[str, ...]:
    """The files of fedsim that a file imports, wherever in it."""
    tree = ast.parse((HOUSE.parent / name).read_bytes())
    modules: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    paths = [module.replace(".", "/") for module in modules if module.startswith("fedsim")]
    return tuple(f"{path}{ending}" for path in paths for ending in (".py", "/__init__.py"))
