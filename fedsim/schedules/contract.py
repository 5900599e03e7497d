"""The contract of a schedule: by what the learning rate is multiplied in a round.

    @schedule("inverse_sqrt")
    def inverse_sqrt(round, *, scale: ... = 1.0) -> float: ...

Rounds are counted from 1. A linear warm-up may come before any schedule; `round` and `rounds` are then counted from
its end, and a schedule is asked about rounds after it alone. The factor is positive and finite: one that reaches zero
before the last round is over is refused, since from there on nothing would be learnt.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("round", "the number of the round, from 1, counted from the end of the warm-up"),
    Item("rounds", "how many rounds there are after the warm-up"),
    Item("warmup", "how many rounds of warm-up came before"),
)

schedules = Registry("schedules", "schedule", "fedsim.schedules", SUPPLIES)


def schedule(name: str, *, aliases: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Register a schedule."""

    def decorate(function: Function) -> Function:
        schedules.register(name, function, aliases=aliases)
        return function

    return decorate


schedules.adopt = lambda name, function: schedule(name)(function)


def factor_of(name: str, settings: Mapping[str, Any], round: int, rounds: int, warmup: int = 0) -> float:
    """The factor in a round of the run.

    Warm-up: round / (warmup + 1), so that the first round after it has the full rate (Goyal et al., Accurate, Large
    Minibatch SGD, 2017).
    """
    if round <= warmup:
        return round / (warmup + 1)
    given = {"round": round - warmup, "rounds": rounds - warmup, "warmup": warmup}
    return float(schedules[name].call(given, settings))
