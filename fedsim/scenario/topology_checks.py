"""What a scenario's topology cannot mean, as far as it can be seen without data or model."""

from dataclasses import replace

from fedsim.aggregators.contract import aggregators
from fedsim.errors import Problem
from fedsim.scenario.exposure import edge_steps, known_population
from fedsim.scenario.sections import Scenario, Topology
from fedsim.scenario.server_checks import edge_rows, wrong_steps
from fedsim.scenario.topology import count_of, unassigned
from fedsim.supply import RULES

GROUPS = ("topology", "groups")


def wrong_topology(scenario: Scenario) -> list[Problem]:
    """Groups that cannot be formed, a server at the edge that cannot judge, and what no topology goes with."""
    topology = scenario.topology
    if topology is None:
        message = "means nothing without groups: give [topology], or sample uniformly"
        grouped = scenario.clients.sampling == "grouped"
        return [Problem(("clients", "sampling"), message, "grouped")] if grouped else []
    found = [*_wrong_groups(topology, known_population(scenario)), *_without_root(topology), *_for_one_server(scenario)]
    return found or _wrong_edge(scenario)


def too_many_groups(topology: Topology, population: int) -> list[Problem]:
    """More groups than clients."""
    groups = count_of(topology)
    if groups <= population:
        return []
    message = f"cannot make {groups:,} groups of {population:,} clients: every group needs a client"
    return [Problem(GROUPS, message, topology.groups)]


def _wrong_groups(topology: Topology, population: int | None) -> list[Problem]:
    if isinstance(topology.groups, int):
        return too_many_groups(topology, population) if population is not None else []
    if not topology.groups:
        return [Problem(GROUPS, "a topology needs a group: give a number, or a list of clients for each", ())]
    found = []
    place, wrong = unassigned(topology.groups, population)
    if wrong:
        found.append(Problem(GROUPS if place is None else (*GROUPS, place), wrong))
    if topology.assignment is not None:
        message = "means nothing where the groups' clients are listed: leave it out, or give a number of groups"
        found.append(Problem(("topology", "assignment"), message, topology.assignment))
    return found


def _without_root(topology: Topology) -> list[Problem]:
    """Root data are the top's: a server at the edge that held any would be another experiment."""
    name = topology.aggregator.name
    asked = [item for item in aggregators[name].supplied if RULES[item].root]
    if not asked:
        return []
    message = f"{name} needs root data, which only the server at the top holds: use it in [aggregator]"
    return [Problem(("topology", "aggregator", "name"), message, name)]


def _for_one_server(scenario: Scenario) -> list[Problem]:
    """An asynchronous server takes rows one by one, and an edge server has to have its group's together."""
    given = {"buffer": scenario.clients.buffer, "risk": scenario.clients.risk}
    messages = {
        "buffer": "an asynchronous server has no rounds in which groups could answer: leave this out, or [topology]",
        "risk": 'is of f = "auto", which is for one server: leave it out, and see what fedsim check says of the groups',
    }
    return [Problem(("clients", key), messages[key], value) for key, value in given.items() if value is not None]


def _wrong_edge(scenario: Scenario) -> list[Problem]:
    """The edge servers' steps, on all rows that the smallest group can have in a round."""
    assert scenario.topology is not None  # noqa: S101 - for mypy
    least, _ = edge_rows(scenario)
    told = any(entry.byzantine(choice.settings) is not None for entry, choice in edge_steps(scenario))
    where = f" (in the smallest group, of at most {least:,} rows a round)" if told else ""
    found = wrong_steps(scenario.topology, least, ("topology",))
    return [replace(problem, message=problem.message + where) for problem in found]
