"""What a search for the worst attack has found: a scenario that anybody can run, and every number that was seen."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from fedsim.atomic_files import storing, write_whole
from fedsim.scenario.load import dump_scenario
from fedsim.scenario.sections import Scenario
from fedsim.scenario.toml_values import toml

WORST, TRIED = "worst.toml", "tried.csv"
MOST_QUESTION_LETTERS = 300
"""Characters of a scenario's question."""


@dataclass(frozen=True)
class Tried:
    """One run that was played, or had been."""

    adversary: Mapping[str, Any]  # as it stands in a scenario; empty where there are no attackers
    seed: int
    number: float | None  # of the bar's key after the last round; None where it is not finite, or the run failed
    harm: float | None  # more is worse; None where the run failed
    fails: bool  # the bar
    folder: Path
    failure: str = ""

    @property
    def words(self) -> str:
        """The adversary as a scenario says it."""
        return toml(self.adversary)


@dataclass(frozen=True)
class WorstCase:
    """The worst that was found."""

    scenario: str
    bar: str
    key: str
    budget: int  # in runs
    control: Tried | None  # without attackers
    tried: tuple[Tried, ...]
    worst: Tried | None
    confirmed: tuple[tuple[Tried, Tried], ...]  # under other seeds: without attackers, and the worst
    folder: Path

    @property
    def already(self) -> bool:
        """Whether the bar fails without any attackers."""
        return self.control is not None and self.control.fails

    @property
    def never(self) -> bool:
        """Whether it holds whatever was tried."""
        return not self.already and not any(each.fails for each in self.tried)


def write_answer(answer: WorstCase, scenario: Scenario | None, folder: Path) -> None:
    """The scenario of the worst, and a line for every candidate in the order in which they were tried."""
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TRIED, _lines(answer).encode())
    if scenario is not None and answer.worst is not None:
        told = "not finite" if answer.worst.number is None else f"{answer.worst.number:.6g}"
        question = f"The worst of {len(answer.tried)} attacks on {answer.scenario}: {answer.key} {told} at the end"
        write_whole(
            folder / WORST, dump_scenario(replace(scenario, question=question[:MOST_QUESTION_LETTERS])).encode()
        )


def _lines(answer: WorstCase) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("candidate", "seed", answer.key, "bar fails", "adversary", "failure"))
    for number, each in enumerate(answer.tried):
        writer.writerow((number, each.seed, each.number, each.fails, each.words, each.failure))
    return text.getvalue()
