"""What the local work of a client is made of, however it is done: where its data lie, its job and its steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Integers
from fedsim.execution.sending import Sent
from fedsim.execution.shared_memory import Shared
from fedsim.local_algorithms.contract import Sends, local_algorithms
from fedsim.optimizers.contract import optimizers
from fedsim.randomness import Stream
from fedsim.registry import Bound
from fedsim.scenario.sections import Training
from fedsim.training.minibatches import Turn, counted
from fedsim.training.torch_models import ModelKind


@dataclass(frozen=True)
class Site:
    """What all clients of a run share."""

    kind: ModelKind
    training: Training
    inputs: Shared  # (m, *shape)
    targets: Shared  # (m,) or (m, length)
    parameters: Shared  # (d,) the global vector, rewritten each round
    rows: Shared  # (n, d) where differences go
    variates: Shared | None = None  # (n, d) the server's control variate minus each client's, where they keep such
    algorithm: Sent[Bound] = field(init=False)  # what its name meant where this was made
    optimizer: Sent[Bound] = field(init=False)
    plain: bool = field(init=False)  # whether a step along a gradient is w − lr · gradient and nothing else
    sends: Sends | None = field(init=False)  # where each client sends one gradient as it is

    def __post_init__(self) -> None:
        algorithm, optimizer = self.training.algorithm, self.training.optimizer
        entry = optimizers[optimizer.name]
        object.__setattr__(self, "training", counted(self.training))
        object.__setattr__(self, "algorithm", Sent(local_algorithms[algorithm.name].bound(algorithm.settings)))
        object.__setattr__(self, "optimizer", Sent(entry.bound(optimizer.settings)))
        plain = entry.traits["plain"](optimizer.settings) and self.training.clip_norm is None
        object.__setattr__(self, "plain", bool(plain))
        sends = local_algorithms[algorithm.name].traits["sends"](algorithm.settings)
        as_it_is = sends and self.training.clip_norm is None and (plain or not sends.step)
        object.__setattr__(self, "sends", sends if as_it_is else None)


@dataclass(frozen=True)
class Poison:
    """A data attack on one client."""

    attack: Sent[Bound]
    stream: Stream
    apart: bool = False  # whether it treats each example by itself
    round: int = 1
    index: int = 0  # the client's number among those of its adversary
    colluders: int = 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a shared array: sent with a job in the place of the numbers themselves."""

    whole: Shared
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def __getitem__(self, places: Integers) -> NDArray[Any]:
        """A copy of the numbers at these places of the stretch."""
        found: NDArray[Any] = self.whole.open()[self.begin : self.end][places]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The numbers, where they lie."""
        return np.asarray(self.whole.open()[self.begin : self.end], dtype=dtype, copy=copy)


class ClientJob(NamedTuple):
    """One client's work in one round."""

    client: int
    row: int  # of `Site.rows`, where its difference goes
    examples: Integers | Stretch  # which of `Site.inputs` are its own
    turn: Turn
    poisons: tuple[Poison, ...] = ()
    factor: float = 1.0  # of the optimizer's rate in this round
    attack: Sent[Bound] | None = None  # what takes the place of the local algorithm
    previous: Shared | None = None  # (d,) the last aggregate, where an attack takes that place


class Stepper:
    """An optimizer with one memory for each tensor; the memory lives as long as this object."""

    def __init__(self, optimizer: Sent[Bound], tensors: int, factor: float = 1.0) -> None:
        settings = optimizer.thing.settings
        self._function = optimizer.thing.function
        self._settings = settings if factor == 1.0 else {**settings, "lr": settings["lr"] * factor}
        self._states: list[dict[str, Any]] = [{} for _ in range(tensors)]

    def __call__(self, parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
        """One step in place for every tensor that has a gradient; the others stay as they are, as in torch.optim."""
        for parameter, gradient, state in zip(parameters, gradients, self._states, strict=True):
            if gradient is not None:
                self._function(parameter.data, gradient, state, **self._settings)
