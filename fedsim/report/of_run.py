"""The report of one run."""

from collections.abc import Iterator
from pathlib import Path

from fedsim.report.course import course
from fedsim.report.document import Fact, Report, Section
from fedsim.report.repeating import cost, repeat
from fedsim.report.run_read import RunRead, notices_of, read_run
from fedsim.report.stating import statement, threat
from fedsim.report.whom import holdings, ledger
from fedsim.scenario.labels import labels
from fedsim.study.questions import MEANINGS


def report_of_run(folder: Path, *, kept_code: bool = False) -> Report:
    """Everything that a results folder says, in order; ResultsConflict where there is no run."""
    run = read_run(folder, kept_code=kept_code)
    started = run.history.started
    population = started.population if started else None
    sections = (
        Section("course", "Course", tuple(course(run))),
        Section("ledger", "Whom the rule heard", tuple(ledger(run))),
        Section("partition", "Who holds what", tuple(holdings(run))),
        Section("threat", "Attackers and guarantees", tuple(threat(run.scenario, population))),
        Section("cost", "Cost", tuple(cost(run))),
        Section("repeat", "Repeat it", tuple(repeat(run))),
        Section("state", "What to state, and how to cite", tuple(statement(run))),
    )
    told = [section for section in sections if section.parts]
    question = run.scenario.question
    return Report("run", run.scenario.name, question, tuple(notices_of(run)), tuple(_facts(run)), tuple(told))


def _facts(run: RunRead) -> Iterator[Fact]:
    told, ended = labels(run.scenario), run.history.ended
    yield Fact("rule", told["rule"], "")
    yield Fact("attack", told["attack"], "")
    for name, meaning in MEANINGS.items():
        if ended and (value := getattr(ended, name)) is not None:
            yield Fact(name, f"{value:.3f}", meaning)
    rows = run.history.rows
    if not ended and (scored := [row for row in rows if row.accuracy is not None]):
        yield Fact("accuracy so far", f"{scored[-1].accuracy:.3f}", f"on the test examples, round {scored[-1].number}")
    if ended:
        yield Fact("weight", f"{ended.byzantine_weight:.2f}", "on Byzantine rows, mean over the rounds")
    yield Fact("rounds", f"{run.done:,}", f"of {run.scenario.rounds:,}")
    yield Fact("seed", str(run.scenario.seed), "the root of every draw")
