"""CIFAR-10, from its binary version: nothing is unpickled."""

import gzip
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Progress
from fedsim.datasets.bounded_files import digest_of, open_file, read_file
from fedsim.datasets.cache import Arrays, cache_root, fingerprint, remember
from fedsim.datasets.contract import Dataset, Examples, check_dataset, dataset
from fedsim.datasets.fetching import Remote, fetch
from fedsim.datasets.grey import Folder
from fedsim.datasets.overlap import refuse_overlap
from fedsim.errors import DataUnavailable

CLASSES = 10
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes
MOST_RECORDS = 10_000  # records of one file
MOST_FILE_BYTES = MOST_RECORDS * RECORD
MOST_BYTES = 200_000_000  # of the archive, packed or unpacked; the true one holds 0.18 · 10⁹
MOST_ENDS = 16  # times that an archive may ask for more behind its end before it is called truncated
EDITION = 1  # of the parsing: to be raised whenever the same files give something else
BATCHES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
PICKLES = ("cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1")
ARCHIVE = Remote(
    "cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)


@dataset("cifar10", kind="images", shape=(3, 32, 32), examples=60_000, classes=CLASSES)
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
    digests = [digest_of(path, MOST_BYTES) for path in _files(source)]
    entry = cache_root() / "cifar10" / fingerprint(edition=EDITION, files=digests)
    return _whole(remember(entry, lambda: _parse(source, progress), _whole))


def _whole(arrays: Arrays) -> Dataset:
    """The dataset of these arrays; ValueError where they are not its own."""
    train, test = (Examples(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test"))
    data = check_dataset(Dataset(train, test, CLASSES))
    if data.shape != SHAPE:
        raise ValueError(f"images of {data.shape}")
    return data


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
    except (
        OSError,
        EOFError,
        zlib.error,
        tarfile.TarError,
        ValueError,
        LookupError,
        OverflowError,
        RecursionError,
    ) as error:
        raise DataUnavailable(f"{source}: cannot be read: {error}; fetch it again") from error
    train, test = np.concatenate(records[:-1]), records[-1]
    arrays: Arrays = {}
    for part, rows in (("train", train), ("test", test)):
        arrays[f"{part}_images"] = rows[:, 1:].reshape(-1, *SHAPE)
        arrays[f"{part}_labels"] = rows[:, 0].astype(np.int64)
    trained, tested = ((arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in ("train", "test"))
    refuse_overlap(trained, tested, str(source))
    return arrays


def _batches(source: Path) -> Iterator[tuple[str, bytes]]:
    """Each batch's name and bytes, in the order of BATCHES."""
    if source.is_dir():
        yield from ((name, read_file(source / name, MOST_FILE_BYTES)) for name in BATCHES)
        return
    with open_file(source, MOST_BYTES) as packed, gzip.GzipFile(fileobj=packed) as unpacked:
        held = dict(_members(_Bounded(unpacked, MOST_BYTES, str(source))))
    for name in BATCHES:
        if name not in held:
            raise DataUnavailable(f"{source}: holds no {name}; is it the binary version of CIFAR-10?")
        yield name, held[name]


def _members(stream: "_Bounded") -> Iterator[tuple[str, bytes]]:
    """The batches of a tar archive as they come, of each one more byte than allowed at most."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            file = archive.extractfile(member) if member.isfile() and Path(member.name).name in BATCHES else None
            if file is not None:
                yield Path(member.name).name, file.read(MOST_FILE_BYTES + 1)


class _Bounded:
    """A stream that ends in a refusal after so many bytes, however few of them were packed into how small a file."""

    def __init__(self, stream: gzip.GzipFile, most: int, name: str) -> None:
        self._stream, self._left, self._name = stream, most, name
        self._ends = 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        self._ends += not data
        if self._left < 0:
            raise DataUnavailable(f"{self._name}: unpacks to more than CIFAR-10 holds; fetch it again")
        if self._ends > MOST_ENDS:
            raise DataUnavailable(f"{self._name}: truncated; fetch it again")
        return data


def _records(data: bytes, name: str) -> NDArray[np.uint8]:
    """(m, 3073) records: a label, then the red, the green and the blue plane."""
    if not data or len(data) % RECORD or len(data) > MOST_FILE_BYTES:
        raise DataUnavailable(f"{name}: not 1 to {MOST_RECORDS} whole records of {RECORD} bytes; fetch it again")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    if records[:, 0].max() >= CLASSES:
        raise DataUnavailable(f"{name}: label {records[:, 0].max()}; 0 to {CLASSES - 1} are possible")
    return records
