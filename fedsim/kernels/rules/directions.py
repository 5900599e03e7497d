"""Directions of rows seen from zero: their products and cosines, also of numbers whose squares nothing holds."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels.rules.blocks import column_blocks
from fedsim.kernels.rules.measures import distances_to, power_of_two, products_from

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Indices = NDArray[np.intp]

PLAIN = 1e-15, 1e15
"""Lengths between these can be multiplied in single precision."""
SQUARABLE = 1e-250, 1e300
"""Squares between these have all their digits."""


class Directions(NamedTuple):
    """Products of rows, each in a unit of its own in which it can be squared."""

    products: Matrix  # (n, n): ⟨u_i, u_j⟩ / (units_i · units_j)
    units: Vector  # (n,) powers of two, 1 unless the numbers are far from 1

    @property
    def lengths(self) -> Vector:
        """(n,) ‖u_i‖, infinite where float64 does not hold it."""
        with np.errstate(over="ignore"):
            return np.asarray(np.sqrt(self.products.diagonal()) * self.units)

    def cosines(self) -> Matrix:
        """(n, n) cosines of the angles between rows, 1 on the diagonal; a row of zeros has cosine 0 with any other."""
        return cosines(self.products)


def cosines(products: Matrix) -> Matrix:
    """(n, n) products -> (n, n) cosines; 1 on the diagonal, and 0 between a row of zeros and any other."""
    lengths = np.sqrt(products.diagonal())
    lengths = np.where(lengths > 0, lengths, 1)
    found = np.clip(products / lengths / lengths[:, None], -1, 1)
    np.fill_diagonal(found, 1)
    return np.asarray(found)


def directions(rows: Array, chosen: Indices | None = None) -> Directions:
    """The products of all rows, or of the chosen ones, from one pass."""
    zero = np.zeros(rows.shape[1], rows.dtype)
    chosen = np.arange(len(rows)) if chosen is None else chosen
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        products = products_from(zero, rows, chosen)
    if rows.dtype == np.float32 or _squarable(products.diagonal()):
        return Directions(products, np.ones(len(chosen)))
    units = row_units(rows)[chosen]
    return Directions(products_from(zero, rows, chosen, units), units)


def row_units(rows: Array) -> Vector:
    """(n,) the power of two at or below each row's greatest number; 1 for float32, whose squares float64 holds."""
    if rows.dtype == np.float32:
        return np.ones(len(rows))
    sizes = np.zeros(len(rows))
    for block in column_blocks(*rows.shape):
        np.maximum(sizes, np.abs(rows[:, block]).max(axis=1), out=sizes)
    return np.array([power_of_two(float(size)) for size in sizes])


def cosines_to(point: Array, rows: Array) -> tuple[Vector, Vector, float]:
    """(d,), (n, d) -> (n,) cosines with the point, 0 for zeros, (n,) lengths of the rows and that of the point."""
    zero = np.zeros_like(point)
    lengths, length = distances_to(zero, rows), float(distances_to(zero, point[None])[0])
    sizes = np.append(lengths, length)
    if sizes[sizes > 0].min(initial=1) > PLAIN[0] and sizes.max() < PLAIN[1]:
        along = sum((rows[:, block] @ point[block]).astype(np.float64) for block in column_blocks(*rows.shape))
        return _cosines(along, lengths, length), lengths, length
    units, unit = row_units(rows), float(row_units(point[None])[0])
    along = np.zeros(len(rows))
    for block in column_blocks(*rows.shape):
        along += (rows[:, block] / units[:, None]) @ (point[block].astype(np.float64) / unit)
    return _cosines(along, lengths / units, length / unit), lengths, length


def _cosines(along: Any, lengths: Vector, length: float) -> Vector:
    return np.asarray(np.clip(along / np.where(lengths > 0, lengths, 1) / (length or 1.0), -1, 1))


def _squarable(square: Vector) -> bool:
    """Whether every square is zero or has all its digits."""
    some = square != 0
    return bool((~some | ((square > SQUARABLE[0]) & (square < SQUARABLE[1]))).all())
