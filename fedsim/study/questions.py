"""What a study asks of its numbers: which score, which interval, what is compared, and over what the worst is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fedsim.errors import Problem, UnknownName, did_you_mean
from fedsim.metrics.contract import reading_of
from fedsim.scenario.validation import shown
from fedsim.study.axes import Axis

KEYS = ("score", "interval", "compare", "reference", "worst_over")
SCORE_KINDS = ("final", "selected", "best")
MEANINGS = {
    "final": "test accuracy after the last round",
    "selected": "test accuracy in the round that was best on validation examples",
    "best": "greatest test accuracy of any round: chosen on the test examples, optimistic",
}

Interval = Literal["t", "bootstrap"]


@dataclass(frozen=True)
class Questions:
    """The `[statistics]` of a study."""

    score: str = "final"  # final, selected, best, or a metric's name: then its value after the last round
    interval: Interval = "t"
    compare: str = ""  # the axis whose levels are compared; empty where there is none
    reference: str = ""  # the level that the others are compared with; empty: the first
    worst_over: str = ""  # the axis of the attacks

    @property
    def meaning(self) -> str:
        """What the score is, in words that stand beside every number."""
        return MEANINGS.get(self.score) or f"{reading_of(self.score).words} after the last round"

    @property
    def better(self) -> int:
        """1 where more is better, −1 where less is."""
        return 1 if self.score in SCORE_KINDS or reading_of(self.score).better == "up" else -1


def read_questions(table: Any, axes: Sequence[Axis], problems: list[Problem]) -> Questions:
    """What is asked; the axes that vary the rule and the attack are taken where none are named."""
    if not isinstance(table, Mapping):
        problems.append(Problem(("statistics",), f"must be a table, got {shown(table)}", table))
        return Questions()
    unknown = [key for key in table if key not in KEYS]
    problems += [Problem(("statistics", key), f"unknown key{did_you_mean(key, KEYS)}", table[key]) for key in unknown]
    found = {key: _word(table[key], key, problems) for key in KEYS if key in table}
    interval: Interval = "bootstrap" if found.get("interval") == "bootstrap" else "t"
    if found.get("interval", "t") not in ("t", "bootstrap"):
        problems.append(Problem(("statistics", "interval"), 'is "t" or "bootstrap"', found["interval"]))
    compare = _axis(found.get("compare"), axes, "compare", "aggregator", problems)
    worst = _axis(found.get("worst_over"), [a for a in axes if a.name != compare], "worst_over", "attacks", problems)
    return Questions(
        _score(found.get("score", "final"), problems), interval, compare,
        _level(found.get("reference", ""), compare, axes, problems), worst,
    )  # fmt: skip


def _word(value: Any, key: str, problems: list[Problem]) -> str:
    if isinstance(value, str):
        return value
    problems.append(Problem(("statistics", key), f"must be text, got {shown(value)}", value))
    return ""


def _score(name: str, problems: list[Problem]) -> str:
    if name not in SCORE_KINDS:
        try:
            reading_of(name)
        except UnknownName as error:
            known = f"{', '.join(SCORE_KINDS)} or a metric's name"
            problems.append(Problem(("statistics", "score"), f"{error}; it is {known}", name))
            return "final"
    return name


def _axis(name: str | None, axes: Sequence[Axis], key: str, section: str, problems: list[Problem]) -> str:
    """The axis that is named, or else the first that varies this section of the scenario."""
    if name is None:
        return next((axis.name for axis in axes if axis.sets(section)), "")
    if name and not any(axis.name == name for axis in axes):
        known = [axis.name for axis in axes]
        hint = did_you_mean(name, known) or f"; it may be {', '.join(known) or 'none'}"
        problems.append(Problem(("statistics", key), f"{name} is no axis that can stand here{hint}", name))
        return ""
    return name


def _level(label: str, compare: str, axes: Sequence[Axis], problems: list[Problem]) -> str:
    known = [level.label for axis in axes if axis.name == compare for level in axis.levels]
    if label and label not in known:
        message = f"{compare or 'the study'} has no value {label}{did_you_mean(label, known)}"
        problems.append(Problem(("statistics", "reference"), message, label))
        return ""
    return label
