"""Matrices on which rules slip: odd and even heights, ties, duplicates, huge rows."""

import numpy as np


def plain(n: int, d: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def tied(n: int, d: int = 7, seed: int = 0) -> np.ndarray:
    """Small integers: many equal values in a column, some equal distances."""
    return np.random.default_rng(seed).integers(-1, 2, (n, d)).astype(float)


def doubled(n: int, d: int = 7, seed: int = 0) -> np.ndarray:
    """Every second row repeats the one before it."""
    rows = plain(n, d, seed)
    rows[1::2] = rows[: n - n % 2 : 2]
    return rows


def outlying(n: int, d: int = 7, seed: int = 0) -> np.ndarray:
    """Two rows are very far away."""
    rows = plain(n, d, seed) + 3
    rows[:2] *= 1e4
    return rows


KINDS = [plain, tied, doubled, outlying]
