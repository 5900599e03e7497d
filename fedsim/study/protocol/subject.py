"""What is reviewed: every condition of a study, or the one of a scenario, and the tables that they are written in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fedsim.errors import ScenarioError
from fedsim.scenario.build import decompose
from fedsim.scenario.exposure import Exposure, exposure, known_population
from fedsim.scenario.load import examine, load_scenario, parse_table, read_table, read_text
from fedsim.scenario.sections import Attack, Scenario, attackers_wanted
from fedsim.scenario.shipped import find_scenario, find_study
from fedsim.study.axes import Axis
from fedsim.study.cells import cells_of
from fedsim.study.plan import Plan, is_study, plan_of, plan_of_table
from fedsim.study.questions import Questions

TRIED_CLIENTS = 10**6
"""Clients to ask of an adversary whether it holds any, where their number is not known beforehand."""


@dataclass(frozen=True)
class Case:
    """One condition: a scenario, whatever its seed."""

    labels: Mapping[str, str]
    scenario: Scenario

    @property
    def name(self) -> str:
        """`rule=krum attack=alie`, or the scenario's name."""
        return " ".join(f"{axis}={label}" for axis, label in self.labels.items()) or self.scenario.name

    @property
    def adversaries(self) -> list[Attack]:
        """Those that hold somebody."""
        many = known_population(self.scenario) or TRIED_CLIENTS
        return [each for each in self.scenario.attacks if each.per_round or attackers_wanted(each, many)]

    @property
    def exposed(self) -> Exposure | None:
        """What sampling does to the rule's f; None where nobody attacks or the population is not known."""
        population = known_population(self.scenario)
        return exposure(self.scenario, population) if population and self.adversaries else None


@dataclass(frozen=True)
class Subject:
    """A study or a scenario with its tables."""

    source: str
    table: Mapping[str, Any]  # of the file
    base: Mapping[str, Any]  # of the scenario, or of the one that a study varies
    base_file: str  # where these keys stand
    beside: Path  # where its own code and files are looked for
    cases: tuple[Case, ...]
    seeds: tuple[int, ...]
    axes: tuple[Axis, ...] = ()
    questions: Questions | None = None  # None: a scenario, which asks nothing of its numbers

    @property
    def is_study(self) -> bool:
        """Whether it is one, and no scenario."""
        return self.questions is not None

    @property
    def attacked(self) -> list[Case]:
        """The conditions in which somebody attacks."""
        return [case for case in self.cases if case.adversaries]

    def apart_from(self, *sections: str) -> dict[tuple[tuple[str, str], ...], list[Case]]:
        """The conditions that differ at most on axes that vary these sections of a scenario."""
        varied = {axis.name for axis in self.axes if any(axis.sets(section) for section in sections)}
        found: dict[tuple[tuple[str, str], ...], list[Case]] = {}
        for case in self.cases:
            key = tuple((axis, label) for axis, label in case.labels.items() if axis not in varied)
            found.setdefault(key, []).append(case)
        return found


def read_subject(path: str | Path) -> Subject:
    """What is in a file, or in a shipped scenario or study of this name; ScenarioError with all that is wrong in it."""
    study = find_study(path)
    file = study if study.is_file() and not Path(path).is_file() and not find_scenario(path).is_file() else Path(path)
    file = file if file.is_file() else find_scenario(path)
    text = read_text(file)
    if is_study(parse_table(text, str(file))):
        return subject_of_plan(plan_of(text, file))
    return subject_of_scenario(load_scenario(file), str(file), read_table(file)[0], file.parent)


def subject_of_scenario(
    scenario: Scenario,
    source: str = "scenario.toml",
    table: Mapping[str, Any] | None = None,
    beside: Path | None = None,
) -> Subject:
    """A scenario, with its table where it comes from a file."""
    table = decompose(scenario) if table is None else table
    cases = (Case({}, scenario),)
    return Subject(source, table, table, source, beside or Path.cwd(), cases, (scenario.seed,))


def subject_of_plan(plan: Plan, table: Mapping[str, Any] | None = None) -> Subject:
    """A study; `table` is that of its file."""
    table = parse_table(plan.text, plan.source) if table is None else table
    given = table.get("base", {})
    inline = isinstance(given, Mapping)
    file = plan.source if inline else str(plan.beside / Path(given).name) if Path(given).suffix else given
    cases: dict[str, Case] = {}
    for cell in cells_of(plan):
        case = Case(dict(cell.coordinates), cell.scenario)
        cases.setdefault(case.name, case)
    return Subject(
        plan.source, table, plan.base, file, plan.beside, tuple(cases.values()), plan.seeds, plan.axes, plan.questions
    )


def changed(subject: Subject, tables: Mapping[str, Mapping[str, Any]]) -> Subject:
    """The subject as it would be with these tables in the places of its files; ScenarioError where they are wrong.

    Of a scenario, a table under any other name than its file's is a study of it.
    """
    own = tables.get(subject.base_file)
    if not subject.is_study:
        studies = [table for name, table in tables.items() if name != subject.source]
        base = subject.base if own is None else own
        if studies:
            return _studied(replace(subject, base=base), studies[0])
        scenario, problems = examine(dict(base), subject.beside)
        if problems or scenario is None:
            raise ScenarioError(problems, subject.source)
        return subject_of_scenario(scenario, subject.source, base, subject.beside)
    if own is None or subject.base_file == subject.source:
        return _studied(subject, tables.get(subject.source, subject.table))
    return _studied(replace(subject, base=own), tables.get(subject.source, subject.table))


def _studied(subject: Subject, table: Mapping[str, Any]) -> Subject:
    """The study in this table, of the subject's base where it names a file."""
    inline = isinstance(table.get("base", {}), Mapping)
    whole = dict(table) if inline else {**table, "base": dict(subject.base)}
    plan = plan_of_table(whole, Path(subject.source))
    return subject_of_plan(replace(plan, beside=subject.beside), whole)
