"""What can be promised of a scenario before it runs: conditions that hold, and the chances that they will not.

A cohort is drawn without replacement, so the number of Byzantine clients in it is hypergeometric. Chances are ratios
of whole numbers, exact to the last digit, for cohorts of up to 2,000 clients, and logarithms of factorials beyond.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fedsim.aggregators.contract import Condition, aggregators
from fedsim.datasets.contract import datasets
from fedsim.exact_fractions import apportioned
from fedsim.preaggregators.contract import preaggregators
from fedsim.registry import Entry
from fedsim.scenario.dry_run import rows_seen
from fedsim.scenario.momenta import momentum_notes
from fedsim.scenario.rule_notes import rule_notes
from fedsim.scenario.sections import Attack, Choice, Scenario, attackers_wanted

MOST_ROUNDS = 100_000
"""Schedules of attacks are counted round by round up to here, and taken to go on in the same proportions."""

MOST_EXACT = 2_000
"""Cohorts up to here are counted in whole numbers; the binomials of larger ones have too many digits."""

NEGLIGIBLE = 1e-9
"""A chance below this is not worth a sentence."""

AVERAGES_FROM, RESEARCH_AVERAGES_FROM = 10.0, 100.0
"""λ of aGMaMI, in spreads and in nats, from which it averages: scores hardly ever lie that far apart."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One thing that holds, is to be expected against, or fails."""

    verdict: Literal["holds", "warning", "fails"]
    text: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """How often more Byzantine clients are sampled than the rule is told to bear."""

    tolerated: int  # Byzantine rows in a round that the rule is set up for
    byzantine: int  # clients that attack in a round, at most
    worst: float  # chance of more in one round, while all of them attack
    expected: float  # rounds of the run in which there are more


def chance_of_more(population: int, byzantine: int, sampled: int, tolerated: int) -> float:
    """Chance that a cohort of `sampled` out of `population` holds more than `tolerated` of the `byzantine`."""
    low = max(tolerated + 1, 0, sampled - (population - byzantine))
    high = min(byzantine, sampled)
    honest, ks = population - byzantine, range(low, high + 1)
    if min(sampled, population - sampled) <= MOST_EXACT:
        ways = sum(math.comb(byzantine, k) * math.comb(honest, sampled - k) for k in ks)
        return ways / math.comb(population, sampled)
    whole = _log_choose(population, sampled)
    terms = (_log_choose(byzantine, k) + _log_choose(honest, sampled - k) - whole for k in ks)
    return min(1.0, math.fsum(map(math.exp, terms)))


def chance_of_fewer(sampled: int, dropout: float, needed: int) -> float:
    """Chance that fewer than `needed` of `sampled` clients answer, each lost with chance `dropout` on its own."""
    if dropout == 0:
        return float(sampled < needed)
    terms = (
        _log_choose(sampled, k) + k * math.log1p(-dropout) + (sampled - k) * math.log(dropout)
        for k in range(min(needed, sampled + 1))
    )
    return min(1.0, math.fsum(map(math.exp, terms)))


def exposure(scenario: Scenario, population: int) -> Exposure | None:
    """How often the cohort holds more Byzantine clients than are tolerated; None where nobody attacks."""
    held = [attackers_wanted(adversary, population) for adversary in scenario.attacks]
    anew = [adversary.per_round or 0 for adversary in scenario.attacks]
    if not any(held) and not any(anew):
        return None
    sampled = min(scenario.clients.sampled, population)
    f = tolerated(scenario)
    schedule = _schedule(scenario.attacks, scenario.rounds)
    in_cohort = dict(enumerate(_apportioned(sampled, held, population) if _stratified(scenario) else ()))
    chances = {}
    for acting in schedule:
        fixed = sum(in_cohort.get(index, 0) + anew[index] for index in acting)
        drawn = 0 if in_cohort else min(population, sum(held[index] for index in acting))
        chances[acting] = chance_of_more(population, drawn, sampled, f - fixed)
    most = max((min(population, sum(held[index] + anew[index] for index in acting)) for acting in schedule), default=0)
    expected = sum(rounds * chances[acting] for acting, rounds in schedule.items())
    return Exposure(f, most, max(chances.values(), default=0.0), expected)


def _stratified(scenario: Scenario) -> bool:
    return scenario.clients.sampling == "stratified"


def _apportioned(sampled: int, held: Sequence[int], population: int) -> list[int]:
    """How many clients of each adversary are in every stratified cohort."""
    return apportioned(sampled, [population - sum(held), *held])[1:]


def tolerated(scenario: Scenario) -> int:
    """Byzantine rows a round that the scenario is set up for: the smallest f it gives, or else a bare minority."""
    given = [f for entry, choice in server_steps(scenario) if (f := entry.byzantine(choice.settings)) is not None]
    return min(given) if given else (scenario.clients.sampled - 1) // 2


