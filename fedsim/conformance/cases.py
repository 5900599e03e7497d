"""The vectors that fedsim and its peers are given: several n, f and d, drawn from addresses, alike everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fedsim.array_types import Array, Integers
from fedsim.randomness import Stream

SHAPES = ((7, 1, 3), (9, 1, 1), (11, 2, 40), (12, 2, 25), (16, 3, 257), (17, 3, 100))
"""Rows, Byzantine ones, coordinates: odd and even n, one coordinate, more and fewer coordinates than rows."""
KINDS = ("cloud", "outliers")
OUTLIER_SCALE = 30.0
"""How many times longer the Byzantine rows are where they are outliers."""


@dataclass(frozen=True)
class Case:
    """n rows of d coordinates, the first f of them Byzantine."""

    n: int
    f: int
    d: int
    kind: str = "cloud"

    @classmethod
    def of(cls, rows: Array, f: int) -> "Case":
        """Rows that somebody has."""
        case = cls(len(rows), f, rows.shape[1], "given")
        case.__dict__["rows"] = rows
        return case

    @cached_property
    def rows(self) -> Array:
        """(n, d) about a common centre; without ties."""
        draw = self.stream.at("rows").numpy()
        rows = draw.standard_normal((self.n, self.d)) + draw.standard_normal(self.d)
        rows[: self.f] *= OUTLIER_SCALE if self.kind == "outliers" else 1.0
        return rows

    @property
    def honest(self) -> Array:
        """(n − f, d): what an attack knows of."""
        return self.rows[self.f :]

    @cached_property
    def counts(self) -> Integers:
        """(n,) examples behind each row."""
        return self.stream.at("counts").numpy().integers(1, 30, self.n)

    @property
    def stream(self) -> Stream:
        """What is drawn for this case alone."""
        return Stream.root(0).at("conformance", self.kind, self.n, self.f, self.d)

    @property
    def words(self) -> str:
        """The case as a person names it."""
        return f"n = {self.n}, f = {self.f}, d = {self.d}, {self.kind}"


def cases(more: tuple[tuple[int, int, int], ...] = ()) -> Iterator[Case]:
    """Every shape in every kind."""
    return (Case(*shape, kind) for shape in (*SHAPES, *more) for kind in KINDS)
