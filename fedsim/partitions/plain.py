"""Partitions that follow what is there: chance, or who wrote it."""

import numpy as np

from fedsim.array_types import Integers
from fedsim.partitions.contract import Split, partition
from fedsim.partitions.dealing import grouped, population
from fedsim.randomness import Stream


@partition("iid")
def iid(targets: Integers, clients: int | None, stream: Stream) -> Split:
    """Examples dealt at random: every client sees the same world.

    Formula:
        One permutation of all m examples, cut into stretches whose sizes differ by at most one.
    Assumes:
        clients ≤ m, else ValueError.
    """
    clients = population(clients, len(targets))
    return Split.of(np.array_split(stream.numpy().permutation(len(targets)), clients))


@partition("by_writer", aliases=("by_owner",))
def by_writer(owners: Integers | None, clients: int | None, stream: Stream) -> Split:
    """Each client holds what one writer (or other owner of examples) wrote, or several whole writers.

    Formula:
        clients = None: client k holds everything by the k-th writer, in the order of their numbers.
        Fewer clients than writers: the writers are shuffled and dealt out in turn, so that no client has two
        writers more than another; no writer is ever divided.
    Assumes:
        A dataset that knows its owners, and clients ≤ owners, else ValueError.
    Source:
        Caldas et al., LEAF: A Benchmark for Federated Settings, 2018.
    """
    if owners is None:
        raise ValueError("by_writer needs a dataset that knows whose its examples are (glyphs, femnist, text)")
    names, of_whom = np.unique(owners, return_inverse=True)
    if clients is None or clients == len(names):
        return grouped(of_whom, len(names))
    if clients > len(names):
        raise ValueError(f"by_writer has {len(names)} writers for {clients} clients: at most {len(names)}")
    seat = np.empty(len(names), np.int64)
    seat[stream.numpy().permutation(len(names))] = np.arange(len(names)) % population(clients, len(names))
    return grouped(seat[of_whom], clients)
