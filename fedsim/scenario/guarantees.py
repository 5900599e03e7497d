"""What can be promised of a scenario before it runs: conditions that hold, and the chances that they will not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fedsim.aggregators.contract import Condition, aggregators
from fedsim.scenario.exposure import (
    Exposure,
    Steps,
    chance_of_fewer,
    edge_steps,
    exposure,
    known_population,
    server_steps,
)
from fedsim.scenario.group_exposure import silent_groups, tolerated_by_groups
from fedsim.scenario.momenta import momentum_notes
from fedsim.scenario.rule_notes import rule_notes
from fedsim.scenario.sections import Choice, Scenario
from fedsim.scenario.server_checks import edge_rows, rows_seen, rows_through
from fedsim.scenario.topology import count_of

NEGLIGIBLE = 1e-9
"""A chance below this is not worth a sentence."""

AVERAGES_FROM, RESEARCH_AVERAGES_FROM = 10.0, 100.0
"""λ of aGMaMI, in spreads and in nats, from which it averages: scores hardly ever lie that far apart."""


@dataclass(frozen=True, slots=True)
class Guarantee:
    """One thing that holds, is to be expected against, or fails."""

    verdict: Literal["holds", "warning", "fails"]
    text: str


def guarantees(scenario: Scenario, population: int | None = None) -> list[Guarantee]:
    """Everything worth saying about what the scenario promises, good and bad."""
    population = population or known_population(scenario)
    found = [*_conditions(scenario, population), *_averaging(scenario), *_absences(scenario)]
    found += [Guarantee("warning", text) for text in (*momentum_notes(scenario), *rule_notes(scenario, population))]
    if scenario.clients.availability is None:
        return found + _exposed(scenario, population) if population else found
    return [*found, _presence(scenario.clients.availability)] if scenario.attacks else found


def condition(scenario: Scenario) -> tuple[str, Condition]:
    """The rule's own condition on n and f, as written and as understood."""
    needs = aggregators[scenario.aggregator.name].needs
    return needs, Condition.parse(needs)


def _conditions(scenario: Scenario, population: int | None) -> list[Guarantee]:
    """The conditions of every step of the server, on as many rows as a full round brings it."""
    if scenario.topology is None:
        return _checked(server_steps(scenario), rows_seen(scenario))
    least, _ = edge_rows(scenario, population)
    below = _checked(edge_steps(scenario), rows_through(scenario.topology, least), " at most in the smallest group")
    return [*below, *_checked(server_steps(scenario), rows_seen(scenario), " groups at most")]


def _checked(steps: Steps, numbers: Sequence[int], rows_of: str = "") -> list[Guarantee]:
    found = []
    for (entry, choice), rows in zip(steps, numbers, strict=True):
        needs, f = entry.needs, entry.byzantine(choice.settings) or 0
        if needs == "n ≥ 1":
            continue
        verdict: Literal["holds", "fails"] = "holds" if Condition.parse(needs).holds(rows, f) else "fails"
        numbered = f"n = {rows}{rows_of}, f = {f}" if "f" in needs else f"n = {rows}{rows_of}"
        found.append(Guarantee(verdict, f"{choice.name} needs {needs}: {numbered}"))
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
    if scenario.clients.dropout == 0 or scenario.preaggregators or scenario.topology is not None:
        return []
    least = wanted.slope * f + wanted.offset + wanted.strict
    chance = chance_of_fewer(sampled, scenario.clients.dropout, least)
    if chance < NEGLIGIBLE:
        return []
    text = f"{odds(chance)} will be skipped: drop-out leaves fewer than the {least} rows of {needs}"
    return [Guarantee("warning", text)]


def _presence(law: Choice) -> Guarantee:
    """That nobody foresees who is there when."""
    text = f"cohorts are drawn from whoever is there ({law.name}): how many of them attack is not foreseen"
    return Guarantee("warning", text)


