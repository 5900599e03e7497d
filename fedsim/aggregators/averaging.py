"""Plain averages: what federated learning does when it trusts everyone."""

import numpy as np

from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
from fedsim.kernels import weighted_sum
from fedsim.kernels.rules.finite_rows import shows_finite


@aggregator("fedavg", screens=True)
def fedavg(updates: Array, counts: Integers) -> Aggregate:
    """Mean of the updates weighted by each client's number of examples.

    Formula:
        Σ mᵢ uᵢ / Σ mᵢ over the n rows uᵢ, with mᵢ the training examples behind row i: (n, d), (n,) -> (d,).
    Assumes:
        Every client is honest about its update and its count. ValueError when counts are negative or all
        zero.
    Breakdown:
        0: one row moves the result without bound.
    Cost:
        One pass over the matrix.
    Source:
        McMahan, Moore, Ramage, Hampson, Agüera y Arcas. Communication-Efficient Learning of Deep Networks
        from Decentralized Data. AISTATS 2017, algorithm 1.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("fedavg", rows, counts=[10, 10, 10, 10, 60]).round(2).tolist()
        [5.82]
    """
    amounts = np.asarray(counts, np.float64)
    if amounts.shape != (len(updates),):
        raise ValueError(f"fedavg needs one count for each of the {len(updates)} rows: got shape {amounts.shape}")
    if (amounts < 0).any() or not amounts.sum() > 0:
        raise ValueError("fedavg needs counts that are not negative, at least one of them positive")
    weights = amounts / amounts.sum()
    update = weighted_sum(weights, updates)
    return Aggregate(update, weights, finite=shows_finite(update, weights))


@aggregator("mean", screens=True)
def mean(updates: Array) -> Aggregate:
    """Plain mean of the updates: every client counts the same.

    Formula:
        (1/n) Σ uᵢ over the n rows uᵢ: (n, d) -> (d,).
    Assumes:
        Every client is honest.
    Breakdown:
        0: one row moves the result without bound.
    Cost:
        One pass over the matrix.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("mean", rows).round(2).tolist()
        [2.64]
    """
    weights = np.full(len(updates), 1 / len(updates))
    update = weighted_sum(weights, updates)
    return Aggregate(update, weights, finite=shows_finite(update, weights))
