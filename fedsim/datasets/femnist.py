"""FEMNIST: real letters and digits, by who wrote them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray

from fedsim.arrays import Integers, Progress
from fedsim.cache import Arrays, cache_root, fingerprint, remember
from fedsim.datasets._family import Dataset, Examples, dataset
from fedsim.datasets.leaf import Writing, json_files, read_writings
from fedsim.errors import DataUnavailable
from fedsim.streams import Stream

CLASSES = 62
SIDE = 28
EDITION = 1  # of the parsing: to be raised whenever the same files give something else


@dataset("femnist")
def femnist(
    stream: Stream,
    progress: Progress,
    *,
    folder: Annotated[str, "folder of the JSON files, with train/ and test/ inside or without"] = "data/femnist",
    test_share: Annotated[float, Gt(0), Lt(1), "share of the writers held out where there is no test/"] = 0.1,
) -> Dataset:
    """Real handwritten letters and digits in 62 classes, by writer; the files come from LEAF's preprocessing.

    Formula:
        LEAF's form, {"users", "num_samples", "user_data": {writer: {"x", "y"}}}, or one file for each writer,
        {"x", "y"}, called after the writer. Where test/ is missing, test_share of the writers (rounded, at least one),
        chosen at random, become the test set.
    Assumes:
        x holds 784 values in [0, 1] for each image, y labels 0–61 for 0–9 A–Z a–z, else DataUnavailable.
    Differs:
        Images are kept as LEAF writes them: ink is 0 and paper 1, the other way round than in MNIST.
    Source:
        Caldas et al., LEAF: A Benchmark for Federated Settings, 2018.
    """
    root = Path(folder).expanduser().absolute()
    train_files, test_files = _files(root)
    facts = fingerprint(edition=EDITION, files=[_state(path) for path in train_files + test_files])
    kept = remember(_entry(root), lambda: _parse(train_files, test_files, progress), facts)
    everything = Examples(kept["images"], kept["labels"], kept["writers"])
    border = int(kept["border"][0])
    if border < len(everything):
        return Dataset(_rows(everything, slice(0, border)), _rows(everything, slice(border, None)), CLASSES)
    held = _held_out(kept["writers"], test_share, stream)
    return Dataset(_rows(everything, ~held), _rows(everything, held), CLASSES)


def _files(root: Path) -> tuple[list[Path], list[Path]]:
    train = json_files(root / "train") or json_files(root)
    if not train:
        raise DataUnavailable(
            f"{root}: no FEMNIST here: put LEAF's JSON files into {root / 'train'} and {root / 'test'} "
            "(github.com/TalwalkarLab/leaf, data/femnist, ./preprocess.sh -s niid --sf 0.05 -t sample)"
        )
    return train, json_files(root / "test")


def _state(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return f"{path.parent.name}/{path.name}", status.st_size, status.st_mtime_ns


def _entry(root: Path) -> Path:
    """Parsed arrays live beside their files where that is allowed."""
    if os.access(root, os.W_OK):
        return root / ".fedsim"
    return cache_root() / "femnist" / fingerprint(root=root)


def _parse(train_files: list[Path], test_files: list[Path], progress: Progress) -> Arrays:
    """All examples, training first; `border` is where the test begins, or the end where there is none."""
    writings = list(_compact(train_files, progress))
    border = sum(len(writing.labels) for writing in writings)
    writings += _compact(test_files, progress)
    if not border or (test_files and border == sum(len(writing.labels) for writing in writings)):
        raise DataUnavailable(f"{(test_files if border else train_files)[0].parent}: its files hold no examples")
    names = sorted({writing.writer for writing in writings})
    number = {name: k for k, name in enumerate(names)}
    return {
        "images": _together([w.images for w in writings]).reshape(-1, 1, SIDE, SIDE),
        "labels": np.concatenate([w.labels for w in writings]),
        "writers": np.repeat([number[w.writer] for w in writings], [len(w.labels) for w in writings]),
        "border": np.array([border]),
    }


class _Compact(NamedTuple):
    """A writing in as few bytes as tell the same."""

    writer: str
    images: NDArray[np.uint8] | NDArray[np.float32]
    labels: Integers


def _compact(paths: list[Path], progress: Progress) -> list[_Compact]:
    return [_Compact(w.writer, _few_bytes(w), w.labels) for w in read_writings(paths, SIDE * SIDE, CLASSES, progress)]


def _few_bytes(writing: Writing) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Bytes where every pixel is a whole number of 255ths, as in LEAF's files; float32 otherwise."""
    levels = np.rint(writing.images * 255)
    if np.array_equal(levels / 255, writing.images):
        return levels.astype(np.uint8)
    return writing.images.astype(np.float32)


def _together(pieces: Sequence[NDArray[np.uint8] | NDArray[np.float32]]) -> NDArray[np.uint8] | NDArray[np.float32]:
    """All images in one array; where some need float32, the bytes of the others become their 255ths."""
    if all(piece.dtype == np.uint8 for piece in pieces):
        return np.concatenate(pieces).astype(np.uint8)
    floats = [piece / np.float32(255) if piece.dtype == np.uint8 else piece for piece in pieces]
    return np.concatenate(floats).astype(np.float32)


def _held_out(writers: Integers, share: float, stream: Stream) -> NDArray[np.bool_]:
    """(m,) whether each example is by one of the writers drawn for the test."""
    names = np.unique(writers)
    if len(names) < 2:  # noqa: PLR2004 - one to train on and one to test on
        raise DataUnavailable("femnist: one writer alone cannot be held out for the test: a test/ folder is needed")
    count = min(max(round(share * len(names)), 1), len(names) - 1)
    return np.isin(writers, stream.numpy().choice(names, count, replace=False))


def _rows(examples: Examples, rows: slice | NDArray[np.bool_]) -> Examples:
    writers = None if examples.writers is None else examples.writers[rows]
    return Examples(examples.images[rows], examples.labels[rows], writers)
