"""Arrays made or parsed once and mapped into memory ever after; a damaged or stale copy is made again.

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


def remember(folder: Path, make: Callable[[], Arrays], facts: str = "") -> Arrays:
    """The arrays kept in this folder from these facts as read-only memory maps; made now if they are not."""
    kept = load_arrays(folder, facts)
    if kept is not None:
        return kept
    made = make()
    try:
        save_arrays(folder, made, facts)
    except OSError:
        # A cache saves time and nothing else: on a full or read-only disk the arrays themselves will do.
        return made
    return load_arrays(folder, facts) or made


def load_arrays(folder: Path, facts: str = "") -> Arrays | None:
    """The entry's arrays as read-only memory maps, or None when it is absent, stale or damaged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        arrays = manifest["arrays"].items() if manifest["facts"] == facts else ()
        if not arrays or any(checksum(folder / f"{name}.npy") != expected for name, expected in arrays):
            return None
        return {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name, _ in arrays}
    except (OSError, ValueError, AttributeError, KeyError, TypeError, EOFError):
        return None


def save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any]], facts: str = "") -> None:
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
        _write_manifest(making / MANIFEST, {"facts": facts, "arrays": sums})
        _put_in_place(making, folder, facts)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def checksum(path: Path) -> str:
    """CRC-32 and size: a guard against accidents, cheap enough to check at every start."""
    crc, size = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    return f"{crc:08x}-{size}"


def _write_manifest(path: Path, manifest: Mapping[str, object]) -> None:
    with path.open("w") as file:
        json.dump(manifest, file)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(making: Path, folder: Path, facts: str) -> None:
    try:
        making.rename(folder)
    except OSError:
        # Somebody else was quicker, or what lies there is stale or damaged: only the latter gives way.
        if load_arrays(folder, facts) is not None:
            return
        _remove(folder)
        making.rename(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
