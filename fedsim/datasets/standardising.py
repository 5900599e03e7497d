"""Columns of mean 0 and variance 1, by the numbers of the training examples alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def standardised(train: NDArray[Any], test: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both with each column shifted by its training mean and divided by its training spread.

    A column that is the same in all training examples becomes 0 there; in test examples it is shifted only.
    """
    same = (train == train[0]).all(axis=0)
    mean = np.where(same, train[0], train.mean(axis=0, dtype=np.float64))
    spread = np.where(same, 1.0, train.std(axis=0, dtype=np.float64))
    made = [((part - mean) / spread).astype(np.float32) for part in (train, test)]
    return made[0], made[1]
