"""Rules that bound how far one update can pull."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array
from fedsim.kernels import distances_to, weighted_sum


@aggregator(
    "centered_clip",
    breaks={
        "scaling": "the radius is a distance and does not grow with the updates",
        "unanimity": "a step moves by the radius at most, whatever all rows agree on",
    },
)
def centered_clip(
    updates: Array,
    previous: Array,
    *,
    radius: Annotated[float, Gt(0), "τ, how far one row can pull, in the unit of updates"],
    steps: Annotated[int, Ge(1), "L, clipped averages in a row"] = 1,
) -> Aggregate:
    """Mean of the updates, each pulled back to within a radius of the last aggregate.

    Formula:
        v ← v + (1/n) Σ (uᵢ − v)·min(1, τ/‖uᵢ − v‖), L times, from v = the last aggregate: (n, d), (d,) ->
        (d,). Weights are the last step's factors min(1, τ/‖uᵢ − v‖), normalised.
    Assumes:
        The last aggregate lies near the honest updates and τ is about their spread.
    Breakdown:
        f rows move each step by at most (f/n)·τ.
    Cost:
        Two passes over the matrix for each step.
    Differs:
        byzfl's clipping writes to the caller's matrix.
    Source:
        Karimireddy, He, Jaggi. Learning from History for Byzantine Robust Optimization. ICML 2021, algorithm
        2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("centered_clip", rows, previous=[1.0], radius=0.5).round(2).tolist()
        [1.14]
    """
    centre = np.asarray(previous, updates.dtype)
    for _ in range(steps):
        factors = within(radius, distances_to(centre, updates))
        centre = weighted_sum(factors / len(factors), updates, centre, 1 - factors.mean())
    return Aggregate(centre, factors / factors.sum())


def within(radius: float, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """min(1, radius/length), 1 where the length is 0."""
    longer = lengths > radius
    return np.asarray(np.where(longer, radius / np.where(longer, lengths, 1), 1.0))
