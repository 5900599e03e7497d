"""The momentum that each client keeps from round to round over what it sends.

The server keeps it for the clients, since a client may work in any process. What is attacked, screened and aggregated
is the momentum; buffers are sent as they are.
"""

from collections.abc import Iterable, MutableMapping

import numpy as np

from fedsim.array_types import Array
from fedsim.local_algorithms.contract import Momentum, local_algorithms
from fedsim.scenario.sections import Training


def momentum_of(training: Training) -> Momentum | None:
    """What clients keep: worker momentum over their updates, or that of the local algorithm; None for nothing."""
    if training.worker_momentum:
        return Momentum(training.worker_momentum)
    choice = training.algorithm
    found: Momentum | None = local_algorithms[choice.name].traits["momentum"](choice.settings)
    return found


def client_rate(training: Training, factor: float) -> float:
    """By what a client multiplies its momentum: its own rate where the momentum is of gradients, else 1."""
    momentum = momentum_of(training)
    return factor * float(training.optimizer.settings["lr"]) if momentum and momentum.of_gradients else 1.0


def carry(
    momentum: Momentum,
    rate: float,
    momenta: MutableMapping[int, Array],
    rows: Iterable[tuple[int, Array]],
    trained: int,
) -> None:
    """m ← βm + (1−β)·row, or βm + row where it does not average; each client's row becomes rate · m."""
    beta = np.float32(momentum.beta)
    share = 1 - beta if momentum.average else np.float32(1)
    for client, row in rows:
        before = momenta[client] if client in momenta else np.zeros_like(row)
        kept = beta * before + share * row
        kept[trained:] = row[trained:]
        momenta[client] = kept
        row[:trained] = kept[:trained] if rate == 1.0 else np.float32(rate) * kept[:trained]
