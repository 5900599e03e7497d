"""Auto-weighted medians of n scores: the algorithm as it was published, and as the method's study ran it."""

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators._weiszfeld import Vector, automatic_weights

ROUNDING = 1e-6
"""Nats below which two scores are the same: outputs are 32-bit floats, and their scores settle to no less."""
TURNS = 100
"""Of the study's code; its test for stopping earlier compares sums that never come close."""
STEPS, SMOOTHING, STILL = 100, 1e-5, 1e-6
"""Of the study's search for a median: most steps, least distance, and the relative change that ends it."""


def published_alphas(scores: Vector, penalty: float) -> Vector:
    """(n,) scores -> (n,) weights α; λ is `penalty` times the spread of the scores.

    Scores that more than half of the clients share, up to rounding, have no spread: then those at the median weigh
    alike and nobody else weighs anything.
    """
    unit = spread(scores)
    if unit <= ROUNDING:
        kept = np.abs(scores - np.median(scores)) <= ROUNDING
        return np.asarray(kept / kept.sum(), np.float64)
    return automatic_alphas(scores, penalty * unit)


def automatic_alphas(scores: Vector, penalty: float) -> Vector:
    """AutoGM in one dimension with λ in nats: (n,) scores -> (n,) weights α."""
    alphas = np.full(len(scores), 1 / len(scores))
    for _ in range(len(scores) + 1):
        following = automatic_weights(np.abs(scores - weighted_median(scores, alphas)), penalty)
        if np.array_equal(following, alphas):
            break
        alphas = following
    return alphas


def spread(scores: Vector) -> float:
    """Of the distances between pairs of scores the C(h, 2)-th smallest, h = ⌊n/2⌋ + 1: what a majority keeps apart.

    The estimator Q of Rousseeuw and Croux (1993), without its factor: fewer than half of the scores, wherever they
    are, can make it neither huge nor nothing.
    """
    n = len(scores)
    if n < 2:  # noqa: PLR2004 - a distance is between two
        return 0.0
    gaps = np.abs(scores[:, None] - scores)[np.triu_indices(n, 1)]
    half = n // 2 + 1
    return float(np.sort(gaps)[half * (half - 1) // 2 - 1])


def weighted_median(values: Vector, amounts: Vector) -> float:
    """The point of least Σ amount·|value − point|; the middle where a whole stretch is."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(amounts[order])
    half = reached[-1] / 2
    lower = np.flatnonzero(reached >= half * (1 - 1e-12))[0]
    upper = np.flatnonzero(reached > half * (1 + 1e-12))[0]
    return float((values[order[lower]] + values[order[upper]]) / 2)


def research_alphas(scores: Vector, penalty: float) -> Vector:
    """(n,) scores -> (n,) weights α as the study's code makes them, λ = `penalty` in nats; they sum to about 0.01.

    Its list of distances is never emptied. η is therefore made from the distances of all turns, and α from the first
    n of the list, which are those of the first turn. Every α may end at 0: then that code keeps nobody.
    """
    n = len(scores)
    alphas, pooled = np.full(n, 1 / n), np.empty(0)
    for _ in range(TURNS):
        pooled = np.concatenate([pooled, np.abs(scores - _smoothed_median(scores, alphas))])
        alphas = np.maximum(_level(pooled, penalty * n) - pooled[:n], 0) / (penalty * n)
        if not alphas.any():
            break
    return alphas


def _smoothed_median(scores: Vector, alphas: Vector) -> float:
    """Weiszfeld's steps from the weighted mean, each distance at least SMOOTHING."""
    median = float(scores @ alphas / alphas.sum())
    cost = float(alphas @ np.abs(scores - median))
    for _ in range(STEPS):
        pulls = alphas / np.maximum(np.abs(scores - median), SMOOTHING)
        median = float(scores @ pulls / pulls.sum())
        before, cost = cost, float(alphas @ np.abs(scores - median))
        if abs(before - cost) < STILL * cost:
            break
    return median


def _level(distances: NDArray[np.float64], penalty: float) -> float:
    """η: the least distances are filled up with λn, as far as they go."""
    ordered = np.sort(distances, kind="stable")
    levels = (np.cumsum(ordered) + penalty) / np.arange(1, len(ordered) + 1)
    above = np.flatnonzero(levels < ordered)
    return float(levels[above[0] - 1] if len(above) else levels[-1])
