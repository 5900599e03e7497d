"""How examples are dealt out: the head count, the split that follows from owners, and help for those in want."""

import numpy as np

from fedsim.array_types import Integers
from fedsim.partitions.contract import DEFAULT_CLIENTS, Split
from fedsim.randomness import Stream


def population(clients: int | None, examples: int, min_size: int = 1) -> int:
    """The number of clients, 100 where it is left open; ValueError when min_size each is more than there is."""
    count = DEFAULT_CLIENTS if clients is None else clients
    if count < 1:
        raise ValueError(f"a partition needs clients ≥ 1: got {count}")
    if count > examples:
        raise ValueError(f"{examples} training examples are too few for {count} clients: at most {examples}")
    if count * min_size > examples:
        most = examples // count
        raise ValueError(f"min_size = {min_size} for {count} clients of {examples} examples: at most {most}")
    return count


def grouped(owner: Integers, clients: int) -> Split:
    """The split in which example e belongs to owner[e]; each client's examples in ascending order."""
    sizes = np.bincount(owner, minlength=clients)
    return Split(np.argsort(owner, kind="stable").astype(np.int64), offsets(sizes))


def offsets(sizes: Integers) -> Integers:
    """(clients,) sizes -> (clients + 1,) where each client's stretch begins."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def fill_up(owner: Integers, clients: int, min_size: int, stream: Stream) -> None:
    """Give each client in want random examples of whoever holds most, in place."""
    generator = stream.numpy()
    sizes = np.bincount(owner, minlength=clients)
    for client in np.flatnonzero(sizes < min_size):
        while sizes[client] < min_size:
            donor = int(sizes.argmax())
            given = min(min_size - sizes[client], sizes[donor] - min_size)
            owner[generator.choice(np.flatnonzero(owner == donor), given, replace=False)] = client
            sizes[client] += given
            sizes[donor] -= given
