"""The contract of a law of local work: the epochs that clients train in a round.

    @workload("uniform")
    def uniform(clients, round, stream, *, low: ..., high: ..., fresh: ...) -> Integers:    # (k,) ids -> (k,) ≥ 1

Draws are addressed per client (`stream.at("client", c)` for what is the client's own, with `"round", r` below it for
what changes), so that a client's work does not depend on who else was sampled. The server's own work on root data is
asked for as client −1.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("clients", "(k,) identity of each client; −1 is the server at work on its root data"),
    Item("round", "the round's number, from 1"),
    Item("stream", "randomness of the clients' work, the same every round"),
)

workloads = Registry("workloads", "law of local work", "fedsim.workloads", SUPPLIES)


def workload(name: str, *, aliases: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Register a law of local work."""

    def decorate(function: Function) -> Function:
        workloads.register(name, function, aliases=aliases)
        return function

    return decorate


workloads.adopt = lambda name, function: workload(name)(function)