def _exposed(scenario: Scenario, population: int) -> list[Guarantee]:
    """What sampling does to the promise of f."""
    if scenario.topology is not None:
        return [*_borne_by_groups(scenario, population), *_groups(scenario, population)]
    found = exposure(scenario, population)
    if found is None:
        return [stated] if (stated := stated_risk(scenario, population)) else []
    who = f"{found.byzantine:,} of {population:,} attack"
    limit = _limit(scenario, found)
    if found.expected < NEGLIGIBLE:
        return [Guarantee("holds", f"no round samples {limit} ({who}){_stated(scenario, found)}")]
    text = f"{odds(found.worst)} will sample {limit} ({who}); expect {_about(found.expected)} of {scenario.rounds:,}"
    return [Guarantee(_verdict(scenario, found), text + _stated(scenario, found))]


def stated_risk(scenario: Scenario, population: int) -> Guarantee | None:
    """What a scenario that states a risk, as every one does that leaves f to it, is told about it; else None."""
    if scenario.clients.risk is None:
        return None
    if exposure(scenario, population) is None:
        return Guarantee("holds", "nobody attacks: f = 0 would do")
    return _exposed(scenario, population)[0]


def _borne_by_groups(scenario: Scenario, population: int) -> list[Guarantee]:
    """How many Byzantine rows the levels bear together, depending on where they are."""
    found = tolerated_by_groups(scenario, population)

    def share(many: int) -> str:
        return f"{many:,} ({100 * many / found.rows:.3g}%)"

    text = (
        f"of {found.rows:,} rows a round {share(found.anywhere)} may be Byzantine wherever they are; "
        f"{share(found.filled)} that fill group after group, {share(found.spread)} spread evenly"
    )
    return [Guarantee("holds" if found.anywhere else "warning", text)]


def _groups(scenario: Scenario, population: int) -> list[Guarantee]:
    """Groups with too few rows for their rule, and rounds that lose too many groups to attackers."""
    found, silent = [], silent_groups(scenario, population)
    if silent >= NEGLIGIBLE:
        of_all = f"of {count_of(scenario.topology):,}" if scenario.topology is not None else ""
        expected = f"expect {_about(silent)} {of_all} groups to be silent in a round"
        found.append(Guarantee("warning", f"{expected}: sampling leaves too few rows for their rule"))
    risk = exposure(scenario, population)
    if risk is None:
        return found
    who = f"{risk.byzantine:,} of {population:,} attack"
    if risk.expected < NEGLIGIBLE:
        return [*found, Guarantee("holds", f"no round loses more groups to attackers than are borne ({who})")]
    lost = "more groups to attackers than are borne"
    if all(plan.ids is not None for plan in scenario.attacks):
        expected = f"expect {_about(risk.expected)} of {scenario.rounds:,}"
        return [*found, Guarantee("warning", f"{odds(risk.worst)} will lose {lost} ({who}); {expected}")]
    chance = f"{risk.worst:.2g}" if risk.worst < 0.01 else f"{risk.worst:.0%}"  # noqa: PLR2004
    return [*found, Guarantee("warning", f"{who}, drawn at random: the chance that a round loses {lost} is {chance}")]


def _limit(scenario: Scenario, found: Exposure) -> str:
    named = any(entry.byzantine(choice.settings) is not None for entry, choice in server_steps(scenario))
    return f"more than f = {found.tolerated} Byzantine clients" if named else "a Byzantine majority"


def _verdict(scenario: Scenario, found: Exposure) -> Literal["holds", "warning"]:
    risk = scenario.clients.risk
    return "holds" if risk is not None and found.worst < risk else "warning"


def _stated(scenario: Scenario, found: Exposure) -> str:
    """How the chance of a round compares with the risk that the scenario states."""
    risk = scenario.clients.risk
    if risk is None:
        return ""
    return f", {'under' if found.worst < risk else 'above'} the stated risk of {risk:g}"


def odds(chance: float) -> str:
    """A chance in words: `1 round in 9`."""
    if chance >= 1 - NEGLIGIBLE:
        return "every round"
    if chance > 0.5:  # noqa: PLR2004 - above a half, counting out of ten reads better
        return f"{chance:.0%} of rounds"
    return f"1 round in {round(1 / chance):,}"


def _about(rounds: float) -> str:
    return f"{rounds:,.0f}" if rounds >= 10 else f"{rounds:.1f}" if rounds >= 0.1 else "fewer than 0.1"  # noqa: PLR2004
