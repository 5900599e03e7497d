"""A run played from its first round: of a fork, the rounds of the run that it goes on from come first.

A fork is a course of legs: up to some round one scenario, from there another, each going on from the state that the one
before left. What the two do not have in common cannot be remembered across the change.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fedsim.array_types import Array, Progress
from fedsim.events import Event
from fedsim.runs.fork_file import read_fork
from fedsim.runs.inventory import ORIGIN
from fedsim.runs.reading import read_scenario
from fedsim.scenario.chains import forging
from fedsim.scenario.sections import Scenario, Topology
from fedsim.simulation.client_momentum import momentum_of
from fedsim.simulation.client_rows import ClientRows
from fedsim.simulation.client_variates import CONTROL, keeps_variates
from fedsim.simulation.state import State

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool
    from fedsim.simulation.arrivals import Received
    from fedsim.simulation.federation import Federation


class Leg(NamedTuple):
    """The part of a course that one scenario is played in."""

    last: int  # its last round
    scenario: Scenario


def legs_of(folder: Path, scenario: Scenario, *, kept_code: bool = False) -> list[Leg]:
    """The legs of the run in a results folder: one, or of a fork those of the run before as far as they go, and its."""
    fork = read_fork(folder)
    if fork is None:
        return [Leg(scenario.rounds, scenario)]
    before = legs_of(folder / ORIGIN, read_scenario(folder / ORIGIN, kept_code=kept_code), kept_code=kept_code)
    return [*(leg._replace(last=min(leg.last, fork.at)) for leg in before), Leg(scenario.rounds, scenario)]


def carried_over(state: State, before: Scenario, after: Scenario) -> State:
    """The state as the next leg takes it up: without what was remembered by algorithms that it does not have."""
    there, here = _algorithms(before), _algorithms(after)
    kept = {path: memory for path, memory in state.memories.items() if _same(path, there, here)}
    kept = {path: memory for path, memory in kept.items() if path != CONTROL or keeps_variates(after.training)}
    same_kind = keeps_variates(before.training) == keeps_variates(after.training)
    remembers = same_kind and (momentum_of(after.training) or keeps_variates(after.training))
    momenta = state.momenta.copy() if remembers else ClientRows()
    return replace(state, memories=kept, momenta=momenta)


def forgotten(state: State, before: Scenario, after: Scenario) -> list[str]:
    """The places that begin without a past because another algorithm stands there."""
    after_it = carried_over(state, before, after)
    lost = {_place(path) for path in state.memories} - {_place(path) for path in after_it.memories}
    return sorted(lost) + ["training"] * (bool(state.momenta) and not after_it.momenta)


class Course(Iterator[Event]):
    """The legs one after another, as the simulation of one run: the events of a fork from its first round."""

    def __init__(self, legs: Sequence[Leg], pool: "Pool | None", resume: State | None, progress: Progress) -> None:
        from fedsim.engine import simulate

        self.scenario = legs[-1].scenario
        self.state = resume  # likewise: after the last whole round, and another may be put there
        self._legs = legs
        self._parts = [simulate(_played_here(leg.scenario), pool, progress=progress) for leg in legs]
        self._playing, self._begun = self._parts[-1], False

    def __next__(self) -> Event:
        own = self._parts[-1]
        if not self._begun:
            self._begun = True
            event = next(own)
            self.state = self.state or own.state
            return event
        done = self.state.round if self.state else 0
        place = next((i for i, leg in enumerate(self._legs) if done < leg.last), len(self._legs) - 1)
        event = self._from(place)
        while self.state and place + 1 < len(self._legs) and self.state.round >= self._legs[place].last:
            before, after = self._legs[place].scenario, self._legs[place + 1].scenario
            self.state, place = carried_over(self.state, before, after), place + 1
        return event

    def _from(self, place: int) -> Event:
        """The next event of a leg, from the present state."""
        self._playing = part = self._parts[place]
        if part.federation is None:
            next(part)  # its own start is none of this run's
        part.state = self.state
        event = next(part)
        self.state = part.state
        return event

    @property
    def received(self) -> "Received | None":
        """The rows of a round, from Aggregated on until the next round begins."""
        return self._playing.received

    @property
    def federation(self) -> "Federation | None":
        """That of the last leg, once RunStarted is out."""
        return self._parts[-1].federation

    def model(self) -> Mapping[str, Array]:
        """The global parameters after the last whole round."""
        self._parts[-1].state = self.state
        return self._parts[-1].model()

    def close(self) -> None:
        """End it where it is."""
        for part in self._parts:
            part.close()

    def __enter__(self) -> "Course":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _played_here(scenario: Scenario) -> Scenario:
    """Whoever plays a run again need not have the cluster that it was played on."""
    if scenario.execution.backend != "dask":
        return scenario
    return replace(scenario, execution=replace(scenario.execution, backend="loky", address=None))


def _algorithms(scenario: Scenario) -> dict[str, str]:
    """What acts every round, by its path."""
    found = {"aggregator": scenario.aggregator.name, "server": scenario.server.optimizer.name}
    found |= {f"preaggregators[{place}]": each.name for place, each in enumerate(scenario.preaggregators)}
    found |= _below(scenario.topology)
    steps = ((index, step) for index, adversary in enumerate(scenario.attacks) for step in forging(adversary))
    return found | {f"attacks[{index}]{step.path}": step.choice.name for index, step in steps}


def _below(topology: Topology | None) -> dict[str, str]:
    """What acts every round in the groups; what a group remembers is that of its members, and of them alone."""
    if topology is None:
        return {}
    whose = f" of {topology.groups} {topology.assignment}"
    found = {f"preaggregators[{place}]": each.name for place, each in enumerate(topology.preaggregators)}
    steps = {"aggregator": topology.aggregator.name, **found}
    return {f"topology.{path}": name + whose for path, name in steps.items()}


def _place(path: str) -> str:
    """The path without the client that an attack remembers by, or the group whose server does."""
    return re.sub(r"^topology\.groups\[\d+\]", "topology", path.partition(".clients[")[0])


def _same(path: str, there: Mapping[str, str], here: Mapping[str, str]) -> bool:
    return there.get(_place(path)) == here.get(_place(path))
