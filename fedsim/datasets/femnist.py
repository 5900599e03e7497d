"""FEMNIST: real letters and digits, by who wrote them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray

from fedsim.array_types import Integers, Progress
from fedsim.datasets.bounded_files import digest_of
from fedsim.datasets.cache import Arrays, cache_root, fingerprint, remember
from fedsim.datasets.contract import Dataset, Examples, check_examples, dataset
from fedsim.datasets.leaf import MOST_FILE_BYTES, Writing, json_files, read_writings
from fedsim.datasets.overlap import refuse_overlap
from fedsim.errors import DataUnavailable
from fedsim.exact_fractions import portion
from fedsim.randomness import Stream

CLASSES = 62
SIDE = 28
EDITION = 2  # of the parsing: to be raised whenever the same files give something else


@dataset("femnist", kind="images", shape=(1, 28, 28), classes=62)
def femnist(
    stream: Stream,
    progress: Progress,
    *,
    folder: Annotated[str, "folder of the JSON files, with train/ and test/ inside or without"] = "data/femnist",
    test_share: Annotated[float, Gt(0), Lt(1), "share of the writers held out where there is no test/"] = 0.1,
) -> Dataset:
    """Real handwritten letters and digits in 62 classes, by writer; the files come from LEAF's preprocessing.

    Formula:
        LEAF's form, `{"users", "num_samples", "user_data": {writer: {"x", "y"}}}`, or one file for each writer, `{"x",
        "y"}`, called after the writer. Where test/ is missing, test_share of the writers (rounded, at least one),
        chosen at random, become the test set. With a test/ made by LEAF's `-t sample`, every writer has examples in
        both and accuracy is about other examples of the same writers; without test/, or with `-t user`, it is about
        writers that were never seen. The header of a run says which.
    Assumes:
        x holds 784 values in [0, 1] for each image, y labels 0–61 for 0–9 A–Z a–z; every writer stands once in train/
        and once at most in test/, with at least one example; users and num_samples, where they are given, say what is
        there; and at most one in a hundred test examples is a training example over again, else DataUnavailable.
    Differs:
        Images are kept as LEAF writes them: ink is 0 and paper 1, the other way round than in MNIST.
    Source:
        Caldas et al., LEAF: A Benchmark for Federated Settings, 2018.
    """
    root = Path(folder).expanduser().absolute()
    train_files, test_files = _files(root)
    marks = [(path.parent.name, path.name, digest_of(path, MOST_FILE_BYTES)) for path in train_files + test_files]
    entry = cache_root() / "femnist" / fingerprint(edition=EDITION, border=len(train_files), files=marks)
    kept = remember(entry, lambda: _parse(train_files, test_files, progress), _check)
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


def _check(arrays: Arrays) -> None:
    """The kept arrays are examples of this dataset, and the border is among them."""
    everything = check_examples(Examples(arrays["images"], arrays["labels"], arrays["writers"]), CLASSES, "femnist")
    border = arrays["border"]
    if everything.inputs.shape[1:] != (1, SIDE, SIDE) or border.shape != (1,) or not 0 < border[0] <= len(everything):
        raise ValueError("not the arrays of this dataset")


def _parse(train_files: list[Path], test_files: list[Path], progress: Progress) -> Arrays:
    """All examples, training first; `border` is where the test begins, or the end where there is none."""
    train, test = _compact(train_files, progress), _compact(test_files, progress)
    if not train or (test_files and not test):
        raise DataUnavailable(f"{(test_files if train else train_files)[0].parent}: its files hold no examples")
    writings = train + test
    border = sum(len(writing.labels) for writing in train)
    names = sorted({writing.writer for writing in writings})
    number = {name: k for k, name in enumerate(names)}
    images = _together([w.images for w in writings]).reshape(-1, 1, SIDE, SIDE)
    labels = np.concatenate([w.labels for w in writings])
    if test:
        refuse_overlap(
            (images[:border], labels[:border]), (images[border:], labels[border:]), str(test_files[0].parent)
        )
    writers = np.repeat([number[w.writer] for w in writings], [len(w.labels) for w in writings])
    return {"images": images, "labels": labels, "writers": writers, "border": np.array([border])}


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
    count = min(max(round(portion(share, len(names))), 1), len(names) - 1)
    return np.isin(writers, stream.numpy().choice(names, count, replace=False))


def _rows(examples: Examples, rows: slice | NDArray[np.bool_]) -> Examples:
    writers = None if examples.owners is None else examples.owners[rows]
    return Examples(examples.inputs[rows], examples.targets[rows], writers)
