"""Files from elsewhere, read within bounds: regular files only, and of none more than was asked for."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fedsim.atomic_files import open_plain
from fedsim.errors import DataUnavailable

CHUNK = 1 << 20


def open_file(path: Path, most: int) -> BinaryIO:
    """A regular file of at most `most` bytes, open for reading; a device, a pipe or a larger file is refused."""
    try:
        file = open_plain(path, follow=True)
    except OSError as error:
        raise DataUnavailable(f"{path}: cannot be read: {error.strerror or error}") from error
    size = os.fstat(file.fileno()).st_size
    if size > most:
        file.close()
        raise DataUnavailable(f"{path}: holds {size:,} bytes; at most {most:,} are read")
    return file


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most `most` bytes."""
    return b"".join(_chunks(path, most))


def digest_of(path: Path, most: int) -> str:
    """A name for what the file holds, whatever it is called and whenever it was written."""
    digest = hashlib.blake2b(digest_size=16)
    for chunk in _chunks(path, most):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, most: int) -> Iterator[bytes]:
    """The file piece by piece: one that grows, or tells no size, gets no further than any other."""
    size = 0
    with open_file(path, most) as file:
        while chunk := _chunk(file, path):
            size += len(chunk)
            if size > most:
                raise DataUnavailable(f"{path}: holds more than {most:,} bytes; at most so many are read")
            yield chunk


def _chunk(file: BinaryIO, path: Path) -> bytes:
    try:
        return file.read(CHUNK)
    except OSError as error:
        raise DataUnavailable(f"{path}: cannot be read: {error.strerror or error}") from error
