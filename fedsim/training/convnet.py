"""Small convolutional networks trained on images that lie side by side: the step written by hand.

For models that are convolutions with ReLU and perhaps 2 × 2 pooling, then linear layers: LeNet and its like. With the
batch as the last axis (`fedsim/kernels/networks/images_source.py`) such a network runs near the machine's peak, where
a general library spends its time on layouts. Clients are trained one after another, each in the full width of its own
batch, so a client's bits depend on nobody else.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Array, Integers
from fedsim.inputs import as_floats
from fedsim.kernels.networks.images import Kernel, aligned, close_gate, correlate, gather_gradient, open_gate
from fedsim.kernels.networks.images_source import Field, Taps
from fedsim.kernels.networks.linear import LinearWorkspace, stored
from fedsim.training.convnet_layout import Layer, Plan, plan_of
from fedsim.training.local_model import Work
from fedsim.training.minibatches import Turn
from fedsim.training.mlp import must_be_labels
from fedsim.training.torch_models import ModelKind, Workspaces, flat_model

MOST_IMAGES = 256
"""Images in a batch above which arrays leave the cache."""
SCORED_IMAGES = 64
"""Images that are scored at once."""
WIDTHS = (8, 16, 32, 64, 128, MOST_IMAGES)
"""Widths that are compiled for: a client with few examples does not wait for the work of many."""


class ConvolutionalModel:
    """A small convolutional network whose parameters are views of one flat vector."""

    def __init__(self, kind: ModelKind, plan: Plan) -> None:
        self._plan = plan
        self._vector = torch.empty(flat_model(kind, channels_last=True).size)
        self._found = torch.empty_like(self._vector)
        self.tensors: Sequence[Tensor] = _views(kind, self._vector)
        self._gradients = _views(kind, self._found)

    def placed(self, vector: Tensor) -> list[Tensor]:
        """The vector in the places of the parameters, copied from there."""
        return [self._vector.copy_(vector), *(tensor.clone() for tensor in self.tensors)][1:]

    def load(self, vector: Tensor, work: Work, turn: Turn) -> None:  # noqa: ARG002 - nothing here draws
        """Take the parameters, and arrays wide enough for the work."""
        must_be_labels(work, self._plan.head.sizes[-1])
        self._vector.copy_(vector)
        self._network = _network(self._plan, _width(work.most))

    def gradients(self, batch: Work) -> tuple[float, list[Tensor | None]]:
        """Summed loss and gradients of a batch; the gradients last until the next ones are asked for."""
        numbers = Numbers(self._plan, self._vector.numpy())
        loss = self._network.gradient(numbers, *_pictures(batch), self._found.numpy())
        return loss * len(batch), [*self._gradients]

    def send_all(
        self, start: Array, work: Work, times: float, decay: float, rows: Array, which: Integers
    ) -> NDArray[np.float64]:
        """One client after another, each in arrays that fit its own batch, written where it is sent from."""
        must_be_labels(work, self._plan.head.sizes[-1])
        numbers, losses = Numbers(self._plan, start), np.empty(len(which))
        base = np.float32(times * decay) * start if decay else None
        for place, row in enumerate(which):
            batch = work.batch(place)
            network = _network(self._plan, _width(batch.most))
            losses[place] = network.gradient(numbers, *_pictures(batch), rows[row], base, times)
        return losses

    def descend(self, work: Work, lr: float) -> float:
        """Plain steps, each of all parameters at once."""
        loss = 0.0
        for place in range(len(work.bounds) - 1):
            own, _ = self.gradients(work.batch(place))
            self._vector.add_(self._found, alpha=-lr)
            loss += own
        return loss

    def difference(self, start: Tensor, out: Tensor) -> None:
        """Present minus given numbers."""
        torch.sub(self._vector, start, out=out)

    def write(self, tensors: Sequence[Tensor], out: Tensor) -> None:
        """The tensors end to end."""
        torch.cat([tensor.reshape(-1) for tensor in tensors], out=out)


def run_convnet(kind: ModelKind, vector: Tensor) -> Callable[[Tensor], Tensor] | None:
    """(k, channels, height, width) images -> (k, classes) logits under these parameters; None for other models."""
    plan = plan_of(kind)
    if plan is None:
        return None
    numbers, network = Numbers(plan, vector.numpy()), _network(plan, SCORED_IMAGES)
    return lambda images: torch.cat([network.outputs(part, numbers) for part in torch.split(images, SCORED_IMAGES)])


def _pictures(batch: Work) -> tuple[Tensor, Integers]:
    images, rows, labels = batch.examples
    return as_floats(images[rows]), labels


def _width(count: int) -> int:
    return next(width for width in WIDTHS if width >= count)


def _views(kind: ModelKind, vector: Tensor) -> list[Tensor]:
    """The stretches of a flat vector that are the model's weights and biases."""
    shapes = [parameter.shape for parameter in flat_model(kind, channels_last=True).parameters]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


_networks = Workspaces()


def _network(plan: Plan, width: int) -> "Network":
    return _networks.of(plan, width, Network)


class Numbers:
    """A flat vector as the kernels of a plan have it."""

    def __init__(self, plan: Plan, vector: Array) -> None:
        places = [0, *np.cumsum([count for layer in plan.convolutions for count in layer.counts])]
        stretches = [vector[begin:end] for begin, end in pairwise(places)]
        self.taps, self.biases = stretches[::2], stretches[1::2]
        self.head = stored(plan.head, vector[places[-1] :])


