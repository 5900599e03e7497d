"""Networks of linear layers, trained and asked by kernels compiled for their sizes.

Arrays are C-contiguous, stored numbers aligned to 64 bytes; images are bytes or float32, labels and positions int64.
Nothing is checked here: labels lie below the number of classes, positions below that of the images.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.kernels import llvm
from fedsim.kernels.llvm import at
from fedsim.kernels.networks.descent_source import training
from fedsim.kernels.networks.images import KINDS, aligned, registers
from fedsim.kernels.networks.linear_sizes import Linear, padded, spaced
from fedsim.kernels.networks.linear_source import outputs
from fedsim.kernels.networks.sending_source import sending
from fedsim.kernels.networks.unpooling_source import differences

POINTER, INTEGER, NUMBER = llvm.POINTER, llvm.INTEGER, llvm.NUMBER
SCORED_IMAGES = 64
"""Images that are asked at once."""


def stored(net: Linear, vector: Array, into: Array | None = None) -> Array:
    """A model's flat vector as the kernels have it: weights turned about, padding zero; `into` what once was such."""
    workspace, start = aligned(net.numbers) if into is None else into, 0
    for layer in net.layers:
        middle, end = start + layer.inputs * layer.outputs, start + (layer.inputs + 1) * layer.outputs
        weights = workspace[layer.place : layer.bias].reshape(layer.shape)
        weights[: layer.inputs, : layer.outputs] = vector[start:middle].reshape(layer.outputs, layer.inputs).T
        workspace[layer.bias : layer.bias + layer.outputs] = vector[middle:end]
        start = end
    return workspace


class LinearWorkspace:
    """What batches of up to so many rows are worked on in: one thread's."""

    def __init__(self, net: Linear, rows: int) -> None:
        self.net, self.rows = net, padded(rows)
        self._scratch = aligned(net.turned + self.rows * net.values[-1])
        self.place, self._own = at(self._scratch), aligned(net.numbers)

    def copy(self, numbers: Array) -> Array:
        """Stored numbers, to be changed in place until the next copy is taken."""
        np.copyto(self._own, numbers)
        return self._own

    def train(
        self, images: NDArray[Any], order: Integers, labels: Integers, bounds: Integers,
        parameters: Array, base: Array, target: Array, rate: float,
    ) -> float:  # fmt: skip
        """The summed cross-entropy of the steps between `bounds`: each sets target = base − rate · gradient.

        A step takes the images order[bounds[s]] … and the labels of the same places. All three of parameters, base
        and target may be the same stored numbers: then the steps are those of plain descent.
        """
        begin, end = int(bounds[0]), int(bounds[-1])
        found, own = np.empty((2, end), np.float32), at(parameters)
        sums, rest = at(found), [own if array is parameters else at(array) for array in (base, target)]
        _trainer(self.net, images.dtype.str)(
            at(images), at(order), at(labels), at(bounds), len(bounds) - 1,
            own, *rest, rate, self.place, self.rows, sums, sums + found.strides[0],
        )  # fmt: skip
        return float(_losses(found[:, begin:]).sum())

    def send(
        self, images: NDArray[Any], order: Integers, labels: Integers, bounds: Integers,
        parameters: Array, base: Array | None, times: float, rows: Array, which: Integers,
    ) -> NDArray[np.float64]:  # fmt: skip
        """Row which[c] of `rows` becomes base + times · gradient over the batch between two bounds: its mean losses.

        There is room for all batches together. Without a base it is times · gradient; base and rows are flat vectors,
        the parameters stored ones.
        """
        found = np.empty((2, int(bounds[-1])), np.float32)
        sums, start = at(found), 0 if base is None else at(base)
        _sender(self.net, images.dtype.str, base is not None)(
            at(images), at(order), at(labels), at(bounds), len(which), at(parameters), start,
            at(rows), at(which), times, self.place, self.rows, sums, sums + found.strides[0],
        )  # fmt: skip
        means: NDArray[np.float64] = np.add.reduceat(_losses(found), bounds[:-1]) / np.diff(bounds)
        return means

    def ask(self, images: NDArray[Any], parameters: Array) -> Array:
        """(k, inputs) images -> (k, classes) logits."""
        order, bounds = np.arange(len(images)), np.append(np.arange(0, len(images), self.rows), len(images))
        out = np.empty((len(images), self.net.sizes[-1]), np.float32)
        _asker(self.net, images.dtype.str)(
            at(images),
            at(order),
            at(bounds),
            len(bounds) - 1,
            at(parameters),
            self.place,
            self.rows,
            at(out),
        )
        return out

    def below(self, count: int) -> Array:
        """(count, inputs) the gradient by the first images that were sent, where the network is asked for it."""
        width = spaced(self.net.sizes[0])
        start = self.net.turned + self.rows * self.net.values[-2]
        return self._scratch[start : start + count * width].reshape(count, width)[:, : self.net.sizes[0]]

    def subtract(self, parameters: Array, start: Array, row: Array) -> None:
        """Write stored parameters minus a model's flat vector to `row`, a flat vector too."""
        _subtractor(self.net)(at(parameters), at(start), self.place, at(row))


def _losses(found: Array) -> NDArray[np.float64]:
    """(2, k) what the kernels tell of each image -> (k,) its cross-entropy."""
    losses: NDArray[np.float64] = np.log(found[0], dtype=np.float64) - found[1]
    return losses


@lru_cache(maxsize=16)
def _trainer(net: Linear, dtype: str) -> llvm.Function:
    batch, numbers = [*[POINTER] * 4, INTEGER], [POINTER] * 3
    arguments = [*batch, *numbers, NUMBER, POINTER, INTEGER, POINTER, POINTER]
    return llvm.compiled(training(net, KINDS[dtype], registers()), arguments)


@lru_cache(maxsize=16)
def _sender(net: Linear, dtype: str, decayed: bool) -> llvm.Function:
    arguments = [*[POINTER] * 4, INTEGER, *[POINTER] * 4, NUMBER, POINTER, INTEGER, POINTER, POINTER]
    return llvm.compiled(sending(net, KINDS[dtype], registers(), decayed=decayed), arguments)


@lru_cache(maxsize=16)
def _asker(net: Linear, dtype: str) -> llvm.Function:
    arguments = [*[POINTER] * 3, INTEGER, POINTER, POINTER, INTEGER, POINTER]
    return llvm.compiled(outputs(net, KINDS[dtype], registers()), arguments)


@lru_cache(maxsize=16)
def _subtractor(net: Linear) -> llvm.Function:
    return llvm.compiled(differences(net), [POINTER] * 4)
