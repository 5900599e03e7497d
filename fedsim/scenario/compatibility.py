"""Whether the parts of a scenario suit each other, as far as can be told without data or model."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from fedsim.attacks.contract import attacks
from fedsim.datasets.contract import datasets
from fedsim.errors import Problem
from fedsim.models.contract import models
from fedsim.partitions.contract import partitions
from fedsim.registry import Entry
from fedsim.scenario.chains import placed
from fedsim.scenario.scores import scored_twice, without_trigger
from fedsim.scenario.sections import Scenario
from fedsim.scenario.training_checks import wrong_training
from fedsim.tasks import TASKS

Path = tuple[str | int, ...]

MOST_STEPS = 64
"""Pre-aggregators in a row."""
MOST_ATTACKS = 256
MOST_BYTES = 2**36
"""Of images, a byte for each pixel; no machine that fedsim is made for holds more."""


def unfit(scenario: Scenario, sound: Callable[..., bool]) -> list[Problem]:
    """What does not go together; `sound` tells whether places are known to be right so far."""
    found = wrong_training(scenario, sound)
    if sound(("evaluation", "metrics"), ("attacks",)):
        found += scored_twice(scenario) + without_trigger(scenario)
    if sound(("data",)):
        found += [*_much(scenario), *(_held_out(scenario) if sound(("root",), ("evaluation",)) else [])]
    if sound(("data",), ("model",), ("partition",), ("attacks",)):
        kind = told(scenario, "kind")
        found += unsuited(scenario, kind, told(scenario, "task"), f"{scenario.data.name} has {kind}")
    if sound(("data",), ("model",)):
        found += _small_images(scenario)
    return found


def too_many_parts(scenario: Scenario) -> list[Problem]:
    """Lists of more parts than can be tried."""
    lists: list[tuple[Path, Sequence[Any], int]] = [
        (("preaggregators",), scenario.preaggregators, MOST_STEPS),
        (("attacks",), scenario.attacks, MOST_ATTACKS),
    ]
    if scenario.topology is not None:
        lists.append((("topology", "preaggregators"), scenario.topology.preaggregators, MOST_STEPS))
    return [Problem(path, f"at most {most}, got {len(parts):,}") for path, parts, most in lists if len(parts) > most]


def told(scenario: Scenario, trait: str) -> Any:
    """What a dataset says of itself under these settings; None where only its data can tell."""
    tell = datasets[scenario.data.name].traits.get(trait)
    return None if tell is None else tell(scenario.data.settings)


def told_of_data(scenario: Scenario) -> dict[str, Any]:
    """What a dataset says of its inputs and classes, without what only its data can tell."""
    found = {trait: told(scenario, trait) for trait in ("kind", "shape", "classes")}
    return {trait: value for trait, value in found.items() if value is not None}


def unsuited(scenario: Scenario, kind: str | None, task: str | None, whose: str) -> list[Problem]:
    """Parts that do not take such examples; `whose` says in a message what they are, None what is not known yet."""
    found = []
    if kind is not None and (message := _takes(models[scenario.model.name], kind)):
        found.append(Problem(("model",), f"{whose}; {message}", scenario.model.name))
    by_class = _by_class(partitions[scenario.partition.name], scenario.partition.settings)
    if task is not None and TASKS[task].everywhere and by_class:
        found.append(Problem(("partition",), _classless(scenario.partition.name), scenario.partition.name))
    steps = [
        (("attacks", place, *below), step)
        for place, adversary in enumerate(scenario.attacks)
        for below, step in placed(adversary)
    ]
    for path, step in steps:
        kinds = attacks[step.name].traits.get("kinds")
        if kind is not None and kinds is not None and kind not in kinds:
            found.append(Problem(path, f"{whose}; {step.name} changes {' and '.join(kinds)} only", step.name))
    return found


def _takes(model: Entry, kind: str) -> str:
    """Nothing where a model takes inputs of this kind; else what it takes, and who would take them."""
    kinds = kinds_taken(model)
    if kinds is None or kind in kinds:
        return ""
    others = [each.name for each in models if kind in (kinds_taken(each) or ())]
    would = f": {' and '.join(others)} take{'s' * (len(others) == 1)} {kind}" if others else ""
    return f"{model.name} takes {' and '.join(kinds)} only{would}"


def suiting(entry: Entry) -> list[tuple[str, str]]:
    """What has to stand beside a data set or a model, where a scenario's usual model or data do not suit it."""
    usual = Scenario()
    if entry.family == "datasets":
        kind = entry.traits["kind"] and entry.traits["kind"](_defaults(entry))
        others = [each.name for each in models if kind in (kinds_taken(each) or ())]
        return [("model", others[0])] if kind and others and usual.model.name not in others else []
    kinds = kinds_taken(entry) if entry.family == "models" else None
    made = [each for each in datasets if each.traits.get("offline") and each.traits["kind"]]
    fit = [each.name for each in made if each.traits["kind"](_defaults(each)) in (kinds or ())]
    return [("data", fit[0])] if fit and usual.data.name not in fit else []


def kinds_taken(model: Entry) -> tuple[str, ...] | None:
    """The kinds of inputs that a model takes; None where only building it tells."""
    kinds: tuple[str, ...] | None = model.traits.get("kinds")
    return ("tokens",) if kinds is None and "vocabulary" in model.supplied else kinds


def _classless(partition: str) -> str:
    """What is said of a partition by class where each place of an example has a target."""
    others = [each.name for each in partitions if not _by_class(each, _defaults(each))]
    return f"{partition} goes by the class of an example, and here every place has a target: use {', '.join(others)}"


def _by_class(partition: Entry, settings: Mapping[str, Any]) -> bool:
    looks = partition.traits.get("by_class")
    return bool(looks and looks(settings))


def _defaults(entry: Entry) -> dict[str, Any]:
    return {setting.name: setting.default for setting in entry.settings.values()}


def _much(scenario: Scenario) -> list[Problem]:
    count, shape = told(scenario, "examples"), told(scenario, "shape")
    if count is None or shape is None or (size := count * prod(shape)) <= MOST_BYTES:
        return []
    what, most = told(scenario, "kind"), MOST_BYTES / 2**30
    message = f"these settings make {size / 2**30:,.0f} GiB of {what}; {most:.0f} are possible"
    return [Problem(("data",), message, scenario.data.name)]


def _held_out(scenario: Scenario) -> list[Problem]:
    count = told(scenario, "examples")
    root, validation = scenario.root.size, scenario.evaluation.validation
    if count is None or root + validation < count:
        return []
    there = f"{scenario.data.name} has {count:,} examples, tests included"
    message = f"root ({root:,}) and validation ({validation:,}) leave nothing to train on: {there}"
    larger = ("root", "size") if root >= validation else ("evaluation", "validation")
    return [Problem(larger, message, max(root, validation))]


def _small_images(scenario: Scenario) -> list[Problem]:
    shape, side = told(scenario, "shape"), models[scenario.model.name].traits.get("side", 1)
    if shape is None or told(scenario, "kind") != "images" or min(shape[1:]) >= side:
        return []
    message = (
        f"{scenario.model.name} needs images of at least {side}×{side}: those of {scenario.data.name} are "
        f"{shape[1]}×{shape[2]}; mlp and logistic take any"
    )
    return [Problem(("model",), message, scenario.model.name)]
