"""All distances between n rows from one pass: the n × n matrix on which every distance rule lives.

‖a‖² + ‖b‖² − 2⟨a, b⟩ loses all digits when rows share a large common part, so rows are measured from one of
their own number, the centre, and each block's products are summed in float64. Rows that sit close together
but far from the centre (colluders, or the honest rows seen from an outlier) would lose their digits in the
same way: each such cluster is measured again around a centre of its own.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels import longest_gaps, power_of_two, products_about
from fedsim.kernels.rules.ranks import sample_starts

Matrix = NDArray[np.float64]

CANCELLATION_SHARE = 1 / 8
"""A pair is measured again when its squared distance is below this share of its rows' squared norms."""

SAMPLE_RUNS = 16, 256
SAMPLE_COLUMNS = 256
"""Columns by which a central row is chosen; any row near the middle does."""

SQUARABLE = 1e-125, 1e125
"""Gaps between these are measured as they are."""
MOST_UNITS = 2.0**460
"""Gaps beyond so many units are as good as infinite."""


def squared_distances(rows: Array) -> Matrix:
    """(n, d) -> (n, n): ‖u_i − u_j‖² in float64, symmetric, zero on the diagonal.

    Where the rows' numbers are so large or small that float64 does not hold their squares, all are divided by one power
    of four that suits most of them; what is still beyond float64 is infinite.
    """
    return _among(rows, np.arange(len(rows)))[0]


def _among(rows: Array, chosen: NDArray[np.intp]) -> tuple[Matrix, float]:
    """Distances between the chosen rows, none of which is copied, and their unit."""
    matrix, unit, shrunk = products(rows, central_row(rows, chosen), chosen)
    square, far = matrix.diagonal(), shrunk < 1
    sums = square[:, None] + square[None, :]
    distances = np.maximum(sums - 2 * matrix, 0)
    distances[far | far[:, None]] = np.inf
    np.fill_diagonal(distances, 0)
    for cluster in [*_clusters(distances < CANCELLATION_SHARE * sums), *([np.flatnonzero(far)] if far.any() else [])]:
        inner, own = _among(rows, chosen[cluster])
        with np.errstate(over="ignore", under="ignore"):
            distances[np.ix_(cluster, cluster)] = inner if own == unit else inner * (own / unit) * (own / unit)
    return distances, unit


class Products(NamedTuple):
    """Products of rows about a row of their own, in a unit in which the rows near it can be squared."""

    matrix: Matrix  # (m, m): ⟨u_i − u_c, u_j − u_c⟩ / (units_i · units_j)
    unit: float  # that of most rows, a power of two; 1 unless the numbers are far from 1
    shrunk: NDArray[np.float64]  # (m,) unit / units_i, 1 but for rows so far away that their gap had to be shortened


def products(rows: Array, centre: int, chosen: NDArray[np.intp]) -> Products:
    """Products about a row, also of numbers whose squares are beyond what float64 holds.

    Then gaps are measured in a power of two that suits most of them, and those beyond any comparison with it are
    shortened to what is only just comparable, each in a unit of its own.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        matrix = products_about(rows, centre, chosen)
    if rows.dtype == np.float32 or _holds(matrix.diagonal()):
        return Products(matrix, 1.0, np.ones(len(chosen)))
    gaps = longest_gaps(rows, centre, chosen)
    usual = float(np.median(gaps[gaps > 0])) if gaps.any() else 0.0
    unit = 1.0 if SQUARABLE[0] < usual < SQUARABLE[1] else power_of_two(usual)
    units = np.array([unit if gap <= MOST_UNITS * unit else power_of_two(gap / MOST_UNITS) for gap in gaps])
    if (units != 1).any():
        matrix = products_about(rows, centre, chosen, units)
    return Products(matrix, unit, unit / units)


def _holds(square: NDArray[np.float64]) -> bool:
    """Whether float64 holds these squares: none beyond it, and most of them not so small that digits are lost."""
    return bool(np.isfinite(square).all() and (len(square) < 2 or np.median(square) > SQUARABLE[0] ** 2))  # noqa: PLR2004 - a row alone


def central_row(rows: Array, chosen: NDArray[np.intp] | None = None) -> int:
    """The one of the chosen rows whose median distance to the others is least, on a sample of the columns."""
    chosen = np.arange(len(rows)) if chosen is None else chosen
    columns = _sampled(rows.shape[1])
    # `take` is faster, but of a matrix that is part of a wider one it would first copy all.
    thinned = rows.take(columns, axis=1) if rows.flags.c_contiguous else rows[:, columns]
    sample = np.array(thinned if len(chosen) == len(rows) else thinned[chosen], np.float64, order="C")
    if rows.dtype == np.float64:
        sample = _comparable(sample)
    sample = sample - sample[0]  # in place it would first copy what it takes away
    square = np.einsum("ij,ij->i", sample, sample)
    distances = square[:, None] + square[None, :] - 2 * (sample @ sample.T)
    distances.sort(axis=1)
    n = len(chosen)
    return int(chosen[(distances[:, (n - 1) // 2] + distances[:, n // 2]).argmin()])


@lru_cache(maxsize=64)
def _sampled(columns: int) -> NDArray[np.intp]:
    """Every so many of all columns of a narrow matrix, or of evenly spread runs of a wide one."""
    runs, length = SAMPLE_RUNS
    if columns <= runs * length:
        return np.arange(0, columns, max(columns // SAMPLE_COLUMNS, 1))
    starts = np.array(sample_starts(columns, runs, length))
    every: NDArray[np.intp] = np.add.outer(starts, np.arange(0, length, runs * length // SAMPLE_COLUMNS)).reshape(-1)
    return every


def _comparable(sample: Matrix) -> Matrix:
    """Rows whose squares float64 does not hold, measured from the middle in a unit that suits most, far ones cut."""
    sizes = np.abs(sample).max(axis=1, initial=0)
    if sizes.max() < SQUARABLE[1] and (np.median(sizes) > SQUARABLE[0] or not sizes.any()):
        return sample
    middle = np.sort(sample, axis=0)[(len(sample) - 1) // 2]
    with np.errstate(over="ignore"):
        gaps = sample - middle
        unit = power_of_two(float(np.median(np.abs(gaps).max(axis=1, initial=0))))
        return np.asarray(np.clip(gaps / unit, -SQUARABLE[1], SQUARABLE[1]))


def _clusters(near: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Groups of two or more rows that are connected through near pairs."""
    if np.count_nonzero(near) == np.count_nonzero(near.diagonal()):  # no row to another
        return []
    label = np.arange(len(near))
    while True:
        spread = np.where(near, label[None, :], len(near)).min(axis=1)
        lower = np.minimum(label, spread)
        if (lower == label).all():
            break
        label = lower
    groups = (np.flatnonzero(label == first) for first in np.unique(label))
    return [group for group in groups if len(group) > 1]
