"""What a rule's settings mean in this scenario, where that is not what their names promise."""

from collections.abc import Iterator

from fedsim.aggregators.contract import aggregators
from fedsim.scenario.momenta import momenta_of_clients
from fedsim.scenario.sections import Scenario
from fedsim.scenario.server_checks import rows_seen


def rule_notes(scenario: Scenario, population: int | None) -> list[str]:
    """A sentence for each thing that a reader of the scenario should know."""
    of_clients = [*_places(scenario, population), *_past(scenario, population), *_identities(scenario)]
    return [*_counts(scenario), *of_clients, *_momenta(scenario)]


def _counts(scenario: Scenario) -> Iterator[str]:
    """Counts are what clients report."""
    rule = scenario.aggregator
    if scenario.attacks and rule.settings.get("weighting") == "examples":
        trust = f"{rule.name} by examples trusts the counts that clients report"
        yield f"{trust}: an attacker who claims many decides alone"


def _places(scenario: Scenario, population: int | None) -> Iterator[str]:
    """A trusted row is told by its place."""
    rule, sampled = scenario.aggregator, scenario.clients.sampled
    if rule.name == "monna" and population is not None and sampled < population:
        index = rule.settings.get("index", 0)
        yield f"monna trusts row {index}: with {sampled} of {population:,} sampled it is another client's in each round"


def _past(scenario: Scenario, population: int | None) -> Iterator[str]:
    """FLDetector needs a past."""
    rule, clients = scenario.aggregator, scenario.clients
    if rule.name != "fldetector":
        return
    start = rule.settings["start"]
    if start > scenario.rounds:
        yield f"fldetector is the plain mean: it judges from round {start} on, and there are {scenario.rounds:,}"
    elif population is not None and clients.sampled < population:
        yield "fldetector judges a client only by rounds in a row that it takes part in: sample all clients"


def _identities(scenario: Scenario) -> Iterator[str]:
    """A rule that remembers clients must be given rows of clients."""
    rule, rows = scenario.aggregator, rows_seen(scenario)
    asked = aggregators[rule.name].supplied
    if {"clients", "memory"} <= set(asked) and rows[-1] != rows[0]:
        yield f"{rule.name} remembers clients, and is given rows that are no client's: each is a mixture of several"


def _momenta(scenario: Scenario) -> Iterator[str]:
    """Delayed momentum needs one."""
    if scenario.aggregator.name == "delayed_momentum" and not momenta_of_clients(scenario):
        yield "delayed_momentum keeps what clients sent last, and they keep no momentum: give training.worker_momentum"
