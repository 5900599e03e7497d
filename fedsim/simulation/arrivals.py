"""What the server receives when a round closes: the rows that arrived, and those set aside as not finite."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import Aggregate
from fedsim.array_types import Array, Integers
from fedsim.kernels import distances_to
from fedsim.kernels.rules.finite_rows import screen
from fedsim.simulation.clock import Arrival
from fedsim.simulation.state import InFlight, State
from fedsim.simulation.steps import Cohort


@dataclass(frozen=True)
class Received:
    """The finite rows of a round, ordered by client and the round they were made for."""

    matrix: Array  # (n, d)
    clients: Integers  # (n,)
    counts: Integers  # (n,) examples behind each row
    byzantine: NDArray[np.bool_]  # (n,) whose row an attack made or poisoned
    nonfinite: tuple[int, ...]  # clients whose row was not finite
    staleness: Integers  # (n,) rounds that each row was on its way
    stale: tuple[int, ...] = ()  # the same of these rows and then of those set aside; empty where all are of this round


def receive(cohort: Cohort, state: State, round: int, rows: Array, counts: Mapping[int, int]) -> Received:
    """Take in what has arrived and leave on its way what has not.

    `rows` are those of this round's answering clients, in their order; those that are not finite are written over. The
    state's updates in flight are replaced.
    """
    waiting = {update.arrival: update for update in state.in_flight}
    place = {client: row for row, client in enumerate(cohort.answering)}

    def update(arrival: Arrival) -> InFlight:
        if arrival.round != round:
            return waiting[arrival]
        client = arrival.client
        return InFlight(arrival, rows[place[client]], counts[client], cohort.byzantine(client))

    arrived = sorted(cohort.closing.arrived, key=lambda arrival: (arrival.client, arrival.round))
    updates = [update(arrival) for arrival in arrived]
    late = [update(arrival) for arrival in cohort.closing.late if arrival.round != round or arrival.client in place]
    state.in_flight = tuple(map(_kept, late))
    all_fresh = [(a.client, a.round) for a in arrived] == [(client, round) for client in cohort.answering]
    return _screened(updates, rows[: len(updates)] if all_fresh else _stacked(updates, rows.shape[1]), round)


def _moved_up(matrix: Array, finite: NDArray[np.bool_]) -> Array:
    """The finite rows, moved together where they lie: a copy of ten thousand rows takes as much memory again."""
    for place, row in enumerate(np.flatnonzero(finite)):
        if place != row:
            matrix[place] = matrix[row]
    return matrix[: finite.sum()]


def _kept(update: InFlight) -> InFlight:
    """The update with a row of its own: the matrix is written over in the next round."""
    return InFlight(update.arrival, update.row.copy(), update.examples, update.byzantine)


def _stacked(updates: Sequence[InFlight], size: int) -> Array:
    return np.array([update.row for update in updates], np.float32).reshape(-1, size)


def _screened(updates: Sequence[InFlight], matrix: Array, round: int) -> Received:
    finite = screen(matrix) if len(matrix) else np.zeros(0, bool)
    clients = np.array([update.arrival.client for update in updates], np.int64)
    staleness = np.array([round - update.arrival.round for update in updates], np.int64)
    return Received(
        matrix if finite.all() else _moved_up(matrix, finite),
        clients[finite],
        np.array([update.examples for update in updates], np.int64)[finite],
        np.array([update.byzantine for update in updates], bool)[finite],
        tuple(clients[~finite].tolist()),
        staleness[finite],
        (*staleness[finite].tolist(), *staleness[~finite].tolist()) if staleness.any() else (),
    )


class Measures(NamedTuple):
    """A verdict seen from outside."""

    byzantine: float  # the part of the rows' weights that went to Byzantine rows
    norm: float  # of the aggregate
    distance: float  # from the aggregate to the mean of the honest rows; NaN where there is none of either


def measure(received: Received, verdict: Aggregate | None) -> Measures:
    """How far the attackers got."""
    if verdict is None:
        return Measures(0.0, 0.0, math.nan)
    byzantine, norm = float(verdict.weights[received.byzantine].sum()), _length(verdict.update)
    return Measures(byzantine, norm, _distance_to_honest(received, verdict.update))


def multiplied(verdict: Aggregate | None) -> tuple[float, ...]:
    """What each row was multiplied with before it counted; empty where all were taken as they are."""
    if verdict is None or verdict.factors is None or (verdict.factors == 1).all():
        return ()
    return tuple(verdict.factors.tolist())


def honest_mean(received: Received) -> Array | None:
    """(d,) mean of the honest rows, or None where there is none."""
    if received.byzantine.all():
        return None
    n = len(received.matrix)
    weights = ~received.byzantine / np.float32(n - received.byzantine.sum())
    mean: Array = weights.astype(received.matrix.dtype) @ received.matrix
    return mean


def _distance_to_honest(received: Received, update: Array) -> float:
    mean = honest_mean(received)
    return math.nan if mean is None else _length(update, mean)


def _length(update: Array, point: Array | None = None) -> float:
    """Of the update, or of its gap to a point; in float64 where its squares are beyond single precision."""
    with np.errstate(over="ignore"):
        length = float(np.linalg.norm(update if point is None else update - point))
    if 0 < length < math.inf:
        return length
    return float(distances_to(np.zeros_like(update) if point is None else point, update[None])[0])
