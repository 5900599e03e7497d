"""Files and folders that a scenario names: found, or missed in words that help."""

import os
from collections.abc import Iterable
from pathlib import Path

from fedsim.errors import DataUnavailable, did_you_mean

MOST_LISTED = 1_000
"""Names of a folder that are looked through for one that is nearly right."""


def file_named(path: str, what: str) -> Path:
    """The file of this path; DataUnavailable says what is there in its place, or what may have been meant."""
    found = Path(path)
    if found.is_dir():
        raise DataUnavailable(f"{found}: is a folder, and {what} is wanted")
    if not found.exists():
        raise DataUnavailable(f"{found}: there is no such file{_nearest(found)}")
    return found


def folder_named(path: str, what: str) -> Path:
    """The folder of this path, likewise."""
    found = Path(path)
    if found.exists() and not found.is_dir():
        raise DataUnavailable(f"{found}: is a file, and a folder of {what} is wanted")
    if not found.exists():
        raise DataUnavailable(f"{found}: there is no such folder{_nearest(found)}")
    return found


def listed(folder: Path, most: int) -> list[str]:
    """The names of the files in a folder, in no order; hidden ones and folders are left out."""
    try:
        with os.scandir(folder) as entries:
            found = _at_most((each.name for each in entries if each.is_file() and not each.name.startswith(".")), most)
    except OSError as error:
        raise DataUnavailable(f"{folder}: cannot be read: {error.strerror or error}") from error
    if len(found) > most:
        raise DataUnavailable(f"{folder}: holds more than {most:,} files")
    return found


def _at_most(names: Iterable[str], most: int) -> list[str]:
    """The first of them, one more than allowed at most."""
    return [name for name, _ in zip(names, range(most + 1), strict=False)]


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f", and no folder {path.parent}"
    try:
        with os.scandir(path.parent) as entries:
            return did_you_mean(path.name, _at_most((each.name for each in entries), MOST_LISTED))
    except OSError:
        return ""


def folders(folder: Path, most: int) -> list[str]:
    """The names of the folders in a folder, in no order; hidden ones are left out."""
    try:
        with os.scandir(folder) as entries:
            found = _at_most((each.name for each in entries if each.is_dir() and not each.name.startswith(".")), most)
    except OSError as error:
        raise DataUnavailable(f"{folder}: cannot be read: {error.strerror or error}") from error
    if len(found) > most:
        raise DataUnavailable(f"{folder}: holds more than {most:,} folders")
    return found
