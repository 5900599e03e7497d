"""Mean, deviation and products of the honest rows: float64 arithmetic, one block of columns at a time."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array

NUMBERS = 100_000  # in a block, so that its float64 copy stays in the cache

Vector = NDArray[np.float64]


def honest_mean(honest: Array) -> Array:
    """The (d,) mean of the rows, in their dtype."""
    mean = np.empty(honest.shape[1], honest.dtype)
    for columns in _blocks(honest):
        mean[columns] = honest[:, columns].astype(np.float64).mean(axis=0)
    return mean


def shifted_mean(honest: Array, z: float) -> Array:
    """The (d,) vector μ − z·σ, σ with h − 1 in its denominator and zero where there is one row."""
    mean, deviation = mean_and_deviation(honest)
    return np.asarray(mean - z * deviation, honest.dtype)


def mean_and_deviation(honest: Array) -> tuple[Vector, Vector]:
    """The (d,) vectors μ and σ, the latter with h − 1 in its denominator and zero where there is one row."""
    means, deviations = np.empty(honest.shape[1]), np.empty(honest.shape[1])
    for columns in _blocks(honest):
        block = honest[:, columns].astype(np.float64)
        mean = block.mean(axis=0)
        block -= mean
        means[columns] = mean
        deviations[columns] = np.sqrt(np.einsum("hd,hd->d", block, block) / max(len(block) - 1, 1))
    return means, deviations


def about(point: Array, direction: Array, rows: Array) -> tuple[Vector, Vector]:
    """(d,), (d,), (n, d) -> (n,) ‖u_i − point‖² and (n,) ⟨u_i − point, direction⟩."""
    squares, along = np.zeros(len(rows)), np.zeros(len(rows))
    for columns in _blocks(rows):
        block = rows[:, columns].astype(np.float64) - point[columns]
        squares += np.einsum("nd,nd->n", block, block)
        along += block @ np.asarray(direction[columns], np.float64)
    return squares, along


def repeated(row: Array, count: int, honest: Array) -> Array:
    """(d,) -> (count, d): the same row for every attacker, in the dtype of the honest rows."""
    return np.repeat(row[np.newaxis].astype(honest.dtype), count, axis=0)


def _blocks(rows: Array) -> Iterator[slice]:
    width = NUMBERS // len(rows) + 1
    return (slice(start, start + width) for start in range(0, rows.shape[1], width))
