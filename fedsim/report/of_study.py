"""The report of a study: heat maps, curves over seeds, worst cases, statistics, and what it takes to play it again."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any

from fedsim.array_types import Progress, silent
from fedsim.report.document import Column, Fact, Listing, Notice, Part, Report, Section, Table, Words, thinned
from fedsim.report.repeating import CLOCK, PHASES, environment, picture_of_phases, scenario_listing
from fedsim.report.stating import ADVICE, citation, setting, threat
from fedsim.report.study_figures import curves, heat_maps
from fedsim.report.study_read import StudyRead, read_study
from fedsim.report.study_tables import cell_table, differing_settings, ledger_table, statistics
from fedsim.report.whom import partition_of
from fedsim.report.worst_figures import worst_by
from fedsim.study.results import Study, load_study

MOST_HEAD_LETTERS = 60
"""Letters of the levels that are named at the head."""
MOST_TOLD = 6
"""Cells in which something is wrong that are told one by one."""


def report_of_study(folder: Path, progress: Progress = silent, *, kept_code: bool = False) -> Report:
    """Everything that a study's folder says; ResultsConflict where it is none."""
    study = load_study(folder)
    read = read_study(study, progress, kept_code=kept_code)
    sections = (
        Section("scores", "Scores", tuple(_scores(read))),
        Section("curves", "Courses", tuple(_curves(read))),
        Section("worst", "Worst cases", tuple(_worst(read))),
        Section("statistics", "Differences and ranks", tuple(statistics(study, ("differences", "ranks")))),
        Section("ledger", "Whom the rules heard", tuple(ledger_table(read))),
        Section("partition", "Who holds what", tuple(_partition(read))),
        Section("cells", "Every cell", tuple(cell_table(read))),
        Section("threat", "Attackers and guarantees", tuple(_threat(read))),
        Section("cost", "Cost", tuple(_cost(read))),
        Section("repeat", "Repeat it", tuple(_repeat(read))),
        Section("state", "What to state, and how to cite", tuple(_state(read))),
    )
    told = tuple(section for section in sections if section.parts)
    return Report("study", study.name, study.question, tuple(_notices(read)), tuple(_facts(study)), told)


def _notices(read: StudyRead) -> Iterator[Notice]:
    study = read.study
    done, planned = len(study.records), len(study.places)
    if done < planned:
        text = f"{done:,} of {planned:,} cells are finished: the study is not whole, and no number here is final."
        yield Notice("warning", text)
    for each in read.unreadable[:MOST_TOLD]:
        yield Notice("warning", f"A finished cell cannot be read: {each}")
    wrong = [(cell, each) for cell in {cell.folder: cell for cell in read.cells}.values() for each in cell.wrong]
    for cell, each in wrong[:MOST_TOLD]:
        yield Notice("warning", f"{cell.folder} does not agree with its own events: {each}.")
    if (more := max(len(wrong) - MOST_TOLD, 0) + max(len(read.unreadable) - MOST_TOLD, 0)) > 0:
        yield Notice("warning", f"And {more:,} more things of this kind; fedsim verify names those of one cell.")
    if broken := sum(cell.broken > 0 for cell in read.cells):
        cells = f"{broken:,} of {len(read.cells):,} cells"
        yield Notice("note", f"In {cells} some round brings more attackers than the server is set up to bear.")


def _facts(study: Study) -> Iterator[Fact]:
    yield Fact("score", study.questions.score, study.questions.meaning)
    yield Fact("cells", f"{len(study.records):,}", f"finished of {len(study.places):,}")
    for name, levels in study.axes.items():
        told = ", ".join(levels)
        yield Fact(name, f"{len(levels)}", told if len(told) <= MOST_HEAD_LETTERS else "levels")


def _scores(read: StudyRead) -> list[Part]:
    if not read.study.records:
        return [Words("No cell is finished.")]
    nothing = Words(f"No finished cell has a {read.study.questions.score}.")
    return [*heat_maps(read)] or statistics(read.study, ("means",)) or [nothing]


def _curves(read: StudyRead) -> list[Part]:
    pictures, more = curves(read)
    left = f"{more} further figures are left out; the cells' own folders hold their courses."
    return [*pictures, *([Words(left)] if more else [])]


def _worst(read: StudyRead) -> list[Part]:
    pictures = [picture for axis in read.settings if (picture := worst_by(read, axis))]
    return [*pictures, *statistics(read.study, ("worst",))]


