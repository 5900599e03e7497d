"""Many weighted sums of the same float32 rows, made side by side by a compiled kernel."""

from functools import lru_cache

import numpy as np

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.rules.mixtures_source import STRIP, mixtures

DENSE_SHARE = 0.5
"""Share of weights that are not zero from which it costs less to multiply by the zeros too than to look for them."""


def dense(weights: Array, rows: Array) -> bool:
    """Whether sums are made side by side; the matrices alone decide."""
    filled = np.count_nonzero(weights) >= DENSE_SHARE * weights.size
    return bool(filled) and llvm.readable(rows) and rows.shape[1] >= STRIP


def mixed(weights: Array, rows: Array) -> Array:
    """(m, n), (n, d) -> (m, d) of finite rows: terms are added in order, those of weight zero too."""
    factors, (m, n) = np.ascontiguousarray(weights, np.float32), weights.shape
    out, stride = np.empty((m, rows.shape[1]), np.float32), rows.strides[0] // rows.itemsize
    _kernel()(llvm.at(rows), stride, llvm.at(factors), m, n, out.shape[1], llvm.at(out), out.shape[1])
    return out


@lru_cache(maxsize=1)
def _kernel() -> llvm.Function:
    pointer, integer = llvm.POINTER, llvm.INTEGER
    arguments = [pointer, integer, pointer, integer, integer, integer, pointer, integer]
    return llvm.compiled(mixtures(_width()), arguments)


def _width() -> int:
    """Columns of a tile: what fits the registers, which are 32 of 16 numbers or 16 of 8."""
    return 64 if llvm.features().get("avx512f") else 16
