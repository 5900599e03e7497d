"""The IDX format of MNIST and its kin, read without trust: no more memory than the file can fill, or than it should."""

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fedsim.datasets.bounded_files import open_file
from fedsim.errors import DataUnavailable

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_LIMIT = 1032  # deflate cannot shrink anything further than by this factor
MOST_BYTES = 2**30  # bytes of one file, and of the array in it; the largest known array holds 0.55 · 10⁹
MOST_ITEMS = 10**6  # of the things in one file; the largest known holds 0.7 · 10⁶


def read_idx(path: Path, sides: tuple[int, ...], count: int | None = None) -> NDArray[np.uint8]:
    """The (m, *sides) array in an IDX file, plain or gzipped; DataUnavailable when it is not exactly that.

    `count` is the m that is wanted, where it is known.
    """
    with open_file(path, MOST_BYTES) as file:
        try:
            return parse_idx(file, path.stat().st_size, str(path), sides, count)
        except OSError as error:
            raise DataUnavailable(f"{path}: cannot be read: {error.strerror or error}") from error


def parse_idx(
    file: BinaryIO, size: int, name: str, sides: tuple[int, ...], count: int | None = None
) -> NDArray[np.uint8]:
    """The array in an open IDX file of `size` bytes, plain or gzipped; `name` is for the messages."""
    zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    try:
        if not zipped:
            return _parse(file, size, name, sides, count)
        with gzip.GzipFile(fileobj=file) as unzipped:
            return _parse(unzipped, size * DEFLATE_LIMIT, name, sides, count)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataUnavailable(f"{name}: damaged gzip data ({error}); fetch it again") from error


def _parse(
    file: BinaryIO | gzip.GzipFile, ceiling: int, name: str, sides: tuple[int, ...], count: int | None
) -> NDArray[np.uint8]:
    shape = _shape(file, name, 1 + len(sides))
    if shape[1:] != sides or not 0 < shape[0] <= MOST_ITEMS:
        wanted = ", ".join(map(str, sides))
        raise DataUnavailable(
            f"{name}: holds an array of shape {shape}, not (m, {wanted}) with m from 1 to {MOST_ITEMS:,}"
        )
    if count is not None and shape[0] != count:
        raise DataUnavailable(f"{name}: {shape[0]} images for {count} labels")
    total = math.prod(shape)
    if total > min(ceiling, MOST_BYTES):
        raise DataUnavailable(f"{name}: its header promises {total} bytes, more than the file can hold")
    array = np.empty(total, np.uint8)
    filled = 0
    while filled < total and (chunk := file.read(min(total - filled, 1 << 20))):
        array[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
    if filled < total:
        raise DataUnavailable(f"{name}: truncated: {filled} of {total} bytes; fetch it again")
    if file.read(1):
        raise DataUnavailable(f"{name}: longer than the {total} bytes its header promises")
    return array.reshape(shape)


def _shape(file: BinaryIO | gzip.GzipFile, name: str, dimensions: int) -> tuple[int, ...]:
    header = file.read(4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions:
        raise DataUnavailable(f"{name}: truncated: no whole IDX header in {len(header)} bytes")
    if header[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise DataUnavailable(
            f"{name}: not an IDX file of bytes in {dimensions} dimensions (it begins with {header[:4].hex()})"
        )
    return tuple(int(side) for side in np.frombuffer(header[4:], ">u4"))