def _partition(read: StudyRead) -> list[Part]:
    """Of every partition that occurs, who holds what in its first cell."""
    first: dict[str, str] = {}
    for labels, summary in read.summaries():
        told = summary.get("labels")
        words = [told.get(key) for key in ("data", "partition")] if isinstance(told, dict) else list(labels.values())
        name = ", ".join(map(str, words))
        first.setdefault(name, next(cell.folder for cell in read.cells if cell.labels == labels))
    parts: list[Part] = []
    for number, (name, folder) in enumerate(list(first.items())[:MOST_TOLD], 1):
        parts += partition_of(read.study.folder / folder, f"partition-{number}", f"Who holds which classes: {name}")
    if len(first) > MOST_TOLD:
        parts.append(Words(f"{len(first) - MOST_TOLD} further partitions are left out."))
    return parts


def _threat(read: StudyRead) -> list[Part]:
    """Of the first cell of each attack what its attackers have to go by."""
    over = read.study.questions.worst_over
    if read.first is None or not over:
        return [] if read.first is None else threat(read.first.scenario)
    return [Words(points=tuple(read.capabilities))] if read.capabilities else []


def _cost(read: StudyRead) -> list[Part]:
    """Wall clock by phase, of each level of the compared axis; a run that serves several cells costs once."""
    axis = read.study.questions.compare
    runs = {cell.folder: cell for cell in read.cells}.values()
    groups: dict[str, dict[str, float]] = {}
    for cell in runs:
        sums = groups.setdefault(cell.labels.get(axis, "all"), dict.fromkeys(PHASES, 0.0))
        for phase, seconds in cell.seconds.items():
            sums[phase] += seconds
    if not groups:
        return []
    columns = (Column(axis or "cells"), *(Column(name, "seconds", words) for name, words in PHASES.items()),
               Column("all", "seconds"))  # fmt: skip
    rows = tuple((name, *sums.values(), sum(sums.values())) for name, sums in groups.items())
    totals = {phase: sum(sums[phase] for sums in groups.values()) for phase in PHASES}
    note = "of all rounds of all runs together, as they were played side by side"
    return [picture_of_phases(totals, Table("cost", "Cost by phase, in seconds", columns, rows, (CLOCK, note)))]


def _repeat(read: StudyRead) -> list[Part]:
    study, first = read.study, read.first
    name = quote(study.folder.resolve().name)
    cell = f"{name}/{read.cells[0].folder}" if read.cells else ""
    lines = [f"fedsim sweep {quote(study.name)}.toml --out again  # the study's file, which stands below"]
    lines += [f"fedsim verify {cell}  # plays one cell again and compares every event"] if cell else []
    lines += [f"fedsim pack {name}  # one archive of all of it that anybody can check"]
    parts: list[Part] = [
        Listing("commands", "From the folder that holds this study's folder", "\n".join(lines)),
        Listing("study", "The study's file", study.source),
    ]
    if first is None:
        return parts
    parts += [environment(first.summary, first.code), *(Words(text) for text in _other_machines(read))]
    return [*parts, *differing_settings(read), scenario_listing(first.text, "The first cell, resolved")]


def _other_machines(read: StudyRead) -> Iterator[str]:
    found: dict[str, set[str]] = {"versions": set(), "host": set()}
    for _, summary in read.summaries():
        for what, seen in found.items():
            seen.add(repr(summary.get(what)))
    for what, seen in found.items():
        if len(seen) > 1:
            yield f"The cells were not all made with the same {what}: the table above is that of the first."


def _state(read: StudyRead) -> list[Part]:
    study, questions = read.study, read.study.questions
    rows: list[tuple[str, Any]] = [
        ("score", f"{questions.score}: {questions.meaning}"),
        ("seeds", ", ".join(study.axes["seed"])),
        ("interval", f"95 %, {questions.interval}, over seeds"),
        ("cells", f"{len(study.records):,} finished of {len(study.places):,}"),
        *((f"varied: {name}", ", ".join(study.axes[name])) for name in read.analysis.names),
    ]
    varied = {"rule", "attack", "data and partition"} if read.first else set()
    first = [each for each in setting(read.first.scenario) if each[1] and each[0] not in varied] if read.first else []
    rows += [(f"{name} (first cell)", text) for name, text in first]
    versions = read.first.table("versions") if read.first else {}
    digests = [("study", study.name), *([("first cell", str(read.first.summary["scenario"]))] if read.first else [])]
    table = thinned(Table("statement", "What to state", (Column("state"), Column("of this study")), tuple(rows)))
    return [table, Words("What makes a number worth reporting:", ADVICE), citation(versions, digests)]
