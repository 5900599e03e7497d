"""What a study has found: one record a finished cell, read from the results folders, and files to pass on.

study = fedsim.load_study("runs/study-digits")
study.frame()
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BytesIO, StringIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedsim.atomic_files import read_plain, storing, write_whole
from fedsim.errors import ResultsConflict
from fedsim.html_tables import boxed, words
from fedsim.metrics.contract import STANDARD_SCORES, VALIDATION, metrics
from fedsim.runs.summary_file import LEDGER, read_summary
from fedsim.study.cells import Cell, cells_of
from fedsim.study.plan import SEED, Plan, read_plan
from fedsim.study.questions import SCORE_KINDS, Questions
from fedsim.study.rounds import ROUNDS, Columns, tidy, write_parquet
from fedsim.study.tables import Table, as_html, as_markdown, study_tables

if TYPE_CHECKING:
    import pandas as pd

STUDY = "study.json"
RECORDS, TABLES, PARQUET, HEATMAP = "cells.csv", "tables.md", "cells.parquet", "heatmap.png"
MOST_BYTES = 2**28
WHAT = ("rule", "data", "partition", "model")
NUMBERS = (
    "final", "selected", "best", "final_loss", "selected_round", "best_round", "byzantine_weight", "skipped", "rounds",
)  # fmt: skip
TOLD_APART = ("precision", "recall", "false_positives", "silenced")
"""Of the ledger: whom the rule cut, and how many honest clients it silences."""


@dataclass(frozen=True)
class Place:
    """A cell of a study on disk: its labels, and its results folder within the study's."""

    labels: Mapping[str, str]
    scenario: str  # digest
    folder: str


@dataclass(frozen=True)
class Study:
    """A study on disk, whole or not."""

    name: str
    question: str
    folder: Path
    axes: Mapping[str, Sequence[str]]  # the levels of each, in order
    questions: Questions
    places: tuple[Place, ...]
    source: str  # the study's file as it was

    @cached_property
    def records(self) -> list[dict[str, Any]]:
        """One a finished cell: its labels, what it was, and its numbers."""
        score = self.questions.score
        return [record for place in self.places if (record := _record(self.folder, place, score))]

    def tables(self) -> list[Table]:
        """What the numbers say over seeds."""
        return study_tables(self.records, self.axes, self.questions, [place.labels for place in self.places])

    def frame(self) -> "pd.DataFrame":
        """The records as a table of pandas; ImportError where pandas is not installed."""
        from pandas import DataFrame

        return DataFrame(self.records)

    def rounds(self) -> Columns:
        """One tidy table as columns by name: a row a round of each finished cell, its labels beside its numbers."""
        finished = {record["folder"] for record in self.records}
        places = [place for place in self.places if place.folder in finished]
        return tidy(self.folder, [({**each.labels, SEED: int(each.labels[SEED])}, each.folder) for each in places])

    def parquet(self, path: str | PathLike[str] | None = None) -> Path:
        """The same in a Parquet file for pandas or polars, `rounds.parquet` in the study's folder unless given."""
        target = Path(path) if path is not None else self.folder / ROUNDS
        write_parquet(target, self.rounds())
        return target

    def write(self) -> list[str]:
        """Write the records as CSV (and Parquet where pandas and pyarrow are there) and the tables; their names."""
        with storing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        files = self.files()
        for name, text in files.items():
            write_whole(self.folder / name, text.encode())
        return [*files, *([PARQUET] if self._write_parquet() else [])]

    def files(self) -> dict[str, str]:
        """The study itself, its records and its tables, as they stand in its folder."""
        tables = self.tables()
        files = {STUDY: self._as_json(), RECORDS: as_csv(self.records), TABLES: self._markdown(tables)}
        return files | {f"{table.name}.csv": as_csv(table.records()) for table in tables}

    def _write_parquet(self) -> bool:
        try:
            frame = self.frame()
            data = BytesIO()
            frame.to_parquet(data, index=False)
        except ImportError:
            return False
        write_whole(self.folder / PARQUET, data.getvalue())
        return True

    def _markdown(self, tables: Sequence[Table]) -> str:
        head = f"# {self.name}\n\n{self.question}\n\n{len(self.records)} of {len(self.places)} cells are finished.\n"
        return "\n".join([head, *map(as_markdown, tables)])

    def _as_json(self) -> str:
        table = {
            "name": self.name, "question": self.question, "axes": dict(self.axes),
            "statistics": asdict(self.questions), "cells": [asdict(place) for place in self.places],
            "source": self.source,
        }  # fmt: skip
        return json.dumps(table, indent=1, ensure_ascii=False) + "\n"

    def __repr__(self) -> str:
        return f"<study {self.name} in {self.folder}: {len(self.records)} of {len(self.places)} cells finished>"

    def _repr_html_(self) -> str:
        return boxed(words(repr(self)[1:-1]), *map(as_html, self.tables()))


