"""Order-statistic kernels, compiled once they repay it: the same bits as numpy's sort, whichever runs when."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.rules.ranks_source import GROUP, interpreted, unrolled
from fedsim.kernels.rules.sorting_network import halvings, selection
from fedsim.kernels.rules.survival_source import surviving

Counting = Callable[[Array, Array], tuple[bool, NDArray[np.float64]]]
"""The same, and how many ranks each row held in these columns together."""
Kernel = Callable[[Array, Array], bool]
"""Fills `out` from as many columns; False if a number of the rows or an answer is not finite."""

TALLEST = 1024
"""Beyond this height numpy's sort does fewer steps than a network."""
REGISTERS = 64
"""Beyond this height a network written out takes longer to compile than it can be hoped to repay."""
VECTOR_BYTES = 256
"""Width of an interpreted vector: enough to amortise the reading of a pair, few enough for the scratch to stay near."""

# Nanoseconds for each number of the matrix that a path saves over the next slower one, and what the last costs once.
INTERPRETED_SAVES, UNROLLED_SAVES = 2.5, 0.2
COUNTING_SAVES, COUNTED_ROW = 10.0, 3e5
INTERPRETER, WRITTEN_OUT, WRITTEN_EXCHANGE = 1e7, 4e6, 8e4


def kernel(n: int, first: int, last: int, dtype: np.dtype[Any], columns: int) -> tuple[Kernel, int] | None:
    """The fastest kernel that the work so far repays and its vector's length, or None while numpy is good enough."""
    if n > TALLEST or not llvm.repaid(("ranks", dtype), INTERPRETED_SAVES * n * columns, INTERPRETER):
        return None
    if n <= REGISTERS:
        cost = WRITTEN_OUT + WRITTEN_EXCHANGE * len(selection(n, first, last))
        if llvm.repaid(("ranks", dtype, n, first, last), UNROLLED_SAVES * n * columns, cost):
            return unrolled_kernel(n, first, last, dtype)
    return interpreted_kernel(n, first, last, dtype)


@cache
def unrolled_kernel(n: int, first: int, last: int, dtype: np.dtype[Any]) -> tuple[Kernel, int]:
    """The kernel for one height and span of ranks."""
    width = _register(dtype)
    number = _number(dtype)
    arguments = [llvm.POINTER, llvm.INTEGER, llvm.POINTER, llvm.INTEGER, number]
    function = llvm.compiled(unrolled(n, first, last, _lanes(dtype, width)), arguments, number)

    def run(rows: Array, out: Array) -> bool:
        stride = rows.strides[0] // rows.itemsize
        return bool(function(llvm.at(rows), stride, llvm.at(out), len(out), last - first) == 0)

    return run, width


def surviving_kernel(n: int, first: int, last: int, dtype: np.dtype[Any], columns: int) -> tuple[Counting, int] | None:
    """The kernel that also counts survivors, and its vector's length; None while numpy is good enough, or too tall."""
    if n > REGISTERS:
        return None
    cost = WRITTEN_OUT + COUNTED_ROW * n + WRITTEN_EXCHANGE * len(selection(n, first, last))
    if not llvm.repaid(("survival", dtype, n, first, last), COUNTING_SAVES * n * columns, cost):
        return None
    return _surviving(n, first, last, dtype)


@cache
def _surviving(n: int, first: int, last: int, dtype: np.dtype[Any]) -> tuple[Counting, int]:
    width, number = _register(dtype), _number(dtype)
    arguments = [llvm.POINTER, llvm.INTEGER, llvm.POINTER, llvm.INTEGER, number, llvm.POINTER, llvm.POINTER]
    function = llvm.compiled(surviving(n, first, last, _lanes(dtype, width)), arguments, number)

    def run(rows: Array, out: Array) -> tuple[bool, NDArray[np.float64]]:
        counts, shares = np.zeros(n, np.int64), np.zeros((n, width))
        stride = rows.strides[0] // rows.itemsize
        span = (llvm.at(rows), stride, llvm.at(out), len(out), last - first)
        fit = function(*span, llvm.at(counts), llvm.at(shares)) == 0
        return bool(fit), counts + shares.sum(axis=1)

    return run, width


@cache
def interpreted_kernel(n: int, first: int, last: int, dtype: np.dtype[Any]) -> tuple[Kernel, int]:
    """The kernel for every height, bound to the network of one."""
    function = _interpreter(dtype)
    network = _offsets([(low, high) for low, high, _, _ in selection(n, first, last, GROUP)])
    sums = _offsets(halvings(first, last))

    padded = n + -n % GROUP

    def run(rows: Array, out: Array) -> bool:
        memory = np.full((padded * VECTOR_BYTES + 64) // dtype.itemsize, np.inf, dtype)
        scratch = llvm.at(memory) + -llvm.at(memory) % 64
        stride = rows.strides[0] // rows.itemsize
        shape = (llvm.at(rows), stride, llvm.at(out), len(out), last - first, n, padded)
        walks = (llvm.at(network), len(network), llvm.at(sums), len(sums))
        return bool(function(*shape, *walks, scratch + VECTOR_BYTES * first, scratch) == 0)

    return run, VECTOR_BYTES // dtype.itemsize


@cache
def _interpreter(dtype: np.dtype[Any]) -> llvm.Function:
    pointer, integer, number = llvm.POINTER, llvm.INTEGER, _number(dtype)
    shape = [pointer, integer, pointer, integer, number, integer, integer]
    walks = [pointer, integer, pointer, integer]
    source = interpreted(_lanes(dtype, VECTOR_BYTES // dtype.itemsize), _lanes(dtype, _register(dtype)))
    return llvm.compiled(source, [*shape, *walks, pointer, pointer], number)


def _offsets(pairs: list[tuple[int, int]]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return VECTOR_BYTES * np.array(pairs, np.uint32).reshape(-1, 2)


def _lanes(dtype: np.dtype[Any], width: int) -> llvm.Lanes:
    return llvm.Lanes("float" if dtype == np.float32 else "double", width)


def _register(dtype: np.dtype[Any]) -> int:
    """Numbers in a register of this processor; the bits do not depend on it."""
    return (64 if llvm.features().get("avx512f") else 32) // dtype.itemsize


def _number(dtype: np.dtype[Any]) -> Any:
    return ctypes.c_float if dtype == np.float32 else ctypes.c_double