def server_steps(scenario: Scenario) -> list[tuple[Entry, Choice]]:
    """The pre-aggregators in turn, then the rule, each with its settings."""
    mixers = [(preaggregators[choice.name], choice) for choice in scenario.preaggregators]
    return [*mixers, (aggregators[scenario.aggregator.name], scenario.aggregator)]


def guarantees(scenario: Scenario, population: int | None = None) -> list[Guarantee]:
    """Everything worth saying about what the scenario promises, good and bad."""
    population = population or known_population(scenario)
    found = [*_conditions(scenario), *_averaging(scenario), *_absences(scenario)]
    found += [Guarantee("warning", text) for text in (*momentum_notes(scenario), *rule_notes(scenario, population))]
    return found + _exposed(scenario, population) if population else found


def known_population(scenario: Scenario) -> int | None:
    """The number of clients where it can be known without loading any data."""
    given = scenario.clients.population
    if given is None and scenario.partition.name == "by_writer":
        owners = datasets[scenario.data.name].traits.get("owners")
        return None if owners is None else int(owners(scenario.data.settings))
    return 100 if given is None else given


def condition(scenario: Scenario) -> tuple[str, Condition]:
    """The rule's own condition on n and f, as written and as understood."""
    needs = aggregators[scenario.aggregator.name].needs
    return needs, Condition.parse(needs)


def _conditions(scenario: Scenario) -> list[Guarantee]:
    """The conditions of every step of the server, on as many rows as a full round brings it."""
    found = []
    for (entry, choice), rows in zip(server_steps(scenario), rows_seen(scenario), strict=True):
        needs, f = entry.needs, entry.byzantine(choice.settings) or 0
        if needs == "n ≥ 1":
            continue
        verdict: Literal["holds", "fails"] = "holds" if Condition.parse(needs).holds(rows, f) else "fails"
        numbers = f"n = {rows}, f = {f}" if "f" in needs else f"n = {rows}"
        found.append(Guarantee(verdict, f"{choice.name} needs {needs}: {numbers}"))
    return found


def _averaging(scenario: Scenario) -> list[Guarantee]:
    """Whether the rule's settings make it the plain mean."""
    rule = scenario.aggregator
    penalty = rule.settings.get("penalty")
    if rule.name != "agmami" or penalty is None:
        return []
    research = rule.settings.get("variant") == "research"
    limit = RESEARCH_AVERAGES_FROM if research else AVERAGES_FROM
    if penalty < limit:
        return []
    text = f"agmami with penalty = {penalty:g} is the plain mean: from {limit:g} on hardly any client is dropped"
    return [Guarantee("warning", text)]


def _absences(scenario: Scenario) -> list[Guarantee]:
    """Whether drop-out may leave the rule with fewer rows than it needs."""
    needs, wanted = condition(scenario)
    rule, sampled = scenario.aggregator, scenario.clients.sampled
    f = aggregators[rule.name].byzantine(rule.settings) or 0
    if scenario.clients.dropout == 0 or scenario.preaggregators:
        return []
    least = wanted.slope * f + wanted.offset + wanted.strict
    chance = chance_of_fewer(sampled, scenario.clients.dropout, least)
    if chance < NEGLIGIBLE:
        return []
    text = f"{odds(chance)} will be skipped: drop-out leaves fewer than the {least} rows of {needs}"
    return [Guarantee("warning", text)]


def _exposed(scenario: Scenario, population: int) -> list[Guarantee]:
    """What sampling does to the promise of f."""
    risk = exposure(scenario, population)
    if risk is None:
        return []
    who = f"{risk.byzantine:,} of {population:,} attack"
    named = any(entry.byzantine(choice.settings) is not None for entry, choice in server_steps(scenario))
    limit = f"more than f = {risk.tolerated} Byzantine clients" if named else "a Byzantine majority"
    if risk.expected < NEGLIGIBLE:
        return [Guarantee("holds", f"no round samples {limit} ({who})")]
    text = f"{odds(risk.worst)} will sample {limit} ({who}); expect {_about(risk.expected)} of {scenario.rounds:,}"
    return [Guarantee("warning", text)]


def odds(chance: float) -> str:
    """A chance in words: `1 round in 9`."""
    if chance >= 1 - NEGLIGIBLE:
        return "every round"
    if chance > 0.5:  # noqa: PLR2004 - above a half, counting out of ten reads better
        return f"{chance:.0%} of rounds"
    return f"1 round in {round(1 / chance):,}"


def _about(rounds: float) -> str:
    return f"{rounds:,.0f}" if rounds >= 10 else f"{rounds:.1f}" if rounds >= 0.1 else "fewer than 0.1"  # noqa: PLR2004


def _schedule(adversaries: tuple[Attack, ...], rounds: int) -> dict[frozenset[int], float]:
    """Which attacks act together, and in how many rounds."""
    counted = min(rounds, MOST_ROUNDS)
    sets = Counter(
        frozenset(index for index, adversary in enumerate(adversaries) if adversary.acts(number))
        for number in range(1, counted + 1)
    )
    return {acting: times * rounds / counted for acting, times in sets.items()}


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
