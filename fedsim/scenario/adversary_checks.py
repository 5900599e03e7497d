"""What can be known to be wrong with the adversaries of a scenario before any work."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fedsim.attacks.contract import attacks, forged_rows
from fedsim.checked_calls import refusal
from fedsim.errors import Problem
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.scenario.build import CHAIN
from fedsim.scenario.chains import placed, poisoning, retraining
from fedsim.scenario.sections import Attack, Choice, Scenario, attackers_wanted
from fedsim.stand_ins import Sample
from fedsim.supply import DATA_ATTACKS, UPDATE_ATTACKS, samples

Path = tuple[str | int, ...]

CLIENT_KEYS = ("count", "fraction", "ids", "per_round")
"""Keys that say which clients an adversary holds, one of which is given."""
WIDTH = 6
"""Coordinates of the tiny matrix that algorithms are tried on."""


def wrong_together(scenario: Scenario) -> list[Problem]:
    """What is wrong with the adversaries together: more clients than there are, or one client twice."""
    return [*_too_many(scenario), *_shared_ids(scenario)]


def wrong_adversary(plan: Attack, place: int, scenario: Scenario, told: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with an adversary by itself; of the data is `told` what is known of their inputs and classes."""
    path = ("attacks", place)
    return [*_held(plan, path, scenario), *_times(plan, path), *_steps(plan, path, told)]


def wrong_on_data(scenario: Scenario, told: Mapping[str, Any]) -> list[Problem]:
    """What attacks on the data have against the data as they turned out to be."""
    found = []
    for place, plan in enumerate(scenario.attacks):
        for below, choice in placed(plan):
            on_data = attacks[choice.name].traits["poisons"] == "data"
            if on_data and (message := _try_attack(choice, told)):
                found.append(Problem(("attacks", place, *below), message, choice.name))
    return found


def _held(plan: Attack, path: Path, scenario: Scenario) -> list[Problem]:
    problems = []
    given = [key for key in CLIENT_KEYS if getattr(plan, key) is not None]
    if len(given) != 1:
        wish = f"got {', '.join(given)}" if given else "none is given"
        problems.append(Problem((*path, "count"), f"give one of count, fraction, ids and per_round: {wish}"))
    population = scenario.clients.population
    if population is not None and plan.ids and max(plan.ids) >= population:
        problems.append(Problem((*path, "ids"), f"clients are 0 to {population - 1}, got {max(plan.ids)}", plan.ids))
    if plan.ids is not None and len(set(plan.ids)) < len(plan.ids):
        problems.append(Problem((*path, "ids"), "names a client twice", plan.ids))
    if plan.per_round is not None and plan.per_round > scenario.clients.sampled:
        message = f"cannot hold {plan.per_round} of {scenario.clients.sampled} sampled clients"
        problems.append(Problem((*path, "per_round"), message, plan.per_round))
    return problems


def _times(plan: Attack, path: Path) -> list[Problem]:
    if plan.stop is None or plan.stop >= plan.start:
        return []
    return [Problem((*path, "stop"), f"is before start = {plan.start}", plan.stop)]


def _steps(plan: Attack, path: Path, told: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with an adversary's name, or with its chain."""
    chains = {kind: chosen for kind in CHAIN if (chosen := getattr(plan, kind)) is not None}
    if plan.attack is not None:
        if chains:
            yield Problem((*path, next(iter(chains))), "give a name, or a chain in its place, and not both")
        if message := _try_attack(plan.attack, told):
            yield Problem((*path, "name"), message, plan.attack.name)
    elif not plan.steps:
        yield Problem(path, "does nothing: give it a name, or steps in data, training or updates")
    yield from _training(plan, path)
    for kind, chosen in chains.items():
        for place, choice in enumerate(chosen):
            if message := _misplaced(choice, kind) or _try_attack(choice, told):
                yield Problem((*path, kind, place), message, choice.name)


def _training(plan: Attack, path: Path) -> Iterator[Problem]:
    """What is wrong with the steps that take the place of the local algorithm."""
    if plan.training is not None and len(plan.training) > 1:
        message = "one attack takes the place of the local algorithm, not several"
        yield Problem((*path, "training", 1), message, plan.training[1].name)
    step = retraining(plan)
    if step is not None and {"poisoned", "success"} & set(step.entry.supplied) and not poisoning(plan):
        where = (*path, "name") if plan.attack is not None else (*path, "training", 0)
        message = f"{step.choice.name} needs steps in data before it, whose poisoned examples it is after"
        yield Problem(where, message, step.choice.name)


def _misplaced(choice: Choice, kind: str) -> str:
    poisons = attacks[choice.name].traits["poisons"]
    what = {"data": "poisons examples", "training": "trains otherwise", "updates": "forges the rows that are sent"}
    return "" if poisons == kind else f"{choice.name} {what[poisons]}: it belongs to {poisons}, not to {kind}"


def _try_attack(choice: Choice, told: Mapping[str, Any]) -> str:
    """What the attack says against its settings; one that needs inputs of which nothing is known is not asked."""
    rows = Stream.root(0).at("rows").numpy().standard_normal((4, WIDTH)).astype(np.float32)
    entry = attacks[choice.name]
    if entry.traits["poisons"] == "training":
        return ""  # it is given a training to steer, which nobody has before the first round
    items = UPDATE_ATTACKS if entry.traits["poisons"] == "updates" else DATA_ATTACKS
    kinds = entry.traits.get("kinds")
    if "inputs" in entry.supplied and ("shape" not in told or (kinds is not None and told.get("kind") not in kinds)):
        return ""
    known = {what: value for what, value in told.items() if what != "kind"}
    stand_ins = samples(items, entry.supplied, Sample(rows, Stream.root(0), **known))
    return refused(entry, stand_ins, choice)


def refused(entry: Entry, stand_ins: Mapping[str, Any], choice: Choice) -> str:
    """What the algorithm says against its settings, or nothing."""
    try:
        answer = entry.call(stand_ins, choice.settings)
        if entry.traits.get("poisons") == "updates":
            forged_rows(entry.name, answer, 2, WIDTH)
    except Exception as error:
        return refusal(error, entry.name, entry.function)
    return ""


def _too_many(scenario: Scenario) -> list[Problem]:
    population = scenario.clients.population
    if population is None:
        return []
    wanted = sum(attackers_wanted(plan, population) for plan in scenario.attacks)
    if wanted <= population:
        return []
    return [Problem(("attacks",), f"want {wanted} clients in all, and there are {population}")]


def _shared_ids(scenario: Scenario) -> list[Problem]:
    owner: dict[int, int] = {}
    for place, plan in enumerate(scenario.attacks):
        for client in plan.ids or ():
            if owner.setdefault(client, place) != place:
                message = f"client {client} belongs to attacks[{owner[client]}] already"
                return [Problem(("attacks", place, "ids"), message, plan.ids)]
    return []
