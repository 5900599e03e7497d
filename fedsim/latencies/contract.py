"""The contract of a latency law: seconds from a client's being sampled until its update arrives.

    @latency("lognormal")
    def lognormal(clients, round, stream, *, median: ..., sigma: ...) -> Array:    # (k,) ids -> (k,) seconds

Draws are addressed per client (`stream.at("client", c)` for what is the client's own, with `"round", r` below it for
what changes), so that a client's latency does not depend on who else was sampled.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("clients", "(k,) identity of each sampled client"),
    Item("round", "the round's number, from 1"),
    Item("steps", "(k,) optimizer steps that each of these clients takes in the round"),
    Item("stream", "randomness of latencies, the same every round"),
)

latencies = Registry("latencies", "latency law", "fedsim.latencies", SUPPLIES)


def latency(name: str, *, aliases: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Register a latency law."""

    def decorate(function: Function) -> Function:
        latencies.register(name, function, aliases=aliases)
        return function

    return decorate


latencies.adopt = lambda name, function: latency(name)(function)
