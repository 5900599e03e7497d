"""Order statistics over the rows, one answer for each column.

Rows must be finite or infinite, not NaN. Every path through this module gives the same bits: sums are formed by halves
from the sorted values in the rows' own precision, and a zero is always +0.0, since a sort may leave -0.0 and +0.0 in
either order.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.rules.blocks import column_blocks
from fedsim.kernels.rules.ranks_compiled import REGISTERS, Counting, kernel, surviving_kernel
from fedsim.kernels.rules.sorting_network import halvings
from fedsim.kernels.rules.survival_source import ROUNDING

SAMPLE_NUMBERS, SAMPLE_LENGTH, FEWEST_RUNS = 2**19, 64, 64
"""Survival is counted on about so many numbers, in runs of so many columns and at least so many runs."""
EXACT_ROWS = REGISTERS
"""Up to so many rows survival is counted in every column."""
EXACT_COLUMNS = 2**20
"""Shares of so many columns sum without rounding."""
SURVIVAL_COLUMNS = 4096
"""Columns at a time: what is compared stays in the cache."""


def mean_of_ranks(rows: Array, first: int, last: int) -> Array:
    """(n, d) -> (d,): in each column, the mean of the sorted values of ranks first … last − 1."""
    return mean_of_ranks_screened(rows, first, last)[0]


def mean_of_ranks_screened(rows: Array, first: int, last: int) -> tuple[Array, bool]:
    """The same, and whether it saw that all numbers of the rows are finite; where a sum overflowed it cannot tell."""
    update = np.empty(rows.shape[1], rows.dtype)
    done, fit = _by_kernel(rows, first, last, update)
    fit &= by_sorting(rows[:, done:], first, last, update[done:])
    if not fit:
        _rescue(rows, first, last, update)
    return update, fit


def _by_kernel(rows: Array, first: int, last: int, update: Array) -> tuple[int, bool]:
    """Fill as many columns as a compiled kernel handles: how many, and whether all rows and answers are finite."""
    found = kernel(len(rows), first, last, rows.dtype, rows.shape[1]) if llvm.readable(rows) else None
    if found is None:
        return 0, True
    run, lanes = found
    whole = rows.shape[1] - rows.shape[1] % lanes
    return whole, whole == 0 or run(rows, update[:whole])


def by_sorting(rows: Array, first: int, last: int, update: Array) -> bool:
    """Fill `update` with numpy's sort; False if a number of the rows or an answer is not finite."""
    fit = True
    for block in column_blocks(*rows.shape):
        ranks = np.sort(rows[:, block], axis=0)
        fit &= bool(np.isfinite(ranks[0]).all() and np.isfinite(ranks[-1]).all())  # infinities and NaN come last
        with np.errstate(over="ignore", invalid="ignore"):
            for into, addend in halvings(first, last):
                ranks[into] += ranks[addend]
        update[block] = ranks[first] / rows.dtype.type(last - first) + rows.dtype.type(0)
        fit &= bool(np.isfinite(update[block]).all())
    return fit


def _rescue(rows: Array, first: int, last: int, update: Array) -> None:
    """Sums that overflowed once more, of values divided by their number beforehand."""
    for block in column_blocks(*rows.shape):
        unfit = block.start + np.flatnonzero(~np.isfinite(update[block]))
        ranks = np.sort(rows[:, unfit], axis=0)[first:last]
        update[unfit] = (ranks / rows.dtype.type(last - first)).sum(axis=0)


def surviving_mean(rows: Array, first: int, last: int) -> tuple[Array, NDArray[np.float64], bool]:
    """(n, d) -> (d,), (n,): `mean_of_ranks` and `survival` of the same ranks, in one pass where they are compiled.

    And whether it saw that all numbers of the rows are finite, without which the weights mean nothing.
    """
    n, d = rows.shape
    found = surviving_kernel(n, first, last, rows.dtype, d) if llvm.readable(rows) and n <= EXACT_ROWS else None
    if found is None:
        update, fit = mean_of_ranks_screened(rows, first, last)
        return update, survival(rows, first, last), fit
    run, lanes = found
    update, held, fit = np.empty(d, rows.dtype), np.zeros(n), True
    for start in range(0, d, EXACT_COLUMNS):
        part, into = rows[:, start : start + EXACT_COLUMNS], update[start : start + EXACT_COLUMNS]
        whole = len(into) - len(into) % lanes
        sound, counted = run(part[:, :whole], into[:whole]) if whole else (True, np.zeros(n))
        held += counted
        if whole < len(into):
            rest, counted = _last_columns(run, part[:, whole:], into[whole:], lanes)
            counted[first:last] -= lanes - (len(into) - whole)
            sound, held = sound & rest, held + counted
        fit &= sound
    if not fit:
        _rescue(rows, first, last, update)
    return update, held / max(held.sum(), 1.0), fit


