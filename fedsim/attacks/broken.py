"""Constant rows: what a broken client sends."""

import numpy as np

from fedsim.array_types import Array
from fedsim.attacks.contract import attack


@attack("zero")
def zero(count: int, parameters: Array) -> Array:
    """Send an update of zeros: a client that did not train.

    Formula:
        row_i = 0, (d,)
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("zero", honest, count=1).tolist()
        [[0.0, 0.0]]
    """
    return np.zeros((count, len(parameters)), parameters.dtype)


@attack("nan", breaks={"finite": "NaN is what it sends"})
def nan(count: int, parameters: Array) -> Array:
    """Send NaN in every coordinate: a client whose training diverged.

    Formula:
        row_i = NaN, (d,)
    Breakdown:
        One such row turns any mean into NaN; the server sets rows that are not finite aside.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("nan", honest, count=1).tolist()
        [[nan, nan]]
    """
    return np.full((count, len(parameters)), np.nan, parameters.dtype)


@attack("inf", breaks={"finite": "infinity is what it sends"})
def inf(count: int, parameters: Array) -> Array:
    """Send infinity in every coordinate: a client whose numbers overflowed.

    Formula:
        row_i = +∞, (d,)
    Breakdown:
        One such row turns any mean into infinity; the server sets rows that are not finite aside.
    Example:
        >>> honest = np.array([[1.0, 2.0], [1.2, 1.8], [0.8, 2.2]])
        >>> attack("inf", honest, count=1).tolist()
        [[inf, inf]]
    """
    return np.full((count, len(parameters)), np.inf, parameters.dtype)
