"""Times taken in turn: a machine's moods pass over both sides alike, so only ratios of neighbours are believed."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

Call = Callable[[], object]


class Peer(NamedTuple):
    """Another's rule."""

    name: str
    call: Call
    agrees: bool  # whether its definition is ours


def in_turn(calls: Mapping[str, Call], repeats: int) -> dict[str, list[float]]:
    """Seconds of each call, every call once in each repeat."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(timed(call))
    return times


def timed(call: Call) -> float:
    """Seconds of one call."""
    begin = perf_counter()
    call()
    return perf_counter() - begin


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of neighbours."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
