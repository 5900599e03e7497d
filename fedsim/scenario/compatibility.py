"""Whether the parts of a scenario suit each other, as far as can be told without data or model."""

from collections.abc import Callable
from math import prod

from fedsim.datasets.contract import datasets
from fedsim.errors import Problem
from fedsim.models.contract import models
from fedsim.optimizers.contract import optimizers
from fedsim.scenario.sections import Scenario

MOST_STEPS = 64
"""Pre-aggregators in a row."""
MOST_ATTACKS = 256
MOST_BYTES = 2**36
"""Of images, a byte for each pixel; no machine that fedsim is made for holds more."""


def unfit(scenario: Scenario, sound: Callable[..., bool]) -> list[Problem]:
    """What does not go together; `sound` tells whether places are known to be right so far."""
    found = _fedsgd(scenario) if sound(("training",)) else []
    if sound(("data",)):
        found += [*_much(scenario), *(_held_out(scenario) if sound(("root",), ("evaluation",)) else [])]
    if sound(("data",), ("model",)):
        found += _small_images(scenario)
    return found


def too_many_parts(scenario: Scenario) -> list[Problem]:
    """Lists of more parts than can be tried."""
    lists = (("preaggregators", scenario.preaggregators, MOST_STEPS), ("attacks", scenario.attacks, MOST_ATTACKS))
    return [Problem((key,), f"at most {most}, got {len(parts):,}") for key, parts, most in lists if len(parts) > most]


def _fedsgd(scenario: Scenario) -> list[Problem]:
    training = scenario.training
    if training.algorithm != "fedsgd":
        return []
    found = []
    name = training.optimizer.name
    if not optimizers[name].traits.get("first_is_gradient"):
        message = f"fedsgd sends one plain step along the gradient, which is not what {name} makes of it: use sgd"
        found.append(Problem(("training", "optimizer"), message, name))
    for key, value, default in (("epochs", training.epochs, 1), ("steps", training.steps, None)):
        if value != default:
            message = "fedsgd makes one step in a round: leave this out, or use fedavg"
            found.append(Problem(("training", key), message, value))
    return found


def _much(scenario: Scenario) -> list[Problem]:
    entry = datasets[scenario.data.name]
    count, shape = entry.traits.get("examples"), entry.traits.get("shape")
    if count is None or shape is None or (size := count(scenario.data.settings) * prod(shape)) <= MOST_BYTES:
        return []
    message = f"these settings make {size / 2**30:,.0f} GiB of images; {MOST_BYTES / 2**30:.0f} are possible"
    return [Problem(("data",), message, scenario.data.name)]


def _held_out(scenario: Scenario) -> list[Problem]:
    count = datasets[scenario.data.name].traits.get("examples")
    root, validation = scenario.root.size, scenario.evaluation.validation
    if count is None or root + validation < count(scenario.data.settings):
        return []
    there = f"{scenario.data.name} has {count(scenario.data.settings):,} examples, tests included"
    message = f"root ({root:,}) and validation ({validation:,}) leave nothing to train on: {there}"
    larger = ("root", "size") if root >= validation else ("evaluation", "validation")
    return [Problem(larger, message, max(root, validation))]


def _small_images(scenario: Scenario) -> list[Problem]:
    shape, side = datasets[scenario.data.name].traits.get("shape"), models[scenario.model.name].traits.get("side", 1)
    if shape is None or min(shape[1:]) >= side:
        return []
    message = (
        f"{scenario.model.name} needs images of at least {side}×{side}: those of {scenario.data.name} are "
        f"{shape[1]}×{shape[2]}; mlp and logistic take any"
    )
    return [Problem(("model",), message, scenario.model.name)]
