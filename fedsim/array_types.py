"""What the arrays mean; shapes in the comments use n rows, d coordinates, m mixed rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
"""A float32 or float64 array; an update matrix is (n, d), C-contiguous, perhaps a read-only memory map."""

Integers = NDArray[np.integer[Any]]
"""Labels, writers, sample counts or indices of examples."""

Defence = Callable[[Array], Array]
"""(n, d) -> (d,): what the server would make of these rows, pre-aggregators and rule together."""

Progress = Callable[[str, int, int], None]
"""Told (what, done, total) while a person would otherwise wait in front of a still screen."""


def silent(what: str, done: int, total: int) -> None:
    """The progress listener of those who do not listen."""
