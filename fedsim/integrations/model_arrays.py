"""A model's arrays by name as one row of numbers, and back: names, shapes and kinds of numbers are kept.

Floating-point arrays make up the row, in their order. Whole numbers, such as the counters of batch normalisation, are
no direction of descent and would drown the distances between rows: they travel beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.layers import Layer, as_layers

Arrays = Mapping[str, NDArray[Any]]

VARIANCE = "running_var"
STATISTICS = ("running_mean", VARIANCE)
"""How torch calls what is estimated rather than trained, after the last dot."""


@dataclass(frozen=True)
class Form:
    """Names, shapes and kinds of the arrays of a model."""

    shapes: Mapping[str, tuple[int, ...]]
    kinds: Mapping[str, np.dtype[Any]]

    @classmethod
    def of(cls, arrays: Arrays) -> "Form":
        """That of these arrays; TypeError where one is neither of real numbers nor of truths."""
        for name, array in arrays.items():
            if array.dtype.kind not in "fiub":
                raise TypeError(f"the array `{name}` holds {array.dtype}: a model's arrays hold real numbers")
        return cls({name: each.shape for name, each in arrays.items()}, {n: each.dtype for n, each in arrays.items()})

    @property
    def floats(self) -> list[str]:
        """The arrays that make up a row."""
        return [name for name, kind in self.kinds.items() if kind.kind == "f"]

    @property
    def number(self) -> type[np.floating[Any]]:
        """The kind of number that rows are computed in."""
        wide = any(self.kinds[name].itemsize > 4 for name in self.floats)  # noqa: PLR2004 - bytes of a float32
        return np.float64 if wide else np.float32

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The arrays as stretches of a row."""
        described = [(name, self.shapes[name], _last(name) in STATISTICS) for name in self.floats]
        return as_layers(described, sum(int(np.prod(self.shapes[name])) for name in self.floats))

    def unlike(self, arrays: Arrays) -> str:
        """Why these arrays are none of this form; nothing where they are."""
        if missing := [name for name in self.shapes if name not in arrays]:
            return f"the array `{missing[0]}` is missing"
        for name, array in arrays.items():
            if name not in self.shapes:
                return f"it has an array `{name}` that the model has not"
            if array.shape != self.shapes[name]:
                return f"the array `{name}` has shape {array.shape}, not {self.shapes[name]}"
            if array.dtype.kind not in "fiub" or (array.dtype.kind == "f") != (name in self.floats):
                return f"the array `{name}` holds {array.dtype}, not {self.kinds[name]}"
        return ""

    def row(self, arrays: Arrays) -> Array:
        """(d,) the floating-point numbers one after another."""
        with np.errstate(over="ignore"):  # what is beyond the model's own kind is infinite, and set aside as such
            parts = [np.asarray(arrays[name], self.number).ravel() for name in self.floats]
        return np.concatenate(parts) if parts else np.zeros(0, self.number)

    def arrays(self, row: Array, whole: Arrays) -> dict[str, NDArray[Any]]:
        """The arrays of a row, and beside them these whole numbers; running variances are never below zero."""
        places = {layer.name: layer for layer in self.layers}
        found: dict[str, NDArray[Any]] = {}
        for name, kind in self.kinds.items():
            if name not in places:
                found[name] = np.asarray(whole[name], kind)
                continue
            part = row[places[name].stretch].reshape(self.shapes[name])
            found[name] = (np.maximum(part, 0) if _last(name) == VARIANCE else part).astype(kind)
        return found

    def middle(self, sent: Sequence[Arrays], weights: Array) -> dict[str, NDArray[Any]]:
        """Whole numbers between those of clients: at every place the least that half of the weight does not exceed."""
        order = [name for name in self.kinds if name not in self.floats]
        return {name: _weighted_median(np.stack([each[name] for each in sent]), weights) for name in order}


def _weighted_median(values: NDArray[Any], weights: Array) -> NDArray[Any]:
    """(n, …), (n,) -> (…): the lower median."""
    places = np.argsort(values, axis=0, kind="stable")
    below = np.cumsum(weights[places], axis=0)
    first = (below >= weights.sum() / 2).argmax(axis=0)
    found: NDArray[Any] = np.take_along_axis(np.take_along_axis(values, places, axis=0), first[None], axis=0)[0]
    return found


def _last(name: str) -> str:
    return name.rpartition(".")[2]
