"""Which models are small convolutional networks that `fedsim.training.convnet` can train, and their sizes."""

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import nn

from fedsim.array_types import Integers
from fedsim.kernels import llvm
from fedsim.kernels.networks.linear_sizes import Linear
from fedsim.kernels.networks.pooling_source import Gate
from fedsim.training.torch_models import ModelKind, flat_model, found_once, linear_layers, parts_in_line, sizes_of

MOST_CHANNELS = 16
"""Channels into a convolution above which general libraries are as fast."""

FEWEST_PIXELS = 16
"""In an image, which the kernels read in whole vectors."""


@dataclass(frozen=True)
class Layer:
    """A convolution of stride 1 with its rectification."""

    into: int
    out: int
    side: int  # of the square of taps
    padding: int
    size: tuple[int, int]  # height and width of what comes in
    pooled: bool

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of its weights and of its biases."""
        return self.out * self.into * self.side**2, self.out

    @property
    def border(self) -> int:
        """Zeros around the gradient of what goes out, so that its correlation is as large as what came in."""
        return self.side - 1 - self.padding

    @property
    def convolved(self) -> tuple[int, int]:
        """Height and width after the convolution."""
        grown = 2 * self.padding + 1 - self.side
        return self.size[0] + grown, self.size[1] + grown

    def gate(self, margin: int = 0) -> Gate:
        """The rectification after the convolution."""
        return Gate(self.out, self.convolved, self.pooled, margin)


@dataclass(frozen=True)
class Plan:
    """A network that can be trained here."""

    convolutions: tuple[Layer, ...]
    head: Linear  # from the features on; ReLU between

    @property
    def convolved(self) -> int:
        """Parameters of the convolutions in a model's flat vector: those of the head stand behind them."""
        return self.head.before


def plan_of(kind: ModelKind) -> Plan | None:
    """The plan of a model, or None where it is not made of the layers known here, or not in float32."""
    if torch.get_default_dtype() != torch.float32 or not llvm.available() or kind.spec.kind != "images":
        return None
    return found_once(
        kind, "convolutional", lambda kind: parse(flat_model(kind, channels_last=True).module, kind.shape)
    )


def parse(module: nn.Module, shape: tuple[int, ...]) -> Plan | None:
    """The plan of a module for images of this shape, pooling before ReLU."""
    parts, layers = parts_in_line(module) if prod(shape) >= FEWEST_PIXELS else [], []
    channels, *sides = shape
    size = sides[0], sides[1]
    while parts and isinstance(parts[0], nn.Conv2d):
        pooled = len(parts) > 1 and _is_pool(parts[1])
        layer = _layer(parts[0], channels, size, pooled)
        rectified = parts[1 + pooled : 2 + pooled]
        if layer is None or [type(part) for part in rectified] != [nn.ReLU]:
            return None
        layers.append(layer)
        channels, size, parts = layer.out, layer.gate().result, parts[2 + pooled :]
    linears = linear_layers(parts)
    if not layers or not linears:
        return None
    before = sum(sum(layer.counts) for layer in layers)
    return Plan(tuple(layers), Linear(sizes_of(linears), below=True, before=before))


def places_within(layer: Layer) -> Integers:
    """Where each pixel of an image stands among those of what comes in, padding included."""
    (high, wide), edge = layer.size, layer.padding
    all_places = np.arange(layer.into * (high + 2 * edge) * (wide + 2 * edge)).reshape(layer.into, high + 2 * edge, -1)
    inside: Integers = all_places[:, edge : edge + high, edge : edge + wide].ravel()
    return inside


def _layer(conv: nn.Conv2d, channels: int, size: tuple[int, int], pooled: bool) -> Layer | None:
    if isinstance(conv.padding, str):
        return None
    side, padding = conv.kernel_size[0], conv.padding[0]
    plain = (conv.stride, conv.dilation, conv.groups, conv.padding_mode) == ((1, 1), (1, 1), 1, "zeros")
    square = conv.kernel_size == (side, side) and conv.padding == (padding, padding)
    if not (type(conv) is nn.Conv2d and plain and square and conv.bias is not None and padding < side):
        return None
    return Layer(channels, conv.out_channels, side, padding, size, pooled) if channels <= MOST_CHANNELS else None


def _is_pool(part: nn.Module) -> bool:
    if type(part) is not nn.MaxPool2d:
        return False
    sizes = (part.kernel_size, part.stride, part.padding, part.dilation, part.ceil_mode)
    return sizes in ((2, 2, 0, 1, False), ((2, 2), (2, 2), (0, 0), (1, 1), False))
