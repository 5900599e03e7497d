"""The contract of a local algorithm: what a client does between receiving the global parameters and sending its row.

    @local_algorithm("fedprox")
    def fedprox(descend, *, mu: ... = 0.01) -> None:
        def pull(parameters, start, gradients): ...     # changes the gradients in place before each step
        descend(pull)

It decides in which direction the steps go and what is sent; the optimizer, the batches, clipping and the backend that
computes gradients are the same for all. Tensors come as lists, one for each part of the model as its backend keeps it:
go through them side by side and treat every coordinate alike. A parameter that a batch did not use has a gradient of
zeros where a correction is asked for, and none otherwise.

What it returns is kept for a client's memory, as of control variates; it must be None as long as clients keep none.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fedsim.registry import Registry
from fedsim.supply import Item, table

if TYPE_CHECKING:
    from torch import Tensor

    Correction = Callable[[list[Tensor], list[Tensor], list[Tensor]], None]
else:
    Correction = Callable[[list, list, list], None]

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item(
        "descend",
        "(correct=None) -> None: takes the client's steps; correct(parameters, start, gradients) changes the gradients "
        "in place before each",
    ),
    Item("gradients", "() -> list of tensors: the gradient over the next batch, with weight decay; no step is taken"),
    Item("parameters", "list of tensors: the client's parameters, which the steps change in place"),
    Item("start", "list of tensors: the same before the first step, the global parameters"),
    Item("variate", "list of tensors: the server's control variate minus the client's own, where clients keep such"),
    Item("send", "(tensors) -> None: sends these in place of local minus global parameters; buffers go as they are"),
)

local_algorithms = Registry("local_algorithms", "local algorithm", "fedsim.local_algorithms", SUPPLIES)


class Momentum(NamedTuple):
    """A momentum that each client keeps over what it sends, m ← βm + (1−β)·row, and sends in place of the row."""

    beta: float
    average: bool = True  # false: m ← βm + row
    of_gradients: bool = False  # whether the rows are gradients, and the client multiplies m by its learning rate


class Sends(NamedTuple):
    """That a client sends its one gradient, with weight decay, times a number that all share, and nothing else.

    Then nobody's parameters change before everybody has sent, and a backend may serve many clients in one pass.
    """

    step: bool = False  # whether the number is −lr, which only an optimizer whose step is plain makes of it; else −1


def local_algorithm(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    one_step: bool = False,
    momentum: Callable[[Mapping[str, Any]], Momentum | None] = lambda settings: None,  # noqa: ARG005 - one signature
    sends: Callable[[Mapping[str, Any]], Sends | None] = lambda settings: None,  # noqa: ARG005 - one signature
    variates: bool = False,
    length: Callable[[Mapping[str, Any], int], float] | None = None,
) -> Callable[[Function], Function]:
    """Register a local algorithm.

    `one_step` says that a client draws one batch a round and no more; `momentum` what momentum clients keep, from round
    to round, under these settings; `sends` that the function's whole work is to send a gradient, and which;
    `variates` that clients and server keep control variates; `length`, of the optimizer's settings and a number of
    steps, by what a row is divided before it is sent, and the aggregate multiplied by the mean of.
    """

    def decorate(function: Function) -> Function:
        local_algorithms.register(
            name, function, aliases=aliases, one_step=one_step, momentum=momentum, sends=sends, variates=variates,
            length=length,
        )  # fmt: skip
        return function

    return decorate


local_algorithms.adopt = lambda name, function: local_algorithm(name)(function)
