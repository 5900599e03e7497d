"""What a scenario of an asynchronous server cannot mean."""

from fedsim.errors import Problem
from fedsim.scenario.sections import Scenario

NO_ROUNDS = "means nothing where the server is asynchronous (clients.buffer): it steps when so many updates are in"


def wrong_buffer(scenario: Scenario) -> list[Problem]:
    """Settings of rounds beside a buffer, and one that can never be filled."""
    clients = scenario.clients
    if clients.buffer is None:
        return _own_pace(scenario)
    found = []
    if clients.population is not None and clients.sampled + clients.buffer > clients.population:
        most = clients.population - clients.sampled
        message = f"with {clients.sampled} of {clients.population} clients at work there are at most {most} others"
        found.append(Problem(("clients", "buffer"), message, clients.buffer))
    given = {"quorum": clients.quorum, "deadline": clients.deadline}
    found += [Problem(("clients", key), NO_ROUNDS, value) for key, value in given.items() if value is not None]
    if clients.late == "keep":
        found.append(Problem(("clients", "late"), "every update is kept where the server is asynchronous", "keep"))
    if clients.sampling != "uniform":
        message = "an asynchronous server has no cohorts: clients begin one by one, drawn from all that are free"
        found.append(Problem(("clients", "sampling"), message, clients.sampling))
    return [*found, *_own_pace(scenario)]


def _own_pace(scenario: Scenario) -> list[Problem]:
    """Adversaries that hold others in each round and have a law of their own: who they are is known only afterwards."""
    message = "clients that are held in one round each take the time that everybody takes: give count, fraction or ids"
    return [
        Problem(("attacks", place, "latency"), message, adversary.latency.name)
        for place, adversary in enumerate(scenario.attacks)
        if adversary.latency is not None and adversary.per_round is not None
    ]


def wrong_availability(scenario: Scenario) -> list[Problem]:
    """What a law of who is there does not go with."""
    clients = scenario.clients
    if clients.availability is None:
        message = "means nothing where all clients are there at all times: give clients.availability too"
        return [Problem(("clients", "at_least"), message, clients.at_least)] if clients.at_least is not None else []
    found = []
    if clients.at_least is not None and clients.population is not None and clients.at_least > clients.population:
        message = f"there are never more than {clients.population} clients"
        found.append(Problem(("clients", "at_least"), message, clients.at_least))
    if clients.buffer is not None and clients.at_least is not None:
        found.append(Problem(("clients", "at_least"), NO_ROUNDS, clients.at_least))
    return found
