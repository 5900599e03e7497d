"""Which runs there are: the results folders below a folder, each as one record, read from its summary alone.

Nothing is trusted that stands there: a summary may be anybody's, so what is not of its type is left out.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fedsim.atomic_files import open_plain
from fedsim.runs.inventory import EVENTS, METRICS, SCENARIO, SUMMARY
from fedsim.runs.lock import is_locked
from fedsim.runs.summary_file import LABELS, LEDGER, UNFINISHED, read_summary

STATUS = {"finished", *UNFINISHED}
DAMAGED = "damaged"
"""The status of a folder whose summary cannot be read."""
WHAT = ("rule", "attack", "partition", "data", "model")
WORDS = ("folder", "name", *WHAT, "status")
COUNTS = ("seed", "rounds_done", "rounds")
SCORES = ("final", "selected", "best")
RATES = ("byzantine_weight", "skipped", "precision", "recall", "false_positives", "silenced")
CHUNK = 2**20
NOT_LABELLED = {"rule": "rule", "partition": "partition", "data": "data", "model": "model"}


@dataclass(frozen=True)
class ListedRun:
    """A results folder and what its summary tells."""

    path: Path
    summary: Mapping[str, Any]

    @cached_property
    def record(self) -> dict[str, Any]:
        """One value a column; None where there is none."""
        words = {"folder": str(self.path), "name": _word(self.summary.get("name"))}
        words |= self._labels() | {"status": self.status}
        rounds = {"seed": self._number("seed"), "rounds_done": self._done, "rounds": self._asked("rounds")}
        scores = {name: self._number(name) for name in SCORES}
        ledger = _table(self.summary, LEDGER)
        rates = {name: _number(ledger.get(name, self.summary.get(name))) for name in RATES}
        more = {name: _number(value) for name, value in _table(self.summary, "scores").items() if name != "accuracy"}
        seconds = {"seconds": _number(_table(self.summary, "wall").get("seconds"))}
        return words | rounds | scores | rates | more | seconds

    @property
    def status(self) -> str:
        """`finished`, `running`, `interrupted`, `stopped`, `failed`, or `damaged`; what nobody holds is not running."""
        found = self.summary.get("status")
        if found not in STATUS:
            return DAMAGED
        return "interrupted" if found == "running" and not is_locked(self.path) else str(found)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting of its scenario by its dotted path."""
        return _table(self.summary, "settings")

    def names(self, column: str) -> list[str]:
        """The plain names behind a label: of the rule its steps', of the attack each adversary's."""
        steps = {"rule": ("preaggregators", "rule"), "attack": ("attacks",)}.get(column, (column,))
        values = [self.summary.get(key) for key in steps]
        flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
        return [item for item in flat if isinstance(item, str)]

    @property
    def _done(self) -> float | int | None:
        """Rounds; of a run that goes on, or was killed, those in its table."""
        if self.status == "finished":
            return self._asked("rounds")
        told = self._number("rounds_done")
        return _lines(self.path / METRICS) if told is None and self.summary.get("status") == "running" else told

    def _labels(self) -> dict[str, str | None]:
        """Those on record; of an older run the plain names."""
        labels = _table(self.summary, LABELS)
        plain = {name: _word(self.summary.get(key)) for name, key in NOT_LABELLED.items()}
        plain["attack"] = " + ".join(self.names("attack")) or ("none" if self.summary else None)
        plain["rule"] = "+".join(self.names("rule")) or None
        return {name: _word(labels.get(name)) or plain[name] for name in WHAT}

    def _asked(self, key: str) -> float | int | None:
        return _number(self.settings.get(key))

    def _number(self, key: str) -> float | int | None:
        return _number(self.summary.get(key))


def find_runs(root: Path) -> list[ListedRun]:
    """Every results folder at or below a folder, by path; links are not followed, nor is a run looked into."""
    return [ListedRun(path, read_summary(path)) for path in _folders(root)]


def _folders(root: Path) -> Iterator[Path]:
    for place, below, files in os.walk(root):
        if SCENARIO in files and (SUMMARY in files or EVENTS in files):
            below.clear()
            yield Path(place)
        else:
            below.sort()


def columns_of(runs: list[ListedRun]) -> list[str]:
    """The columns that any of the runs has, in order."""
    known = dict.fromkeys((*WORDS, *COUNTS, *SCORES, *RATES))
    return list(known | dict.fromkeys(name for run in runs for name in run.record))


def _lines(path: Path) -> int | None:
    """Lines of a table below its heading; None where there is none."""
    try:
        with open_plain(path) as file:
            return max(sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK), b"")) - 1, 0)
    except OSError:
        return None


def _table(summary: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = summary.get(key)
    return found if isinstance(found, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
