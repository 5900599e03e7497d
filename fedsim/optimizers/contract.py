"""The contract of a client's optimizer: one elementwise step, in place.

    @optimizer("sgd")
    def sgd(parameters, gradient, state, *, lr: ... = 0.05, ...) -> None: ...

`parameters` and `gradient` are torch tensors of one shape, (d,) or (k, d) for k clients at once; `state` is a dict,
empty at a client's first step of a round, in which the optimizer keeps tensors of that shape and plain numbers.
Every coordinate is treated alike, so that one client's step never depends on its neighbours.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fedsim.registry import Registry
from fedsim.signatures import is_of_the_house
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("parameters", "(d,) or (k, d) tensor, changed in place"),
    Item("gradient", "tensor of the same shape; may be overwritten"),
    Item("state", "dict that lives as long as the client's work in this round"),
)

optimizers = Registry("optimizers", "optimizer", "fedsim.optimizers", SUPPLIES)


def optimizer(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    plain: Callable[[Mapping[str, Any]], bool] = lambda settings: False,  # noqa: ARG005 - one signature for all
    first_is_gradient: bool = False,
) -> Callable[[Function], Function]:
    """Register an optimizer.

    `plain` tells the settings, `lr` among them, under which a step is w − lr · gradient and nothing else: faster ways
    may then take it themselves. `first_is_gradient` says that the first step from an empty state is along the
    gradient, as FedSGD's only step has to be.
    """

    def decorate(function: Function) -> Function:
        step = function if is_of_the_house(function) else _in_place(name, function)
        optimizers.register(name, step, aliases=aliases, plain=plain, first_is_gradient=first_is_gradient)
        return step

    return decorate


def _in_place(name: str, function: Function) -> Function:
    """The step, if it answers nothing: whoever returns new parameters has not changed the old ones."""

    @functools.wraps(function)
    def checked(*items: Any, **settings: Any) -> None:
        answer = function(*items, **settings)
        if answer is not None:
            found = type(answer).__name__
            raise TypeError(f"optimizer `{name}` must change `parameters` in place and return nothing: got a {found}")

    return checked  # type: ignore[return-value]


optimizers.adopt = lambda name, function: optimizer(name)(function)
