"""All that a run carries from one round to the next; with the scenario it is enough to go on from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array
from fedsim.errors import RunFailed
from fedsim.events import LATER, Scores
from fedsim.simulation.client_rows import ClientRows
from fedsim.simulation.clock import Arrival

Memory = Mapping[str, Array]


@dataclass
class Tally:
    """What the closing summary will say."""

    scores: Scores = field(default_factory=Scores)  # of the last evaluation
    best: float | None = None
    best_round: int | None = None
    selected: float | None = None
    selected_round: int | None = None
    best_validation: float | None = None
    byzantine_weight: float = 0.0  # summed over the rounds that were not skipped
    aggregated: int = 0  # rounds that were not skipped
    skipped: int = 0
    broken: int = field(default=0, metadata=LATER)  # rounds whose guarantee was broken

    @property
    def mean_byzantine_weight(self) -> float:
        """Mean over the rounds that were not skipped."""
        return self.byzantine_weight / self.aggregated if self.aggregated else 0.0

    def judged(self, byzantine_weight: float | None, broken: bool = False) -> None:
        """Take note of a verdict's weight on Byzantine rows, or of a skipped round."""
        if byzantine_weight is None:
            self.skipped += 1
        else:
            self.aggregated += 1
            self.byzantine_weight += byzantine_weight
            self.broken += broken

    def score(self, round: int, scores: Scores) -> None:
        """Take note of an evaluation; the first of equals counts."""
        self.scores = scores
        accuracy, validation = scores["accuracy"], scores.get("validation_accuracy")
        if self.best is None or accuracy > self.best:
            self.best, self.best_round = accuracy, round
        if validation is not None and (self.best_validation is None or validation > self.best_validation):
            self.best_validation, self.selected, self.selected_round = validation, accuracy, round


class InFlight(NamedTuple):
    """An update that is still on its way to the server."""

    arrival: Arrival
    row: Array  # (d,)
    examples: int  # behind it
    byzantine: bool


@dataclass
class State:
    """The server's memory, and the clients' as far as the server keeps it for them."""

    round: int  # last one done
    time: float  # on the simulation's clock
    parameters: Array  # (d,)
    previous: Array  # (d,) last aggregate
    memories: Mapping[str, Memory] = field(default_factory=dict)  # of whatever acts every round, by its path
    momenta: ClientRows = field(default_factory=ClientRows)  # of each client that has one, by client
    in_flight: tuple[InFlight, ...] = ()
    tally: Tally = field(default_factory=Tally)

    def copy(self) -> "State":
        """A state of its own for the next round; arrays are shared, as none is ever written to."""
        return replace(self, momenta=self.momenta.copy(), tally=replace(self.tally))

    def remember(self, path: str, memory: Memory | None, rows: Array) -> None:
        """Keep what the algorithm at this path carries to the next round, or nothing; `rows` are written over there."""
        kept = {path: {name: lasting(array, rows) for name, array in memory.items()}} if memory is not None else {}
        self.memories = {key: old for key, old in self.memories.items() if key != path} | kept


def lasting(array: Array, rows: Array) -> Array:
    """An array that outlives the round: a rule may answer with a view of rows that the next round writes over."""
    return array.copy() if np.may_share_memory(array, rows) else array


def first_state(resume: State | None, parameters: Array) -> State:
    """The state to go on from, or nothing learnt yet."""
    if resume is None:
        return State(0, 0.0, parameters, np.zeros_like(parameters))
    if resume.parameters.shape != parameters.shape:
        raise RunFailed(f"a state of {resume.parameters.size} parameters: not of this model")
    return resume
