"""How much the outputs of n models tell about each other."""

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice

EPSILON = 1e-10
BUDGET = 2**20
"""Numbers an intermediate array may hold; examples are taken a few at a time."""


def mean_information(logits: Array, n: int) -> NDArray[np.float64]:
    """(n, r, C) -> (n,): mean mutual information of each model with the others; NaN where logits are not finite."""
    _check(logits, n)
    finite = np.isfinite(logits).all(axis=(1, 2))
    if finite.sum() < 2:  # noqa: PLR2004 - information is between two
        raise RowsDoNotSuffice(f"root_logits are finite for {finite.sum()} of {n} clients: at least 2 are needed")
    shared = _pairwise(logits[finite])
    scores = np.full(n, np.nan)
    scores[finite] = (shared.sum(axis=1) - shared.diagonal()) / (len(shared) - 1)
    return scores


def _check(logits: Array, n: int) -> None:
    shape = np.shape(logits)
    if len(shape) != 3 or shape[0] != n or shape[1] < 1 or shape[2] < 2:  # noqa: PLR2004 - (n, r, C)
        raise ValueError(f"root_logits must be (n, r ≥ 1, classes ≥ 2) with n = {n}: got shape {shape}")


def _pairwise(logits: Array) -> NDArray[np.float64]:
    """(n, r, C) -> (n, n): the mean over examples of −½ log(1 − ρ² + ε)."""
    n, examples, classes = logits.shape
    some = max(BUDGET // (n * max(n, classes)), 1)
    total = np.zeros((n, n))
    for start in range(0, examples, some):
        outputs = _standardised(logits[:, start : start + some].transpose(1, 0, 2))
        correlation = np.clip(outputs @ outputs.transpose(0, 2, 1) / classes, -1, 1)
        total += -0.5 * np.log(1 - correlation**2 + EPSILON).sum(axis=0)
    return np.asarray(total / examples)


def _standardised(outputs: Array) -> NDArray[np.float64]:
    exact = outputs.astype(np.float64)
    exact -= exact.mean(axis=2, keepdims=True)
    exact /= exact.std(axis=2, ddof=1, keepdims=True) + EPSILON
    return exact
