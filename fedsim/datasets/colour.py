"""CIFAR-10, from its binary version: nothing is unpickled."""

import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Progress
from fedsim.cache import Arrays, cache_root, fingerprint, remember
from fedsim.datasets._family import Dataset, Examples, dataset
from fedsim.datasets.fetching import Remote, fetch
from fedsim.datasets.grey import Folder
from fedsim.errors import DataUnavailable

CLASSES = 10
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes
MOST = 10_000  # records of one file
LARGEST = MOST * RECORD
BATCHES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
PICKLES = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1")
ARCHIVE = Remote(
    "cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)


@dataset("cifar10")
def cifar10(progress: Progress, *, folder: Folder = None) -> Dataset:
    """60,000 colour photographs of 32 × 32 pixels in 10 classes, 50,000 of them to train on.

    Differs:
        Reads the binary version (data_batch_1.bin … test_batch.bin, or cifar-10-binary.tar.gz), not the Python version,
        whose files are pickles and could run code.
    Source:
        Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    where = _places(folder)
    source = _find(where) or _fetched(where, progress)
    states = [(path.stat().st_size, path.stat().st_mtime_ns) for path in _files(source)]
    entry = cache_root() / "cifar10" / fingerprint(source=source)
    kept = remember(entry, lambda: _parse(source, progress), fingerprint(states=states))
    train, test = (Examples(kept[f"{part}_images"], kept[f"{part}_labels"]) for part in ("train", "test"))
    return Dataset(train, test, CLASSES)


def _places(folder: str | None) -> list[Path]:
    """Folders to look into, the one to fill last."""
    usual = [Path("data").absolute(), cache_root() / "downloads" / "CIFAR10"]
    roots = usual if folder is None else [Path(folder).expanduser().absolute()]
    return [place for root in roots for place in (root / "cifar-10-batches-bin", root)]


def _find(where: Sequence[Path]) -> Path | None:
    """The folder that holds the batches, or the archive."""
    for place in where:
        if all((place / name).is_file() for name in BATCHES):
            return place
        if (place / ARCHIVE.name).is_file():
            return place / ARCHIVE.name
    return None


def _fetched(where: Sequence[Path], progress: Progress) -> Path:
    try:
        fetch([ARCHIVE], where[-1], progress)
    except DataUnavailable as failure:
        pickles = [place / name for place in where for name in PICKLES if (place / name).exists()]
        if not pickles:
            raise
        raise DataUnavailable(
            f"{pickles[0]} is the Python version of CIFAR-10, whose files are pickles and could run code; "
            f"the binary version is needed. {failure}"
        ) from failure
    return where[-1] / ARCHIVE.name


def _files(source: Path) -> list[Path]:
    return [source / name for name in BATCHES] if source.is_dir() else [source]


def _parse(source: Path, progress: Progress) -> Arrays:
    records = []
    try:
        for done, (name, data) in enumerate(_batches(source), start=1):
            records.append(_records(data, f"{source}/{name}"))
            progress("reading CIFAR-10", done, len(BATCHES))
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataUnavailable(f"{source}: cannot be read: {error}; fetch it again") from error
    train, test = np.concatenate(records[:-1]), records[-1]
    arrays: Arrays = {}
    for part, rows in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = rows[:, 1:].reshape(-1, *SHAPE)
        arrays[f"{part}_labels"] = rows[:, 0].astype(np.int64)
    return arrays


def _batches(source: Path) -> Iterator[tuple[str, bytes]]:
    """Each batch's name and bytes, one more byte than allowed at most, in the order of BATCHES."""
    if source.is_dir():
        for name in BATCHES:
            with (source / name).open("rb") as file:
                yield name, file.read(LARGEST + 1)
        return
    with tarfile.open(source, "r:*") as archive:
        members = {Path(member.name).name: member for member in archive if member.isfile()}
        for name in BATCHES:
            member = archive.extractfile(members[name]) if name in members else None
            if member is None:
                raise DataUnavailable(f"{source}: holds no {name}; is it the binary version of CIFAR-10?")
            yield name, member.read(LARGEST + 1)


def _records(data: bytes, name: str) -> NDArray[np.uint8]:
    """(m, 3073) records: a label, then the red, the green and the blue plane."""
    if not data or len(data) % RECORD or len(data) > LARGEST:
        raise DataUnavailable(f"{name}: not 1 to {MOST} whole records of {RECORD} bytes; fetch it again")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() >= CLASSES:
        raise DataUnavailable(f"{name}: label {records[:, 0].max()}; 0 to {CLASSES - 1} are possible")
    return records
