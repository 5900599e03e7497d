"""The contract of a dataset: labelled images, perhaps with the writer of each.

    @dataset("glyphs", offline=True)
    def glyphs(stream, progress, *, writers: ... = 100) -> Dataset: ...

`stream` is for datasets that are made; those that are read ignore it. Raise `DataUnavailable`, naming the folder to
fill, when files are missing or damaged. What a dataset returns is checked before anything is done with it: the
compiled kernels read where the labels tell them to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("stream", "randomness for data that is made or split here"),
    Item("progress", "a listener told (what, done, total) while the data is made, read or fetched"),
)


@dataclass(frozen=True)
class Examples:
    """Labelled examples; any array may be a read-only memory map."""

    inputs: NDArray[np.uint8] | NDArray[np.float32]  # (m, channels, height, width); uint8 means value / 255
    targets: Integers  # (m,) int64 in [0, classes)
    owners: Integers | None = None  # (m,) int64 in [0, number of owners): whose each is, such as its writer's

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Dataset:
    """Examples to train on (root and validation examples are carved out of these) and to test on, disjoint."""

    train: Examples
    test: Examples
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        channels, height, width = self.train.inputs.shape[1:]
        return channels, height, width

    @property
    def tested_on(self) -> str:
        """Whose examples the test is made of, which decides what an accuracy means; nothing where nobody knows."""
        if self.train.owners is None or self.test.owners is None:
            return ""
        writers = np.unique(self.test.owners)
        known = np.count_nonzero(np.isin(writers, self.train.owners))
        if known == 0:
            return "other writers than those trained on"
        who = (
            "the writers trained on" if known == len(writers) else f"{len(writers)} writers, {known} of them trained on"
        )
        return f"other examples by {who}"


def check_dataset(data: object) -> Dataset:
    """The dataset, its labels as int64 in memory of their own; ValueError says what is not as the contract has it."""
    if not isinstance(data, Dataset):
        raise ValueError(f"a dataset returns a Dataset, not a {type(data).__name__}")  # noqa: TRY004 - as all others
    if not isinstance(data.classes, int) or data.classes < 1:
        raise ValueError(f"a dataset has classes ≥ 1, a whole number: got {data.classes!r}")
    train = check_examples(data.train, data.classes, "train")
    test = check_examples(data.test, data.classes, "test")
    if train.inputs.shape[1:] != test.inputs.shape[1:]:
        shapes = " and ".join("×".join(map(str, part.inputs.shape[1:])) for part in (train, test))
        raise ValueError(f"the images of train and test are of different shapes: {shapes}")
    return Dataset(train, test, data.classes)


def check_examples(examples: object, classes: int, part: str) -> Examples:
    """The examples, likewise; `part` is for the message."""
    if not isinstance(examples, Examples):
        raise ValueError(f"{part} holds no Examples but a {type(examples).__name__}")  # noqa: TRY004 - as all others
    images = _images(examples.inputs, part)
    labels = _whole(examples.targets, len(images), f"{part} labels")
    if labels.max() >= classes:
        raise ValueError(f"{part} labels: {labels.max()} among them; 0 to {classes - 1} are possible")
    writers = None if examples.owners is None else _whole(examples.owners, len(images), f"{part} writers")
    return Examples(images, labels, writers)


def _images(images: object, part: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    if not isinstance(images, np.ndarray) or images.dtype not in (np.uint8, np.float32):
        found = images.dtype if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"{part} images are an array of uint8 or float32: got {found}")
    if images.ndim != 4 or 0 in images.shape:  # noqa: PLR2004 - examples, channels, height, width
        raise ValueError(f"{part} images have a shape (m, channels, height, width), none of them 0: got {images.shape}")
    # As a matter of speed a whole memory map stays one: workers open the file instead of a copy.
    images = images if images.flags.c_contiguous else np.ascontiguousarray(images)
    if images.dtype == np.float32 and not all(
        np.isfinite(images[at : at + 1024]).all() for at in range(0, len(images), 1024)
    ):
        raise ValueError(f"{part} images hold numbers that are not finite")
    return images


def _whole(numbers: object, count: int, what: str) -> Integers:
    """(count,) numbers from 0 as int64, in memory that no file can change under the kernels."""
    if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "iu" or numbers.shape != (count,):
        found = f"{numbers.dtype} of shape {numbers.shape}" if isinstance(numbers, np.ndarray) else repr(type(numbers))
        raise ValueError(f"{what} are an array of whole numbers, one for each of {count} images: got {found}")
    if numbers.min() < 0 or numbers.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{what}: {numbers.min()} to {numbers.max()}; they count from 0")
    return np.array(numbers, np.int64)


datasets = Registry("datasets", "dataset", "fedsim.datasets", SUPPLIES)


Count = Callable[[Mapping[str, Any]], int]


def dataset(
    name: str,
    *,
    offline: bool = False,
    aliases: tuple[str, ...] = (),
    shape: tuple[int, int, int] | None = None,
    examples: int | Count | None = None,
) -> Callable[[Function], Function]:
    """Register a dataset; `offline` says that it needs no download.

    `shape`, (channels, height, width) of an image, and `examples`, how many there are in all or a function of the
    settings that tells, let a scenario that cannot run be refused before any data are read.
    """
    count = examples if callable(examples) or examples is None else lambda settings: examples  # noqa: ARG005

    def decorate(function: Function) -> Function:
        datasets.register(name, function, aliases=aliases, offline=offline, shape=shape, examples=count)
        return function

    return decorate


datasets.adopt = lambda name, function: dataset(name)(function)
