"""Which files belong to own code: the file itself, and those beside it that it imports, read from its text."""

import ast
from collections.abc import Iterator
from pathlib import Path

from fedsim.plugins.places import is_installed

MOST_FILES = 500
"""Files of one plug-in; beyond them nobody follows imports."""


def own_sources(file: Path, root: Path) -> list[Path]:
    """The file, then others below `root` in the order of their imports; of an installed package the file alone."""
    found = [file]
    if is_installed(file):
        return found
    found += [path for path in _files(root, list(file.relative_to(root).with_suffix("").parts)) if path != file]
    for each in found:
        found += [path for path in dict.fromkeys(_imported(each, root)) if path not in found][: MOST_FILES - len(found)]
    return found


def _imported(file: Path, root: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(root, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            parts = [*_above(file, root, node.level), *(node.module.split(".") if node.module else [])]
            for alias in node.names:
                yield from _files(root, [*parts, alias.name])


def _above(file: Path, root: Path, level: int) -> list[str]:
    """The package that a relative import begins at."""
    return list(file.relative_to(root).parts[:-level]) if level else []


def _files(root: Path, parts: list[str]) -> Iterator[Path]:
    """The files of a module and of the packages that it lies in, where they are below the root."""
    for length in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:length])
        for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if path.is_file():
                yield path.resolve()