class Network:
    """The arrays and kernels of a plan for batches of one width, a multiple of eight."""

    def __init__(self, plan: Plan, width: int) -> None:
        self.stages = [Stage(layer, width, place == 0) for place, layer in enumerate(plan.convolutions)]
        self.width, self.convolved = width, plan.convolved
        last = plan.convolutions[-1]
        self.features = aligned(last.out, *last.gate(width, 0).result, width)
        self.head = LinearWorkspace(plan.head, width)
        self.count, self.order = 0, np.arange(width)
        outs = [stage.input for stage in self.stages[1:]] + [self.features]
        margins = [layer.padding for layer in plan.convolutions[1:]] + [0]
        self.gates = [
            (open_gate(layer.gate(width, margin)), out)
            for layer, margin, out in zip(plan.convolutions, margins, outs, strict=True)
        ]
        self.gradient_of_features = aligned(*self.features.shape)

    def load(self, images: Tensor) -> None:
        """Take (count, channels, height, width) images as the batch; the rest of the width is empty."""
        layer = self.stages[0].layer
        edge, (height, wide) = layer.padding, layer.size
        inside = torch.from_numpy(self.stages[0].input)[:, edge : edge + height, edge : edge + wide]
        self.count = len(images)
        inside[..., : self.count].copy_(images.permute(1, 2, 3, 0))
        inside[..., self.count :] = 0

    def outputs(self, images: Tensor, numbers: Numbers) -> Tensor:
        """(k, classes) logits of k ≤ width images."""
        return torch.from_numpy(self.head.ask(self._forward(images, numbers), numbers.head))

    def gradient(
        self, numbers: Numbers, images: Tensor, labels: Integers, row: Array, base: Array | None = None,
        times: float = 1.0,
    ) -> float:  # fmt: skip
        """The batch's mean cross-entropy; `row` becomes base + times · its gradient, all flat vectors."""
        features, (own, rest) = self._forward(images, numbers), np.split(row, [self.convolved])
        bounds, first = np.array([0, self.count]), np.zeros(1, np.int64)
        below = None if base is None else base[self.convolved :]
        (loss,) = self.head.send(features, self.order, labels, bounds, numbers.head, below, times, rest, first)
        inner = torch.from_numpy(self.gradient_of_features).view(-1, self.width)
        inner[:, : self.count].copy_(torch.from_numpy(self.head.below(self.count)).T)
        inner[:, self.count :] = 0
        self._through_convolutions(numbers, own)
        scaled(own, times, base)
        return float(loss)

    def _forward(self, images: Tensor, numbers: Numbers) -> Array:
        """(count, features) what the head sees of the images."""
        self.load(images)
        for stage, (gate, out), taps, start in zip(self.stages, self.gates, numbers.taps, numbers.biases, strict=True):
            stage.convolve(stage.input, taps, start, stage.values)
            gate(stage.values, out)
        seen = torch.from_numpy(self.features).view(-1, self.width)[:, : self.count]
        features: Array = seen.T.contiguous().numpy()
        return features

    def _through_convolutions(self, numbers: Numbers, out: Array) -> None:
        """Write the gradients of the convolutions, first layer first, given that of the features."""
        gradient, end = self.gradient_of_features, len(out)
        for stage, taps in zip(reversed(self.stages), reversed(numbers.taps), strict=True):
            begin = end - sum(stage.layer.counts)
            stage.gradients(gradient, torch.from_numpy(out[begin:end]))
            gradient, end = stage.back(taps), begin


def scaled(row: Array, times: float, base: Array | None) -> None:
    """Row becomes base + times · row, the base's numbers being those of the same places."""
    if times != 1.0:
        row *= np.float32(times)
    if base is not None:
        row += base[: len(row)]


class Stage:
    """One convolution's arrays and kernels."""

    def __init__(self, layer: Layer, width: int, first: bool) -> None:
        self.layer, self.first = layer, first
        side, edge, (high, wide) = layer.side, layer.padding, layer.size
        field = Field(layer.into, layer.out, side, side, (high + 2 * edge, wide + 2 * edge), width, edge)
        square = side * side
        self.convolve = correlate(field, Taps(layer.into * square, square, side, 1))
        self.input = aligned(layer.into, *field.source, width)
        self.values = aligned(layer.out, *field.result, width)
        border = 0 if first else layer.border
        rows, columns = field.result[0] + 2 * border, field.result[1] + 2 * border
        self.delta = aligned(layer.out, rows, columns, width)
        self.close = close_gate(layer.gate(width, 0), border)
        self.gather, lanes = gather_gradient(field, border)
        self.sums = aligned(layer.out, layer.into, side, side, lanes)
        self.backward, self.below = self._backward(rows, columns, width), aligned(layer.into, high, wide, width)
        self.nothing = aligned(layer.into)

    def gradients(self, gradient: Array, out: Tensor) -> None:
        """Write those of the weights, and behind them of the bias, from that of what went out."""
        self.close(self.values, gradient, self.delta)
        self.sums[...] = 0
        self.gather(self.input, self.delta, self.sums)
        weights = self.layer.counts[0]
        torch.sum(torch.from_numpy(self.sums).view(weights, -1), 1, out=out[:weights])
        torch.sum(torch.from_numpy(self.delta).view(self.layer.out, -1), 1, out=out[weights:])

    def back(self, weights: Array) -> Array:
        """The gradient of what came in; nothing asks for that of the images."""
        if self.backward is not None:
            self.backward(self.delta, weights, self.nothing, self.below)
        return self.below

    def _backward(self, rows: int, columns: int, width: int) -> Kernel | None:
        """The correlation of the gradient with the weights turned about."""
        layer, square = self.layer, self.layer.side**2
        if self.first:
            return None
        field = Field(layer.out, layer.into, layer.side, layer.side, (rows, columns), width, layer.border)
        return correlate(field, Taps(square, layer.into * square, -layer.side, -1, square - 1))
