"""The control variates of clients and server. The server keeps them all, since a client may work in any process."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array
from fedsim.local_algorithms.contract import local_algorithms
from fedsim.scenario.sections import Training
from fedsim.simulation.client_rows import ClientRows

CONTROL = "control"
"""The path of what the server remembers: its own variate."""
VARIATE = "variate"


class Sent(NamedTuple):
    """A row, and what its client's steps came to: their number times the rate."""

    row: Array  # (d,)
    moved: float  # K·η; 0 of a client without examples


def keeps_variates(training: Training) -> bool:
    """Whether clients keep control variates."""
    return bool(local_algorithms[training.algorithm.name].traits["variates"])


def server_variate(memories: Mapping[str, Mapping[str, Array]], like: Array) -> Array:
    """The server's, zeros before the first round."""
    return memories[CONTROL][VARIATE] if CONTROL in memories else np.zeros_like(like)


def difference(variates: ClientRows, client: int, own: Array) -> Array:
    """c − c_i, which is added to a client's gradients."""
    before = variates.seen(client)
    return own if before is None else own - before


def renew(variates: ClientRows, sent: Iterable[tuple[int, Sent]], own: Array, trained: int) -> None:
    """c_i ← c_i − c − row/(K·η) for each client that has trained."""
    for client, (row, moved) in sent:
        if not moved:
            continue
        before = variates.seen(client)
        renewed = np.zeros_like(own) if before is None else before.copy()
        renewed[:trained] -= own[:trained] + row[:trained] / own.dtype.type(moved)
        variates[client] = renewed


def server_renewed(own: Array, sent: Iterable[Sent], weights: Array, population: int, trained: int) -> Array:
    """c + (|S|/N)·Σ w_i·(−c − row_i/(K_i·η))."""
    rows = list(sent)
    change = np.zeros(trained, np.float64)
    for (row, moved), weight in zip(rows, weights, strict=True):
        if weight and moved:
            change -= weight * (own[:trained] + row[:trained] / moved)
    renewed = own.copy()
    renewed[:trained] += (len(rows) / population * change).astype(own.dtype)
    return renewed
