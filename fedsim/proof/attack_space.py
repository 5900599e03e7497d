"""What an adversary may do: its attacks with their settings, one or two in a row, and the rounds in which it acts.

A candidate is written once, as a series of questions to somebody who chooses (`Choosing`): a random draw, a neighbour
of the worst so far, or a library. Where a choice brings others (an attack its settings), these are asked about
afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from fedsim.attacks.contract import attacks
from fedsim.proof.severity import CLIENT_KEYS, STRENGTH_RANGE, Table
from fedsim.registry import Setting

NO_OTHER = "nothing"
ALWAYS, LATER, EARLY, AT_TIMES = "always", "from a round on", "up to a round", "at times"
CALLS = "calls"
"""An attack with this setting searches itself: how hard is its own affair."""
KEPT = (*CLIENT_KEYS, "knowledge")
"""Of an adversary: who it is and what it knows is not searched."""


class Choosing(Protocol):
    """Who decides; the first option and the usual number are what a scenario would have by default."""

    def one_of(self, name: str, options: Sequence[Any]) -> Any:
        """One of these."""

    def number(self, name: str, low: float, high: float, usual: float) -> float:
        """A number between the two, by factors."""

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number from one to the other."""


@dataclass(frozen=True)
class Space:
    """Everything that is searched."""

    attacks: tuple[str, ...]
    rounds: int
    holder: Table  # which clients the adversary has, and what it knows

    def adversary(self, choose: Choosing) -> Table:
        """One adversary, as it stands in a scenario."""
        steps = [_step(choose.one_of("attack", self.attacks), "attack", choose)]
        second = choose.one_of("then", [NO_OTHER, *self.attacks])
        steps += [] if second == NO_OTHER else [_step(second, "then", choose)]
        return {**_chain(steps), **self.holder, **_schedule(self.rounds, choose)}


def holder_of(table: Table) -> Table:
    """The clients of a scenario's first adversary, a fifth of all where it has none."""
    given = table.get("attacks")
    first = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else {}
    return {key: first[key] for key in KEPT if key in first} or {"fraction": 0.2}


def _chain(steps: Sequence[Table]) -> Table:
    """The short form of one step; of two, each in the chain of its kind."""
    if len(steps) == 1:
        return steps[0]
    kinds = [attacks[step["name"]].traits["poisons"] for step in steps]
    return {
        kind: [step for step, own in zip(steps, kinds, strict=True) if own == kind] for kind in dict.fromkeys(kinds)
    }


def _step(name: str, place: str, choose: Choosing) -> Table:
    settings = {} if CALLS in attacks[name].settings else attacks[name].settings
    found = {key: _value(setting, f"{place}.{name}.{key}", choose) for key, setting in settings.items()}
    return {"name": name} | {key: value for key, value in found.items() if value is not None}


def _value(setting: Setting, name: str, choose: Choosing) -> Any:
    """A choice, a flag or a number of any size; None for what stays as it is: whole numbers, paths, texts."""
    kind, bounds = _kind(setting.annotation)
    if get_origin(kind) is Literal or kind is bool:
        options = [True, False] if kind is bool else list(get_args(kind))
        usual = [each for each in options if each == setting.default]
        return choose.one_of(name, [*usual, *(each for each in options if each not in usual)])
    if kind is not float or setting.default == 0:
        return None  # a mean of nothing, a slack of none: another kind of attack begins beside it
    if setting.default is None and choose.one_of(f"{name} is given", [False, True]) is False:
        return None  # found by the attack itself
    usual_number = float(setting.default) if _is_positive(setting.default) else 1.0
    low, high = usual_number / STRENGTH_RANGE, usual_number * STRENGTH_RANGE
    low, high = _within(low, high, bounds)
    return choose.number(name, low, high, usual_number) if low < high else None


def _kind(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type below marks and `| None`, and the marks."""
    bounds: tuple[Any, ...] = ()
    while get_origin(annotation) in (Annotated, Union, UnionType):
        if get_origin(annotation) is Annotated:
            annotation, *marks = get_args(annotation)
            bounds += tuple(marks)
            continue
        kinds = [each for each in get_args(annotation) if each is not type(None)]
        if len(kinds) != 1:
            return None, ()
        annotation = kinds[0]
    return annotation, bounds


def _within(low: float, high: float, bounds: Sequence[Any]) -> tuple[float, float]:
    """The range without what a setting's marks refuse."""
    for each in bounds:
        match each:
            case Ge(ge=least) | Gt(gt=least):
                low = max(low, float(least))  # type: ignore[arg-type]
            case Le(le=most):
                high = min(high, float(most))  # type: ignore[arg-type]
            case Lt(lt=most):
                high = min(high, float(most) * 0.999)  # type: ignore[arg-type]
    return low, high


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _schedule(rounds: int, choose: Choosing) -> Table:
    """When it acts; in a single round there is nothing to choose."""
    kinds = [ALWAYS, LATER, EARLY, AT_TIMES] if rounds > 1 else [ALWAYS]
    match choose.one_of("when", kinds):
        case "from a round on":
            return {"start": choose.whole("start", 2, rounds)}
        case "up to a round":
            return {"stop": choose.whole("stop", 1, rounds - 1)}
        case "at times":
            return {"every": choose.whole("every", 2, max(2, rounds // 2))}
    return {}
