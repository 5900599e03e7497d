"""What the local work of a client is made of, however it is done: its examples, its batches and its steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.arrays import Integers
from fedsim.modules import ModelKind
from fedsim.optimizers._family import optimizers
from fedsim.registry import Bound
from fedsim.scenario import Training
from fedsim.sending import Sent
from fedsim.shared import Shared
from fedsim.streams import Stream


@dataclass(frozen=True)
class Site:
    """What all clients of a run share."""

    kind: ModelKind
    training: Training
    images: Shared  # (m, channels, height, width)
    labels: Shared  # (m,)
    parameters: Shared  # (d,) the global vector, rewritten each round
    rows: Shared  # (n, d) where differences go
    optimizer: Sent[Bound] = field(init=False)  # what its name meant where this was made
    plain: bool = field(init=False)  # whether a step is w − lr · gradient and nothing else

    def __post_init__(self) -> None:
        choice = self.training.optimizer
        entry = optimizers[choice.name]
        object.__setattr__(self, "optimizer", Sent(entry.bound(choice.settings)))
        plain = entry.traits["plain"](choice.settings) and not self.training.proximal
        object.__setattr__(self, "plain", bool(plain))


@dataclass(frozen=True)
class Poison:
    """A data attack on one client."""

    attack: Sent[Bound]
    stream: Stream


@dataclass(frozen=True)
class ClientJob:
    """One client's work in one round."""

    client: int
    row: int  # of `Site.rows`, where its difference goes
    examples: Integers  # which of `Site.images` are its own
    stream: Stream  # the client's randomness in this round
    poisons: tuple[Poison, ...] = ()


class Stepper:
    """An optimizer with one memory for each tensor; the memory lives as long as this object."""

    def __init__(self, optimizer: Sent[Bound], tensors: int) -> None:
        self._function, self._settings = optimizer.thing.function, optimizer.thing.settings
        self._states: list[dict[str, Any]] = [{} for _ in range(tensors)]

    def __call__(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
        """One step in place for every tensor that has a gradient; the others stay as they are, as in torch.optim."""
        for parameter, gradient, state in zip(parameters, gradients, self._states, strict=True):
            if gradient is not None:
                self._function(parameter.data, gradient, state, **self._settings)


def pull_back(
    parameters: Sequence[Tensor], gradients: list[Tensor | None], anchors: Sequence[Tensor] | None, weight: float
) -> None:
    """FedProx: add μ(w − w_global), the gradient of its own part of the loss, in which every parameter stands."""
    for place, anchor in enumerate(anchors or ()):
        pull, gradient = parameters[place] - anchor, gradients[place]
        gradients[place] = pull.mul_(weight) if gradient is None else gradient.add_(pull, alpha=weight)


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
    images, where, labels = taken(site, job)
    return as_floats(images[where]), torch.from_numpy(labels)


def taken(site: Site, job: ClientJob) -> tuple[NDArray[Any], Integers, Integers]:
    """Images, which of them are the client's own, and its labels; poisoned where an attack holds it."""
    images, labels = site.images.open(), site.labels.open()[job.examples]
    if not job.poisons:
        return images, job.examples, labels
    images = images[job.examples]
    for poison in job.poisons:
        images, labels = _poisoned(poison, images, labels, site.kind.classes)
    return images, np.arange(len(labels)), labels


def _poisoned(
    poison: Poison, images: NDArray[Any], labels: Integers, classes: int
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    attack = poison.attack.thing
    answer = attack(images=images, labels=labels, classes=classes, stream=poison.stream)
    poisoned, labels = answer if isinstance(answer, tuple) else (images, answer)
    if poisoned.shape != images.shape or labels.shape != images.shape[:1]:
        found = f"{poisoned.shape} and {labels.shape}"
        raise ValueError(f"{attack.name} must leave images and labels their shapes: got {found}")
    return poisoned, np.ascontiguousarray(labels, np.int64)


def as_floats(images: NDArray[Any]) -> Tensor:
    """Images as torch's default kind of float: bytes become value / 255, floats stay."""
    owned = np.array(images) if not images.flags.writeable else np.ascontiguousarray(images)
    tensor, kind = torch.from_numpy(owned), torch.get_default_dtype()
    return tensor.to(kind).div_(255) if tensor.dtype == torch.uint8 else tensor.to(kind)
