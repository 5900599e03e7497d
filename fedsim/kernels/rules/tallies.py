"""How many of a block's entries are marked, by column and by row, without widening them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array

Counts = NDArray[np.int64]
BYTES = 255
"""Rows that are added up in bytes."""


def column_tally(marked: NDArray[np.bool_]) -> Counts:
    """(n, width) -> (width,) marked entries of each column."""
    total = np.zeros(marked.shape[1], np.int64)
    for start in range(0, len(marked), BYTES):
        total += np.add.reduce(marked[start : start + BYTES].view(np.uint8), axis=0, dtype=np.uint8)
    return total


def row_tally(marked: NDArray[np.bool_]) -> Counts:
    """(n, width) -> (n,) marked entries of each row."""
    return np.array([np.count_nonzero(row) for row in marked], np.int64)


def surplus(block: Array) -> NDArray[Any]:
    """(n, width) -> (width,): by how many more values are above zero than below."""
    return column_tally(block > 0) - column_tally(block < 0)
