"""The contract of a dataset: labelled images, perhaps with the writer of each.

    @dataset("glyphs", offline=True)
    def glyphs(stream, progress, *, writers: ... = 100) -> Dataset: ...

`stream` is for datasets that are made; those that are read ignore it. Raise `DataUnavailable`, naming the folder to
fill, when files are missing or damaged.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Integers
from fedsim.registry import Registry

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = {
    "stream": "randomness for data that is made or split here",
    "progress": "a listener told (what, done, total) while the data is made, read or fetched",
}


@dataclass(frozen=True)
class Examples:
    """Labelled images; any array may be a read-only memory map."""

    images: NDArray[np.uint8] | NDArray[np.float32]  # (m, channels, height, width); uint8 means value / 255
    labels: Integers  # (m,) int64 in [0, classes)
    writers: Integers | None = None  # (m,) int64 in [0, number of writers): who wrote each, where it is known

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Examples to train on (root and validation examples are carved out of these) and to test on, disjoint."""

    train: Examples
    test: Examples
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


datasets = Registry("datasets", "dataset", "fedsim.datasets", SUPPLIES)


def dataset(name: str, *, offline: bool = False, aliases: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Register a dataset; `offline` says that it needs no download."""

    def decorate(function: Function) -> Function:
        datasets.register(name, function, aliases=aliases, offline=offline)
        return function

    return decorate
