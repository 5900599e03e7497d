"""The local work of a batch of clients: parameters in, one row of differences out for each client.

`train_batch` is pure in all but the rows it is told to write, so it may run in any process, and again after a crash.
A client's row depends on the client's own job alone, never on its neighbours in the batch.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fedsim.arrays import Integers
from fedsim.attacks._family import attacks
from fedsim.models._family import models
from fedsim.optimizers._family import optimizers
from fedsim.rewriting import pool_first
from fedsim.scenario import Choice, Training
from fedsim.shared import Shared
from fedsim.streams import Stream
from fedsim.vectors import Flat


@dataclass(frozen=True)
class ModelKind:
    """What it takes to build a model anywhere."""

    choice: Choice
    shape: tuple[int, int, int]
    classes: int

    def build(self) -> nn.Module:
        """A module with whatever numbers the global generator draws."""
        entry = models[self.choice.name]
        given = {"shape": self.shape, "classes": self.classes}
        module: nn.Module = entry.function(*(given[item] for item in entry.supplied), **self.choice.settings)
        return module


@dataclass(frozen=True)
class Site:
    """What all clients of a run share."""

    kind: ModelKind
    training: Training
    images: Shared  # (m, channels, height, width)
    labels: Shared  # (m,)
    parameters: Shared  # (d,) the global vector, rewritten each round
    rows: Shared  # (n, d) where differences go


@dataclass(frozen=True)
class Poison:
    """A data attack on one client."""

    choice: Choice
    stream: Stream


@dataclass(frozen=True)
class ClientJob:
    """One client's work in one round."""

    client: int
    row: int  # of `Site.rows`, where its difference goes
    examples: Integers  # which of `Site.images` are its own
    stream: Stream  # the client's randomness in this round
    poisons: tuple[Poison, ...] = ()


@dataclass(frozen=True)
class ClientBatch:
    """The work of several clients, sent as one job."""

    site: Site
    jobs: tuple[ClientJob, ...]


@dataclass(frozen=True)
class BatchResult:
    """What came of a batch besides its rows."""

    clients: tuple[int, ...]
    losses: tuple[float, ...]  # mean over the client's own steps, weighted by their examples
    counts: tuple[int, ...]
    seconds: float


def train_batch(batch: ClientBatch) -> BatchResult:
    """Train each client from the global parameters and write its difference to its row."""
    from fedsim.convnets import train_convnets
    from fedsim.stacked import train_stacked

    begin = time.perf_counter()
    losses = train_stacked(batch.site, batch.jobs)
    if losses is None:
        losses = train_convnets(batch.site, batch.jobs)
    if losses is None:
        losses = [train_client(batch.site, job) for job in batch.jobs]
    counts = tuple(len(job.examples) for job in batch.jobs)
    clients = tuple(job.client for job in batch.jobs)
    return BatchResult(clients, tuple(losses), counts, time.perf_counter() - begin)


def train_client(site: Site, job: ClientJob) -> float:
    """One client at a time, whatever the model: the reference that every faster way is held against."""
    flat = flat_model(site.kind, channels_last=site.training.kernel == "auto")
    start, row = torch.from_numpy(site.parameters.open()), torch.from_numpy(site.rows.open()[job.row])
    flat.load(start)
    loss = _descend(flat, site, job)
    flat.minus(start, row)
    return loss


def _descend(flat: Flat, site: Site, job: ClientJob) -> float:
    images, labels = client_examples(site, job)
    anchors = [p.detach().clone() for p in flat.parameters] if site.training.proximal else None
    step = Stepper(site.training.optimizer, len(flat.parameters))
    total, seen = 0.0, 0
    flat.module.train()
    with _own_draws(site.kind, job.stream.at("module")):
        for chosen in batches(len(labels), site.training, job.stream):
            picked = torch.from_numpy(chosen)
            loss = cross_entropy(flat.module(images[picked]), labels[picked])
            gradients = torch.autograd.grad(loss, flat.parameters)
            with torch.no_grad():
                pull_back(flat.parameters, gradients, anchors, site.training.proximal)
                step(flat.parameters, gradients)
            total, seen = total + loss.item() * len(chosen), seen + len(chosen)
    return total / seen if seen else 0.0


