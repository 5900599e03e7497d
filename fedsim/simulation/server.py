"""The server's step.

It is taken by what is trained. Buffers, such as the running statistics of batch normalisation, are estimates and no
direction of descent: a rate or a momentum would carry them past what any client saw, so they take the aggregate itself.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from fedsim.array_types import Array
from fedsim.checked_calls import blamed, floats, guarded
from fedsim.checked_calls import memory as checked_memory
from fedsim.scenario.sections import Scenario, Server
from fedsim.schedules.contract import factor_of
from fedsim.server_optimizers.contract import Direction, server_optimizers
from fedsim.training.flat import Layout

DIVERGED = "the server's step leads to numbers that are not finite: the parameters stay (a smaller server.lr may help)"
MEMORY = "server"
"""The path of what the server's optimizer remembers."""

Memory = Mapping[str, Array]


class Step(NamedTuple):
    """What the server holds after a round."""

    parameters: Array  # (d,)
    memory: Memory | None  # of its optimizer


def rate_of(scenario: Scenario, round: int) -> float:
    """The server's learning rate in a round."""
    server = scenario.server
    return server.lr * factor_of(server.schedule.name, server.schedule.settings, round, scenario.rounds, server.warmup)


def server_step(
    parameters: Array, memory: Memory | None, aggregate: Array, server: Server, layout: Layout, round: int, rate: float
) -> Step:
    """parameters ← parameters + rate · direction, all (d,); inputs are left alone.

    Buffers take the aggregate; a running variance that the aggregate would bring below zero is zero.
    """
    trained = layout.trained
    direction = _direction(parameters[:trained], memory, aggregate[:trained], server, round)
    step = direction.update if rate == 1.0 else parameters.dtype.type(rate) * direction.update
    if trained < len(parameters):
        step = np.concatenate([step, aggregate[trained:]])
    return Step(layout.mend(parameters + step), direction.memory)


def _direction(parameters: Array, memory: Memory | None, aggregate: Array, server: Server, round: int) -> Direction:
    """What the optimizer makes of the aggregate, checked and in the parameters' kind of number."""
    entry = server_optimizers[server.optimizer.name]
    kept = memory and {name: guarded(array) for name, array in memory.items()}
    given = {"aggregate": guarded(aggregate), "parameters": guarded(parameters), "memory": kept}
    with blamed("server optimizer", entry.name, entry.function, round):
        update, carried = entry.call(given, server.optimizer.settings)
        floats("the direction", update, parameters.shape)
        checked_memory("its memory", carried)
    return Direction(update.astype(parameters.dtype, copy=False), carried)
