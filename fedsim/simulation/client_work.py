"""How many epochs each client trains, where a law gives each its own."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fedsim.checked_calls import blamed
from fedsim.randomness import Stream
from fedsim.scenario.sections import Training
from fedsim.workloads.contract import workloads

SERVER = -1
"""As whom the server is asked for, at work on its root data."""


def epochs_of(training: Training, stream: Stream, clients: Sequence[int], round: int) -> list[int | None]:
    """The epochs of each client in a round; None where they are everybody's. The stream is the run's own."""
    plan = training.epochs
    if isinstance(plan, int) or training.steps is not None:
        return [None] * len(clients)
    entry = workloads[plan.name]
    given = {"clients": np.array(clients, np.int64), "round": round, "stream": stream.at("workload")}
    with blamed("law of local work", entry.name, entry.function, round):
        found = np.asarray(entry.call(given, plan.settings))
        if found.dtype.kind not in "iu" or found.shape != (len(clients),) or (found < 1).any():
            raise ValueError(f"epochs must be a whole number from 1 for each client: got {found!r}")
    return [int(epochs) for epochs in found]


def own_training(training: Training, epochs: int | None) -> Training:
    """The local work of one client."""
    return training if epochs is None else replace(training, epochs=epochs)
