"""A run as a stream of events: the rounds in order, readable aloud.

    for event in simulate(load_scenario("scenarios/smoke.toml")):
        print(event)

The engine knows no listener, writes no file and prints nothing. Whoever wants to stop early stops iterating.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from fedsim.array_types import Array, Integers, Progress, silent
from fedsim.errors import RowsDoNotSuffice
from fedsim.events import Aggregated, BatchTrained, Event, RoundEnded, RoundStarted, Scores, UpdatesForged
from fedsim.execution.arithmetic import repeatable
from fedsim.execution.cleanup import close_at_exit
from fedsim.execution.pool import Pool
from fedsim.scenario.load import load_scenario
from fedsim.scenario.sections import Scenario, attackers
from fedsim.simulation.arrivals import Received, measure, multiplied, receive
from fedsim.simulation.client_keeping import Keeping
from fedsim.simulation.dispatch import Dispatcher
from fedsim.simulation.ends import run_ended, run_started
from fedsim.simulation.federation import Federation, build_federation
from fedsim.simulation.footprint import check_memory
from fedsim.simulation.forging import forge, trains
from fedsim.simulation.judging import Inputs, Judgement
from fedsim.simulation.levels import guarantee, inputs_of, judge
from fedsim.simulation.moments import Moment, Moments
from fedsim.simulation.scoring import score
from fedsim.simulation.server import DIVERGED, MEMORY, rate_of, server_step
from fedsim.simulation.state import State, first_state, lasting
from fedsim.simulation.steps import Cohort, gather, mean_loss
from fedsim.training.flat import digest, named
from fedsim.training.torch_models import flat_model

OVERFLOWING = np.errstate(over="ignore", invalid="ignore")  # models may diverge; what is not finite is set aside


def simulate(
    scenario: Scenario | str | Path,
    pool: Pool | None = None,
    *,
    resume: State | None = None,
    progress: Progress = silent,
) -> "Simulation":
    """The events of a run, made as they are asked for; with `resume`, those after that state's round.

    A path, or the name of a shipped scenario, stands for the scenario that is read there, at once.
    Without a pool the scenario's own `execution` decides; a pool that is given stays open. ScenarioError,
    DataUnavailable or ClientFailed may be raised while iterating.
    """
    whole = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    return Simulation(whole, pool, resume, progress)


class Simulation(Iterator[Event]):
    """A running simulation: an iterator of events that can be closed, and whose state can be kept between rounds."""

    def __init__(self, scenario: Scenario, pool: Pool | None, resume: State | None, progress: Progress) -> None:
        self.scenario = scenario
        self.state = resume  # after the last whole round; between rounds another may be put there to go on from
        self.federation: Federation | None = None  # once RunStarted is out
        self.received: Received | None = None  # the rows of a round, from Aggregated on until the next round begins
        self._pool, self._progress = pool, progress
        self._used: Pool | None = None  # once the first event is asked for
        self._moments = Moments(self._run())
        close_at_exit(self)

    def __next__(self) -> Event:
        event, self.state, self.received = next(self._moments)
        return event

    def model(self) -> dict[str, Array]:
        """The global parameters after the last whole round, by the model's own names."""
        if self.federation is None or self.state is None:
            raise RuntimeError("the run has not begun: ask for its first event before its model")
        with repeatable():
            return named(flat_model(self.federation.kind, channels_last=False), self.state.parameters)

    @property
    def note(self) -> str:
        """What a person should know of those who do the work."""
        return self._used.note if self._used else ""

    def machines(self) -> dict[str, Any]:
        """Who does the work, where that is not this machine alone."""
        return self._used.machines() if self._used else {}

    def close(self) -> None:
        """End the run where it is: workers gone, memory freed."""
        self._moments.close()

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> Generator[Moment, None, None]:
        begin, execution = time.perf_counter(), self.scenario.execution
        with ExitStack() as stack:
            given = self._pool
            pool = given or stack.enter_context(Pool(execution.workers, execution.backend, execution.address))
            self._used = pool
            pool.start()
            federation = build_federation(self.scenario, self._progress)
            check_memory(federation, pool.workers_here)
            arena = pool.arena()
            stack.callback(arena.close)
            dispatcher = Dispatcher(federation, pool, arena)
            self.federation, self.state = federation, first_state(self.state, federation.parameters)
            yield Moment(run_started(federation, pool.workers), self.state)
            while self.state.round < self.scenario.rounds:
                round = Round(federation, self.state.copy(), dispatcher)
                before = self.state
                for event in round.play():
                    yield Moment(event, round.state if isinstance(event, RoundEnded) else before, round.received)
            yield Moment(run_ended(self.state, time.perf_counter() - begin), self.state, self.received)


