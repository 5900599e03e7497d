"""Small convolutional networks trained on images that lie side by side: the step written by hand.

For models that are convolutions with ReLU and perhaps 2 × 2 pooling, then linear layers: LeNet and its like. With the
batch as the last axis (`fedsim/kernels/networks/images_source.py`) such a network runs near the machine's peak, where
a general library spends its time on layouts. Clients are trained one after another, each in the full width of its own
batch, so a client's bits depend on nobody else.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fedsim.array_types import Array
from fedsim.inputs import as_floats
from fedsim.kernels.networks.images import Kernel, aligned, close_gate, correlate, gather_gradient, open_gate
from fedsim.kernels.networks.images_source import Field, Taps
from fedsim.training.convnet_layout import Layer, Plan, plan_of
from fedsim.training.local_model import Work
from fedsim.training.minibatches import Turn
from fedsim.training.torch_models import ModelKind, Workspaces, flat_model

WIDEST = 256
"""Images in a batch above which arrays leave the cache."""
AT_ONCE = 64
"""Images that are scored at once."""
WIDTHS = (8, 16, 32, 64, 128, WIDEST)
"""Widths that are compiled for: a client with few examples does not wait for the work of many."""


class ConvolutionalModel:
    """A small convolutional network whose parameters are views of one flat vector."""

    def __init__(self, kind: ModelKind, plan: Plan) -> None:
        self._plan = plan
        self._vector = torch.empty(flat_model(kind, channels_last=True).size)
        self._found = torch.empty_like(self._vector)
        self.tensors: Sequence[Tensor] = _views(kind, self._vector)

    def load(self, vector: Tensor, work: Work, turn: Turn) -> None:  # noqa: ARG002 - nothing here draws
        """Take the parameters, and arrays wide enough for the work."""
        self._vector.copy_(vector)
        self._network = _network(self._plan, _width(work.most))

    def gradients(self, batch: Work) -> tuple[float, list[Tensor | None]]:
        """Summed loss and gradients of a batch."""
        images, rows, labels = batch.examples
        self._network.load(as_floats(images[rows]))
        loss, found = self._network.gradients(self.tensors, torch.from_numpy(labels))
        return loss * len(labels), [*found]

    def descend(self, work: Work, lr: float) -> float:
        """Plain steps, each of all parameters at once."""
        loss = 0.0
        for place in range(len(work.bounds) - 1):
            own, found = self.gradients(work.batch(place))
            self.write([gradient for gradient in found if gradient is not None], self._found)
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
    parameters, network = _views(kind, vector), _network(plan, AT_ONCE)
    return lambda images: torch.cat([network.outputs(part, parameters) for part in torch.split(images, AT_ONCE)])


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


class Network:
    """The arrays and kernels of a plan for batches of one width, a multiple of eight."""

    def __init__(self, plan: Plan, width: int) -> None:
        self.stages = [_Stage(layer, width, place == 0) for place, layer in enumerate(plan.convolutions)]
        self.linears, self.width = plan.linears, width
        last = plan.convolutions[-1]
        self.features = aligned(last.out, *last.gate(width, 0).result, width)
        self.count = 0
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

    def outputs(self, images: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """(k, classes) logits of k ≤ width images."""
        self.load(images)
        return self._forward(parameters)[-1][:, : self.count].T

    def gradients(self, parameters: Sequence[Tensor], labels: Tensor) -> tuple[float, list[Tensor]]:
        """The batch's mean cross-entropy, and its gradient by every weight and bias."""
        hidden = self._forward(parameters)
        loss, delta = self._loss(hidden.pop(), labels)
        found: list[Tensor] = []
        for weight, below in zip(parameters[-2::-2], reversed(hidden), strict=False):
            found += [delta.sum(1), delta @ below.T]
            delta = weight.T @ delta
            if below is not hidden[0]:
                delta.mul_(below > 0)
        return loss, [*self._through_convolutions(delta, parameters), *reversed(found)]

    def _forward(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """What each linear layer sees, and the logits."""
        arrays = [parameter.numpy() for parameter in parameters[: 2 * len(self.stages)]]
        for stage, (gate, out), taps, start in zip(self.stages, self.gates, arrays[::2], arrays[1::2], strict=True):
            stage.convolve(stage.input, taps, start, stage.values)
            gate(stage.values, out)
        hidden = [torch.from_numpy(self.features).view(-1, self.width)]
        rest = parameters[2 * len(self.stages) :]
        for place, (weight, bias) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
            z = torch.addmm(bias.unsqueeze(1), weight, hidden[-1])
            hidden.append(z if place == self.linears - 1 else z.relu_())
        return hidden

    def _loss(self, logits: Tensor, labels: Tensor) -> tuple[float, Tensor]:
        """The mean cross-entropy and its gradient by the logits, zero beyond the batch."""
        delta, count = torch.zeros_like(logits), self.count
        log = torch.log_softmax(logits[:, :count], dim=0)
        places = labels.unsqueeze(0)
        loss = -log.gather(0, places).sum().item() / count
        delta[:, :count] = log.exp_().scatter_add_(0, places, torch.full((1, count), -1.0)).div_(count)
        return loss, delta

    def _through_convolutions(self, delta: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Gradients of the convolutions, first layer first, from that of the features."""
        self.gradient_of_features[...] = delta.numpy().reshape(self.features.shape)
        gradient = self.gradient_of_features
        found: list[Tensor] = []
        for place in range(len(self.stages) - 1, -1, -1):
            stage = self.stages[place]
            found = [*stage.gradients(gradient), *found]
            gradient = stage.back(parameters[2 * place].numpy())
        return found


class _Stage:
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

    def gradients(self, gradient: Array) -> list[Tensor]:
        """Of the weights and the bias, from that of what went out."""
        self.close(self.values, gradient, self.delta)
        self.sums[...] = 0
        self.gather(self.input, self.delta, self.sums)
        bias = torch.from_numpy(self.delta).view(self.layer.out, -1).sum(1)
        return [torch.from_numpy(self.sums).sum(-1), bias]

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
