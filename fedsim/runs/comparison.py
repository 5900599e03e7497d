"""What several scenarios share and where they part: whether a comparison between them is paired."""

import math
from collections.abc import Sequence

from fedsim.scenario.build import settings_of
from fedsim.scenario.sections import Scenario
from fedsim.scenario.toml_values import NOTHING, toml

DATA = ("seed", "data.", "partition.", "clients.population", "root.", "evaluation.validation")
LOCAL = ("training.batch_size", "training.epochs", "training.steps", "training.drop_last")
SHARED = {
    "data": DATA,
    "cohorts": ("seed", "partition.", "clients.population", "clients.sampl"),
    "batches": (*DATA, *LOCAL),
    "initial models": ("seed", "data.", "model."),
}
"""What comes out equal where these keys are equal."""
TWO_SIDED = 1.96
"""Standard errors to either side of an estimate that make a 95 % interval."""


def differences(scenarios: Sequence[Scenario]) -> dict[str, list[str]]:
    """The settings in which the scenarios differ, each with its value in every one of them."""
    tables = [settings_of(scenario) for scenario in scenarios]
    keys = dict.fromkeys(key for table in tables for key in table)
    shown = {key: [toml(table[key]) if key in table else NOTHING for table in tables] for key in keys}
    return {key: values for key, values in shown.items() if len(set(values)) > 1}


def shared(scenarios: Sequence[Scenario]) -> tuple[list[str], list[str]]:
    """What is the same in every run and what is not: data, cohorts, batches, initial models."""
    different, keys = differences(scenarios), {**SHARED, "cohorts": _of_cohorts(scenarios)}
    apart = [what for what in SHARED if any(key.startswith(keys[what]) for key in different)]
    return [what for what in SHARED if what not in apart], apart


def _of_cohorts(scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """What cohorts depend on: of groups with a share of each on these, of whoever is there on all that takes time."""
    found = SHARED["cohorts"]
    if any(scenario.clients.sampling == "grouped" for scenario in scenarios):
        found = (*found, "topology.groups", "topology.assignment")
    if any(scenario.clients.availability is not None for scenario in scenarios):
        found = (*found, "clients.", "attacks", *DATA, *LOCAL)
    return found


def interval(first: float, second: float, examples: int) -> float:
    """Half the width of a 95 % interval for a difference of two accuracies over `examples` test examples.

    A normal approximation that takes the two as independent. They were scored on the same examples, which makes the
    true interval narrower, never wider, as long as both models tend to fail on the same ones.
    """
    variance = first * (1 - first) / examples + second * (1 - second) / examples
    return TWO_SIDED * math.sqrt(variance)
