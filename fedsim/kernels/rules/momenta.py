"""Steps of momenta in float32, by numpy in parts that stay in the cache or by a kernel that gives the same bits."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.kernels import llvm
from fedsim.kernels.rules.momenta_source import stepping

PART = 2**16
"""Numbers that numpy works on at a time."""
SAVES, COST = 0.5, 5e6
"""Nanoseconds that the kernel saves a number, and what compiling it takes."""


class Factors(NamedTuple):
    """Of a step: after = β·before + share·row, then row = rate·after."""

    share: float
    beta: float
    rate: float


def step(row: Array, before: Array | None, after: Array, by: Factors) -> None:
    """One step of (d,) numbers; nothing before is zeros, and may be after itself."""
    arrays = [row, after] if before is None else [row, before, after]
    plain = all(array.dtype == np.float32 and array.flags.c_contiguous for array in arrays)
    if before is not None and plain and repaid(row.size):
        place, old, new = (np.array([llvm.at(array)]) for array in arrays)
        step_all(place, old, new, row.size, by)
        return
    for begin in range(0, row.size, PART):
        part = slice(begin, begin + PART)
        _step(row[part], None if before is None else before[part], after[part], *by)


def repaid(numbers: int) -> bool:
    """Whether steps of so many numbers more are left to the kernel."""
    return llvm.repaid("momenta", SAVES * numbers, COST)


def step_all(rows: Integers, befores: Integers, afters: Integers, size: int, by: Factors) -> None:
    """As many steps by the kernel, given where the float32 numbers of each lie in memory."""
    _kernel()(llvm.at(rows), llvm.at(befores), llvm.at(afters), len(rows), size, *by)


def _step(row: Array, before: Array | None, after: Array, share: float, beta: float, rate: float) -> None:
    if share != 1:
        row *= np.float32(share)
    if before is None:
        np.add(row, np.float32(0), out=after)
    else:
        np.multiply(before, np.float32(beta), out=after)
        np.add(after, row, out=after)
    np.multiply(after, np.float32(rate), out=row)


@lru_cache(maxsize=1)
def _kernel() -> llvm.Function:
    pointer, number = llvm.POINTER, llvm.NUMBER
    return llvm.compiled(stepping(), [*[pointer] * 3, llvm.INTEGER, llvm.INTEGER, number, number, number])
