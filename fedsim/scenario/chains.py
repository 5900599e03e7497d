"""The chain of an adversary: what it does to its clients' data, to their training, then to the rows that they send."""

from typing import NamedTuple

from fedsim.attacks.contract import attacks
from fedsim.registry import Entry
from fedsim.scenario.build import CHAIN
from fedsim.scenario.sections import Attack, Choice


class Step(NamedTuple):
    """One step of a chain."""

    path: str  # below the adversary, such as `.updates[1]`; empty for the short form
    choice: Choice
    entry: Entry


def poisoning(adversary: Attack) -> list[Step]:
    """The steps that poison examples, in order."""
    return _steps(adversary, "data")


def retraining(adversary: Attack) -> Step | None:
    """The step that takes the place of the local algorithm, if there is one."""
    steps = _steps(adversary, "training")
    return steps[0] if steps else None


def forging(adversary: Attack) -> list[Step]:
    """The steps that forge rows, in order."""
    return _steps(adversary, "updates")


def placed(adversary: Attack) -> list[tuple[tuple[str | int, ...], Choice]]:
    """Every step with its place below the adversary, where a message about it points."""
    if adversary.attack is not None:
        return [(("name",), adversary.attack)]
    return [((kind, place), step) for kind in CHAIN for place, step in enumerate(getattr(adversary, kind) or ())]


def _steps(adversary: Attack, kind: str) -> list[Step]:
    if adversary.attack is not None:
        entry = attacks[adversary.attack.name]
        return [Step("", adversary.attack, entry)] if entry.traits["poisons"] == kind else []
    chosen: tuple[Choice, ...] = getattr(adversary, kind) or ()
    return [Step(f".{kind}[{place}]", choice, attacks[choice.name]) for place, choice in enumerate(chosen)]
