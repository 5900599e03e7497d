"""The contract of the server's optimizer: from the rule's aggregate to the direction of the server's step.

    @server_optimizer("sgd")
    def sgd(aggregate, parameters, memory, *, momentum: ... = 0.0) -> Direction: ...

The aggregate plays the part of a negative gradient, and the server adds server.lr · (its schedule) · direction. Arrays
are (k,), of what is trained alone: buffers, such as the running statistics of batch normalisation, take the aggregate.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from fedsim.array_types import Array
from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("aggregate", "(k,) what the rule made of the updates, of what is trained", ("k",)),
    Item("parameters", "(k,) the global parameters before this round, of what is trained", ("k",)),
    Item("memory", "what the optimizer returned as memory last round, or None"),
)


class Direction(NamedTuple):
    """Where the server goes, and what its optimizer carries to the next round."""

    update: Array  # (k,)
    memory: Mapping[str, Array] | None = None


server_optimizers = Registry("server_optimizers", "server optimizer", "fedsim.server_optimizers", SUPPLIES)


def server_optimizer(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    momentum: Callable[[Mapping[str, Any]], bool] = lambda settings: False,  # noqa: ARG005 - one signature for all
) -> Callable[[Function], Function]:
    """Register a server optimizer; `momentum` tells the settings under which its step averages past aggregates."""

    def decorate(function: Function) -> Function:
        server_optimizers.register(name, function, aliases=aliases, momentum=momentum)
        return function

    return decorate


server_optimizers.adopt = lambda name, function: server_optimizer(name)(function)
