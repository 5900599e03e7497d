"""Rules that bound how far one update can pull."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from fedsim.aggregators._weighting import Weighting, amounts
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
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
    counts: Integers | None = None,
    *,
    radius: Annotated[float, Gt(0), "τ, how far one row can pull, in the unit of updates"],
    steps: Annotated[int, Ge(1), "L, clipped averages in a row"] = 1,
    weighting: Weighting = "rows",
) -> Aggregate:
    """Mean of the updates, each pulled back to within a radius of the last aggregate.

    Formula:
        v ← v + (1/n) Σ (uᵢ − v)·min(1, τ/‖uᵢ − v‖), L times, from v = the last aggregate: (n, d), (d,) ->
        (d,). Weights are the last step's factors min(1, τ/‖uᵢ − v‖), normalised. weighting="examples": with mᵢ/Σ m in
        the place of 1/n, m the examples behind each row.
    Assumes:
        The last aggregate lies near the honest updates and τ is about their spread. Examples are counted as the clients
        report them, and a client who claims many pulls as much.
    Breakdown:
        f rows move each step by at most (f/n)·τ; by examples, by their share of them times τ.
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
    if weighting == "examples":
        return _by_examples(updates, centre, amounts("centered_clip", counts, len(updates)), radius, steps)
    for _ in range(steps):
        factors = within(radius, distances_to(centre, updates))
        centre = weighted_sum(factors / len(factors), updates, centre, 1 - factors.mean())
    return Aggregate(centre, factors / factors.sum(), factors=factors)


def _by_examples(updates: Array, centre: Array, amounts: NDArray[np.float64], radius: float, steps: int) -> Aggregate:
    shares = amounts / amounts.sum()
    for _ in range(steps):
        factors = within(radius, distances_to(centre, updates))
        pulls = shares * factors
        centre = weighted_sum(pulls, updates, centre, 1 - pulls.sum())
    return Aggregate(centre, pulls / pulls.sum(), factors=factors)


def within(radius: float, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """min(1, radius/length), 1 where the length is 0."""
    longer = lengths > radius
    return np.asarray(np.where(longer, radius / np.where(longer, lengths, 1), 1.0))
