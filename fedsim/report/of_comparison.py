"""The report of a comparison: several runs over one another, where they part, and how far a difference can be trusted.

A comparison's folder holds a table that names its runs; their own folders are looked for where the table says and
beside the comparison. Of a run that is not found only the numbers in the table are told.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shlex import quote
from typing import Any

from fedsim.atomic_files import read_plain
from fedsim.errors import ResultsConflict
from fedsim.report.course import losses_of, picture_of_runs, weights_of
from fedsim.report.document import Column, Fact, Form, Listing, Notice, Part, Report, Section, Table, Told, Words
from fedsim.report.repeating import cost_of_runs, environment, scenario_listing
from fedsim.report.run_read import RunRead, notices_of, read_run
from fedsim.report.stating import ADVICE, citation, setting
from fedsim.runs.comparison import differences, interval, shared
from fedsim.runs.inventory import SCENARIO
from fedsim.runs.summary_file import read_summary

TABLE = "summary.csv"
NEEDED = ("run", "scenario", "folder", "final")
MOST_BYTES = 2**24
NOTE = (
    "±: a 95 % interval over the test examples, normal approximation, as if they were drawn apart for each run (too "
    "wide rather than too narrow); another seed may differ by more"
)


@dataclass(frozen=True)
class Compared:
    """A line of the comparison's table, and the run that it is of where that was found."""

    name: str
    record: Mapping[str, str]
    run: RunRead | None

    def number(self, key: str) -> float | None:
        """A number of the run's end, or where it was not found of its line; None where there is none."""
        if self.run and (ended := self.run.history.ended) and key != "seed":
            found = getattr(ended, key)
            return None if found is None else float(found)
        return self.written(key)

    def written(self, key: str) -> float | None:
        """A number as its line says it."""
        try:
            return float(self.record.get(key) or "")
        except ValueError:
            return None


def report_of_comparison(folder: Path, *, kept_code: bool = False) -> Report:
    """Everything that a comparison's folder and its runs say; ResultsConflict where the table cannot be read."""
    found = [Compared(each["run"], each, _run(folder, each, kept_code)) for each in read_table(folder)]
    runs = [each.run for each in found if each.run is not None]
    questions = {run.scenario.question for run in runs}
    sections = [
        Section("course", "Course", tuple(_course(found))),
        Section("ends", "How they ended", tuple(_ends(found))),
        Section("settings", "Where they differ", tuple(_settings(found))),
        Section("ledger", "Whom the rules heard", tuple(_ledgers(found))),
        Section("cost", "Cost", tuple(cost_of_runs([(each.name, each.run) for each in found if each.run]))),
        Section("repeat", "Repeat it", tuple(_repeat(found))),
        Section("state", "What to state, and how to cite", tuple(_state(found))),
    ]
    title = " · ".join(each.name for each in found)
    question = questions.pop() if len(questions) == 1 else ""
    told = tuple(section for section in sections if section.parts)
    return Report("comparison", title, question, tuple(_notices(found)), tuple(_facts(found)), told)


def is_comparison(folder: Path) -> bool:
    """Whether the folder holds what `fedsim compare` leaves."""
    return (folder / TABLE).is_file() and not (folder / SCENARIO).exists()


def read_table(folder: Path) -> list[dict[str, str]]:
    """The lines of a comparison's table; ResultsConflict where it is none."""
    try:
        lines = list(csv.DictReader(StringIO(read_plain(folder / TABLE, MOST_BYTES).decode())))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ResultsConflict(f"{folder / TABLE} cannot be read: {error}") from error
    if not lines or any(line.get(key) is None for line in lines for key in NEEDED):
        raise ResultsConflict(f"{folder / TABLE} is no table of fedsim compare: it wants {', '.join(NEEDED)}")
    return lines


def _run(folder: Path, record: Mapping[str, str], kept_code: bool) -> RunRead | None:
    """The run of a line, where the table says or beside the comparison, if it is that very scenario's."""
    named = Path(record["folder"]) if record["folder"] else None
    for place in [named, folder.resolve().parent / named.name] if named else []:
        if (place / SCENARIO).is_file() and read_summary(place).get("scenario") == record["scenario"]:
            return read_run(place, kept_code=kept_code)
    return None


def _notices(found: Sequence[Compared]) -> Iterator[Notice]:
    for each in found:
        if each.run is None:
            where = each.record["folder"] or "no folder is named"
            yield Notice("warning", f"{each.name}: its run was not found ({where}); only its line of {TABLE} is told.")
            continue
        yield from (Notice(notice.kind, f"{each.name}: {notice.text}") for notice in notices_of(each.run))
        ended, told = each.run.history.ended, each.written("final")
        if ended and ended.final != told:
            yield Notice("warning", f"{each.name}: {TABLE} says final {told}, its own folder {ended.final}.")


def _facts(found: Sequence[Compared]) -> Iterator[Fact]:
    yield Fact("runs", str(len(found)), "")
    runs = [each.run for each in found if each.run]
    if len(runs) == len(found):
        alike, apart = shared([run.scenario for run in runs])
        yield Fact("the same", ", ".join(alike) or "nothing", "in all runs")
        yield Fact("different", ", ".join(apart) or "nothing", "besides the settings below")
    for each in found:
        if (final := each.number("final")) is not None:
            yield Fact(each.name, f"{final:.3f}", "test accuracy after the last round")


