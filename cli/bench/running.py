"""A run that is asked for one round at a time, and what each round took."""

from typing import NamedTuple

from fedsim.events import BatchTrained, RoundEnded
from fedsim.scenario.sections import Scenario


class Spent(NamedTuple):
    """Seconds of one round."""

    whole: float
    local: float  # inside the clients' own work, summed over the workers
    aggregation: float
    evaluation: float
    training: float  # from the first job sent to the last answer
    digest: str

    @property
    def around(self) -> float:
        """What none of the work accounts for, where one process does it all."""
        return self.whole - self.local - self.aggregation - self.evaluation


class Run:
    """A simulation that is asked for one round at a time."""

    def __init__(self, scenario: Scenario) -> None:
        from fedsim.engine import simulate

        self._simulation = simulate(scenario)

    def round(self) -> Spent:
        """The next round's seconds."""
        local = 0.0
        for event in self._simulation:
            if isinstance(event, BatchTrained):
                local += event.seconds
            if isinstance(event, RoundEnded):
                phases = event.aggregation_seconds, event.evaluation_seconds, event.training_seconds
                return Spent(event.seconds, local, *phases, event.digest)
        raise RuntimeError("the run is over")

    @property
    def parameters(self) -> int:
        """How many the model has, once a round was played."""
        state = self._simulation.state
        return len(state.parameters) if state else 0

    def close(self) -> None:
        """End it."""
        self._simulation.close()
