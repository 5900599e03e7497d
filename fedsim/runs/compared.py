"""Runs on disk side by side: what they share, where they part, and how they ended.

comparison = fedsim.compare("runs/krum", "runs/median")
comparison.frame()
"""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from fedsim.html_tables import boxed, table, words
from fedsim.runs.comparison import differences, shared
from fedsim.runs.load import Run, load_run
from fedsim.scenario.labels import labels

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 2
NUMBERS = ("final", "selected", "best", "byzantine_weight")
WHAT = ("rule", "attack")


@dataclass(frozen=True)
class Comparison:
    """Two runs or more, in the order in which they were given."""

    runs: tuple[Run, ...]

    def table(self) -> list[dict[str, Any]]:
        """One record a run: what was tried, how it ended, and how far its end lies from that of the first."""
        first = self.runs[0].summary.get("final")
        return [self._record(run, first) for run in self.runs]

    def frame(self) -> "pd.DataFrame":
        """The same as a table of pandas; ImportError where pandas is not installed."""
        from pandas import DataFrame

        return DataFrame(self.table())

    @property
    def differences(self) -> dict[str, list[str]]:
        """The settings in which the runs differ, each with its value in every one of them."""
        return differences([run.scenario for run in self.runs])

    def _record(self, run: Run, first: Any) -> dict[str, Any]:
        told, summary = labels(run.scenario), run.summary
        final = summary.get("final")
        known = {"run": str(run.folder), **{what: told[what] for what in WHAT}, "seed": run.scenario.seed}
        known |= {name: summary.get(name) for name in NUMBERS}
        both = isinstance(final, int | float) and isinstance(first, int | float)
        return known | {"minus first": final - first if both else None}

    def __repr__(self) -> str:
        return f"<comparison of {', '.join(str(run.folder) for run in self.runs)}>"

    def _repr_html_(self) -> str:
        same, apart = shared([run.scenario for run in self.runs])
        records = self.table()
        names = [str(run.folder) for run in self.runs]
        parts = [table("comparison", tuple(records[0]), [tuple(record.values()) for record in records])]
        parts += [words(f"The same in all of them: {', '.join(same)}.")] if same else []
        parts += [words(f"Not the same, so that differences are partly chance: {', '.join(apart)}.")] if apart else []
        rows = [(key, *values) for key, values in self.differences.items()]
        return boxed(*parts, table("where they differ", ("setting", *names), rows) if rows else "")


def compare(*runs: Run | str | PathLike[str]) -> Comparison:
    """The comparison of runs that are given or lie in these folders; nothing is played."""
    if len(runs) < FEWEST:
        raise ValueError(f"a comparison is of two runs or more, got {len(runs)}")
    return Comparison(tuple(each if isinstance(each, Run) else load_run(each) for each in runs))


def named(runs: Sequence[Run]) -> list[str]:
    """A short name for each run: what it is called, with its rule where names are the same."""
    names = [run.scenario.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name}: {labels(run.scenario)['rule']}"
        for name, run in zip(names, runs, strict=True)
    ]
