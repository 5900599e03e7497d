"""Where a rule's answer goes when the outsiders, together, stand anywhere in a plane through the honest mean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fedsim.array_types import Array
from fedsim.errors import RowsDoNotSuffice
from fedsim.probe.subject import Subject, cloud

Progress = Callable[[str, int, int], None]
WIDTH = 6.0
"""Deviations of the honest rows to either side."""
SIDE = 61
"""Places along a side."""


def _silent(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Plane:
    """In standard deviations of the honest rows, from their mean."""

    places: Array  # (side,) along either axis
    honest: Array  # (h, 2)
    outsiders: int
    answers: Array  # (side, side, 2) by the place of the outsiders, second axis first; NaN where there is none

    @property
    def lengths(self) -> Array:
        """(side, side) how far the answer is from the honest mean."""
        return np.asarray(np.linalg.norm(self.answers, axis=2))


def plane(subject: Subject, n: int, f: int, side: int = SIDE, progress: Progress = _silent) -> Plane:
    """The answers to n − f honest rows that stand still and f that stand together at every place of a grid."""
    honest = cloud(n - f, 2)
    honest = (honest - honest.mean(axis=0)) / honest.std(axis=0)
    places = np.linspace(-WIDTH, WIDTH, side)
    answers = []
    for done, y in enumerate(places):
        progress(f"{subject.name} at {side * side:,} places", done, side)
        answers.append([_answer(subject, honest, f, (x, y)) for x in places])
    return Plane(places, honest, f, np.array(answers))


def _answer(subject: Subject, honest: Array, f: int, place: tuple[float, float]) -> Array:
    try:
        return subject(np.concatenate([np.tile(place, (f, 1)), honest]))
    except RowsDoNotSuffice:
        return np.full(2, np.nan)
