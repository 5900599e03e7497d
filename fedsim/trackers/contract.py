"""The contract of a tracker: what it may know of a run in, a listener out that is told every event.

    @tracker("my_board")
    def my_board(name, settings, *, url: ... = "http://localhost") -> Listener: ...

It is called when the run starts. What it returns is called with each event (fedsim.events), and its `close`, if it has
one, when the run ends, whatever ended it. One that asks for `event` is called itself, with every event:

    def tell(event): ...

A tracker that raises is left out from then on, with a word; the run goes on.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fedsim.events import Aggregated, Event, RoundEnded, RoundStarted, RunEnded
from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])
Listener = Callable[[Event], None]

SUPPLIES = table(
    Item("event", "what has just happened, one of fedsim.events"),
    Item("name", "the run's name: the scenario's, with the beginning of its digest"),
    Item("folder", "path of the results folder, or None where nothing is kept"),
    Item("settings", "every setting of the scenario by its dotted path, defaults filled in"),
)

trackers = Registry("trackers", "tracker", "fedsim.trackers", SUPPLIES)


def tracker(name: str, *, package: str = "", extra: str = "") -> Callable[[Function], Function]:
    """Register a tracker; `package` is what it imports, `extra` the extra of fedsim that brings it."""

    def decorate(function: Function) -> Function:
        trackers.register(name, function, package=package, extra=extra)
        return function

    return decorate


trackers.adopt = lambda name, function: tracker(name)(function)


def numbers(event: Event) -> dict[str, float]:
    """What an event says of its round in numbers, by the names of the columns of metrics.csv; of the end the scores."""
    if isinstance(event, RunEnded):
        found = {"final": event.final, "best": event.best, "selected": event.selected}
    else:
        found = dict(_of_a_round(event))
    return {name: float(value) for name, value in found.items() if value is not None}


def _of_a_round(event: Event) -> Iterator[tuple[str, float | None]]:
    if isinstance(event, RoundStarted):
        yield from (("sampled", len(event.cohort)), ("byzantine", len(event.byzantine)))
    elif isinstance(event, Aggregated):
        yield from (("byzantine_weight", event.byzantine_weight), ("norm", event.norm), ("distance", event.distance))
        missing = {"dropped": event.dropped, "late": event.late, "nonfinite": event.nonfinite}
        yield from ((name, len(clients)) for name, clients in missing.items())
        yield "skipped", bool(event.skipped)
    elif isinstance(event, RoundEnded):
        yield from event.scores.items()
        yield from (("train_loss", event.train_loss), ("time", event.time), ("seconds", event.seconds))
