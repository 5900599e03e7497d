"""The momentum that each client keeps from round to round over what it sends.

The server keeps it for the clients, since a client may work in any process. What is attacked, screened and aggregated
is the momentum; buffers are sent as they are.
"""

from collections.abc import Sequence

import numpy as np

from fedsim.array_types import Array
from fedsim.kernels import llvm
from fedsim.kernels.rules.momenta import Factors, repaid, step, step_all
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
    clients: Sequence[int],
    rows: Array,
    which: Sequence[int],
    trained: int,
) -> None:
    """m ← βm + (1−β)·row, or βm + row where it does not average; each client's of these rows becomes rate · m."""
    beta = np.float32(momentum.beta)
    by = Factors(float(1 - beta) if momentum.average else 1.0, float(beta), rate)
    if not _carried_at_once(by, momenta, clients, rows, which, trained):
        for (before, after), row in zip(momenta.renewed(clients, rows.shape[1], rows.dtype), which, strict=True):
            step(rows[row, :trained], None if before is None else before[:trained], after[:trained], by)
            after[trained:] = rows[row, trained:]


def _carried_at_once(
    by: Factors, momenta: ClientRows, clients: Sequence[int], rows: Array, which: Sequence[int], trained: int
) -> bool:
    """All steps in one call, where that can be: it saves small models most of the time."""
    if trained < rows.shape[1] or rows.dtype != np.float32 or not repaid(len(which) * trained):
        return False
    places = momenta.renewed_in_memory(clients)
    if places is None:
        return False
    step_all(llvm.at(rows) + np.array(which) * rows.strides[0], *places, trained, by)
    return True
