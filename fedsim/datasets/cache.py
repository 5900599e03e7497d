"""Arrays made or parsed once and mapped into memory ever after; what is damaged or not to be trusted is made again.

One entry is one folder of `.npy` files with a manifest of their checksums, under a name that says all it depends on.
It is written beside, flushed to the disk and renamed, so that a reader never meets half an entry, and two writers
never mix theirs. It lies in the user's own cache, never beside the data it was made from: whoever gives data away
could put anything there. What is read back is checked as strangers' files are, and by its dataset's own eyes.
"""

import json
import os
import re
import shutil
import stat
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.datasets.bounded_files import open_file, read_file
from fedsim.errors import DataUnavailable

Arrays = dict[str, NDArray[Any]]
Check = Callable[[Arrays], object]
"""Raises ValueError or KeyError where the arrays are not what the dataset keeps."""

FORMAT = 2  # of an entry: to be raised whenever its files come to mean something else
MANIFEST = "manifest.json"
MOST_MANIFEST = 100_000  # bytes
MOST_ARRAY_BYTES = 2**36  # bytes of one array's file
CHUNK = 1 << 20


def cache_root(override: str | None = None) -> Path:
    """The folder for everything kept: the override, or `fedsim` in the user's cache folder (XDG)."""
    if override is not None:
        return Path(override).expanduser()
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given / "fedsim"
    try:
        return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "fedsim"
    except RuntimeError:  # a user without a home, as in some containers
        return Path(tempfile.gettempdir()) / f"fedsim-{os.geteuid()}"


def fingerprint(**facts: object) -> str:
    """A short name for everything an entry depends on: other facts, other name."""
    text = json.dumps({"format": FORMAT} | facts, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=10).hexdigest()


def remember(folder: Path, make: Callable[[], Arrays], check: Check) -> Arrays:
    """The arrays kept in this folder as read-only memory maps; made now if they are not, or fail the check."""
    kept = load_arrays(folder, check)
    if kept is not None:
        return kept
    if os.path.lexists(folder):
        warnings.warn(f"{folder}: not a sound copy of the data, or not yours alone to write; made anew", stacklevel=2)
    made = make()
    try:
        save_arrays(folder, made, check)
    except OSError:
        # A cache saves time and nothing else: on a full or read-only disk the arrays themselves will do.
        return made
    return load_arrays(folder, check) or made


def load_arrays(folder: Path, check: Check) -> Arrays | None:
    """The entry's arrays as read-only memory maps, or None when it is absent, damaged or not to be trusted."""
    try:
        if not (own(folder) and own(folder.parent, others=stat.S_IWOTH)):
            return None
        manifest = json.loads(read_file(folder / MANIFEST, MOST_MANIFEST))
        sums = manifest["arrays"] if manifest["name"] == folder.name else {}
        arrays = {name: _mapped(folder / f"{name}.npy", expected) for name, expected in sums.items() if _plain(name)}
        check(arrays)
    except (DataUnavailable, OSError, ValueError, AttributeError, LookupError, TypeError, EOFError, RecursionError):
        return None
    return arrays


def own(folder: Path, others: int = stat.S_IWOTH | stat.S_IWGRP) -> bool:
    """Whether this is a folder and no link to one, is this user's or root's, and cannot be filled by these others."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid in {0, os.geteuid()} and not status.st_mode & others


def save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]], check: Check) -> None:
    """Write an entry whole or not at all; OSError when the disk does not take it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        for name, array in arrays.items():
            with (making / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        sums = {name: checksum(making / f"{name}.npy") for name in arrays}
        _write_manifest(making / MANIFEST, {"name": folder.name, "arrays": sums})
        _put_in_place(making, folder, check)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def checksum(path: Path) -> str:
    """CRC-32 and size: a guard against accidents, cheap enough to check at every start."""
    crc, size = 0, 0
    with open_file(path, MOST_ARRAY_BYTES) as file:
        while chunk := file.read(CHUNK):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return f"{crc:08x}-{size}"


def _mapped(path: Path, expected: str) -> NDArray[Any]:
    """An array of plain numbers in the order of C, where its file is what the manifest says and no link."""
    if path.is_symlink() or checksum(path) != expected:
        raise ValueError(f"{path} is not what was written")
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if not array.flags.c_contiguous or array.dtype.kind not in "biuf":
        raise ValueError(f"{path} holds no plain numbers")
    return array


def _plain(name: str) -> bool:
    return re.fullmatch(r"[a-z_]+", name) is not None


def _write_manifest(path: Path, manifest: Mapping[str, object]) -> None:
    with path.open("w") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(making: Path, folder: Path, check: Check) -> None:
    try:
        making.rename(folder)
    except OSError:
        # Somebody else was quicker, or what lies there is damaged: only the latter gives way.
        if load_arrays(folder, check) is not None:
            return
        _remove(folder)
        making.rename(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
