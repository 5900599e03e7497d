"""`--until accuracy=0.9`: when a run may end before its last round."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from fedsim.errors import did_you_mean
from fedsim.events import Event, RoundEnded

REACHED: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "accuracy": ("≥", lambda value, goal: value >= goal),
    "validation_accuracy": ("≥", lambda value, goal: value >= goal),
    "loss": ("≤", lambda value, goal: value <= goal),
    "validation_loss": ("≤", lambda value, goal: value <= goal),
    "train_loss": ("≤", lambda value, goal: value <= goal),
    "time": ("≥", lambda value, goal: value >= goal),
    "round": ("≥", lambda value, goal: value >= goal),
}


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
        return Goal(key, float(value))
    except ValueError as error:
        raise _wrong(f"{key} needs a number, got {value!r}") from error


def _wrong(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="--until")
