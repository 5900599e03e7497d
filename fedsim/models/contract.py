"""The contract of a model: the shape of an image and the number of classes in, a freshly initialised module out.

    @model("logistic")
    def logistic(shape, classes) -> "nn.Module":
        from torch import nn
        ...

torch is imported inside the function, so that listing models costs no torch import. The engine seeds torch's
initialisers from the scenario around the call.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from fedsim.registry import Registry
from fedsim.supply import Item, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("shape", "(channels, height, width) of one image"),
    Item("classes", "number of classes"),
)

models = Registry("models", "model", "fedsim.models", SUPPLIES)


def model(name: str, *, aliases: tuple[str, ...] = (), side: int = 1) -> Callable[[Function], Function]:
    """Register a model; `side` is the least height and width of its images."""

    def decorate(function: Function) -> Function:
        models.register(name, function, aliases=aliases, side=side)
        return function

    return decorate
