"""What an attack that may try the defence does with it: a search within a budget of calls."""

from collections.abc import Callable
from math import sqrt
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from fedsim.array_types import Array, Defence
from fedsim.attacks.moments import Vector

Calls = Annotated[int, Ge(4), Le(100_000), "how often the defence may be tried in a round"]
Greatest = Annotated[float, Gt(0), "greatest factor that is tried, with either sign"]

GOLDEN = (sqrt(5) - 1) / 2


class Trial:
    """The honest rows that are known of, with forged ones below them, as the defence would see them."""

    def __init__(self, honest: Array, count: int, defence: Defence) -> None:
        self._rows = np.concatenate([honest, np.zeros((count, honest.shape[1]), honest.dtype)])
        self._forged, self._defence = self._rows[len(honest) :], defence

    def __call__(self, row: Array) -> Vector:
        """What the server would make of them if every attacker sent this row."""
        self._forged[:] = row
        return np.asarray(self._defence(self._rows), np.float64)


def best_factor(gain: Callable[[float], float], calls: int, greatest: float) -> float:
    """The factor between −greatest and greatest whose gain is greatest, as far as so many calls tell.

    Half of the calls halve the factor again and again with either sign; the others close in on the best of those by
    golden sections. Of equal gains the first counts, which is that of the greater factor; NaN is no gain.
    """
    tried: dict[float, float] = {}

    def judged(factor: float) -> float:
        found = gain(factor)
        tried[factor] = found if found == found else -np.inf  # noqa: PLR0124 - NaN differs from itself
        return tried[factor]

    for halvings in range(calls // 4):
        judged(greatest * 0.5**halvings)
        judged(-greatest * 0.5**halvings)
    best = max(tried, key=lambda factor: tried[factor])
    _close_in(judged, best / 2, float(np.clip(2 * best, -greatest, greatest)), calls - len(tried))
    return max(tried, key=lambda factor: tried[factor])


def _close_in(judged: Callable[[float], float], near: float, far: float, calls: int) -> None:
    left, right = far - GOLDEN * (far - near), near + GOLDEN * (far - near)
    at_left, at_right = judged(left), judged(right)
    for _ in range(calls - 2):
        if at_left >= at_right:
            far, right, at_right = right, left, at_left
            left = far - GOLDEN * (far - near)
            at_left = judged(left)
        else:
            near, left, at_left = left, right, at_right
            right = near + GOLDEN * (far - near)
            at_right = judged(right)
