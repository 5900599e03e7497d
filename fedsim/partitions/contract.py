"""The contract of a partition: which examples belong to which client.

    @partition("dirichlet")
    def dirichlet(targets, clients, stream, *, alpha: ...) -> Split: ...

A true partition is disjoint and complete and leaves nobody empty; where that cannot be, it raises ValueError saying
what would be possible. `clients` is the scenario's population, or None when the scenario leaves it to the partition.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from fedsim.array_types import Integers
from fedsim.registry import Registry
from fedsim.supply import Item, Synonyms, table

Function = TypeVar("Function", bound=Callable[..., Any])

SUPPLIES = table(
    Item("targets", "(m,) target of each training example: its class; (m, length) where each place has one"),
    Item("owners", "(m,) owner of each training example, such as its writer, or None where nobody knows"),
    Item("classes", "number of classes"),
    Item("clients", "number of clients, or None to let the partition choose (100 unless it knows better)"),
    Item("stream", "the partition's own randomness"),
)
DEFAULT_CLIENTS = 100


class Shares(Protocol):
    """Anything that answers which examples are a client's: a Split, or draws made on demand."""

    def __len__(self) -> int:
        """Number of clients."""

    def __getitem__(self, client: int, /) -> Integers:
        """Indices of the client's training examples."""


@dataclass(frozen=True)
class Split:
    """A true partition as one order and one list of offsets, however many clients there are."""

    order: Integers  # (m,) every example once, client after client
    offsets: Integers  # (clients + 1,) where each client's stretch of `order` begins; the last entry is m

    @classmethod
    def of(cls, parts: Sequence[Integers]) -> "Split":
        """The split in which client c holds parts[c]."""
        sizes = [len(part) for part in parts]
        return cls(np.concatenate(parts).astype(np.int64), np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, client: int) -> Integers:
        return self.order[self.offsets[client] : self.offsets[client + 1]]


def check_shares(shares: Shares, examples: int, *, shared: bool) -> None:
    """ValueError where a split is none: every example belongs to one client, unless the partition confesses to share.

    Shares that are drawn when they are asked for cannot be looked through beforehand.
    """
    if isinstance(shares, list | tuple | dict | np.ndarray) or not hasattr(shares, "__getitem__"):
        raise ValueError(f"a partition returns a Split, such as Split.of(parts), not a {type(shares).__name__}")
    if not isinstance(shares, Split):
        return
    order, offsets = np.asarray(shares.order), np.asarray(shares.offsets)
    if offsets.ndim != 1 or offsets[:1].tolist() != [0] or offsets[-1] != len(order) or (np.diff(offsets) < 0).any():
        raise ValueError(f"the offsets of a split rise from 0 to the number of its examples, {len(order)}")
    if order.dtype.kind not in "iu" or (len(order) and not 0 <= order.min() <= order.max() < examples):
        raise ValueError(f"the split names examples that are not among 0 to {examples - 1}")
    if not shared and (np.bincount(order, minlength=examples) != 1).any():
        raise ValueError("the split is no partition: some example belongs to nobody, or to more than one client")


SYNONYMS: Synonyms = {
    "num_partitions": ("clients", lambda clients: DEFAULT_CLIENTS if clients is None else clients),
    "seed": ("stream", lambda stream: stream.seed),
}
"""How partitioners of flwr-datasets call the same things, and how they want them."""

partitions = Registry("partitions", "partition", "fedsim.partitions", SUPPLIES, SYNONYMS)


def partition(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    breaks: Mapping[str, str] | None = None,
    by_class: bool | Callable[[Mapping[str, Any]], bool] = False,
) -> Callable[[Function], Function]:
    """Register a partition; `breaks={"partition": why}` confesses that examples may be shared between clients.

    `by_class` says that it looks at the class of each example, perhaps only under some settings: then it can only
    divide examples that have one.
    """
    looks = by_class if callable(by_class) else lambda settings: by_class  # noqa: ARG005 - one signature for all

    def decorate(function: Function) -> Function:
        partitions.register(name, function, aliases=aliases, breaks=breaks, by_class=looks)
        return function

    return decorate


DEALERS: list[Callable[[Callable[..., Any]], Callable[..., Any] | None]] = []
"""What makes a partition of a thing of another package's, or nothing of one that it does not know."""


def _adopt(name: str, function: Callable[..., Any]) -> object:
    """Enter a function that nobody decorated, or what a module of the family knows how to ask."""
    partitions.names()  # with them the dealers are there
    made = next((found for dealer in DEALERS if (found := dealer(function)) is not None), None)
    if made is None:
        return partition(name)(function)
    return partition(name, breaks={"partition": "a partitioner may leave examples out"})(made)


partitions.adopt = _adopt
