"""κ* from below: rows at which a rule errs much for the spread of those that may be honest.

κ* is the least κ with ‖R(x) − x̄_S‖² ≤ κ · (1/|S|) Σ_S ‖x_i − x̄_S‖² for all rows x and all sets S of n − f of them.
The search begins at clusters of rows with outsiders on both sides, near and far, among them the rows that prove that
nothing is below f/(n − 2f), and goes on from the best by differential evolution.
"""

from collections.abc import Callable, Iterator
from itertools import combinations, product
from math import comb
from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.errors import RowsDoNotSuffice
from fedsim.probe.published import least_possible
from fedsim.probe.subject import STREAM, NotProbed, Subject, cloud

MOST_SUBSETS = 20_000
UNBOUNDED = 1e6
"""From here on a ratio counts as without bound."""
BLUR = 1e-5
"""An error below this part of the distance of the farthest row is rounding, or a last step that was not taken."""
ROUNDING = 1e-12
"""An error below this part of the greatest number is rounding, too."""
REACH = 1000.0
PLACES = (1.0, 3.0, 30.0, REACH)
POPULATION = 30
Answer = Callable[[Array], Array]


class Found(NamedTuple):
    """The worst that was found."""

    kappa: float  # a lower bound of κ*; infinite where the ratio has no bound
    rows: Array  # (n, d) at which it was found
    honest: Integers  # (n − f,) the rows that are the honest ones
    calls: int  # of the rule


class Ratio:
    """The greatest error over spread of any n − f rows."""

    def __init__(self, answer: Answer, n: int, f: int, told: Callable[[int], None] = lambda _: None) -> None:
        if comb(n, f) > MOST_SUBSETS:
            raise NotProbed(
                f"n = {n}, f = {f} has {comb(n, f):,} sets of honest rows; the search looks at no more than "
                f"{MOST_SUBSETS:,}: take fewer rows"
            )
        self.answer, self.size, self.calls, self._told = answer, n - f, 0, told
        self.honest = np.array(list(combinations(range(n), n - f)))
        self._member = np.zeros((len(self.honest), n))
        np.put_along_axis(self._member, self.honest, 1.0, axis=1)

    def all(self, rows: Array) -> Array:
        """The ratio of every set; zeros where the rule cannot answer."""
        self.calls += 1
        self._told(self.calls)
        try:
            away = rows - self.answer(rows)
        except RowsDoNotSuffice:
            return np.zeros(len(self.honest))
        squares = (away**2).sum(axis=1)
        errors = ((self._member @ away / self.size) ** 2).sum(axis=1)
        spreads = np.maximum(self._member @ squares / self.size - errors, 0)
        errors[errors <= BLUR**2 * squares.max() + (ROUNDING * np.abs(rows).max()) ** 2] = 0
        return np.asarray(errors / np.maximum(spreads, errors / UNBOUNDED + np.finfo(float).tiny))

    def __call__(self, rows: Array) -> float:
        """The greatest of them."""
        return float(self.all(rows).max())


def search(subject: Subject, n: int, f: int, d: int, calls: int, told: Callable[[int], None] = lambda _: None) -> Found:
    """The worst rows of d coordinates that about so many calls of the rule find; deterministic.

    A third of the calls look at rows on a line, the others from the best of these on. `told` hears of every call.
    """
    ratio = Ratio(subject, n, f, told)
    best = _searched(ratio, [*constructions(n, f, d), cloud(n, d)], 1, calls // 3 if d > 1 else calls)
    if d > 1:
        best = _searched(ratio, [*best, *across(n, f, d), cloud(n, d)], d, calls - ratio.calls)
    found = ratio.all(best[0])
    kappa = float(found.max())
    if kappa < least_possible(n, f) * (1 - BLUR):
        raise AssertionError(f"{subject.name}: {kappa} is below what holds of every rule: the search is at fault")
    worst = ratio.honest[found.argmax()]
    return Found(np.inf if kappa >= UNBOUNDED * (1 - BLUR) else kappa, best[0], worst, ratio.calls)


def _searched(ratio: Ratio, starts: list[Array], free: int, calls: int) -> list[Array]:
    """The best of these rows and of their descendants in so many coordinates, the best first."""
    before = ratio.calls
    ratios = [ratio(rows) for rows in starts]
    order = np.argsort(ratios, kind="stable")[::-1]
    best = [starts[place] for place in order[:POPULATION]]
    if ratios[order[0]] < UNBOUNDED * (1 - BLUR):
        best = [_evolved(ratio, best, free, calls - (ratio.calls - before)), *best]
    return best


def _evolved(ratio: Ratio, starts: list[Array], free: int, calls: int) -> Array:
    """The best descendant of these rows, of whom the first coordinates are free to move."""
    generations = calls // POPULATION - 1
    if generations < 1:
        return starts[0]
    from scipy.optimize import differential_evolution

    n, draw = len(starts[0]), STREAM.at("evolution", free).numpy()
    first = np.array([rows[:, :free].ravel() for rows in starts])
    first[1:] += 1e-3 * draw.standard_normal(first[1:].shape)

    def placed(numbers: Array) -> Array:
        rows = np.zeros_like(starts[0])
        rows[:, :free] = numbers.reshape(n, free)
        return rows

    ended = differential_evolution(
        lambda numbers: -ratio(placed(numbers)),
        [(-2 * REACH, 2 * REACH)] * first.shape[1],
        init=first,
        maxiter=generations,
        polish=False,
        tol=0,
        rng=draw,
    )
    best = placed(ended.x)
    return best if -ended.fun >= ratio(starts[0]) else starts[0]


def constructions(n: int, f: int, d: int) -> Iterator[Array]:
    """Three clusters on a line: some rows at 1, some beyond them or on the other side, and the rest at 0."""
    seen = set()
    for near in range(n):
        for beyond, place in product(range(n - near + 1), (*PLACES, *(-x for x in PLACES))):
            rows = np.zeros((n, d))
            rows[:near, 0] = 1.0
            rows[n - beyond :, 0] = place
            if rows.tobytes() not in seen:
                seen.add(rows.tobytes())
                yield rows
    yield from away_from_zero(n, f, d)


def across(n: int, f: int, d: int) -> Iterator[Array]:
    """Two clusters, and outsiders that lie across them."""
    for near, out, place in product(range(n), range(1, f + 1), PLACES):
        if near + out <= n:
            rows = np.zeros((n, d))
            rows[:near, 0] = 1.0
            rows[n - out :, d - 1] = place
            yield rows


def away_from_zero(n: int, f: int, d: int) -> Iterator[Array]:
    """n − f equal rows that are not zero, which a rule that knows of zero may not give back; and a ladder."""
    for place, out in product((0.0, -REACH, REACH), (0, f)):
        rows = np.full((n, d), 5.0)
        rows[n - out :] = place
        yield rows
    yield np.arange(n, dtype=float)[:, None] * np.ones(d)
