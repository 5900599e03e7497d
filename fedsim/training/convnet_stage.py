"""One convolution of a network on images that lie side by side: its arrays, and the kernels that work on them."""

from math import prod

from fedsim.array_types import Array
from fedsim.kernels.networks.correlation_source import Taps
from fedsim.kernels.networks.images import (
    Kernel,
    aligned,
    close_gate,
    correlate,
    gather_gradient,
    room_for_sums,
    take_own,
)
from fedsim.kernels.networks.images_source import Field
from fedsim.kernels.networks.linear_sizes import padded
from fedsim.training.convnet_layout import Layer


class Stage:
    """One convolution with room for so many images; what a client's own gradient needs is taken out of theirs."""

    def __init__(self, layer: Layer, room: int, first: bool) -> None:
        self.layer = layer
        side, edge, (high, wide) = layer.side, layer.padding, layer.size
        field = Field(layer.into, layer.out, side, side, (high + 2 * edge, wide + 2 * edge), edge)
        square = side * side
        self.convolve = correlate(field, Taps(layer.into * square, square, side, 1))
        self.input = aligned(layer.into, *field.source, room)
        self.values = aligned(layer.out, *field.result, room)
        self._own = _OwnGradient(layer, field, room)
        self._below = None if first else _Below(layer, field, room)

    def gather(self, gradient: Array, first: int, count: int, out: Array) -> None:
        """Write what so many images give the weights, and behind them the bias, from what went out."""
        self._own.gather(self.input, self.values, gradient, first, count, out)

    def back(self, gradient: Array, weights: Array, count: int) -> Array:
        """The gradient of what came in; nothing asks for that of the images that were there first."""
        return gradient if self._below is None else self._below.of(self.values, gradient, weights, count)


class _OwnGradient:
    """The gradient of the weights over one client's images, which lie together here."""

    def __init__(self, layer: Layer, field: Field, room: int) -> None:
        self._room, self._wide = room, 0  # and the room that each pixel has now
        self._take, self._close = take_own(layer.into * prod(field.source)), close_gate(layer.gate(), 0)
        self._gather, self._sums = gather_gradient(field), room_for_sums(field)
        self._input = aligned(layer.into, *field.source, room)
        self._delta = aligned(layer.out, *field.result, room)

    def gather(self, images: Array, values: Array, gradient: Array, first: int, count: int, out: Array) -> None:
        wide = padded(count)
        if wide != self._wide:  # pixels that pooling passes over keep their zeros
            self._delta[...], self._wide = 0, wide
        self._take(images, self._input, self._room, first, wide, count)
        self._close(values, gradient, self._delta, self._room, first, wide, count)
        self._gather(self._input, self._delta, self._sums, out, wide)


class _Below:
    """The gradient of what came in: the correlation of that of what went out with the weights turned about."""

    def __init__(self, layer: Layer, field: Field, room: int) -> None:
        self._room, border = room, layer.border
        self._close = close_gate(layer.gate(), border)
        rows, columns = (size + 2 * border for size in field.result)
        self._delta = aligned(layer.out, rows, columns, room)
        self._backward, self._nothing = _turned(layer, (rows, columns)), aligned(layer.into)
        self._out = aligned(layer.into, *layer.size, room)

    def of(self, values: Array, gradient: Array, weights: Array, count: int) -> Array:
        self._close(values, gradient, self._delta, self._room, 0, self._room, count)
        self._backward(self._delta, weights, self._nothing, self._out, self._room, padded(count))
        return self._out


def _turned(layer: Layer, source: tuple[int, int]) -> Kernel:
    square = layer.side**2
    field = Field(layer.out, layer.into, layer.side, layer.side, source, layer.border)
    return correlate(field, Taps(square, layer.into * square, -layer.side, -1, square - 1))
