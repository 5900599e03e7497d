"""The ledger over time: of each round, how well the rule told attackers from honest clients."""

from typing import Any, NamedTuple

from fedsim.runs.ledger import Page


class RoundCounts(NamedTuple):
    """Rows of each kind in one round, and how many of them were cut."""

    round: int
    byzantine_rows: int
    byzantine_cut: int
    honest_rows: int
    honest_cut: int

    @classmethod
    def of(cls, page: Page) -> "RoundCounts":
        """Those of a page."""
        cut, byzantine = ~page.kept, page.byzantine
        parts = (byzantine.sum(), (byzantine & cut).sum(), (~byzantine).sum(), (~byzantine & cut).sum())
        return cls(page.round, *map(int, parts))

    @property
    def precision(self) -> float | None:
        """Share of the rows cut that were attackers'; None where none was cut."""
        return _share(self.byzantine_cut, self.byzantine_cut + self.honest_cut)

    @property
    def recall(self) -> float | None:
        """Share of the attackers' rows that was cut; None where there was none."""
        return _share(self.byzantine_cut, self.byzantine_rows)

    @property
    def false_positives(self) -> float | None:
        """Share of the honest rows that was cut; None where there was none."""
        return _share(self.honest_cut, self.honest_rows)

    def record(self) -> dict[str, Any]:
        """The counts and what follows from them, for JSON."""
        rates = {name: getattr(self, name) for name in ("precision", "recall", "false_positives")}
        return self._asdict() | rates


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
