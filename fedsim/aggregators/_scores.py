"""Scores of clients, compared with each other."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ROUNDING = 1e-12
"""Scores whose deviation is less than this share of their size are all the same."""


def deviations(scores: Vector) -> Vector:
    """(n,) -> (n,): |x − median|/std, 0 where all are the same."""
    size = float(np.abs(scores).max(initial=0))
    if not size or not np.isfinite(size):
        return np.where(np.isinf(scores), np.inf, 0.0)
    gaps = np.abs(scores / size - np.median(scores / size))
    spread = float((scores / size).std())
    return np.asarray(gaps / spread if spread > ROUNDING else np.zeros(len(scores)))


def below(scores: Vector, limit: float) -> NDArray[np.bool_]:
    """(n,) which scores are less than the limit by more than rounding; of two clients both deviate by exactly 1."""
    return np.asarray(scores < limit * (1 - 1e-9))


def splits(values: Vector, most: int) -> Vector:
    """(n,) -> (most,): the least Σ (x − mean)² within 1, 2, … `most` clusters of points on a line."""
    ordered = np.sort(values)
    n = len(ordered)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    squares = np.concatenate([[0.0], np.cumsum(ordered**2)])
    begin, end = np.arange(n)[:, None], np.arange(1, n + 1)
    sizes = np.where(end > begin, end - begin, 1)
    costs = np.maximum(squares[end] - squares[begin] - (sums[end] - sums[begin]) ** 2 / sizes, 0)
    costs[end <= begin] = np.inf  # costs[b, e − 1]: points b … e − 1 in one cluster
    best = costs[0]
    found = [best[-1]]
    for _ in range(most - 1):
        ahead = np.concatenate([[np.inf], best[:-1]])  # the points before b in one cluster fewer
        best = np.minimum(best, (ahead[:, None] + costs).min(axis=0))
        found.append(best[-1])
    return np.array(found)


def upper_of_two(values: Vector) -> NDArray[np.bool_]:
    """(n,) which points on a line are in the upper of the two clusters of least Σ (x − mean)²."""
    ordered = np.sort(values)
    costs = [_within(ordered[:k]) + _within(ordered[k:]) for k in range(1, len(ordered))]
    border = ordered[int(np.argmin(costs)) + 1] if costs else np.inf
    return np.asarray(values >= border)


def _within(values: Vector) -> float:
    return float(((values - values.mean()) ** 2).sum())


def upper_of_three(values: Vector) -> NDArray[np.bool_]:
    """(n,) which points on a line are in the upper of the three clusters of least Σ (x − mean)².

    Of two different values the greater are the upper cluster; where all are the same there is none.
    """
    different = np.unique(values)
    if len(different) < 3:  # noqa: PLR2004 - as many clusters as there are values
        return np.asarray(values > different[0])
    ordered = np.sort(values)
    costs = _all_within(ordered)
    two = np.array([(costs[0, :end] + costs[1 : end + 1, end]).min() for end in range(1, len(ordered))])
    border = int(np.argmin(two[:-1] + costs[2:, -1])) + 2
    return np.asarray(values >= ordered[border])


def _all_within(ordered: Vector) -> NDArray[np.float64]:
    """(n,) -> (n, n): Σ (x − mean)² of the points b … e in [b, e]; one point is added to all of them at a time."""
    n = len(ordered)
    found, means, sizes, total = np.zeros((n, n)), np.zeros(n), np.zeros(n), np.zeros(n)
    for end, value in enumerate(ordered):
        sizes[: end + 1] += 1
        gaps = value - means[: end + 1]
        means[: end + 1] += gaps / sizes[: end + 1]
        total[: end + 1] += gaps * (value - means[: end + 1])
        found[:, end] = total
    return found
