"""Networks of linear layers with ReLU between them, trained and asked by kernels compiled for their sizes.

A client's batches are done in one call where descent is plain, and its bits depend on nobody else. Images are read
where they lie; nothing is copied for a client but its parameters.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Array, Integers
from fedsim.kernels import llvm
from fedsim.kernels.networks.images import aligned
from fedsim.kernels.networks.linear import SCORED_IMAGES, LinearWorkspace, stored
from fedsim.kernels.networks.linear_sizes import Linear
from fedsim.training.examples import for_kernels
from fedsim.training.local_model import Work
from fedsim.training.minibatches import Turn
from fedsim.training.torch_models import (
    ModelKind,
    Workspaces,
    flat_model,
    found_once,
    linear_layers,
    parts_in_line,
    sizes_of,
)

CACHED_PARAMETERS = 4_000_000
"""Parameters above which weights leave the cache and general libraries are as fast."""
ONE_STEP = 2
"""Bounds of a work of one batch."""
MOST_ROWS = 1_024
"""Rows of a batch above which they are as fast too."""


def network_of(kind: ModelKind) -> Linear | None:
    """The sizes of a model, or None where it is not made of linear layers, or not in float32."""
    if torch.get_default_dtype() != torch.float32 or not llvm.available() or kind.spec.kind == "tokens":
        return None
    return found_once(kind, "linear", _parsed)


def _parsed(kind: ModelKind) -> Linear | None:
    flat = flat_model(kind, channels_last=True)
    layers = linear_layers(parts_in_line(flat.module))
    fits = layers and layers[0].in_features == kind.spec.size
    if not fits or sum(parameter.numel() for parameter in flat.parameters) > CACHED_PARAMETERS:
        return None
    return Linear(sizes_of(layers))


class LinearModel:
    """A network of linear layers as the kernels keep it: one vector, weights turned about, padding zero."""

    def __init__(self, net: Linear) -> None:
        self._net = net
        self._parameters, self._gradient, self._nothing = _vectors.of(
            net, 3, lambda net, count: [aligned(net.numbers) for _ in range(count)]
        )
        self._start: Array | None = None
        self._base: Array | None = None  # what weight decay adds to each row that is sent
        self._fresh = False  # whether the parameters are those of the start, which are copied when they are needed

    @cached_property
    def _tensor(self) -> Tensor:
        return torch.from_numpy(self._parameters)

    @cached_property
    def _found(self) -> Tensor:
        return torch.from_numpy(self._gradient)

    @property
    def tensors(self) -> Sequence[Tensor]:
        """The parameters, padding included."""
        if self._fresh and self._start is not None:
            np.copyto(self._parameters, self._start)
        self._fresh = False
        return [self._tensor]

    def placed(self, vector: Tensor) -> list[Tensor]:
        """The vector turned about as the parameters are."""
        return [torch.from_numpy(stored(self._net, vector.numpy()))]

    def load(self, vector: Tensor, work: Work, turn: Turn) -> None:  # noqa: ARG002 - nothing here draws
        """Take a workspace wide enough for the work and the parameters, which are turned about once for all clients."""
        self._take(work)
        if self._start is None:
            self._start = stored(self._net, vector.numpy())
        self._fresh = True

    def _take(self, work: Work) -> None:
        """A workspace wide enough for work that the kernels may see."""
        must_be_labels(work, self._net.sizes[-1])
        self._workspace = _workspace(self._net, work.most)

    def descend(self, work: Work, lr: float) -> float:
        """All plain steps in one call; a single one goes from the start to the parameters without a copy of it."""
        if self._fresh and self._start is not None and len(work.bounds) == ONE_STEP:
            self._fresh = False
            return self._train(work, self._start, self._start, self._parameters, lr)
        (own,) = (tensor.numpy() for tensor in self.tensors)
        return self._train(work, own, own, own, lr)

    def send_all(
        self, start: Array, work: Work, times: float, decay: float, rows: Array, which: Integers
    ) -> NDArray[np.float64]:
        """As many gradients in one call as fit, written where they are sent from."""
        must_be_labels(work, self._net.sizes[-1])
        if self._start is None:
            self._start = stored(self._net, start)
        if decay and self._base is None:
            self._base = np.float32(times * decay) * start
        losses = []
        for first, last in work.together(MOST_ROWS):
            part = work.between(first, last)
            images, order, labels = part.examples.for_kernels()
            losses.append(
                _workspace(self._net, len(part)).send(
                    images, order, labels, part.bounds, self._start, self._base, times, rows, which[first:last]
                )
            )
        return np.concatenate(losses)

    def gradients(self, batch: Work) -> tuple[float, list[Tensor | None]]:
        """Summed loss and gradient of a batch; the gradient lasts until the next one is asked for."""
        (own,) = (tensor.numpy() for tensor in self.tensors)
        return self._train(batch, own, self._nothing, self._gradient, -1.0), [self._found]

    def difference(self, start: Tensor, out: Tensor) -> None:
        """Present minus given numbers."""
        (own,) = (tensor.numpy() for tensor in self.tensors)
        self._workspace.subtract(own, start.numpy(), out.numpy())

    def write(self, tensors: Sequence[Tensor], out: Tensor) -> None:
        """A vector that lies as the parameters do, in the model's own order."""
        self._workspace.subtract(tensors[0].numpy(), np.zeros(out.shape, np.float32), out.numpy())

    def _train(self, work: Work, own: Array, base: Array, target: Array, rate: float) -> float:
        images, rows, labels = work.examples.for_kernels()
        return self._workspace.train(images, rows, labels, work.bounds, own, base, target, rate)


def must_be_labels(work: Work, classes: int) -> None:
    """ValueError where a kernel would read beyond its logits."""
    labels = work.examples.targets
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels must lie from 0 to {classes - 1}")


def run_linear(kind: ModelKind, vector: Tensor) -> Callable[[NDArray[Any]], Tensor] | None:
    """(k, *shape) images or features -> (k, classes) logits under these parameters; None for other models."""
    net = network_of(kind)
    if net is None:
        return None
    workspace, parameters = _workspace(net, SCORED_IMAGES), stored(net, vector.numpy())

    def run(images: NDArray[Any]) -> Tensor:
        return torch.from_numpy(workspace.ask(for_kernels(images), parameters))

    return run


_workspaces, _vectors = Workspaces(), Workspaces()


def _workspace(net: Linear, rows: int) -> LinearWorkspace:
    return _workspaces.of(net, max(SCORED_IMAGES, 1 << (rows - 1).bit_length()), LinearWorkspace)
