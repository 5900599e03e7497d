"""All distances between n rows from one pass: the n × n matrix on which every distance rule lives.

‖a‖² + ‖b‖² − 2⟨a, b⟩ loses all digits when rows share a large common part, so rows are measured from one of
their own number, the centre, and each block's products are summed in float64. Rows that sit close together
but far from the centre (colluders, or the honest rows seen from an outlier) would lose their digits in the
same way: each such cluster is measured again around a centre of its own.
"""

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Array
from fedsim.kernels import products_about
from fedsim.kernels.ranks import sample_columns

Matrix = NDArray[np.float64]

CANCELLED = 1 / 8
"""A pair is measured again when its squared distance is below this share of its rows' squared norms."""

ENOUGH = 1024
"""Columns by which a central row is chosen; any row near the middle does."""


def squared_distances(rows: Array) -> Matrix:
    """(n, d) -> (n, n): ‖u_i − u_j‖² in float64, symmetric, zero on the diagonal."""
    return _among(rows, np.arange(len(rows)))


def _among(rows: Array, chosen: NDArray[np.intp]) -> Matrix:
    """Distances between the chosen rows, which stay where they are: a cluster may be nearly all of a large matrix."""
    products = products_about(rows, central_row(rows, chosen), chosen)
    square = products.diagonal()
    sums = square[:, None] + square[None, :]
    distances = np.maximum(sums - 2 * products, 0)
    np.fill_diagonal(distances, 0)
    for cluster in _clusters(distances < CANCELLED * sums):
        distances[np.ix_(cluster, cluster)] = _among(rows, chosen[cluster])
    return distances


def central_row(rows: Array, chosen: NDArray[np.intp] | None = None) -> int:
    """The one of the chosen rows whose median distance to the others is least, on a sample of the columns."""
    chosen = np.arange(len(rows)) if chosen is None else chosen
    columns = sample_columns(rows)
    sample = columns[chosen, :: max(columns.shape[1] // ENOUGH, 1)].astype(np.float64)
    sample -= sample[0]
    square = np.einsum("ij,ij->i", sample, sample)
    distances = square[:, None] + square[None, :] - 2 * (sample @ sample.T)
    return int(chosen[np.median(distances, axis=1).argmin()])


def _clusters(near: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Groups of two or more rows that are connected through near pairs."""
    label = np.arange(len(near))
    while True:
        spread = np.where(near, label[None, :], len(near)).min(axis=1)
        lower = np.minimum(label, spread)
        if (lower == label).all():
            break
        label = lower
    groups = (np.flatnonzero(label == first) for first in np.unique(label))
    return [group for group in groups if len(group) > 1]
