"""What other packages compute under a name where no setting of fedsim's gives it, as plain formulas in float64."""

import numpy as np

from fedsim.array_types import Array


def lower_median(rows: Array) -> Array:
    """(n, d) -> (d,): of an even number of values the lower of the two in the middle."""
    return np.asarray(np.sort(rows, axis=0)[(len(rows) - 1) // 2])


def mean_of_nearest(rows: Array, centre: Array, kept: int) -> Array:
    """(n, d), (d,) -> (d,): in each coordinate the mean of the values nearest to that of the centre."""
    nearest = np.argsort(np.abs(rows - centre), axis=0, kind="stable")[:kept]
    return np.asarray(np.take_along_axis(rows, nearest, axis=0).mean(axis=0))


def filtered_mean(rows: Array, f: int) -> Array:
    """CAF with τ_max the greatest of all rows, of those without weight as well."""
    weights, least, best = np.ones(len(rows)), np.inf, rows.mean(axis=0)
    while weights.sum() > len(rows) - 2 * f:
        mean = weights @ rows / weights.sum()
        away = rows - mean
        values, vectors = np.linalg.eigh((away.T * weights) @ away / weights.sum())
        if values[-1] < least:
            least, best = values[-1], mean
        squares = (away @ vectors[:, -1]) ** 2
        weights = weights * (1 - squares / squares.max())
    return np.asarray(best)


def trimmed_averages(rows: Array, f: int) -> Array:
    """Bulyan: n − 2f − 2 averages of Multi-Krum, each time without the row nearest to the average; trimmed mean."""
    distances = ((rows[:, None] - rows[None]) ** 2).sum(axis=-1)
    remaining, averages = list(range(len(rows))), []
    for kept in range(len(rows) - f - 2, f, -1):
        others = np.sort(distances[np.ix_(remaining, remaining)], axis=1)[:, 1 : kept + 1]
        best = [remaining[place] for place in np.argsort(others.sum(axis=1), kind="stable")[:kept]]
        averages.append(rows[best].mean(axis=0))
        remaining.remove(min(best, key=lambda row: float(np.linalg.norm(rows[row] - averages[-1]))))
    return np.asarray(np.sort(averages, axis=0)[f : len(averages) - f].mean(axis=0))


def distances_in_own_units(rows: Array) -> Array:
    """(n, d) -> (n, n): squared distances of block floats, each in the unit of the finer of its two rows.

    A row is whole numbers of 16 bits times its unit, 2^(⌈log₂ of its greatest number⌉ − 15).
    """
    units = np.exp2(np.ceil(np.log2(np.abs(rows).max(axis=1))) - 15)
    whole = np.sign(rows) * np.floor(np.minimum(np.abs(rows) / units[:, None], 32767) + 0.5)
    values = whole * units[:, None]
    squares = ((values[:, None] - values[None]) ** 2).sum(axis=-1)
    return np.asarray(squares / np.minimum(units[:, None], units[None]) ** 2)