def _course(found: Sequence[Compared]) -> list[Part]:
    runs = [(each.name, each.run.history.rows) for each in found if each.run]
    if not any(rows for _, rows in runs):
        return []
    return [
        picture_of_runs("accuracy", "Test accuracy", runs, lambda row: row.accuracy, "test accuracy"),
        losses_of(runs),
        weights_of(runs),
    ]


def _ends(found: Sequence[Compared]) -> list[Part]:
    columns = (
        Column("run"), Column("rule"), Column("attack"), Column("seed", "count"), Column("final", "share"),
        Column(f"minus {found[0].name}", "share"), Column("selected", "share"), Column("best", "share"),
        Column("loss", "number"), Column("weight", "share"), Column("skipped", "count"),
    )  # fmt: skip
    numbers = ("selected", "best", "final_loss", "byzantine_weight", "skipped")
    rows = tuple(
        (each.name, each.record.get("rule"), each.record.get("attack"), each.number("seed"), each.number("final"),
         _delta(each, found[0]), *map(each.number, numbers))
        for each in found
    )  # fmt: skip
    records = tuple(dict(each.record) for each in found)
    return [Table("runs", "Final, selected and best test accuracy", columns, rows, (NOTE,), records=records)]


def _delta(each: Compared, first: Compared) -> Told | None:
    """The difference of the final accuracies with its interval, from the runs' own numbers."""
    final, base = each.number("final"), first.number("final")
    if each is first or final is None or base is None:
        return None
    started = each.run.history.started if each.run else None
    shares = 0 <= final <= 1 and 0 <= base <= 1
    half = interval(final, base, started.test) if started and shares else each.written("delta_95")
    return Told(f"{final - base:+.3f}" + ("" if half is None else f" ±{half:.3f}"), final - base)


def _settings(found: Sequence[Compared]) -> list[Part]:
    runs = [(each.name, each.run.scenario) for each in found if each.run]
    if len(runs) < 2:  # noqa: PLR2004 - one alone differs from nothing
        return []
    columns = (Column("setting"), *(Column(name) for name, _ in runs))
    rows = tuple((key, *values) for key, values in differences([scenario for _, scenario in runs]).items())
    note = "everything else is the same in all of them" if rows else "the scenarios are the same"
    return [Table("settings", "Settings that differ", columns, rows, (note,))]


def _ledgers(found: Sequence[Compared]) -> list[Part]:
    forms: dict[str, Form] = {
        "precision": "share", "recall": "share", "false positives": "share", "voice of attackers": "share",
        "voice of the honest": "share", "silenced": "count",
    }  # fmt: skip
    rows = []
    for each in found:
        if each.run and each.run.counts:
            totals = each.run.totals
            silenced = sum(client.silenced for client in totals.clients())
            voices = (totals.byzantine.mean_voice, totals.honest.mean_voice)
            rows.append((each.name, totals.precision, totals.recall, totals.false_positives, *voices, silenced))
    notes = (
        "precision: of the rows cut, those of attackers; recall: of the attackers' rows, those cut; false positives: "
        "of the honest rows, those cut; silenced: honest clients that are cut more often than chance explains",
    )
    columns = (Column("run"), *(Column(name, form) for name, form in forms.items()))
    return [Table("ledger", "Whom the rules cut", columns, tuple(rows), notes)] if rows else []


def _repeat(found: Sequence[Compared]) -> list[Part]:
    folders = [quote(each.run.folder.resolve().name) for each in found if each.run]
    lines = [f"fedsim compare {' '.join(folders)}"] if len(folders) == len(found) else []
    lines += [f"fedsim verify {folder}" for folder in folders]
    title = "From the folder that holds the runs' folders"
    parts: list[Part] = [Listing("commands", title, "\n".join(lines))] if lines else []
    runs = [each.run for each in found if each.run]
    parts += [environment(runs[0].summary, runs[0].code)] if runs else []
    parts += [Words(text) for text in _other_machines(found)]
    return [*parts, *(scenario_listing(each.run.text, f"{each.name}, resolved") for each in found if each.run)]


def _other_machines(found: Sequence[Compared]) -> Iterator[str]:
    runs = [each.run for each in found if each.run]
    for what in ("versions", "host"):
        if len({str(sorted(run.table(what).items(), key=str)) for run in runs}) > 1:
            yield f"The runs were not all made with the same {what}: the table above is that of the first."


def _state(found: Sequence[Compared]) -> list[Part]:
    runs = [(each.name, each.run) for each in found if each.run]
    told = [dict(setting(run.scenario, _population(run))) for _, run in runs]
    keys = dict.fromkeys(key for table in told for key in table)
    rows = tuple((key, *(table.get(key) for table in told)) for key in keys)
    columns = (Column("state"), *(Column(name) for name, _ in runs))
    digests = [(each.name, each.record["scenario"]) for each in found]
    versions: Mapping[str, Any] = runs[0][1].table("versions") if runs else {}
    tables = [Table("statement", "What to state", columns, rows)] if rows else []
    return [*tables, Words("What makes a number worth reporting:", ADVICE), citation(versions, digests)]


def _population(run: RunRead) -> int | None:
    return run.history.started.population if run.history.started else None