def pull_back(
    parameters: Sequence[Tensor], gradients: Sequence[Tensor], anchors: Sequence[Tensor] | None, weight: float
) -> None:
    """FedProx: add μ(w − w_global) to the gradients."""
    for parameter, gradient, anchor in zip(parameters, gradients, anchors or (), strict=anchors is not None):
        gradient.add_(parameter - anchor, alpha=weight)


class Stepper:
    """An optimizer with one memory for each tensor; the memory lives as long as this object."""

    def __init__(self, choice: Choice, tensors: int) -> None:
        self._function, self._settings = optimizers[choice.name].function, choice.settings
        self._states: list[dict[str, Any]] = [{} for _ in range(tensors)]

    def __call__(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        """One step in place for every tensor."""
        for parameter, gradient, state in zip(parameters, gradients, self._states, strict=True):
            self._function(parameter.data, gradient, state, **self._settings)


def batches(count: int, training: Training, stream: Stream) -> Iterator[NDArray[np.int64]]:
    """Positions of the examples of each step, in shuffled passes over the client's own data."""
    size = min(training.batch_size, count)
    if size == 0:
        return
    whole = training.drop_last or training.steps is not None
    steps_a_pass = count // size if whole else -(-count // size)
    steps = 1 if training.algorithm == "fedsgd" else training.steps or training.epochs * steps_a_pass
    generator = stream.at("batches").numpy()
    order = np.empty(0, np.int64)
    for step in range(steps):
        place = step % steps_a_pass
        if place == 0:
            order = generator.permutation(count)
        yield order[place * size : (place + 1) * size]


def client_examples(site: Site, job: ClientJob) -> tuple[Tensor, Tensor]:
    """The client's images as floats and its labels, poisoned where an attack holds it."""
    images, labels = site.images.open()[job.examples], site.labels.open()[job.examples]
    for poison in job.poisons:
        images, labels = _poisoned(poison, images, labels, site.kind.classes)
    return as_floats(images), torch.from_numpy(labels)


def _poisoned(
    poison: Poison, images: NDArray[Any], labels: Integers, classes: int
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    entry = attacks[poison.choice.name]
    given = {"images": images, "labels": labels, "classes": classes, "stream": poison.stream}
    answer = entry.function(*(given[item] for item in entry.supplied), **poison.choice.settings)
    images, labels = answer if isinstance(answer, tuple) else (images, answer)
    return images, np.ascontiguousarray(labels, np.int64)


def as_floats(images: NDArray[Any]) -> Tensor:
    """Images as torch's default kind of float: bytes become value / 255, floats stay."""
    owned = np.array(images) if not images.flags.writeable else np.ascontiguousarray(images)
    tensor, kind = torch.from_numpy(owned), torch.get_default_dtype()
    return tensor.to(kind).div_(255) if tensor.dtype == torch.uint8 else tensor.to(kind)


class _Modules(threading.local):
    """A module is worked on by one thread at a time."""

    def __init__(self) -> None:
        self.flats: dict[tuple[str, bool], Flat] = {}
        self.drawing: dict[str, bool] = {}  # whether a forward pass draws random numbers


_modules = _Modules()
_generator = threading.RLock()
"""Held while torch's global generator is another's than the caller's: all threads share it."""


@contextmanager
def _own_draws(kind: ModelKind, stream: Stream) -> Iterator[None]:
    """Layers that draw, such as dropout, draw from this address inside; other models keep off the generator."""
    if not _modules.drawing[repr(kind)]:
        yield
        return
    with _generator, torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.seed)
        yield


def flat_model(kind: ModelKind, *, channels_last: bool) -> Flat:
    """This process's own module of this kind, built once; its numbers are whatever the last user left."""
    key, flats = (repr(kind), channels_last), _modules.flats
    if key not in flats:
        for old in [known for known in flats if known[0] != key[0]]:
            del flats[old]  # one model a run; a second run in the process need not keep the first one's
        with _generator, torch.random.fork_rng(devices=[]):
            module = kind.build()
            if channels_last:
                pool_first(module)
            flats[key] = Flat(module, channels_last=channels_last)
            _modules.drawing = {key[0]: _draws(flats[key].module, kind.shape)}
    return flats[key]


def _draws(module: nn.Module, shape: tuple[int, int, int]) -> bool:
    """Whether a training pass moves the global generator; a module that refuses the trial is taken to draw."""
    before = torch.get_rng_state()
    try:
        with torch.no_grad():
            module.train()(torch.zeros(2, *shape))
    except Exception:
        return True
    return not torch.equal(before, torch.get_rng_state())
