"""Rules that choose whole rows by their distances to the others."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from fedsim.aggregators._selection import average, least
from fedsim.aggregators.contract import Aggregate, F, aggregator
from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.distances import squared_distances

Variant = Annotated[
    Literal["blanchard2017", "byzfl"],
    "number of neighbours in a score: n − f − 2 as in the paper, or n − f − 1 as in byzfl",
]

EQUAL = 1e-9
"""Sums of distances this near to each other, as a share, are the same but for rounding."""


@aggregator("krum", needs="n ≥ 2f + 3")
def krum(updates: Array, *, f: F, variant: Variant = "blanchard2017") -> Aggregate:
    """The one update that lies nearest to its neighbours.

    Formula:
        s(i) = Σ ‖uᵢ − uⱼ‖² over the n − f − 2 rows j ≠ i nearest to i; the row of least s(i), the first of
        them on exact ties: (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n ≥ 2f + 3.
    Breakdown:
        f rows.
    Cost:
        One n × n matrix of distances: n²d/2 multiplications, then n² log n.
    Differs:
        byzfl and byzpy sum n − f − 1 distances (variant="byzfl"); the authors' research code and FLPoison sum
        distances that are not squared; fedlib squares the squares.
    Source:
        Blanchard, El Mhamdi, Guerraoui, Stainer. Machine Learning with Adversaries: Byzantine Tolerant
        Gradient Descent. NeurIPS 2017, section 4.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("krum", rows, f=1).round(2).tolist()
        [1.1]
    """
    best = krum_scores(squared_distances(updates), f, variant).argmin()
    return Aggregate(updates[best].copy(), np.eye(len(updates))[best])


@aggregator("multi_krum", needs="n ≥ 2f + 3")
def multi_krum(
    updates: Array,
    *,
    f: F,
    m: Annotated[int | None, Ge(1), "rows to average; n − f when left out"] = None,
    variant: Variant = "blanchard2017",
) -> Aggregate:
    """Mean of the m updates that lie nearest to their neighbours.

    Formula:
        s(i) as in krum; the mean of the m rows of least s(i), earlier rows first on exact ties: (n, d) ->
        (d,).
    Assumes:
        At most f rows are bad. ValueError unless n ≥ 2f + 3 and 1 ≤ m ≤ n.
    Breakdown:
        f rows, while m ≤ n − f; a larger m averages bad rows in.
    Cost:
        That of krum and one pass over the chosen rows.
    Differs:
        byzfl and byzpy sum n − f − 1 distances (variant="byzfl"). The paper leaves m open; n − f is byzfl's
        choice too.
    Source:
        Blanchard, El Mhamdi, Guerraoui, Stainer. Machine Learning with Adversaries: Byzantine Tolerant
        Gradient Descent. NeurIPS 2017, section 5.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("multi_krum", rows, f=1).round(2).tolist()
        [1.05]
    """
    n = len(updates)
    kept = n - f if m is None else m
    if not 1 <= kept <= n:
        raise RowsDoNotSuffice(f"multi_krum needs 1 ≤ m ≤ n: got m = {kept}, n = {n}")
    chosen = np.argsort(krum_scores(squared_distances(updates), f, variant), kind="stable")[:kept]
    weights = np.zeros(n)
    weights[chosen] = 1 / kept
    return Aggregate(weighted_sum(weights, updates), weights)


@aggregator("medoid")
def medoid(updates: Array) -> Aggregate:
    """The one update of least total distance to all others.

    Formula:
        The row of least Σ ‖uᵢ − uⱼ‖ over all rows j, the first of those that are equal up to rounding:
        (n, d) -> (d,). On a line the two middle ones of an even number of rows are always equal.
    Assumes:
        More than half of the rows are honest and close to each other beside their distance to the rest.
    Breakdown:
        Fewer than half of the rows: the answer stays as near to the honest rows as they are to each other, by a
        factor. It is always one of the rows, whether honest or not.
    Cost:
        One n × n matrix of distances.
    Source:
        Kaufman, Rousseeuw. Clustering by Means of Medoids. 1987.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("medoid", rows).round(2).tolist()
        [1.1]
    """
    distances = np.sqrt(squared_distances(updates))
    beyond = np.isinf(distances)
    totals, far = np.where(beyond, 0, distances).sum(axis=1), beyond.sum(axis=1)
    totals[far > far.min()] = np.inf
    best = np.flatnonzero(totals <= totals.min() * (1 + EQUAL))[0]
    return Aggregate(updates[best].copy(), np.eye(len(updates))[best])


@aggregator("one_mean", needs="n > 2f")
def one_mean(updates: Array, *, f: F) -> Aggregate:
    """Mean of the neighbourhood of n − f updates that spreads least about one of them.

    Formula:
        N(i): the n − f rows nearest to uᵢ, itself included, earlier rows first on exact ties; the mean of N(i) for
        the i of least Σ ‖uᵢ − uⱼ‖² over j in N(i), the first of them on exact ties: (n, d) -> (d,).
    Assumes:
        At most f rows are bad. ValueError unless n > 2f.
    Breakdown:
        f rows.
    Cost:
        One n × n matrix of distances and one pass over the chosen rows.
    Source:
        Yi, You, Liu, Yang, Wang, Chen, Liu. Near-Optimal Resilient Aggregation Rules for Distributed Learning Using
        1-Center and 1-Mean Clustering with Outliers. AAAI 2024.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("one_mean", rows, f=1).round(2).tolist()
        [1.05]
    """
    distances, kept = squared_distances(updates), len(updates) - f
    best = np.sort(distances, axis=1)[:, :kept].sum(axis=1).argmin()
    near = distances[best].copy()
    near[best] = -1  # itself before rows that equal it
    return average(updates, least(near, kept))


def krum_scores(distances: NDArray[np.float64], f: int, variant: str) -> NDArray[np.float64]:
    """(n, n) squared distances -> (n,) sums over each row's nearest others."""
    n = len(distances)
    neighbours = n - f - (1 if variant == "byzfl" else 2)
    others = distances + np.diag(np.full(n, np.inf))
    return np.asarray(np.sort(others, axis=1)[:, :neighbours].sum(axis=1))
