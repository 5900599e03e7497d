"""Files written whole or not at all, and failures of the disk in words."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fedsim.errors import StorageFailed


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Whatever the disk refuses inside is a StorageFailed that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"cannot write {path}: {error.strerror or error}") from error


def part_of(name: str) -> str:
    """The name under which a file or folder is written until it is whole."""
    return f".{name}.part"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside and rename it over; a reader meets the old file or the new one, never a part."""
    beside = path.with_name(part_of(path.name))
    with storing(path):
        try:
            _write_flushed(beside, data)
            beside.replace(path)
            flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files beside and rename it over; one that was there gives way."""
    beside = path.with_name(part_of(path.name))
    with storing(path):
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir(parents=True)
            for name, data in files.items():
                _write_flushed(beside / name, data)
            flush_folder(beside)
            shutil.rmtree(path, ignore_errors=True)
            beside.rename(path)
            flush_folder(path.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def sweep(folder: Path, name: str) -> None:
    """Remove what a killed process left half-written of the files or folders of this name, or pattern."""
    with storing(folder):
        for path in folder.glob(part_of(name)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def flush_folder(path: Path) -> None:
    """Make renames in a folder survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_flushed(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
