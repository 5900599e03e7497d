"""The contract of a law of availability: for each client the stay that it is in, or its next one.

    @availability("diurnal")
    def diurnal(clients, time, stream, *, period: ..., ...) -> Array:    # (k,) ids -> (k, 2) begin and end in seconds

A client is there from the begin of a stay on and leaves at its end. The answer for a client that is there begins at or
before `time` and ends after it; for one that is away it begins after `time`; for one that never returns it begins at
infinity. A client's stays are the same whoever asks, when, and with whom: draws are addressed per client.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("clients", "(k,) identity of each client that is asked for"),
    Item("time", "simulated seconds since the run began"),
    Item("population", "number of clients in the federation, or None where only the data can tell"),
    Item("stream", "randomness of availability, the same at every time"),
)

availabilities = Registry("availabilities", "law of availability", "fedsim.availabilities", SUPPLIES)


def availability(name: str, *, aliases: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Register a law of availability."""

    def decorate(function: Function) -> Function:
        availabilities.register(name, function, aliases=aliases)
        return function

    return decorate


availabilities.adopt = lambda name, function: availability(name)(function)
