"""The first event of a run and its last: what was settled before the rounds, and what came of them."""

from fedsim.events import RunEnded, RunStarted
from fedsim.scenario.load import scenario_digest
from fedsim.scenario.scores import score_names
from fedsim.simulation.federation import Federation
from fedsim.simulation.state import State
from fedsim.training.flat import digest


def run_started(federation: Federation, workers: int) -> RunStarted:
    """What was settled before the first round."""
    scenario = federation.scenario
    return RunStarted(
        0.0, scenario.name, scenario_digest(scenario), scenario.rounds, federation.population, scenario.clients.sampled,
        sum(map(len, federation.controlled)), len(federation.parameters), federation.kind.classes,
        len(federation.held), len(federation.root), len(federation.validation), len(federation.test),
        score_names(scenario), federation.data, digest(federation.parameters), workers,
    )  # fmt: skip


def run_ended(state: State, seconds: float) -> RunEnded:
    """What came of all rounds."""
    tally = state.tally
    return RunEnded(
        state.time, state.round, tally.scores.get("accuracy"), tally.scores.get("loss"), tally.best, tally.best_round,
        tally.selected, tally.selected_round, tally.scores, tally.mean_byzantine_weight, tally.skipped,
        digest(state.parameters), seconds, tally.broken,
    )  # fmt: skip
