"""Whether local work, its learning rates and the server's step suit each other, as far as the scenario alone tells."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from fedsim.checked_calls import refusal
from fedsim.errors import Problem
from fedsim.local_algorithms.contract import local_algorithms
from fedsim.optimizers.contract import optimizers
from fedsim.scenario.learning import Server, Training
from fedsim.scenario.sections import Scenario
from fedsim.schedules.contract import factor_of, schedules

MOST_ROUNDS = 10_000
"""Rounds whose rate is looked at one by one; of longer runs as many, evenly spread, the last one among them."""


def wrong_training(scenario: Scenario, sound: Callable[..., bool]) -> list[Problem]:
    """What does not go together; `sound` tells whether places are known to be right so far."""
    found = []
    if sound(("training",)):
        training = scenario.training
        found += [
            *_one_step(training),
            *_unscheduled(training),
            *_at_the_servers_rate(training),
            *_twice(training),
            *_not_plain(scenario),
        ]
    for key, part in (("training", scenario.training), ("server", scenario.server)):
        if sound((key,), ("rounds",)):
            found += _schedule(key, part, scenario.rounds)
    return found


def _one_step(training: Training) -> list[Problem]:
    algorithm = training.algorithm.name
    if not local_algorithms[algorithm].traits["one_step"]:
        return []
    found = []
    name = training.optimizer.name
    if not optimizers[name].traits.get("first_is_gradient"):
        message = f"{algorithm} sends one plain step along the gradient, which is not what {name} makes of it: use sgd"
        found.append(Problem(("training", "optimizer"), message, name))
    for key, value, default in (("epochs", training.epochs, 1), ("steps", training.steps, None)):
        if value != default:
            message = f"{algorithm} makes one step in a round: leave this out, or use fedavg"
            found.append(Problem(("training", key), message, value))
    return found


def _at_the_servers_rate(training: Training) -> list[Problem]:
    """Where the server's rate is taken, the client's own means nothing."""
    if training.algorithm.settings.get("rate") != "server":
        return []
    name, whose = training.optimizer.name, 'rate = "server": the learning rate is server.lr'
    lr, found = optimizers[name].settings.get("lr"), []
    if lr is not None and training.optimizer.settings["lr"] != lr.default:
        given = training.optimizer.settings["lr"]
        found.append(Problem(("training", "optimizer", "lr"), f"is not taken with {whose}", given))
    if scheduled(training):
        key, value = ("schedule", training.schedule.name) if not training.warmup else ("warmup", training.warmup)
        found.append(Problem(("training", key), f"belongs under [server] with {whose}", value))
    return found


def _twice(training: Training) -> list[Problem]:
    """Two momenta of the same client."""
    algorithm = training.algorithm
    if not training.worker_momentum or not local_algorithms[algorithm.name].traits["momentum"](algorithm.settings):
        return []
    message = f"{algorithm.name} keeps a momentum of its own: leave one of the two out"
    return [Problem(("training", "worker_momentum"), message, training.worker_momentum)]


def _not_plain(scenario: Scenario) -> list[Problem]:
    """What control variates, or normalised rows, do not go with."""
    training, found = scenario.training, []
    name, traits = training.algorithm.name, local_algorithms[training.algorithm.name].traits
    if not traits["variates"] and not traits["length"]:
        return []
    settings = training.optimizer.settings
    refused = ("weight_decay", "momentum") if traits["variates"] else ("weight_decay",)
    if training.optimizer.name != "sgd":
        found.append(Problem(("training", "optimizer"), f"{name} is defined for sgd", training.optimizer.name))
    without = f"{name} is defined without it"
    given: dict[tuple[str, ...], object] = {("training", "optimizer", key): settings.get(key) for key in refused}
    if traits["variates"]:
        given |= {("training", key): getattr(training, key) for key in ("clip_norm", "worker_momentum")}
    found += [Problem(path, without, value) for path, value in given.items() if value]
    if traits["variates"] and scenario.clients.late == "keep":
        message = f"{name} has no use for rows of rounds with other control variates: discard them"
        found.append(Problem(("clients", "late"), message, "keep"))
    if traits["variates"] and scenario.clients.buffer is not None:
        message = f"{name} has no use for rows that began at other control variates: wait for the clients"
        found.append(Problem(("clients", "buffer"), message, scenario.clients.buffer))
    return found


def scheduled(part: Training | Server) -> bool:
    """Whether a rate changes from round to round."""
    return part.schedule.name != "constant" or part.warmup > 0


def _unscheduled(training: Training) -> list[Problem]:
    """An optimizer without a rate has nothing to schedule."""
    name = training.optimizer.name
    if not scheduled(training) or "lr" in optimizers[name].settings:
        return []
    return [Problem(("training", "schedule"), f"{name} has no lr that it could change", training.schedule.name)]


def _schedule(key: str, part: Training | Server, rounds: int) -> list[Problem]:
    """A schedule that refuses the run, or whose rate is nothing to learn with in some round."""
    name, settings = part.schedule.name, part.schedule.settings
    if part.warmup >= rounds:
        return [Problem((key, "warmup"), f"leaves none of {rounds:,} rounds at the full rate", part.warmup)]
    for round in _asked(rounds):
        try:
            factor = factor_of(name, settings, round, rounds, part.warmup)
        except Exception as error:
            return [Problem((key, "schedule"), refusal(error, name, schedules[name].function), name)]
        if not 0 < factor < math.inf:
            what = "reaches a rate of 0" if factor == 0 else f"multiplies the rate by {factor:g}"
            message = f"{name} {what} in round {round:,} of {rounds:,}: every round must learn"
            return [Problem((key, "schedule"), message, name)]
    return []


def _asked(rounds: int) -> Iterator[int]:
    return map(int, np.unique(np.linspace(1, rounds, min(rounds, MOST_ROUNDS)).astype(np.int64)))
