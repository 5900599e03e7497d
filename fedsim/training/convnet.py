"""Small convolutional networks trained on images that lie side by side: the step written by hand.

For models that are convolutions with ReLU and perhaps 2 × 2 pooling, then linear layers: LeNet and its like. With
images as the last axis (`fedsim/kernels/networks/images_source.py`) such a network runs near the machine's peak, where
a general library spends its time on layouts. Clients who begin at the same parameters lie side by side; what they give
the weights is added up for each apart, so a client's bits depend on nobody else.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Array, Integers
from fedsim.kernels.networks.images import aligned, open_gate, show
from fedsim.kernels.networks.linear import LinearWorkspace, stored
from fedsim.kernels.networks.linear_sizes import padded
from fedsim.training.convnet_layout import Plan, places_within, plan_of
from fedsim.training.convnet_stage import Stage
from fedsim.training.examples import Located, for_kernels
from fedsim.training.local_model import Work
from fedsim.training.minibatches import Turn
from fedsim.training.mlp import must_be_labels
from fedsim.training.torch_models import ModelKind, Workspaces, flat_model

MOST_IMAGES = 256
"""Images in a batch above which arrays leave the cache."""
SIDE_BY_SIDE = 80
"""Images that several clients have worked on together, or that are scored at once: more would leave the cache."""
ROOMS = (16, 48, SIDE_BY_SIDE, 144, MOST_IMAGES + 16)
"""Room for images, an odd number of cache lines: at a power of two pixels would compete for places in the cache."""


class ConvolutionalModel:
    """A small convolutional network whose parameters are views of one flat vector."""

    def __init__(self, kind: ModelKind, plan: Plan) -> None:
        self._plan, self._kind = plan, kind
        self._vector, self._found = _vectors.of(
            plan, 2, lambda plan, count: [torch.empty(plan.head.flat) for _ in range(count)]
        )

    @cached_property
    def tensors(self) -> Sequence[Tensor]:
        """The weights and biases, where they lie in the vector."""
        return _views(self._kind, self._vector)

    @cached_property
    def _gradients(self) -> list[Tensor]:
        return _views(self._kind, self._found)

    def placed(self, vector: Tensor) -> list[Tensor]:
        """The vector in the places of the parameters, copied from there."""
        return [self._vector.copy_(vector), *(tensor.clone() for tensor in self.tensors)][1:]

    def load(self, vector: Tensor, work: Work, turn: Turn) -> None:  # noqa: ARG002 - nothing here draws
        """Take the parameters, and arrays wide enough for the work."""
        must_be_labels(work, self._plan.head.sizes[-1])
        self._vector.copy_(vector)
        self._network = _network(self._plan, work.most)

    def gradients(self, batch: Work) -> tuple[float, list[Tensor | None]]:
        """Summed loss and gradients of a batch; the gradients last until the next ones are asked for."""
        own = Own(np.array([0, len(batch)]), np.zeros(1, np.int64))
        numbers, seen = self._numbers(self._vector.numpy()), batch.examples.for_kernels()
        (loss,) = self._network.send(numbers, seen, own, self._found.numpy()[None])
        return float(loss) * len(batch), [*self._gradients]

    def send_all(
        self, start: Array, work: Work, times: float, decay: float, rows: Array, which: Integers
    ) -> NDArray[np.float64]:
        """Clients side by side, as many as fit, each gradient written where it is sent from."""
        must_be_labels(work, self._plan.head.sizes[-1])
        numbers, losses = self._numbers(start), []
        base = np.float32(times * decay) * start if decay else None
        for first, last in work.together(SIDE_BY_SIDE):
            part = work.between(first, last)
            network, own = _network(self._plan, len(part)), Own(part.bounds, which[first:last])
            losses.append(network.send(numbers, part.examples.for_kernels(), own, rows, base, times))
        return np.concatenate(losses)

    def _numbers(self, vector: Array) -> "Numbers":
        """The vector for the kernels, in an array that is used again and again."""
        return Numbers(self._plan, vector, _heads.of(self._plan.head, 1, lambda head, _: aligned(head.numbers)))

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


def run_convnet(kind: ModelKind, vector: Tensor) -> Callable[[NDArray[Any]], Tensor] | None:
    """(k, channels, height, width) images -> (k, classes) logits under these parameters; None for other models."""
    plan = plan_of(kind)
    if plan is None:
        return None
    numbers, network = Numbers(plan, vector.numpy()), _network(plan, SIDE_BY_SIDE)

    def run(images: NDArray[Any]) -> Tensor:
        given, places = for_kernels(images), np.arange(len(images))
        begins = range(0, max(1, len(images)), SIDE_BY_SIDE)
        parts = [Located(given, places[begin : begin + SIDE_BY_SIDE], places) for begin in begins]
        return torch.cat([network.outputs(part, numbers) for part in parts])

    return run


def _views(kind: ModelKind, vector: Tensor) -> list[Tensor]:
    """The stretches of a flat vector that are the model's weights and biases."""
    shapes = [parameter.shape for parameter in flat_model(kind, channels_last=True).parameters]
    parts = torch.split(vector, [shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


_networks, _vectors, _heads = Workspaces(), Workspaces(), Workspaces()


def _network(plan: Plan, images: int) -> "Network":
    return _networks.of(plan, next(room for room in ROOMS if room >= images), Network)


class Numbers:
    """A flat vector as the kernels of a plan have it."""

    def __init__(self, plan: Plan, vector: Array, head: Array | None = None) -> None:
        places = [0, *np.cumsum([count for layer in plan.convolutions for count in layer.counts])]
        stretches = [vector[begin:end] for begin, end in pairwise(places)]
        self.taps, self.biases = stretches[::2], stretches[1::2]
        self.head = stored(plan.head, vector[places[-1] :], head)


class Own(NamedTuple):
    """Whose the images are that lie side by side."""

    bounds: Integers  # of each client's images, one after another
    which: Integers  # of the rows that are written


class Network:
    """The arrays and kernels of a plan, with room for so many images: an odd number of times sixteen."""

    def __init__(self, plan: Plan, room: int) -> None:
        self.stages = [Stage(layer, room, place == 0) for place, layer in enumerate(plan.convolutions)]
        self.room, self.convolved = room, plan.convolved
        last = plan.convolutions[-1]
        self.features = aligned(last.out, *last.gate().result, room)
        self.head = LinearWorkspace(plan.head, room)
        self.count, self.order = 0, np.arange(room)
        outs = [stage.input for stage in self.stages[1:]] + [self.features]
        margins = [layer.padding for layer in plan.convolutions[1:]] + [0]
        self.gates = [
            (open_gate(layer.gate(margin)), out)
            for layer, margin, out in zip(plan.convolutions, margins, outs, strict=True)
        ]
        self.gradient_of_features = aligned(*self.features.shape)
        self.places = places_within(plan.convolutions[0])

    def outputs(self, seen: Located, numbers: Numbers) -> Tensor:
        """(k, classes) logits of images that there is room for."""
        return torch.from_numpy(self.head.ask(self._forward(seen, numbers), numbers.head))

    def send(
        self, numbers: Numbers, seen: Located, own: Own, rows: Array, base: Array | None = None, times: float = 1.0
    ) -> NDArray[np.float64]:  # fmt: skip
        """The mean cross-entropy of each client's images; its row becomes base + times · the gradient, all flat."""
        features = self._forward(seen, numbers)
        losses = self.head.send(
            features, self.order, seen.targets, own.bounds, numbers.head, base, times, rows, own.which
        )  # fmt: skip
        inner = torch.from_numpy(self.gradient_of_features).view(-1, self.room)
        inner[:, : self.count].copy_(torch.from_numpy(self.head.below(self.count)).T)
        self._through_convolutions(numbers, own, rows)
        for row in own.which:
            scaled(rows[row, : self.convolved], times, base)
        return losses

    def _forward(self, seen: Located, numbers: Numbers) -> Array:
        """(count, features) what the head sees of the images."""
        self.count, room = len(seen.rows), self.room
        show(len(self.places), seen.inputs.dtype.str)(
            seen.inputs, seen.rows, self.places, self.stages[0].input, room, self.count
        )
        count = padded(self.count)
        for stage, (gate, out), taps, start in zip(self.stages, self.gates, numbers.taps, numbers.biases, strict=True):
            stage.convolve(stage.input, taps, start, stage.values, room, count)
            gate(stage.values, out, room, count)
        wide = torch.from_numpy(self.features).view(-1, room)[:, : self.count]
        features: Array = wide.T.contiguous().numpy()
        return features

    def _through_convolutions(self, numbers: Numbers, own: Own, rows: Array) -> None:
        """Write the gradients of the convolutions, first layer first, given that of the features."""
        gradient, end = self.gradient_of_features, self.convolved
        for stage, taps in zip(reversed(self.stages), reversed(numbers.taps), strict=True):
            begin = end - sum(stage.layer.counts)
            for (first, last), row in zip(pairwise(own.bounds.tolist()), own.which, strict=True):
                stage.gather(gradient, first, last - first, rows[row, begin:end])
            gradient, end = stage.back(gradient, taps, self.count), begin


def scaled(row: Array, times: float, base: Array | None) -> None:
    """Row becomes base + times · row, the base's numbers being those of the same places."""
    if times != 1.0:
        row *= np.float32(times)
    if base is not None:
        row += base[: len(row)]
