"""Who averages over past rounds in a scenario: clients, the rule, the server. More than one at once deserves a word."""

from fedsim.aggregators.contract import aggregators
from fedsim.local_algorithms.contract import local_algorithms
from fedsim.scenario.sections import Scenario
from fedsim.server_optimizers.contract import server_optimizers

PAST = {"memory", "previous"}
"""What a rule asks for that looks back."""


def momentum_notes(scenario: Scenario) -> list[str]:
    """What is worth saying of momentum and rates."""
    return [*_twice(scenario), *_unscaled(scenario)]


def _twice(scenario: Scenario) -> list[str]:
    """The server's momentum on top of another."""
    optimizer = scenario.server.optimizer
    if not server_optimizers[optimizer.name].traits["momentum"](optimizer.settings):
        return []
    others = [*momenta_of_clients(scenario), *_of_the_rule(scenario)]
    if not others:
        return []
    word = "does" if len(others) == 1 else "do"
    return [f"the server's {optimizer.name} averages over past rounds, and so {word} {' and '.join(others)}"]


def momenta_of_clients(scenario: Scenario) -> list[str]:
    """What clients average by, in words; nothing where they do not."""
    training = scenario.training
    if training.worker_momentum:
        return ["training.worker_momentum"]
    choice = training.algorithm
    return (
        [f"the momentum of {choice.name}"] if local_algorithms[choice.name].traits["momentum"](choice.settings) else []
    )


def _of_the_rule(scenario: Scenario) -> list[str]:
    rule = scenario.aggregator
    looks_back = PAST & set(aggregators[rule.name].supplied) and rule.settings.get("beta", 1) != 0
    return [f"the rule {rule.name}"] if looks_back else []


def _unscaled(scenario: Scenario) -> list[str]:
    """Gradients sent as they are, and a server that takes them at the rate of 1 because nobody said another."""
    choice = scenario.training.algorithm
    if choice.settings.get("rate") != "server" or scenario.server.lr != 1.0:
        return []
    return [f"server.lr = 1 is the learning rate itself: {choice.name} sends gradients that nobody has scaled"]
