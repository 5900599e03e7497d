"""A results folder in a notebook: its scenario, its numbers as arrays, and what can be done with it, in one line each.

run = fedsim.load_run("runs/mine")
run.metrics["accuracy"]
run.verify()
"""

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fedsim.events import Event
from fedsim.html_tables import boxed, table
from fedsim.runs.code_record import other_code
from fedsim.runs.consistency import is_finished
from fedsim.runs.inventory import MODEL
from fedsim.runs.ledger import as_columns, ledger_of
from fedsim.runs.metrics_file import column_names, table_of
from fedsim.runs.perform import resume
from fedsim.runs.reading import read_events, read_scenario
from fedsim.runs.summary_file import read_summary
from fedsim.runs.verify import Verdict, verify
from fedsim.scenario.labels import labels
from fedsim.scenario.scores import score_names
from fedsim.scenario.sections import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from fedsim.array_types import Array

WORDS = ("skipped", "digest")
"""Columns that hold words."""
SHOWN = ("final", "best", "selected", "byzantine_weight", "skipped")
"""Of the summary, in a notebook."""


def load_run(folder: str | PathLike[str]) -> "Run":
    """The run in a results folder; ResultsConflict where there is none, or where it was edited."""
    path = Path(folder)
    return Run(path, read_scenario(path))


@dataclass(frozen=True)
class Run:
    """A run on disk, whole or not; what is read is read when it is first asked for."""

    folder: Path
    scenario: Scenario

    @cached_property
    def events(self) -> list[Event]:
        """Every event on record, in order."""
        return read_events(self.folder)

    @property
    def other_code(self) -> str:
        """`made by other code: my_rules.py changed`, or nothing where the present code made it."""
        return other_code(self.folder, self.scenario)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return is_finished(self.folder)

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json."""
        return read_summary(self.folder)

    @cached_property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """The columns of metrics.csv by name, one number a round; NaN where a round was not scored."""
        names, *rows = list(table_of(self.events)) or [column_names(score_names(self.scenario))]
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        kinds = [object if name in WORDS else np.float64 for name in names]
        return {name: np.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)}

    @cached_property
    def ledger(self) -> dict[str, NDArray[Any]]:
        """What the rule did with each row of each round, as columns: `fedsim.runs.ledger.COLUMNS` says what each is."""
        return as_columns(ledger_of(self.folder, self.scenario))

    def frame(self) -> "pd.DataFrame":
        """The metrics as a table of pandas; ImportError where pandas is not installed."""
        from pandas import DataFrame

        return DataFrame(self.metrics)

    @property
    def model(self) -> "dict[str, Array]":
        """The final parameters by the model's own names."""
        from safetensors.numpy import load_file

        found: dict[str, Array] = load_file(self.folder / MODEL)
        return found

    def verify(self, rounds: tuple[int, int] | None = None, *, spot: int | None = None) -> Verdict:
        """Play it again, or these rounds, or so many drawn at random, and compare it with all that the folder holds."""
        return verify(self.folder, rounds, spot=spot)

    def resume(self) -> "Iterator[Event]":
        """Go on where it was interrupted: the new events, recorded as they come."""
        return resume(self.folder)

    @property
    def _extra(self) -> list[str]:
        return [choice.name for choice in self.scenario.evaluation.metrics]

    def __repr__(self) -> str:
        rounds, done = self.scenario.rounds, len(self.metrics["round"])
        state = "finished" if self.finished else f"{done} of {rounds} rounds"
        return f"<run {self.scenario.name} in {self.folder}: {state}>"

    def _repr_html_(self) -> str:
        summary = self.summary
        scores = summary.get("scores")
        told = summary | {name: scores[name] for name in self._extra if isinstance(scores, dict) and name in scores}
        known = [(key, told[key]) for key in (*SHOWN, *self._extra) if told.get(key) is not None]
        rows = [(key, value) for key, value in known if isinstance(value, int | float)]
        told = labels(self.scenario)
        return boxed(table(repr(self)[1:-1], ("", ""), told.items()), table("numbers", ("", ""), rows) if rows else "")
