"""A recorded round judged again, by the code that judges it in a run."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from fedsim.array_types import Progress
from fedsim.engine import OVERFLOWING
from fedsim.errors import RowsDoNotSuffice, RunFailed
from fedsim.execution.arithmetic import repeatable
from fedsim.execution.pool import Pool
from fedsim.proof.outcomes import Outcome, outcome_of
from fedsim.runs.recorded_updates import RoundRecord, load_updates
from fedsim.scenario.pipelines import pipeline_name
from fedsim.scenario.sections import Scenario
from fedsim.simulation.dispatch import Dispatcher
from fedsim.simulation.federation import build_federation
from fedsim.simulation.judging import Judgement
from fedsim.simulation.levels import inputs_of, judge
from fedsim.simulation.state import Memory, State

_measured = OVERFLOWING(repeatable()(outcome_of))
NO_UPDATE = "no usable update arrived"


class Bench:
    """A run's federation with everything that a rule may ask for, and the recorded rounds to ask it about."""

    def __init__(self, folder: Path, scenario: Scenario, pool: Pool | None, progress: Progress) -> None:
        self._folder, self._scenario, self._progress, self._stack = folder, scenario, progress, ExitStack()
        with ExitStack() as stack, repeatable():
            workers = pool or stack.enter_context(Pool(1, "serial"))
            workers.start()
            self._federation = build_federation(scenario, progress)
            arena = workers.arena()
            stack.callback(arena.close)
            self._dispatcher = Dispatcher(self._federation, workers, arena)
            self._stack = stack.pop_all()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def outcomes(self, wanted: Mapping[str, tuple[Scenario, int]], round: int) -> list[Outcome | RunFailed]:
        """What each rule makes of a round, or the failure of its code."""
        found: list[Outcome | RunFailed] = []
        for place, (scenario, begun) in enumerate(wanted.values()):
            self._progress("replaying", place, len(wanted))
            try:
                found.append(self.outcome(scenario, round, begun))
            except RunFailed as error:
                found.append(error)
        return found

    def outcome(self, scenario: Scenario, round: int, begun: int) -> Outcome:
        """What a scenario's judgement makes of a round, asked in every round from the one in which it begins."""
        memories: Mapping[str, Memory] = {}
        for number in range(begun, round + 1):
            record = load_updates(self._folder, number)
            judged, skipped = self._judged(scenario, number, record, memories)
            if judged is not None:
                memories = {path: memory for path, memory in judged.memories.items() if memory is not None}
        verdict = judged.verdict if judged else None
        return _measured(pipeline_name(scenario), record.received, verdict, begun, skipped)

    @OVERFLOWING
    def _judged(
        self, scenario: Scenario, round: int, record: RoundRecord, memories: Mapping[str, Memory]
    ) -> tuple[Judgement | None, str]:
        """The judgement as the engine asks for it, or None and why there is none."""
        received, federation = record.received, replace(self._federation, scenario=scenario)
        state = State(round - 1, 0.0, record.parameters, record.previous, memories)
        inputs = inputs_of(received, federation.groups)
        if not len(inputs.matrix):
            return None, NO_UPDATE
        with repeatable():
            self._dispatcher.broadcast(record.parameters, record.previous)
            try:
                return judge(federation, state, round, inputs, self._dispatcher.extras(round)), ""
            except RowsDoNotSuffice as error:
                return None, str(error)
