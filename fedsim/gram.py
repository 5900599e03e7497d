"""All distances between n rows from one pass: the n × n matrix on which every distance rule lives.

‖a‖² + ‖b‖² − 2⟨a, b⟩ loses all digits when rows share a large common part, so rows are measured from one of
their own number, the centre, and each block's products are summed in float64. Rows that sit close together
but far from the centre (colluders, or the honest rows seen from an outlier) would lose their digits in the
same way: each such cluster is measured again around a centre of its own.
"""

import numpy as np
from numpy.typing import NDArray

from fedsim.arrays import Array
from fedsim.kernels.blocks import column_blocks
from fedsim.kernels.ranks import sample_columns
from fedsim.kernels.sums import float32_holds

Matrix = NDArray[np.float64]

CANCELLED = 1 / 16
"""A pair is measured again when its squared distance is below this share of its rows' squared norms."""

FEW_COLUMNS = 2**16
"""Up to this many columns products are formed in float64: too few blocks for their roundings to average out."""


def squared_distances(rows: Array) -> Matrix:
    """(n, d) -> (n, n): ‖u_i − u_j‖² in float64, symmetric, zero on the diagonal."""
    products = products_about(rows, central_row(rows))
    square = products.diagonal()
    sums = square[:, None] + square[None, :]
    distances = np.maximum(sums - 2 * products, 0)
    np.fill_diagonal(distances, 0)
    for cluster in _clusters(distances < CANCELLED * sums):
        distances[np.ix_(cluster, cluster)] = squared_distances(rows[cluster])
    return distances


def central_row(rows: Array) -> int:
    """The row whose median distance to the others is least, judged on a sample of the columns."""
    sample = sample_columns(rows).astype(np.float64)
    sample -= sample[0]
    square = np.einsum("ij,ij->i", sample, sample)
    distances = square[:, None] + square[None, :] - 2 * (sample @ sample.T)
    return int(np.median(distances, axis=1).argmin())


def products_about(rows: Array, centre: int) -> Matrix:
    """(n, d) -> (n, n): ⟨u_i − u_c, u_j − u_c⟩; in float64 where float32 cannot hold the squares."""
    if rows.shape[1] <= FEW_COLUMNS:
        return _blocked(rows, rows[centre], np.dtype(np.float64))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        products = _blocked(rows, rows[centre], rows.dtype)
    if rows.dtype == np.float32 and not float32_holds(products.diagonal()):
        return _blocked(rows, rows[centre], np.dtype(np.float64))
    return products


def _blocked(rows: Array, centre: Array, dtype: np.dtype[np.floating]) -> Matrix:
    products = np.zeros((len(rows), len(rows)))
    for block in column_blocks(*rows.shape):
        gap = rows[:, block].astype(dtype, copy=False) - centre[block].astype(dtype, copy=False)
        products += gap @ gap.T
    return products


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
