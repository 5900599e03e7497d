"""A module's numbers as one flat vector: the only place that knows their order.

The order is that of the parameters that are trained, as `module.parameters()` gives them, then of the floating-point
buffers (the running statistics of batch normalisation), each tensor row by row. So buffers travel and are aggregated as
parameters are. What is never trained (frozen parameters, counters) does not travel: it stays what the model's
constructor made it, and no attack can reach it.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from fedsim.array_types import Array
from fedsim.layers import Layer, as_layers
from fedsim.randomness import Stream
from fedsim.training.torch_draws import drawing_from


@dataclass(frozen=True)
class Layout:
    """Which stretch of a vector means what."""

    trained: int  # numbers that training moves; behind them stand the buffers
    variances: tuple[tuple[int, int], ...] = ()  # stretches of running variances, which are never below zero
    layers: tuple[Layer, ...] = ()

    def mend(self, vector: Array) -> Array:
        """The vector with its variances raised to zero where they are below; changed in place."""
        for begin, end in self.variances:
            np.maximum(vector[begin:end], 0, out=vector[begin:end])
        return vector


class Flat:
    """A module whose tensors are views of one vector, so that loading and reading all of them is one copy.

    With `channels_last` the weights of two-dimensional convolutions lie in memory as oneDNN likes them; the vectors
    that go in and out keep the standard order.
    """

    def __init__(self, module: nn.Module, *, channels_last: bool = False) -> None:
        self.module = module
        _refuse_complex(module)
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self._tensors: list[Tensor] = [*self.parameters, *filter(torch.is_floating_point, module.buffers())]
        self.size = sum(tensor.numel() for tensor in self._tensors)
        trained = sum(parameter.numel() for parameter in self.parameters)
        self.layout = Layout(trained, tuple(self._variances()), self._layers())
        self._vector = torch.empty(self.size, dtype=torch.get_default_dtype())
        own = {id(tensor) for tensor in self._tensors}
        others = [tensor for tensor in (*module.parameters(), *module.buffers()) if id(tensor) not in own]
        self._constants = [(tensor, tensor.detach().clone()) for tensor in others]
        alike = all(tensor.dtype == self._vector.dtype for tensor in self._tensors)
        self._moved = not alike or (channels_last and any(tensor.dim() == 4 for tensor in self._tensors))  # noqa: PLR2004
        if alike:
            self._share(channels_last=channels_last)

    def _share(self, *, channels_last: bool) -> None:
        """Let every tensor be its own stretch of the vector."""
        for tensor, place in zip(self._tensors, self._split(self._vector), strict=True):
            place.copy_(tensor.detach().reshape(-1))
            tensor.data = _strided(place, tensor.shape, channels_last=channels_last, standard=tensor.detach().clone())

    def load(self, vector: Tensor) -> None:
        """Take every number from a (size,) vector; what is not in the vector is as it was when the module was made."""
        for tensor, made in self._constants:
            tensor.data.copy_(made)
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
            torch.sub(tensor.data.to(out.dtype), part.view(tensor.shape), out=place.view(tensor.shape))

    def numpy(self) -> Array:
        """A copy of every number."""
        out = torch.empty_like(self._vector)
        self.minus(torch.zeros_like(out), out)
        return np.asarray(out.numpy())

    def _variances(self) -> Iterator[tuple[int, int]]:
        known = {id(part.running_var) for part in self.module.modules() if isinstance(part, _NormBase)}
        begin = 0
        for tensor in self._tensors:
            if id(tensor) in known:
                yield begin, begin + tensor.numel()
            begin += tensor.numel()

    def _layers(self) -> tuple[Layer, ...]:
        names = {id(tensor): name for name, tensor in (*self.module.named_parameters(), *self.module.named_buffers())}
        trained = len(self.parameters)
        described = [(names[id(t)], tuple(t.shape), k >= trained) for k, t in enumerate(self._tensors)]
        return as_layers(described, self.size)

    def _split(self, vector: Tensor) -> tuple[Tensor, ...]:
        return torch.split(vector, [tensor.numel() for tensor in self._tensors])


def _refuse_complex(module: nn.Module) -> None:
    """ValueError where a part of a number would be lost."""
    found = [name for name, tensor in module.named_parameters() if tensor.is_complex() and tensor.requires_grad]
    if found:
        raise ValueError(f"it holds complex numbers in `{found[0]}`: a vector of a client's numbers is real")


def _strided(place: Tensor, shape: torch.Size, *, channels_last: bool, standard: Tensor) -> Tensor:
    """The stretch of the vector as a tensor of this shape, holding the same numbers in the wished layout."""
    if not channels_last or len(shape) != 4:  # noqa: PLR2004 - convolution weights
        return place.view(shape)
    out, inner, height, width = shape
    view = place.view(out, height, width, inner).permute(0, 3, 1, 2)
    view.copy_(standard)
    return view


def named(flat: Flat, vector: Array) -> dict[str, Array]:
    """What the module's `load_state_dict` takes, under its own names, once these numbers are loaded."""
    flat.load(torch.tensor(vector))
    return {name: _plain(tensor) for name, tensor in flat.module.state_dict().items() if isinstance(tensor, Tensor)}


def _plain(tensor: Tensor) -> Array:
    """A copy in the standard order; kinds that numpy lacks become float32."""
    known = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
    array: Any = known.numpy()
    return np.array(array, order="C")


def initial(build: Callable[[], nn.Module], stream: Stream) -> Array:
    """The numbers of a freshly built module whose initialisers draw from this address."""
    with drawing_from(stream):
        return Flat(build()).numpy()


def digest(vector: Array) -> str:
    """16 hexadecimal digits that name these numbers to the last bit."""
    return hashlib.sha256(np.ascontiguousarray(vector).data).hexdigest()[:16]
