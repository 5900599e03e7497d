"""`--until accuracy=0.9`: when a run may end before its last round."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import typer

from fedsim.errors import did_you_mean
from fedsim.events import Event, RoundEnded

Compare = Callable[[float, float], bool]
ABOVE: Compare = lambda value, goal: value >= goal  # noqa: E731
BELOW: Compare = lambda value, goal: value <= goal  # noqa: E731
REACHED: dict[str, tuple[str, Compare, float, float]] = {
    "accuracy": ("≥", ABOVE, 0.0, 1.0),
    "validation_accuracy": ("≥", ABOVE, 0.0, 1.0),
    "loss": ("≤", BELOW, 0.0, math.inf),
    "validation_loss": ("≤", BELOW, 0.0, math.inf),
    "train_loss": ("≤", BELOW, 0.0, math.inf),
    "time": ("≥", ABOVE, 0.0, math.inf),
    "round": ("≥", ABOVE, 1.0, math.inf),
}
"""What may be waited for: how it is reached, and from where to where it can lie."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that a round must reach."""

    key: str
    value: float

    def reached(self, event: Event) -> bool:
        """Whether this event ends a round that reaches it; a round that was not scored reaches nothing."""
        found = getattr(event, self.key, None) if isinstance(event, RoundEnded) else None
        return found is not None and REACHED[self.key][1](found, self.value)

    def __str__(self) -> str:
        return f"{self.key} {REACHED[self.key][0]} {self.value:g}"


def read_goal(text: str | None) -> Goal | None:
    """The goal in `key=value`; typer.BadParameter says what is wrong with it."""
    if text is None:
        return None
    key, equals, value = (part.strip() for part in text.partition("="))
    if not equals or key not in REACHED:
        known = f"one of {', '.join(REACHED)}"
        raise _wrong(f"must be key=value with {known}, got {text!r}{did_you_mean(key, REACHED)}")
    try:
        number = float(value)
    except ValueError as error:
        raise _wrong(f"{key} needs a number, got {value!r}") from error
    _, _, least, most = REACHED[key]
    if not (math.isfinite(number) and least <= number <= most):
        limits = f"from {least:g} to {most:g}" if math.isfinite(most) else f"{least:g} or more"
        raise _wrong(f"{key} is {limits}, got {value}: it would never be reached, or at once")
    return Goal(key, number)


def _wrong(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="--until")
