"""The sizes of a network of linear layers with rectification between them, and where its kernels keep what.

Weights are stored input by input, (inputs, outputs), both padded with zeros to whole vectors; padding stays zero.
What a batch makes of them stands in buffers with a row for each example.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

LANES = 16
"""Numbers are padded to so many: a cache line, and the widest vector."""


def padded(count: int) -> int:
    """So many numbers in whole vectors."""
    return -(-count // LANES) * LANES


def spaced(count: int) -> int:
    """How far apart rows of so many numbers stand: an odd number of cache lines, lest their starts collide."""
    return padded(count) | LANES


@dataclass(frozen=True)
class Layer:
    """One linear layer and where its numbers stand."""

    inputs: int
    outputs: int
    place: int  # of its weights, in numbers

    @property
    def shape(self) -> tuple[int, int]:
        """Of the weights as stored."""
        return padded(self.inputs), padded(self.outputs)

    @property
    def bias(self) -> int:
        """Where its biases stand."""
        return self.place + self.shape[0] * self.shape[1]

    @property
    def end(self) -> int:
        """Where the next layer begins."""
        return self.bias + self.shape[1]


@dataclass(frozen=True)
class Linear:
    """A network's sizes: what comes in, what each layer gives; the last gives the classes."""

    sizes: tuple[int, ...]
    below: bool = False  # whether the gradient by what comes in is asked for, for whatever made that
    before: int = 0  # parameters of whatever made that: they stand first in a model's flat vector

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, first to last."""
        made: list[Layer] = []
        for inputs, outputs in pairwise(self.sizes):
            made.append(Layer(inputs, outputs, made[-1].end if made else 0))
        return tuple(made)

    @property
    def numbers(self) -> int:
        """Parameters as stored."""
        return self.layers[-1].end

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Where each layer's weights begin in a model's flat vector, and where the vector ends."""
        counts = [(inputs + 1) * outputs for inputs, outputs in pairwise(self.sizes)]
        return tuple(accumulate(counts, initial=self.before))

    @property
    def flat(self) -> int:
        """Parameters in a model's flat vector."""
        return self.places[-1]

    @property
    def values(self) -> list[int]:
        """Where buffers begin, in numbers a row: the inputs', what each layer gives, the gradients by what is seen.

        The gradient by what comes in stands last, where it is asked for.
        """
        widths = [spaced(size) for size in (*self.sizes, *self.sizes[1:-1], *self.sizes[: self.below])]
        return [0, *accumulate(widths)]

    @property
    def turned(self) -> int:
        """Numbers of the greatest matrix that is turned about."""
        return max(rows * columns for rows, columns in (layer.shape for layer in self.layers))
