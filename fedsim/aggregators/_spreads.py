"""The set of rows that spreads least in its widest direction, by branch and bound on their products."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators._covers import TooManySteps

Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]

DIRECTIONS = 3
"""Principal directions along which a set's least spread is bounded."""
BEST_SPREAD_SHARE = 1 - 1e-12
"""A bound this near to the best spread, as a share, promises nothing better."""


@dataclass
class Search:
    """Spread is that of the scatter matrix Σ (uᵢ − μ)(uᵢ − μ)ᵀ of a set: its greatest eigenvalue.

    It never grows when a row leaves. So what a set spreads bounds all that contain it, and of what remains after r rows
    leave a set, the spread is at least the set's eigenvalue r + 1, the least spread of as many rows along any one
    direction, and the mean of the eigenvalues, which distances alone bound.
    """

    products: Matrix  # (n, n)
    kept: int
    steps: int
    spread: float = np.inf
    rows: Rows = field(default_factory=lambda: np.zeros(0, np.intp))

    def run(self) -> Rows:
        """The rows of the best set, in order."""
        everyone = np.arange(len(self.products))
        square = self.products.diagonal()
        self._distances = np.maximum(square[:, None] + square - 2 * self.products, 0)
        self._peel(everyone)
        self._explore(everyone, np.zeros(len(everyone), bool))
        return self.rows

    def _peel(self, rows: Rows) -> None:
        """A first set: the row farthest out in the widest direction leaves, until few enough remain."""
        while len(rows) > self.kept:
            _, sides = self._principal(rows)
            rows = np.delete(rows, np.abs(sides[:, -1]).argmax())
        self._offer(rows)

    def _offer(self, rows: Rows) -> None:
        spread = float(self._principal(rows)[0][-1])
        if spread < self.spread * BEST_SPREAD_SHARE or not len(self.rows):
            self.spread, self.rows = spread, rows

    def _explore(self, rows: Rows, fixed: NDArray[np.bool_]) -> None:
        """Sets of `kept` of these rows that hold all that are fixed (a mask over all rows)."""
        self.steps -= 1
        if self.steps < 0:
            raise TooManySteps
        rows = self._without_rivals(rows, fixed)
        leaving = len(rows) - self.kept
        if leaving < 0 or self._hopeless(np.flatnonzero(fixed)):
            return
        if leaving == 0:
            self._offer(rows)
            return
        values, sides = self._principal(rows)
        if self._bound(rows, values, sides, leaving) >= self.spread * BEST_SPREAD_SHARE:
            return
        free = np.flatnonzero(~fixed[rows])
        if len(free) < leaving:
            return
        farthest = free[np.abs(sides[free, -1]).argmax()]
        self._explore(np.delete(rows, farthest), fixed)
        held = fixed.copy()
        held[rows[farthest]] = True
        self._explore(rows, held)

    def _without_rivals(self, rows: Rows, fixed: NDArray[np.bool_]) -> Rows:
        """The rows that may stay with all that are fixed: a pair alone spreads half its squared distance."""
        nearest = self._distances[np.ix_(rows, np.flatnonzero(fixed))].max(axis=1, initial=0)
        return np.asarray(rows[fixed[rows] | (nearest / 2 < self.spread * BEST_SPREAD_SHARE)])

    def _hopeless(self, fixed: Rows) -> bool:
        return len(fixed) > 1 and bool(self._principal(fixed)[0][-1] >= self.spread * BEST_SPREAD_SHARE)

    def _bound(self, rows: Rows, values: NDArray[np.float64], sides: Matrix, leaving: int) -> float:
        along = max(self._least_along(sides[:, -1 - k]) for k in range(min(DIRECTIONS, len(rows))))
        near = np.sort(self._distances[np.ix_(rows, rows)], axis=1)[:, : self.kept].sum(axis=1)
        trace = np.sort(near)[: self.kept].sum() / (2 * self.kept)
        return max(along, float(values[-1 - leaving]), float(trace) / max(self.kept - 1, 1))

    def _least_along(self, places: NDArray[np.float64]) -> float:
        """The least Σ (p − mean)² of `kept` places on a line: they stand side by side."""
        ordered = np.sort(places)
        sums = np.concatenate([[0.0], np.cumsum(ordered)])
        squares = np.concatenate([[0.0], np.cumsum(ordered**2)])
        total = sums[self.kept :] - sums[: -self.kept]
        return float((squares[self.kept :] - squares[: -self.kept] - total**2 / self.kept).min())

    def _principal(self, rows: Rows) -> tuple[NDArray[np.float64], Matrix]:
        """(m,) eigenvalues of the scatter matrix, ascending, and (m, m) places of the rows along the eigenvectors."""
        part = self.products[np.ix_(rows, rows)]
        means = part.mean(axis=1)
        values, vectors = np.linalg.eigh(part - means - means[:, None] + means.mean())
        values = np.maximum(values, 0)
        return values, vectors * np.sqrt(values)
