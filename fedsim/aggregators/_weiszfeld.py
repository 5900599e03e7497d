"""Geometric medians in the space of products.

The median is a combination Σ wᵢ uᵢ of the rows, so a step needs only the n × n products ⟨uᵢ − u_c, uⱼ − u_c⟩
about some row c, whatever the length of the rows. Products about a central row keep their digits beside rows
that are very far away, where a matrix of squared distances would not.
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

LIMIT = 20_000
"""Steps after which the median is taken to be reached; only a median that all but touches a row comes near it."""
PULL_SHARE = 1 - 1e-6
"""A row counts as the minimiser only when the others' pull on it is clearly weaker than its own."""
SHARPER = 1e-3
"""The movement at which steps stop, as a share of the tolerance: they close in by a factor, so more remains to go."""


def weiszfeld(products: Matrix, pulls: Vector, tolerance: float, steps: int | None = None) -> Vector:
    """(n, n), (n,) -> (n,) weights w, summing to 1, of the point of least Σ pulls·distance."""
    if steps is None and (vertex := _optimal_row(products, pulls)) is not None:
        return vertex
    floor = tolerance * _spacing(products) or np.finfo(np.float64).tiny
    weights: Vector = pulls / pulls.sum()
    for _ in range(LIMIT if steps is None else steps):
        distances = distances_to_mix(products, weights)
        closer = pulls / np.maximum(distances, floor)
        closer /= closer.sum()
        moved, reach = np.abs(closer - weights) @ distances, closer @ distances
        weights = closer
        if steps is None and moved <= SHARPER * tolerance * reach:
            break
    return weights


def distances_to_mix(products: Matrix, weights: Vector) -> Vector:
    """(n, n), (n,) -> (n,) distance of each row to Σ w_j u_j."""
    along = products @ weights
    return np.sqrt(np.maximum(products.diagonal() - 2 * along + weights @ along, 0))


def _pairwise(products: Matrix) -> Matrix:
    square = products.diagonal()
    return np.sqrt(np.maximum(square[:, None] + square[None, :] - 2 * products, 0))


def _spacing(products: Matrix) -> float:
    """The least median distance from one row to the others: a scale that a minority cannot move."""
    n = len(products)
    others = _pairwise(products)[~np.eye(n, dtype=bool)].reshape(n, n - 1) if n > 1 else np.zeros((1, 1))
    return float(np.median(others, axis=1).min())


def _optimal_row(products: Matrix, pulls: Vector) -> Vector | None:
    """The weights of a row that is itself the minimiser (rows that coincide with it share), or None.

    Row k is the minimiser when the pull of the others, Σ aⱼ (uⱼ − u_k)/‖uⱼ − u_k‖, is no longer than its own
    a_k.
    """
    distances = _pairwise(products)
    best = int((distances @ pulls).argmin())
    here = distances[best] == 0
    own = pulls[here].sum()
    directions = np.where(here, 0, pulls / np.where(here, 1, distances[best]))
    about = products - products[best] - products[:, best, None] + products[best, best]
    if directions @ about @ directions >= (PULL_SHARE * own) ** 2:
        return None
    return np.asarray(np.where(here, pulls, 0) / own)


def automatic_weights(distances: Vector, penalty: float) -> Vector:
    """argmin over α in the simplex of Σ αᵢ dᵢ + (λn/2)‖α‖²: αᵢ = max(η − dᵢ, 0)/(λn)."""
    n, least = len(distances), distances.min()
    if not np.isfinite(least):
        raise ValueError("the rows' distances are beyond the greatest number")
    distances = distances - least  # the same weights, and λ is not lost beside distances that are huge
    ordered = np.sort(distances)
    levels = (np.cumsum(ordered) + penalty * n) / np.arange(1, n + 1)
    level = levels[np.flatnonzero(levels > ordered)[-1]]
    raw = np.maximum(level - distances, 0)
    return np.asarray(raw / raw.sum())