class Round:
    """One round, from sampling to scoring."""

    def __init__(self, federation: Federation, state: State, dispatcher: Dispatcher) -> None:
        self.federation, self.state, self.dispatcher = federation, state, dispatcher
        self.number = state.round + 1
        self.losses: list[tuple[float, int]] = []  # (loss, examples) of each client trained
        self.counts: dict[int, int] = {}
        self.keeping = Keeping(federation, state, dispatcher, self.number)
        self.seconds = dict.fromkeys(("training", "aggregation", "evaluation"), 0.0)
        self.received: Received | None = None  # what the rule was given

    def play(self) -> Iterator[Event]:
        """The events of the round; the state is the next round's when it is over."""
        begin, state = time.perf_counter(), self.state
        cohort = gather(self.federation, state, self.number)
        state.time = cohort.begin
        yield self._started(cohort)
        self.dispatcher.broadcast(state.parameters, state.previous)
        yield from self._train(cohort)
        yield from self._forge(cohort)
        yield self._aggregate(cohort)
        state.round, state.time = self.number, cohort.closing.time
        yield self._score(begin)

    def _started(self, cohort: Cohort) -> RoundStarted:
        clients = tuple(cohort.clients.tolist())
        return RoundStarted(self.state.time, self.number, clients, tuple(filter(cohort.byzantine, clients)))

    def _train(self, cohort: Cohort) -> Iterator[BatchTrained]:
        begin = time.perf_counter()
        rows = {client: row for row, client in enumerate(cohort.answering)}
        clients = [client for client in cohort.answering if trains(self.federation, cohort, client)]
        turns = [(client, rows[client], cohort.held.get(client)) for client in clients]
        self.keeping.hand_out({client: rows[client] for client in clients})
        for done in self.dispatcher.train(self.number, turns):
            self.losses += zip(done.losses, done.counts, strict=True)
            self.counts |= zip(done.clients, done.counts, strict=True)
            yield BatchTrained(self.state.time, self.number, done.clients, done.losses, done.counts, done.seconds)
        idle = [client for client in cohort.answering if client not in self.counts]
        self.counts |= {client: self.federation.claimed_by(client) for client in idle}
        self._remember(clients, rows)
        self.seconds["training"] = time.perf_counter() - begin

    @OVERFLOWING
    def _remember(self, clients: list[int], rows: dict[int, int]) -> None:
        """What clients keep is renewed by what they send, and may take its place."""
        self.keeping.remember(clients, rows, self.counts)

    def _forge(self, cohort: Cohort) -> Iterator[UpdatesForged]:
        matrix = self.dispatcher.rows[: len(cohort.answering)]
        for index, _ in attackers(self.federation.scenario, self.number):
            for done in forge(self.federation, self.state, cohort, index, matrix, self._defence):
                yield UpdatesForged(self.state.time, self.number, *done)

    def _defence(self, matrix: Array, clients: Integers) -> Array:
        """What the server would make of these rows of clients: zeros where the rule cannot be applied."""
        groups = self.federation.groups
        judged, _ = self._judged(Inputs.trial(matrix, None if groups is None else groups.of(clients)))
        return judged.verdict.update if judged else np.zeros_like(self.state.parameters)

    @OVERFLOWING
    def _aggregate(self, cohort: Cohort) -> Aggregated:
        begin, state = time.perf_counter(), self.state
        self.received = received = receive(cohort, state, self.number, self.dispatcher.rows, self.counts)
        inputs = inputs_of(received, self.federation.groups)
        judged, skipped = self._judged(inputs)
        if judged and not self._step(judged):
            judged, skipped = None, DIVERGED
        verdict = judged.verdict if judged else None
        byzantine, norm, distance = measure(received, verdict)
        promise = guarantee(self.federation.scenario, received, inputs, judged) if judged else ""
        state.tally.judged(byzantine if verdict else None, broken=bool(promise))
        self.seconds["aggregation"] = time.perf_counter() - begin
        return Aggregated(
            cohort.closing.time, self.number, tuple(received.clients.tolist()),
            tuple(verdict.weights.tolist()) if verdict else (), byzantine, cohort.dropped, cohort.late(self.number),
            received.nonfinite, norm, distance, skipped, promise, multiplied(verdict), received.stale,
            judged.silent if judged else (),
        )  # fmt: skip

    def _judged(self, inputs: Inputs) -> tuple[Judgement | None, str]:
        """The server's judgement, or None and why it could not be applied: then the round changes nothing."""
        if not len(inputs.matrix):
            return None, "no usable update arrived"
        dispatcher, number = self.dispatcher, self.number
        extras = dispatcher.extras(number)
        try:
            return judge(self.federation, self.state, number, inputs, extras), ""
        except RowsDoNotSuffice as error:
            return None, str(error)

    def _step(self, judged: Judgement) -> bool:
        """Whether the server could take its step: a step to numbers that are not finite is not taken."""
        state, rows = self.state, self.dispatcher.rows
        update = lasting(judged.verdict.update, rows).astype(state.parameters.dtype, copy=False)
        scenario, layout = self.federation.scenario, self.federation.layout
        memory, rate = state.memories.get(MEMORY), rate_of(scenario, self.number)
        rate *= self.keeping.effective(self.received, judged.verdict.weights)
        step = server_step(state.parameters, memory, update, scenario.server, layout, self.number, rate)
        if not np.isfinite(step.parameters).all():
            return False
        self.keeping.learn(self.received, judged.verdict.weights)
        state.parameters, state.previous = step.parameters, update
        for path, carried in [*judged.memories.items(), (MEMORY, step.memory)]:
            state.remember(path, carried, rows)
        return True

    def _score(self, begin: float) -> RoundEnded:
        start, state, scenario = time.perf_counter(), self.state, self.federation.scenario
        scores = Scores()
        if self.number % scenario.evaluation.every == 0 or self.number == scenario.rounds:
            self.dispatcher.broadcast(state.parameters)
            scores = score(self.federation, self.number, self.dispatcher.predict())
            state.tally.score(self.number, scores)
        now = time.perf_counter()
        return RoundEnded(
            state.time, self.number, scores, mean_loss(self.losses), digest(state.parameters),
            now - begin, self.seconds["training"], self.seconds["aggregation"], now - start,
        )  # fmt: skip
