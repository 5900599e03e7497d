"""Networks of linear layers with ReLU between them, trained and asked by kernels compiled for their sizes.

Clients are trained one after another, each in one call for all its batches where descent is plain: a client's bits
depend on nobody else. Images are read where they lie; nothing is copied for a client but its parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Array, Integers
from fedsim.inputs import as_floats
from fedsim.kernels import llvm
from fedsim.kernels.networks.images import aligned
from fedsim.kernels.networks.linear import ASKED, Room, stored
from fedsim.kernels.networks.linear_sizes import Linear
from fedsim.training.client import ClientJob, Site, Stepper, pull_back
from fedsim.training.examples import Reader
from fedsim.training.minibatches import batches
from fedsim.training.torch_models import ModelKind, Workspaces, flat_model, linear_layers, parts_in_line

LARGE = 4_000_000
"""Parameters above which weights leave the cache and general libraries are as fast."""
MOST_ROWS = 1_024
"""Rows of a batch above which they are as fast too."""


def network_of(kind: ModelKind) -> Linear | None:
    """The sizes of a model, or None where it is not made of linear layers, or not in float32."""
    if torch.get_default_dtype() != torch.float32 or not llvm.available() or kind.spec.kind == "tokens":
        return None
    flat = flat_model(kind, channels_last=True)
    layers = linear_layers(parts_in_line(flat.module))
    fits = layers and layers[0].in_features == kind.spec.size
    if not fits or sum(parameter.numel() for parameter in flat.parameters) > LARGE:
        return None
    return Linear((layers[0].in_features, *(layer.out_features for layer in layers)))


def train_linears(site: Site, jobs: Sequence[ClientJob]) -> list[float] | None:
    """Losses of the jobs' clients, their rows written; None where the model is not one of these."""
    fits = site.training.kernel == "auto" and site.training.batch_size <= MOST_ROWS
    net = network_of(site.kind) if fits else None
    if net is None:
        return None
    start = stored(net, site.parameters.open())
    return [_train(net, start, site, job) for job in jobs]


@dataclass(frozen=True)
class _Work:
    """One client's batches, laid end to end."""

    images: NDArray[Any]
    order: Integers  # positions among the images
    labels: Integers  # of the same places
    bounds: Integers  # where each batch begins, and where the last one ends

    @property
    def most(self) -> int:
        """Rows of the greatest batch."""
        return int(np.diff(self.bounds).max(initial=1))


def _train(net: Linear, start: Array, site: Site, job: ClientJob) -> float:
    work = _work(site, job)
    room = _room(net, work.most)
    parameters = room.copy(start)
    loss = _plain(site, room, work, parameters) if site.plain else _stepwise(site, room, work, start, parameters)
    room.subtract(parameters, site.parameters.open(), site.rows.open()[job.row])
    return loss / max(1, len(work.order))


def _work(site: Site, job: ClientJob) -> _Work:
    plan = list(batches(len(job.examples), site.training, job.turn))
    chosen = np.concatenate(plan) if plan else np.empty(0, np.int64)
    images, rows, labels = Reader(site, job, len(chosen)).located(chosen)
    if len(labels) and not 0 <= labels.min() <= labels.max() < site.kind.classes:
        raise ValueError(f"labels must lie from 0 to {site.kind.classes - 1}")
    bounds = np.cumsum([0, *map(len, plan)])
    if not _readable(images):
        images, rows = as_floats(images[rows]).numpy(), np.arange(len(rows))
    return _Work(images, rows.astype(np.int64, copy=False), labels.astype(np.int64, copy=False), bounds)


def _readable(images: NDArray[Any]) -> bool:
    """Whether the kernels know images of this kind."""
    return images.dtype in (np.uint8, np.float32) and images.flags.c_contiguous


def _plain(site: Site, room: Room, work: _Work, parameters: Array) -> float:
    rate = site.training.optimizer.settings["lr"]
    return room.train(work.images, work.order, work.labels, work.bounds, parameters, parameters, parameters, rate)


def _stepwise(site: Site, room: Room, work: _Work, start: Array, parameters: Array) -> float:
    gradient, nothing = aligned(len(start)), aligned(len(start))
    own, found, anchor = map(torch.from_numpy, (parameters, gradient, start))
    anchors = [anchor] if site.training.proximal else None
    step, loss = Stepper(site.optimizer, 1), 0.0
    for place in range(len(work.bounds) - 1):
        bounds = work.bounds[place : place + 2]
        loss += room.train(work.images, work.order, work.labels, bounds, parameters, nothing, gradient, -1.0)
        pull_back([own], [found], anchors, site.training.proximal)
        step([own], [found])
    return loss


def run_linear(kind: ModelKind, vector: Tensor) -> Callable[[NDArray[Any]], Tensor] | None:
    """(k, *shape) images or features -> (k, classes) logits under these parameters; None for other models."""
    net = network_of(kind)
    if net is None:
        return None
    room, parameters = _room(net, ASKED), stored(net, vector.numpy())

    def run(images: NDArray[Any]) -> Tensor:
        given = images if _readable(images) else as_floats(images).numpy()
        return torch.from_numpy(room.ask(given, parameters))

    return run


_rooms = Workspaces()


def _room(net: Linear, rows: int) -> Room:
    return _rooms.of(net, max(ASKED, 1 << (rows - 1).bit_length()), Room)
