"""A module's numbers as one flat vector: the only place that knows their order.

The order is that of `module.parameters()`, then of the floating-point buffers (the running statistics of batch
normalisation), each tensor row by row. So buffers travel, are attacked and are aggregated as parameters are; integer
buffers stay what the model's constructor made them.
"""

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from fedsim.arrays import Array
from fedsim.streams import Stream


class Flat:
    """A module whose tensors are views of one vector, so that loading and reading all of them is one copy.

    With `channels_last` the weights of two-dimensional convolutions lie in memory as oneDNN likes them; the vectors
    that go in and out keep the standard order.
    """

    def __init__(self, module: nn.Module, *, channels_last: bool = False) -> None:
        self.module = module
        self.parameters = list(module.parameters())
        buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        self._tensors: list[Tensor] = [*self.parameters, *buffers]
        self.size = sum(tensor.numel() for tensor in self._tensors)
        self._vector = torch.empty(self.size, dtype=self._tensors[0].dtype)
        self._moved = channels_last and any(tensor.dim() == 4 for tensor in self._tensors)  # noqa: PLR2004
        others = [buffer for buffer in module.buffers() if not buffer.is_floating_point()]
        self._constants = [(buffer, buffer.clone()) for buffer in others]
        offset = 0
        for tensor in self._tensors:
            place = self._vector[offset : offset + tensor.numel()]
            place.copy_(tensor.detach().reshape(-1))
            tensor.data = _strided(place, tensor.shape, channels_last=channels_last, standard=tensor.detach().clone())
            offset += tensor.numel()

    def load(self, vector: Tensor) -> None:
        """Take every number from a (size,) vector; what is not in the vector is as it was when the module was made."""
        for buffer, made in self._constants:
            buffer.copy_(made)
        if not self._moved:
            self._vector.copy_(vector)
            return
        for tensor, part in zip(self._tensors, self._split(vector), strict=True):
            tensor.data.copy_(part.view(tensor.shape))

    def minus(self, vector: Tensor, out: Tensor) -> None:
        """Write own numbers minus a (size,) vector to `out`."""
        if not self._moved:
            torch.sub(self._vector, vector, out=out)
            return
        for tensor, part, place in zip(self._tensors, self._split(vector), self._split(out), strict=True):
            torch.sub(tensor.data, part.view(tensor.shape), out=place.view(tensor.shape))

    def numpy(self) -> Array:
        """A copy of every number."""
        out = torch.empty_like(self._vector)
        self.minus(torch.zeros_like(out), out)
        return np.asarray(out.numpy())

    def _split(self, vector: Tensor) -> tuple[Tensor, ...]:
        return torch.split(vector, [tensor.numel() for tensor in self._tensors])


def _strided(place: Tensor, shape: torch.Size, *, channels_last: bool, standard: Tensor) -> Tensor:
    """The stretch of the vector as a tensor of this shape, holding the same numbers in the wished layout."""
    if not channels_last or len(shape) != 4:  # noqa: PLR2004 - convolution weights
        return place.view(shape)
    out, inner, height, width = shape
    view = place.view(out, height, width, inner).permute(0, 3, 1, 2)
    view.copy_(standard)
    return view


def named(module: nn.Module, vector: Array) -> dict[str, Array]:
    """The vector's numbers under the names of the module's parameters and buffers, each in its own shape."""
    own = [*module.named_parameters(), *((n, b) for n, b in module.named_buffers() if b.is_floating_point())]
    parts = np.split(vector, np.cumsum([tensor.numel() for _, tensor in own])[:-1])
    return {name: part.reshape(tensor.shape) for (name, tensor), part in zip(own, parts, strict=True)}


def initial(build: Callable[[], nn.Module], stream: Stream) -> Array:
    """The numbers of a freshly built module whose initialisers draw from this address; the global state is kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.seed)
        return Flat(build()).numpy()


def digest(vector: Array) -> str:
    """16 hexadecimal digits that name these numbers to the last bit."""
    return hashlib.sha256(np.ascontiguousarray(vector).data).hexdigest()[:16]