def load_study(path: str | PathLike[str]) -> Study:
    """The study in a folder that a sweep has made, or of a study's file; what is finished of it is read."""
    place = Path(path)
    if place.is_dir():
        return _from_folder(place)
    plan = read_plan(place)
    return study_of(plan, cells_of(plan))


def study_of(plan: Plan, cells: Sequence[Cell]) -> Study:
    """The study of a plan and all of its cells."""
    places = tuple(Place(cell.labels, cell.digest, f"{cell.folder.relative_to(plan.folder)}") for cell in cells)
    axes = {axis.name: [level.label for level in axis.levels] for axis in plan.axes}
    axes[SEED] = list(map(str, plan.seeds))
    return Study(plan.name, plan.question, plan.folder, axes, plan.questions, places, plan.text)


def _from_folder(folder: Path) -> Study:
    try:
        table = json.loads(read_plain(folder / STUDY, MOST_BYTES))
        places = tuple(Place(each["labels"], each["scenario"], each["folder"]) for each in table["cells"])
        if any(Path(place.folder).is_absolute() or ".." in Path(place.folder).parts for place in places):
            raise ResultsConflict(f"{folder}: {STUDY} names folders outside the study")
        questions = Questions(**table["statistics"])
        _check(table["axes"], questions, places)
        if not all(isinstance(table[key], str) for key in ("name", "question", "source")):
            raise ValueError("its name, question and source are words")
        return Study(table["name"], table["question"], folder, table["axes"], questions, places, table["source"])
    except FileNotFoundError as error:
        raise ResultsConflict(f"{folder} is no study's folder: it has no {STUDY}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsConflict(f"{folder}: {STUDY} cannot be read: {error}") from error


def _check(axes: Mapping[str, Sequence[str]], questions: Questions, places: Sequence[Place]) -> None:
    """ValueError where what a study says of itself does not fit together."""
    if SEED not in axes or not all(isinstance(level, str) for levels in axes.values() for level in levels):
        raise ValueError("its axes are not lists of words, seeds among them")
    if {questions.compare, questions.worst_over} - {"", *axes}:
        raise ValueError("its statistics name an axis that there is not")
    if questions.reference not in ("", *axes.get(questions.compare, ())):
        raise ValueError("its reference is no level of the axis that is compared")
    if questions.score not in SCORE_KINDS and questions.score.removeprefix(VALIDATION) not in metrics:
        raise ValueError("its score is none that is known here")
    if any(place.labels.get(name) not in levels for place in places for name, levels in axes.items()):
        raise ValueError("its cells have other labels than its axes have levels")


def _record(folder: Path, place: Place, score: str) -> dict[str, Any]:
    """Of a finished cell, with the score that the study asks for; empty where it is not finished, or damaged."""
    summary = read_summary(folder / place.folder)
    if summary.get("status") != "finished" or summary.get("scenario") != place.scenario:
        return {}
    try:
        return _numbers(summary, place, score)
    except (KeyError, TypeError, AttributeError):
        return {}  # damaged: not as a run writes it


def _numbers(summary: Mapping[str, Any], place: Place, score: str) -> dict[str, Any]:
    record: dict[str, Any] = dict(place.labels) | {SEED: summary["seed"]}
    record |= {f"scenario_{key}": summary[key] for key in WHAT}
    record["scenario_attacks"] = " + ".join(summary["attacks"])
    record |= {key: summary.get(key) for key in NUMBERS}
    scores = summary.get("scores", {})
    record |= {key: scores[key] for key in scores if key not in STANDARD_SCORES or key == score}
    ledger = summary.get(LEDGER, {})
    record |= {key: ledger.get(key) for key in TOLD_APART}
    wall = summary.get("wall", {})
    return record | {"seconds": wall.get("seconds"), "folder": place.folder}


def score_of(summary: Mapping[str, Any], score: str) -> float | None:
    """The score that a study asks for, in a run's summary or in a record."""
    found = summary.get(score) if score in SCORE_KINDS or score in summary else summary.get("scores", {}).get(score)
    return float(found) if isinstance(found, int | float) else None


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as CSV, one line each; what a record does not have is empty."""
    text = StringIO()
    columns = list(dict.fromkeys(key for record in records for key in record))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()
