"""What happens in a run, as frozen values: plain numbers, words and tuples, and no logic.

The order is a grammar, which a test holds:

    run    = RunStarted round* RunEnded
    round  = RoundStarted BatchTrained* UpdatesForged* Aggregated RoundEnded

`time` is the simulation's own clock in seconds. Two runs are the same run exactly when their lists of events are equal:
fields about the wall clock are left out of the comparison, and numbers are compared to the last bit, so that NaN is
equal to itself and -0.0 is not 0.0.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, dataclass_transform

WALL: Any = {"wall": True}
"""Marks what depends on the machine's speed rather than on the scenario."""

LATER: Any = {"later": True}
"""Marks what a record holds only where it differs from its default: records from before there was such a field stay."""

BROKEN = "broken"
"""The guarantee of a round in which the server was given more Byzantine rows than it is set up to bear."""


class Scores(Mapping[str, float]):
    """Numbers by name, in the order in which they were given; nothing in them can be changed.

    Two are equal when their names, their order and their numbers to the last bit are.
    """

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Mapping[str, float] | Iterable[tuple[str, float]] = ()) -> None:
        self._numbers = dict(numbers)

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __eq__(self, other: object) -> bool:
        return repr(self) == repr(other) if isinstance(other, Scores) else self._numbers == other

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"Scores({self._numbers})"


def bits(event: Any) -> tuple[tuple[str, str], ...]:
    """Every compared field of an event with its value, to the last bit."""
    return tuple((each.name, repr(getattr(event, each.name))) for each in fields(event) if each.compare)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _value(cls: type) -> Any:
    """A frozen dataclass whose equality is that of its bits."""
    made: Any = dataclass(frozen=True, slots=True, eq=False)(cls)
    made.__eq__ = lambda self, other: type(self) is type(other) and bits(self) == bits(other)
    made.__hash__ = lambda self: hash(bits(self))
    return made


@_value
class RunStarted:
    """The federation is built; nothing has been learnt yet."""

    time: float
    name: str  # of the scenario
    scenario: str  # digest of the resolved scenario
    rounds: int
    population: int  # clients in the federation
    sampled: int  # clients sampled each round
    byzantine: int  # clients that some attack holds, over the whole run
    parameters: int  # d, the length of the parameter vector
    classes: int
    train: int  # examples the clients hold; these four sets are disjoint
    root: int
    validation: int
    test: int
    scores: tuple[str, ...]  # names of what an evaluation scores, in order; on validation examples `validation_<name>`
    data: str  # digest of the examples where they come from a person's own files, which may change; else empty
    digest: str  # of the initial parameters
    workers: int = field(compare=False, metadata=WALL)


@_value
class RoundStarted:
    """Clients were sampled."""

    time: float
    round: int  # from 1
    cohort: tuple[int, ...]  # sampled clients, ascending
    byzantine: tuple[int, ...]  # those among them that attack in this round


@_value
class BatchTrained:
    """A batch of clients finished its local work."""

    time: float
    round: int
    clients: tuple[int, ...]
    losses: tuple[float, ...]  # mean training loss of each client over its local steps
    counts: tuple[int, ...]  # training examples of each client
    seconds: float = field(compare=False, metadata=WALL)


@_value
class UpdatesForged:
    """An attack replaced the rows of its clients."""

    time: float
    round: int
    attack: str
    clients: tuple[int, ...]


@_value
class Aggregated:
    """The round closed and the rule gave its verdict."""

    time: float
    round: int
    clients: tuple[int, ...]  # whose rows the rule saw, ascending
    weights: tuple[float, ...]  # how much each of these counted, sums to 1; empty when the round was skipped
    byzantine_weight: float  # the part of these weights that went to attacking clients
    dropped: tuple[int, ...]  # sampled clients that never answered
    late: tuple[int, ...]  # those whose update missed the round
    nonfinite: tuple[int, ...]  # those whose row was not finite and was set aside
    norm: float  # of the aggregate
    distance: float  # from the aggregate to the mean of the honest rows; NaN where there is none of either
    skipped: str  # why the rule could not be applied and the parameters stayed, or ""
    guarantee: str = field(default="", metadata=LATER)  # BROKEN, or ""
    factors: tuple[float, ...] = field(default=(), metadata=LATER)  # what rows were multiplied with, by clipping; or ()
    staleness: tuple[int, ...] = field(
        default=(), metadata=LATER
    )  # of these rows and those set aside, in rounds; or ()
    silent: tuple[int, ...] = field(default=(), metadata=LATER)  # groups with too few rows for their own rule; or ()


@_value
class RoundEnded:
    """The server has taken its step; there are no scores in rounds without evaluation."""

    time: float
    round: int
    scores: Scores  # of the global model, by the names that RunStarted has told
    train_loss: float | None  # mean of the trained clients' losses, weighted by their examples
    digest: str  # of the parameters after this round
    seconds: float = field(compare=False, metadata=WALL)
    training_seconds: float = field(compare=False, metadata=WALL)
    aggregation_seconds: float = field(compare=False, metadata=WALL)
    evaluation_seconds: float = field(compare=False, metadata=WALL)

    @property
    def accuracy(self) -> float | None:
        """Share of the test examples classified rightly; None where the round was not scored."""
        return self.scores.get("accuracy")

    @property
    def loss(self) -> float | None:
        """Mean cross-entropy on the test examples."""
        return self.scores.get("loss")

    @property
    def validation_accuracy(self) -> float | None:
        """Share of the validation examples classified rightly; None where there are none, too."""
        return self.scores.get("validation_accuracy")

    @property
    def validation_loss(self) -> float | None:
        """Mean cross-entropy on the validation examples."""
        return self.scores.get("validation_loss")


@_value
class RunEnded:
    """Every round is done. Final, best and selected accuracy are three different things and are kept apart."""

    time: float
    rounds: int
    final: float | None  # test accuracy at the last evaluation
    final_loss: float | None
    best: float | None  # greatest test accuracy seen: optimistic, as it was chosen on the test examples
    best_round: int | None
    selected: float | None  # test accuracy in the round of greatest validation accuracy
    selected_round: int | None
    scores: Scores  # all of the last evaluation
    byzantine_weight: float  # mean over the rounds that were not skipped
    skipped: int  # rounds in which the rule could not be applied
    digest: str  # of the final parameters
    seconds: float = field(compare=False, metadata=WALL)
    guarantee_broken: int = field(default=0, metadata=LATER)  # rounds whose guarantee was broken


Event = RunStarted | RoundStarted | BatchTrained | UpdatesForged | Aggregated | RoundEnded | RunEnded
