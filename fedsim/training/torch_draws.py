"""Random numbers of torch from an address of ours, whoever else draws meanwhile.

torch's initialisers and layers such as dropout draw from one generator that all threads of a process share. Inside
`drawing_from` every such draw of this thread is answered by a generator of its own: the shared one is neither read
nor moved, so that a caller's thread changes nothing here and finds nothing changed.
"""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fedsim.randomness import Stream

_shared = threading.Lock()
"""Held while torch's own generator stands in for one of ours."""


def drawing_from(stream: Stream) -> "Drawing":
    """A context in which torch draws from this address."""
    return Drawing(stream.torch())


class Drawing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of this thread and gives those that draw a generator."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.generator = generator

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: else torch would import its compiler, which takes a second and 150 MB; nothing here is compiled."""
        return False

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, way = kwargs or {}, _way(operation)
        if way is None or kwargs.get("generator") is not None:
            return operation(*args, **kwargs)
        return way(self.generator, args, kwargs)


@cache
def _way(operation: Any) -> Callable[..., Any] | None:
    """How an operation that draws is given a generator; None for those that do not."""
    if torch.Tag.nondeterministic_seeded not in operation.tags:
        return None
    name = "generator" if operation._overloadname == "default" else f"{operation._overloadname}_generator"
    known = [operation, getattr(operation._overloadpacket, name, None)]
    found = next((each for each in known if each is not None and _takes_generator(each)), None)
    if found is None:
        return lambda generator, args, kwargs: _lent(generator, lambda: operation(*args, **kwargs))
    return lambda generator, args, kwargs: found(*args, **{**kwargs, "generator": generator})


def _takes_generator(operation: Any) -> bool:
    return any(argument.name == "generator" for argument in operation._schema.arguments)


def _lent(generator: torch.Generator, draw: Callable[[], Any]) -> Any:
    """An operation that knows only torch's own generator draws from that one, from a seed of ours."""
    seed = int(torch.randint(1 << 32, (), generator=generator))
    with _shared, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return draw()
