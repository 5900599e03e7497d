"""Conditions on a number of a round, `accuracy=0.9` or `loss<0.5`: when a run may end, and what counts as broken."""

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from fedsim.errors import did_you_mean
from fedsim.events import Event, RoundEnded
from fedsim.metrics.contract import VALIDATION, metrics, reading
from fedsim.scenario.scores import score_names
from fedsim.scenario.sections import Scenario

COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    ">=": ("≥", operator.ge),
    "<=": ("≤", operator.le),
    ">": (">", operator.gt),
    "<": ("<", operator.lt),
}
"""How a number may lie to a goal: the sign as it is shown, and the comparison."""
OTHER_GOALS = {"train_loss": ("<=", 0.0, math.inf), "time": (">=", 0.0, math.inf), "round": (">=", 1.0, math.inf)}
"""What may be waited for besides scores: what `=` means for it, and from where to where it can lie."""
GOAL = re.compile(r"\s*([^<>=]*?)\s*(>=|<=|=|<|>)\s*(.*?)\s*")


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that a round must reach."""

    key: str
    sign: str  # of COMPARISONS
    value: float

    def reached(self, event: Event) -> bool:
        """Whether this event ends a round that reaches it; a round that was not scored reaches nothing."""
        if not isinstance(event, RoundEnded):
            return False
        found = getattr(event, self.key) if self.key in OTHER_GOALS else event.scores.get(self.key)
        return found is not None and self.holds(found)

    def holds(self, number: float) -> bool:
        """Whether it is true of this number."""
        return COMPARISONS[self.sign][1](number, self.value)

    def check(self, scenario: Scenario) -> None:
        """ValueError where the scenario scores no such thing: the goal would never be reached."""
        scored = score_names(scenario)
        if self.key in OTHER_GOALS or self.key in scored:
            return
        name = self.key.removeprefix(VALIDATION)
        wish = f"name {name} in evaluation.metrics" if name not in scored else "give evaluation.validation examples"
        raise ValueError(f"{scenario.name} does not score {self.key}: {wish}, or wait for one of {', '.join(scored)}")

    def __str__(self) -> str:
        return f"{self.key} {COMPARISONS[self.sign][0]} {self.value:g}"


def read_goal(text: str) -> Goal:
    """The goal in `key=value` or `key<value`; ValueError says what is wrong with it."""
    found, known = GOAL.fullmatch(text), _known()
    key = found[1] if found else text.strip()
    if found is None or key not in known:
        wish = f"must be key=value, key<value or key>value with one of {', '.join(known)}"
        raise ValueError(f"{wish}, got {text!r}{did_you_mean(key, known)}")
    try:
        number = float(found[3])
    except ValueError as error:
        raise ValueError(f"{key} needs a number, got {found[3]!r}") from error
    usual, least, most = known[key]
    if not (math.isfinite(number) and least <= number <= most):
        limits = f"from {least:g} to {most:g}" if math.isfinite(most) else f"{least:g} or more"
        limits = limits if math.isfinite(least) else "a finite number"
        raise ValueError(f"{key} is {limits}, got {found[3]}: it would never be reached, or at once")
    return Goal(key, usual if found[2] == "=" else found[2], number)


def _known() -> dict[str, tuple[str, float, float]]:
    """Everything that may be waited for, likewise; `=` is at least where more is better, and at most elsewhere."""
    known: dict[str, tuple[str, float, float]] = {}
    for entry in metrics:
        found = reading(entry)
        usual = (">=" if found.better == "up" else "<=", found.least, found.most)
        known |= {entry.name: usual, VALIDATION + entry.name: usual}
    return known | OTHER_GOALS
