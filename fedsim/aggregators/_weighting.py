"""What counts alike in a rule: every row, or every example that its client says is behind it."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers

Weighting = Annotated[Literal["rows", "examples"], "what counts alike: every row, or every example"]


def amounts(name: str, counts: Integers | None, n: int) -> NDArray[np.float64]:
    """(n,) examples behind each row, or ValueError."""
    found = np.zeros(0) if counts is None else np.asarray(counts, np.float64)
    if found.shape != (n,) or not (found > 0).all():
        raise ValueError(f"{name} by examples needs a positive count for each of the {n} rows")
    return found
