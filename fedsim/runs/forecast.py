"""What a run will take, before it is begun: memory, disk and time, the time by playing its first rounds for a while."""

import math
import time
from dataclasses import dataclass

from fedsim.engine import simulate
from fedsim.events import BatchTrained, RoundEnded, RoundStarted
from fedsim.execution.arithmetic import repeatable
from fedsim.execution.machine_memory import free_memory
from fedsim.execution.pool import Pool
from fedsim.runs.recorded_updates import round_bytes
from fedsim.scenario.sections import Scenario
from fedsim.simulation.federation import Federation, build_federation
from fedsim.simulation.footprint import Part, check_memory, footprint, rows_kept

PATIENCE = 10.0
"""Seconds for which rounds are played; one that lasts longer is judged by the clients trained until then."""
ROUNDS = 3
"""Rounds that are played where they are short: the first also compiles."""
EVENT_BYTES = 40
"""Of a client in the events of a round."""
ROUND_BYTES = 900
"""Of the events of a round whoever takes part, and of its row."""


@dataclass(frozen=True)
class Pace:
    """How fast a run goes."""

    seconds: float  # a round
    clients: int  # trained in the round that was measured
    whole: bool  # whether that round came to its end


@dataclass(frozen=True)
class Forecast:
    """A scenario's data and model, and what a run takes on this machine."""

    training: int  # examples that clients hold
    test: int
    classes: int
    clients: int
    parameters: int
    memory: tuple[Part, ...]  # the largest first
    free: int | None  # bytes; None where the system does not tell
    disk: int  # bytes of the results folder at its largest
    pace: Pace | None


def forecast(scenario: Scenario, *, pace: bool = False) -> Forecast:
    """Build what a run would build, and tell; ScenarioError where a run would not fit into memory.

    With `pace` some rounds are played.
    """
    execution, measured = scenario.execution, None
    with Pool(execution.workers, execution.backend, execution.address) as pool:
        if pace:
            federation, measured = measure(scenario, pool)
        else:
            with repeatable():
                federation = build_federation(scenario)
                check_memory(federation, pool.workers_here)
        parts = tuple(footprint(federation, pool.workers_here))
    sizes = len(federation.held), len(federation.test), federation.kind.classes, federation.population
    return Forecast(*sizes, len(federation.parameters), parts, free_memory(), disk(federation), measured)


def disk(federation: Federation) -> int:
    """Bytes of a results folder at its largest."""
    scenario, size = federation.scenario, 4 * len(federation.parameters)
    checkpoints = _checkpoints(scenario) * (3 + rows_kept(federation)) * size
    events = scenario.rounds * (ROUND_BYTES + EVENT_BYTES * scenario.clients.sampled)
    recorded = 0
    if scenario.output.record == "updates":
        each = round_bytes(scenario.clients.sampled, len(federation.parameters))
        recorded = scenario.rounds // (scenario.output.record_every or 1) * each
    return size + checkpoints + events + recorded


def _checkpoints(scenario: Scenario) -> int:
    """The most that lie there at a time: one more than are kept while the next is written."""
    every, kept = scenario.output.checkpoint_every, scenario.output.checkpoints_kept
    made = scenario.rounds // every if every else 0
    return made if kept == "all" else min(made, kept + 1)


def measure(scenario: Scenario, pool: Pool) -> tuple[Federation, Pace]:
    """The federation as a run builds it, and how long a round takes, by playing some."""
    clients, last, begin, federation = 0, None, math.inf, None
    with simulate(scenario, pool) as events:
        for event in events:
            if isinstance(event, RoundStarted):
                clients, started = 0, time.perf_counter()
                begin = min(begin, started)
            elif isinstance(event, BatchTrained):
                clients += len(event.clients)
            elif isinstance(event, RoundEnded):
                last = Pace(event.seconds, clients, True)
                if event.round == ROUNDS:
                    break
            if (last or clients) and time.perf_counter() - begin > PATIENCE:
                break
        federation = events.federation
    if federation is None:
        raise RuntimeError("the run told nothing")
    a_client = (time.perf_counter() - started) / max(1, clients)
    return federation, last or Pace(a_client * scenario.clients.sampled, clients, False)
