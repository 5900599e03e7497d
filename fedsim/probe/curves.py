"""How far a rule is moved on a line: by outsiders at every place, and at most by how many."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.errors import RowsDoNotSuffice
from fedsim.probe.breaking import breaking_number
from fedsim.probe.subject import Subject

WIDTH, STEPS = 6.0, 241
"""Deviations to either side, and how many places there."""
REACH = 1e4


class Curves(NamedTuple):
    """In standard deviations of the honest rows, which are quantiles of a normal law."""

    places: Array  # where the outsiders stand
    one: Array  # how far one of them moves the answer
    several: Array  # how far f of them do
    counts: Integers  # numbers of outsiders
    most: Array  # how far so many move it at most; infinite where there is no limit


def curves(subject: Subject, n: int, f: int) -> Curves:
    """The sensitivity curve and the curve of the greatest bias, on rows of one number."""
    places = np.linspace(-WIDTH, WIDTH, STEPS)
    one, several = (np.array([_moved(subject, n, count, [x]) for x in places]) for count in (1, max(f, 1)))
    counts = np.arange(n // 2 + 1)
    broken = breaking_number(subject, n, 1)
    most = np.array(
        [np.inf if broken is not None and count >= broken else greatest(subject, n, int(count)) for count in counts]
    )
    return Curves(places, one, several, counts, most)


def greatest(subject: Subject, n: int, count: int) -> float:
    """How far so many outsiders move the answer at most: together at any place, or half of them on either side."""
    if count == 0:
        return abs(_moved(subject, n, 0, [0.0]))
    far = np.geomspace(0.05, REACH, 80)
    tried = [[x] for x in (*far, *-far)] + [[x, -x] for x in far]
    return max(abs(_moved(subject, n, count, places)) for places in tried)


def quantiles(count: int) -> Array:
    """(count, 1) numbers like a standard normal sample's, without luck: mean 0 and deviation 1."""
    law = NormalDist()
    values = np.array([law.inv_cdf((place + 0.5) / count) for place in range(count)])
    return np.asarray(values / (values.std() or 1.0))[:, None]


def _moved(subject: Subject, n: int, count: int, places: list[float]) -> float:
    rows = np.concatenate([np.resize(np.array(places), (count, 1)), quantiles(n - count)])
    try:
        return float(subject(rows)[0])
    except RowsDoNotSuffice:
        return float("nan")
