"""Arrays in `.npz` and `.npy` files, read without trust: no pickle, and no more memory than the file can fill."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.datasets.finding import PACKINGS, opened_archive
from fedsim.errors import DataUnavailable, WrongSetting, did_you_mean

MOST_BYTES = 2**34
"""Of all arrays that are read, unpacked."""
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    MemoryError,
)
OBJECTS = "holds Python objects, not numbers: save it anew as np.save of one array of numbers (np.stack makes one)"


def read_arrays(path: Path, wanted: dict[str, tuple[str, bool]]) -> dict[str, NDArray[Any]]:
    """The arrays under their settings' names; `wanted` tells each one's name in the file, and whether it must be there.

    WrongSetting where one that must be there is not.
    """
    try:
        with opened_archive(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            _refuse_missing(path, list(members), wanted)
            chosen = {key: members[name] for key, (name, _) in wanted.items() if name in members}
            size = sum(info.file_size for info in chosen.values())
            if size > MOST_BYTES:
                raise DataUnavailable(f"{path}: its arrays unpack to {size:,} bytes; at most {MOST_BYTES:,} are read")
            return {key: _read(archive, info, f"{path}:{wanted[key][0]}") for key, info in chosen.items()}
    except UNREADABLE as error:
        if isinstance(error, WrongSetting):
            raise
        hint = "" if path.suffix == ".npz" else "; np.savez writes such a file"
        raise DataUnavailable(f"{path}: is no readable .npz file ({_first_line(error)}){hint}") from error


def _refuse_missing(path: Path, names: list[str], wanted: dict[str, tuple[str, bool]]) -> None:
    for key, (name, needed) in wanted.items():
        if needed and name not in names:
            held = f"; it holds {', '.join(sorted(names)[:12])}" if names else "; it holds none"
            raise WrongSetting(key, f"{path.name} holds no array `{name}`{did_you_mean(name, names) or held}")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> NDArray[Any]:
    """One array, once its header is known to promise just what its member holds."""
    if info.compress_type not in PACKINGS:
        raise DataUnavailable(f"{where}: neither stored nor deflated")
    with archive.open(info) as file:
        shape, _, kind = _header(file, where)
        begin = file.tell()
    if kind.hasobject:
        raise DataUnavailable(f"{where}: {OBJECTS}")
    promised = begin + math.prod(shape) * kind.itemsize
    if promised != info.file_size:
        raise DataUnavailable(f"{where}: its header promises {promised:,} bytes, and it holds {info.file_size:,}")
    with archive.open(info) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _header(file: Any, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise DataUnavailable(f"{where}: is in a form of .npy that is not known here ({version[0]}.{version[1]})")
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = readers[version](file)
    return header


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:200]
