"""Which rows can be computed with: those without a NaN or an infinity."""

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array

COLUMNS = 5000  # a block of zeros that stays in the cache; powers of two make the rows' strides collide there


def screen(rows: Array) -> NDArray[np.bool_]:
    """The (n,) mask of the rows of an (n, d) matrix that hold only finite numbers.

    Zero times a finite number is zero and zero times anything else is NaN, so that the product with a vector
    of zeros is exact where a sum or a squared norm would overflow, and it reads the matrix once.
    """
    zeros = np.zeros(min(COLUMNS, rows.shape[1]), rows.dtype)
    doubt = np.zeros(len(rows), rows.dtype)
    with np.errstate(invalid="ignore"):
        for start in range(0, rows.shape[1], COLUMNS):
            block = rows[:, start : start + COLUMNS]
            doubt += block @ zeros[: block.shape[1]]
    return np.equal(doubt, 0, dtype=np.bool_)


def shows_finite(update: Array, weights: Array) -> bool:
    """Whether a weighted sum of rows shows that all their numbers are finite.

    Nothing makes a finite number of an infinity or a NaN that is weighted and added: not even a weight so small
    that it is zero in the rows' precision. A row of weight zero is not in the sum and is not seen.
    """
    return bool(np.all(weights)) and bool(np.isfinite(update).all())
