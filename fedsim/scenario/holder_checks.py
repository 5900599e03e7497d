"""What must hold where the attackers hold no examples."""

from collections.abc import Iterator

from fedsim.attacks.contract import attacks
from fedsim.errors import Problem
from fedsim.scenario.chains import forging, placed
from fedsim.scenario.sections import Attack, Scenario, attackers_wanted

HONEST = 'partition.holders = "honest"'


def wrong_holders(scenario: Scenario) -> list[Problem]:
    """Everything in the way of dealing the examples to the honest clients alone."""
    if scenario.partition.holders == "all":
        return []
    found = [problem for place, plan in enumerate(scenario.attacks) for problem in _adversary(plan, place)]
    return [*_nobody(scenario), *found]


def _nobody(scenario: Scenario) -> Iterator[Problem]:
    population = scenario.clients.population
    if population is None:
        message = f"must be given with {HONEST}: who is honest is settled before the examples are dealt"
        yield Problem(("clients", "population"), message)
        return
    wanted = sum(attackers_wanted(plan, population) for plan in scenario.attacks)
    if wanted >= population:
        message = f"nobody is honest who could hold the examples: {wanted:,} of {population:,} clients attack"
        yield Problem(("partition", "holders"), message, "honest")


def _adversary(plan: Attack, place: int) -> Iterator[Problem]:
    """An adversary whose clients would need examples."""
    path = ("attacks", place)
    for below, choice in placed(plan):
        poisons = attacks[choice.name].traits["poisons"]
        if poisons != "updates":
            what = "poisons examples" if poisons == "data" else "trains on examples"
            yield Problem((*path, *below), f"{choice.name} {what}, and with {HONEST} attackers hold none", choice.name)
    looking = [step.choice.name for step in forging(plan) if {"own", "honest"} & set(step.entry.supplied)]
    if plan.knowledge != "all" and looking:
        message = f"{looking[0]} needs updates that it may look at, and with {HONEST} attackers train none: use all"
        yield Problem((*path, "knowledge"), message, plan.knowledge)
    if plan.per_round is not None:
        message = f"draws attackers anew in every round, and {HONEST} settles them once: use count or fraction"
        yield Problem((*path, "per_round"), message, plan.per_round)
    for key, default in (("start", 1), ("stop", None), ("every", 1)):
        if getattr(plan, key) != default:
            message = f"leaves rounds in which its clients would be honest, and with {HONEST} they hold no examples"
            yield Problem((*path, key), message, getattr(plan, key))