def _last_columns(run: Counting, rows: Array, into: Array, lanes: int) -> tuple[bool, NDArray[np.float64]]:
    """What the kernel says of fewer columns than a vector has, filled up with columns in which row i holds rank i."""
    n, d = rows.shape
    workspace, out = np.empty((n, lanes), rows.dtype), np.empty(lanes, rows.dtype)
    workspace[:, :d], workspace[:, d:] = rows, np.arange(n)[:, None]
    fit, held = run(workspace, out)
    into[:] = out[:d]
    return fit, held


def survival(rows: Array, first: int, last: int) -> NDArray[np.float64]:
    """(n,) mean share of each row in ranks first … last − 1, summing to 1; rows that tie share their ranks equally.

    Exact for up to 64 rows, and for more of them up to half a million numbers or 4,096 columns; beyond, counted on as
    many, in runs of 64 columns spread evenly over all layers, the same in every call.
    """
    sample = rows
    if len(rows) > EXACT_ROWS:
        sample = sample_columns(rows, max(SAMPLE_NUMBERS // (SAMPLE_LENGTH * len(rows)), FEWEST_RUNS), SAMPLE_LENGTH)
    held = np.zeros(len(rows))
    for start in range(0, sample.shape[1], EXACT_COLUMNS):
        part = sample[:, start : start + EXACT_COLUMNS]
        blocks = range(0, part.shape[1], SURVIVAL_COLUMNS)
        held += sum(_ranks_held(part[:, begin : begin + SURVIVAL_COLUMNS], first, last) for begin in blocks)
    return np.asarray(held / max(held.sum(), 1.0))


def _ranks_held(sample: Array, first: int, last: int) -> NDArray[np.float64]:
    """(n,) ranks first … last − 1 that each row holds in these columns together."""
    lowest, highest = (mean_of_ranks(sample, rank, rank + 1) for rank in (first, last - 1))
    kept = (sample >= lowest) & (sample <= highest)
    tied = np.flatnonzero(np.count_nonzero(kept, axis=0) != last - first)
    places = np.count_nonzero(kept, axis=1) - np.count_nonzero(kept[:, tied], axis=1)
    shared = _shared_ranks(sample[:, tied], lowest[tied], highest[tied], first, last)
    return np.asarray(places + shared)


def _shared_ranks(sample: Array, lowest: Array, highest: Array, first: int, last: int) -> NDArray[np.float64]:
    """(n,) ranks that each row holds in columns where more rows than ranks lie between the bounds."""
    share = ((sample > lowest) & (sample < highest)).astype(np.float64)
    for bound in (lowest, highest):
        less, equal = (sample < bound).sum(axis=0), sample == bound
        held = np.minimum(less + equal.sum(axis=0), last) - np.maximum(less, first)
        share = np.where(equal, held / np.maximum(equal.sum(axis=0), 1), share)
    return np.asarray(((share + ROUNDING) - ROUNDING).sum(axis=1))  # exact, in whatever order it is summed


def sample_columns(rows: Array, runs: int, length: int) -> Array:
    """All columns of a narrow matrix, or evenly spread runs of a wide one."""
    d = rows.shape[1]
    if d <= runs * length:
        return rows
    return np.concatenate([rows[:, start : start + length] for start in sample_starts(d, runs, length)], axis=1)


@lru_cache(maxsize=64)
def sample_starts(columns: int, runs: int, length: int) -> list[int]:
    """Where evenly spread runs of so many columns begin."""
    starts: list[int] = np.linspace(0, columns - length, runs).astype(np.int64).tolist()
    return starts
