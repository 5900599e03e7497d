"""The tables of a study in a report: its statistics with every digit behind them, whom the rules cut, every cell."""

from collections.abc import Mapping, Sequence
from typing import Any

from fedsim.report.document import Cell, Column, Form, Part, Table, Told, thinned
from fedsim.report.study_read import StudyRead
from fedsim.runs.metrics_file import FIRST_COLUMNS
from fedsim.scenario.toml_values import NOTHING, toml
from fedsim.study.results import NUMBERS, TOLD_APART, Study
from fedsim.study.tables import Table as StudyTable

BEHIND = {
    "d": "effect",
    "p (Holm)": "p_holm",
    "seeds": "seeds",
    "spread": "spread",
    "rank": "rank",
    "worst case": "mean",
}
"""The number behind a column of a study's table, by which it is sorted."""
LEDGER = ("recall", "false_positives", "precision", "byzantine_weight", "silenced")
COUNTS = ("seed", "rounds", "selected_round", "best_round", "skipped", "silenced")
MOST_DIFFERENT = 40
"""Settings that are told in full."""
WORDS = {
    "recall": "of the attackers' rows, those cut",
    "false_positives": "of the honest rows, those cut",
    "precision": "of the rows cut, those of attackers",
    "byzantine_weight": FIRST_COLUMNS["byzantine_weight"][0],
    "silenced": "honest clients that are cut more often than chance explains",
}


def statistics(study: Study, names: Sequence[str]) -> list[Part]:
    """These of the study's tables, as far as there are any."""
    return [_table(each, study) for each in study.tables() if each.name in names and each.rows]


def _table(given: StudyTable, study: Study) -> Table:
    rows = tuple(
        tuple(_cell(name, text, number, study) for name, text in zip(given.columns, row, strict=True))
        for row, number in zip(given.rows, given.numbers, strict=True)
    )
    columns = tuple(Column(name) for name in given.columns)
    return Table(given.name, given.title, columns, rows, given.notes, records=tuple(given.numbers))


def _cell(name: str, text: str, number: Mapping[str, Any], study: Study) -> Cell:
    """What is shown, with the number that it is sorted by."""
    is_estimate = name.startswith("minus ") or (name == study.questions.score and "mean" in number)
    key = "mean" if is_estimate else BEHIND.get(name, "")
    if not key or not isinstance(number.get(key), int | float):
        return None if text == NOTHING else text
    return Told(text, float(number[key]))


def ledger_table(read: StudyRead) -> list[Part]:
    """Of every condition, whom the rule cut: means over seeds."""
    names, records = read.analysis.names, read.study.records
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(tuple(str(record[name]) for name in names), []).append(record)
    if not groups or all(record.get("false_positives") is None for record in records):
        return []
    rows = tuple((*labels, *(_mean(group, key) for key in LEDGER), len(group)) for labels, group in groups.items())
    columns = (
        *map(Column, names), *(Column(key.replace("_", " "), _form(key), WORDS[key]) for key in LEDGER),
        Column("seeds", "count"),
    )  # fmt: skip
    notes = ("means over the seeds in which there is such a number; cut: less than half of a fair share of the weight",)
    return [thinned(Table("ledger", "Whom the rules cut", columns, rows, notes))]


def cell_table(read: StudyRead) -> list[Part]:
    """Every finished cell."""
    records = read.study.records
    if not records:
        return []
    own = [*read.study.axes]
    keys = [*own, *(key for key in (*NUMBERS, *TOLD_APART, "seconds", "folder") if key not in own)]
    columns = tuple(Column(key, "word" if key in own and key != "seed" else _form(key)) for key in keys)
    rows = tuple(tuple(_plain(record.get(key)) for key in keys) for record in records)
    return [thinned(Table("cells", "Every finished cell", columns, rows, records=tuple(records)))]


def differing_settings(read: StudyRead) -> list[Part]:
    """The settings in which cells differ, with every value that occurs."""
    found: dict[str, dict[str, None]] = {}
    count = 0
    for _, summary in read.summaries():
        count += 1
        settings = summary.get("settings")
        for key, value in (settings if isinstance(settings, dict) else {}).items():
            found.setdefault(key, {})[toml(value)] = None
            found[key][f"\0{count}"] = None
    values = {key: [v for v in told if not v.startswith("\0")] for key, told in found.items()}
    absent = {key: sum(v.startswith("\0") for v in told) < count for key, told in found.items()}
    rows = [
        (key, ", ".join(told) + f", {NOTHING}" * absent[key])
        for key, told in values.items()
        if len(told) > 1 or absent[key]
    ]
    columns = (Column("setting"), Column("values that occur"))
    return (
        [Table("settings", "Settings in which the cells differ", columns, tuple(rows[:MOST_DIFFERENT]))] if rows else []
    )


def _plain(value: Any) -> Cell:
    """A cell of a record; what no run writes there as it stands."""
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _mean(records: Sequence[Mapping[str, Any]], key: str) -> float | None:
    found = [value for record in records if isinstance(value := record.get(key), int | float)]
    return sum(found) / len(found) if found else None


def _form(key: str) -> Form:
    if key in COUNTS:
        return "count" if key != "silenced" else "number"
    if key in ("folder",):
        return "word"
    return "seconds" if key == "seconds" else "number" if "loss" in key else "share"
