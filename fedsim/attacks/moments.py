"""Mean and deviation of the honest rows: float64 arithmetic, one block of columns at a time."""

from collections.abc import Iterator

import numpy as np

from fedsim.array_types import Array

NUMBERS = 100_000  # in a block, so that its float64 copy stays in the cache


def honest_mean(honest: Array) -> Array:
    """The (d,) mean of the rows, in their dtype."""
    mean = np.empty(honest.shape[1], honest.dtype)
    for columns in _blocks(honest):
        mean[columns] = honest[:, columns].astype(np.float64).mean(axis=0)
    return mean


def shifted_mean(honest: Array, z: float) -> Array:
    """The (d,) vector μ − z·σ, σ with h − 1 in its denominator and zero where there is one row."""
    shifted = np.empty(honest.shape[1], honest.dtype)
    for columns in _blocks(honest):
        block = honest[:, columns].astype(np.float64)
        mean = block.mean(axis=0)
        block -= mean
        variance = np.einsum("hd,hd->d", block, block) / max(len(block) - 1, 1)
        shifted[columns] = mean - z * np.sqrt(variance)
    return shifted


def _blocks(rows: Array) -> Iterator[slice]:
    width = NUMBERS // len(rows) + 1
    return (slice(start, start + width) for start in range(0, rows.shape[1], width))
