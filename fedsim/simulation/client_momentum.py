"""The momentum that each client keeps from round to round over what it sends.

The server keeps it for the clients, since a client may work in any process. What is attacked, screened and aggregated
is the momentum; buffers are sent as they are.
"""

from collections.abc import Sequence

import numpy as np

from fedsim.array_types import Array
from fedsim.kernels.rules.momenta import step
from fedsim.local_algorithms.contract import Momentum, local_algorithms
from fedsim.scenario.sections import Training
from fedsim.simulation.client_rows import ClientRows


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
    momenta: ClientRows,
    rows: Sequence[tuple[int, Array]],
    trained: int,
) -> None:
    """m ← βm + (1−β)·row, or βm + row where it does not average; each client's row becomes rate · m."""
    beta = np.float32(momentum.beta)
    share = float(1 - beta) if momentum.average else 1.0
    clients, dtype = [client for client, _ in rows], np.dtype(np.float32)
    size = rows[0][1].size if rows else 0
    for (before, after), (_, row) in zip(momenta.renewed(clients, size, dtype), rows, strict=True):
        step(row[:trained], None if before is None else before[:trained], after[:trained], share, float(beta), rate)
        after[trained:] = row[trained:]
