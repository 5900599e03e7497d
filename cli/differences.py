"""What several scenarios share and where they part: whether a comparison between them is paired."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cli.wording import NOTHING, toml
from fedsim.composing import decompose
from fedsim.scenario import Scenario

IRRELEVANT = ("name", "question", "execution", "output")
"""Sections that change no result."""
DATA = ("seed", "data.", "partition.", "clients.population", "root.", "evaluation.validation")
LOCAL = ("training.batch_size", "training.epochs", "training.steps", "training.drop_last")
SHARED = {
    "data": DATA,
    "cohorts": ("seed", "partition.", "clients.population", "clients.sampled"),
    "batches": (*DATA, *LOCAL),
    "initial models": ("seed", "data.", "model."),
}
"""What comes out equal where these keys are equal."""
TWO_SIDED = 1.96
"""Standard errors to either side of an estimate that make a 95 % interval."""


def flat(scenario: Scenario) -> dict[str, Any]:
    """Every setting by its dotted path, defaults filled in."""
    found: dict[str, Any] = {}
    _flatten("", {key: value for key, value in decompose(scenario).items() if key not in IRRELEVANT}, found)
    return found


def differences(scenarios: Sequence[Scenario]) -> dict[str, list[str]]:
    """The settings in which the scenarios differ, each with its value in every one of them."""
    tables = [flat(scenario) for scenario in scenarios]
    keys = dict.fromkeys(key for table in tables for key in table)
    shown = {key: [toml(table[key]) if key in table else NOTHING for table in tables] for key in keys}
    return {key: values for key, values in shown.items() if len(set(values)) > 1}


def shared(scenarios: Sequence[Scenario]) -> tuple[list[str], list[str]]:
    """What is the same in every run and what is not: data, cohorts, batches, initial models."""
    different = differences(scenarios)
    apart = [what for what, keys in SHARED.items() if any(key.startswith(keys) for key in different)]
    return [what for what in SHARED if what not in apart], apart


def interval(first: float, second: float, examples: int) -> float:
    """Half the width of a 95 % interval for a difference of two accuracies over `examples` test examples.

    A normal approximation that takes the two as independent. They were scored on the same examples, which makes the
    true interval narrower, never wider, as long as both models tend to fail on the same ones.
    """
    variance = first * (1 - first) / examples + second * (1 - second) / examples
    return TWO_SIDED * math.sqrt(variance)


def _flatten(path: str, value: Any, found: dict[str, Any]) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _flatten(f"{path}.{key}" if path else key, item, found)
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            _flatten(f"{path}[{place}]", item, found)
    else:
        found[path] = value
