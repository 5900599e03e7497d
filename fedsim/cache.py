"""Arrays made or parsed once and mapped into memory ever after; a damaged copy is noticed and made again.

One entry is one folder of `.npy` files with a manifest of their checksums. It is written beside, flushed to
the disk and renamed, so that a reader never meets half an entry, and two writers never mix theirs.
"""

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

MANIFEST = "manifest.json"
CHUNK = 1 << 20


def cache_root(override: str | None = None) -> Path:
    """The folder for everything kept: the override, or `fedsim` in the user's cache folder (XDG)."""
    if override is not None:
        return Path(override).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "fedsim"


def fingerprint(**facts: object) -> str:
    """A short name for everything an entry depends on: other facts, other name."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=10).hexdigest()


def remember(folder: Path, make: Callable[[], Arrays]) -> Arrays:
    """The arrays of this entry, made now if they are not there or not whole; read-only memory maps."""
    kept = load_arrays(folder)
    if kept is not None:
        return kept
    made = make()
    try:
        save_arrays(folder, made)
    except OSError:
        # A cache saves time and nothing else: on a full or read-only disk the arrays themselves will do.
        return made
    return load_arrays(folder) or made


def load_arrays(folder: Path) -> Arrays | None:
    """The entry's arrays as read-only memory maps, or None when it is absent, damaged or incomplete."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if any(checksum(folder / f"{name}.npy") != expected for name, expected in manifest.items()):
            return None
        return {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in manifest}
    except (OSError, ValueError, AttributeError, EOFError):
        return None


def save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an entry whole or not at all; OSError when the disk does not take it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        for name, array in arrays.items():
            with (making / f"{name}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                _flush(file.fileno())
        _write_manifest(making, {name: checksum(making / f"{name}.npy") for name in arrays})
        _put_in_place(making, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def checksum(path: Path) -> str:
    """CRC-32 and size: a guard against accidents, cheap enough to check at every start."""
    crc, size = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return f"{crc:08x}-{size}"


def _write_manifest(folder: Path, manifest: Mapping[str, str]) -> None:
    with (folder / MANIFEST).open("w") as file:
        json.dump(manifest, file)
        file.flush()
        _flush(file.fileno())


def _put_in_place(making: Path, folder: Path) -> None:
    try:
        making.rename(folder)
    except OSError:
        # Somebody else was quicker, or what lies there is damaged: only the damaged gives way.
        if load_arrays(folder) is not None:
            return
        _remove(folder)
        making.rename(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)
