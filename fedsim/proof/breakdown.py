"""Where a defence breaks: the least value of an axis at which a stated bar fails, by bisection over attacks and seeds.

    search = fedsim.Breakdown("smoke", "byzantine", "accuracy<0.5", attacks=["noise", "sign_flip"])
    for event in search:
        ...
    print(search.answer().weakest)

Each attack under each seed is bisected by itself; the runs that this asks for are played side by side as the cells of
a study are, and kept: a search that was interrupted goes on where it was, and another bar plays only what is new.
Bisection takes for granted that more of the axis is never better: every number that was seen stands in the answer.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from fedsim.errors import ResultsConflict, RunFailed, ScenarioError
from fedsim.proof.severity import Axis, Table, axis_of, with_attack
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.goals import OTHER_GOALS, Goal, read_goal
from fedsim.scenario.load import examine, load_scenario, read_table, scenario_digest
from fedsim.scenario.overrides import Overrides, read_overrides, write_overrides
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_scenario
from fedsim.study.cells import CELLS, Cell
from fedsim.study.code import code_key
from fedsim.study.perform import CellEvent, Sweep
from fedsim.study.state import states_of
from fedsim.study.statistics import Estimate, estimate
from fedsim.study.where import where_of

SEEDS = 3


class Seen(NamedTuple):
    """One run that was played, or had been."""

    attack: str
    seed: int
    value: float
    number: float | None  # of the bar's key after the last round; None where it was not scored
    fails: bool
    folder: Path


@dataclass
class Chain:
    """The bisection of one attack under one seed, by places on the axis."""

    attack: str
    seed: int
    last: int  # the most severe place
    held: int = -1  # the most severe place at which the bar is known to hold
    failed: int = -1  # the mildest at which it is known to fail; -1 while there is none
    known: set[int] = field(default_factory=set)

    def wanted(self) -> list[int]:
        """The places that have to be played next; both ends at first."""
        if not self.known:
            return sorted({0, self.last})
        if self.held < 0 or self.failed < 0 or self.failed - self.held == 1:
            return []
        return [(self.held + self.failed) // 2]

    def learn(self, place: int, fails: bool) -> None:
        """Take note of what came of a place."""
        self.known.add(place)
        if fails and (self.failed < 0 or place < self.failed):
            self.failed = place
        elif not fails and place > self.held and (self.failed < 0 or place < self.failed):
            self.held = place


@dataclass(frozen=True)
class OneSeed:
    """Where one attack broke the defence under one seed."""

    seed: int
    held: float | None  # the most severe value at which the bar held; None where it fails from the beginning
    failed: float | None  # the mildest at which it failed; None where it never does


@dataclass(frozen=True)
class Breaking:
    """Where one attack broke the defence."""

    attack: str
    seeds: tuple[OneSeed, ...]
    estimate: Estimate | None  # of the least failing value over seeds; None where some seed has none in the row

    @property
    def already(self) -> bool:
        """Whether the bar fails at the mildest value under every seed."""
        return all(each.held is None for each in self.seeds)

    @property
    def never(self) -> bool:
        """Whether it holds at the most severe under every seed."""
        return all(each.failed is None for each in self.seeds)


@dataclass(frozen=True)
class Answer:
    """Where a defence breaks."""

    scenario: str
    axis: Axis
    bar: str
    attacks: tuple[Breaking, ...]
    seen: tuple[Seen, ...]
    weakest: Breaking | None  # of those that have a mean, the attack that needs the least
    folder: Path


class Breakdown:
    """A search for the least value at which a bar fails; its events are those of the runs that it plays."""

    def __init__(
        self,
        scenario: str | PathLike[str],
        axis: str,
        bar: str,
        *,
        attacks: Sequence[str] = (),
        seeds: Sequence[int] | int = SEEDS,
        ends: tuple[float | None, float | None] = (None, None),
        overrides: Overrides = (),
        folder: str | PathLike[str] | None = None,
        workers: int = 1,
    ) -> None:
        """ScenarioError or ValueError where the question is wrong, before anything is played."""
        path = find_scenario(Path(scenario))
        base = load_scenario(path, overrides)
        table, _ = read_table(path)
        write_overrides(table, read_overrides(overrides)[0])
        self.beside, self.workers = path.parent, workers
        self.name, self.bar = base.name, checked_bar(bar, base)
        self.tables = {attack: with_attack(table, attack) for attack in attacks} or {_own(base): table}
        scenarios = {label: self._scenario(each) for label, each in self.tables.items()}
        axes = {label: axis_of(axis, self.tables[label], each, self.beside, ends) for label, each in scenarios.items()}
        self.axes, self.axis = axes, min(axes.values(), key=lambda each: len(each.values))
        self.folder = Path(folder or f"runs/break-{base.name}")
        self.seeds = tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(seeds)
        self.chains = [Chain(label, seed, len(axes[label].values) - 1) for label in self.tables for seed in self.seeds]
        self.seen: list[Seen] = []
        self._sweep: Sweep | None = None
        self._stopping = False

    def __iter__(self) -> Iterator[CellEvent]:
        """Play until every chain has its answer, or until the end is asked for."""
        while not self._stopping:
            cells = {(chain.attack, chain.seed, place): self._cell(chain, place)
                     for chain in self.chains for place in chain.wanted()}  # fmt: skip
            if not cells:
                return
            runs = list({cell.folder: cell for cell in cells.values()}.values())
            self._sweep = Sweep(runs, states_of(runs), where_of(runs, self.workers))
            yield from map(_successful, self._sweep)
            if not self._stopping:
                self._learn(cells)

    def stop(self) -> None:
        """Let the rounds under way end, and play no others."""
        self._stopping = True
        if self._sweep is not None:
            self._sweep.stop()

    def answer(self) -> Answer:
        """What was found; of a search that was broken off, as far as it came."""
        found = tuple(self._breaking(label) for label in self.tables)
        rising = 1 if self.axis.values[-1] >= self.axis.values[0] else -1
        means = {place: each.estimate.mean * rising for place, each in enumerate(found) if each.estimate is not None}
        weakest = found[min(means, key=means.__getitem__)] if means else None
        return Answer(self.name, self.axis, str(self.bar), found, tuple(self.seen), weakest, self.folder)

    def _learn(self, cells: dict[tuple[str, int, int], Cell]) -> None:
        chains = {(chain.attack, chain.seed): chain for chain in self.chains}
        for (attack, seed, place), cell in cells.items():
            summary = read_summary(cell.folder)
            if summary.get("status") != "finished":
                raise ResultsConflict(f"{cell.folder} is not finished: another search may be playing it")
            number = summary.get("scores", {}).get(self.bar.key)
            fails = not isinstance(number, int | float) or not math.isfinite(number) or self.bar.holds(number)
            chains[attack, seed].learn(place, fails)
            told = number if isinstance(number, int | float) else None
            self.seen.append(Seen(attack, seed, self.axes[attack].values[place], told, fails, cell.folder))

    def _cell(self, chain: Chain, place: int) -> Cell:
        axis = self.axes[chain.attack]
        table = axis.change(self.tables[chain.attack], axis.values[place]) | {"seed": chain.seed}
        scenario = self._scenario(table)
        digest = scenario_digest(scenario)
        labels = {"attack": chain.attack, axis.name: axis.shown(axis.values[place])}
        path = self.folder / CELLS / f"{digest[:10]}-{code_key(scenario)}"
        return Cell(labels, chain.seed, scenario, digest, path, self.beside)

    def _scenario(self, table: Table) -> Scenario:
        scenario, problems = examine(table, self.beside)
        if problems or scenario is None:
            raise ScenarioError(problems, "break")
        return scenario

    def _breaking(self, label: str) -> Breaking:
        axis, chains = self.axes[label], [chain for chain in self.chains if chain.attack == label]
        seeds = tuple(OneSeed(each.seed, _at(axis, each.held), _at(axis, each.failed)) for each in chains if each.known)
        values = [each.failed for each in seeds if each.failed is not None and each.held is not None]
        mean = _mean(values, axis) if values and len(values) == len(self.seeds) else None
        return Breaking(label, seeds, mean)


def checked_bar(text: str, scenario: Scenario) -> Goal:
    """The condition under which a defence counts as broken; ValueError where the scenario cannot tell."""
    bar = read_goal(text)
    bar.check(scenario)
    if bar.key in OTHER_GOALS:
        raise ValueError(f"{bar.key} is no score: the bar is on a score after the last round, such as accuracy<0.5")
    if "=" in text and "<" not in text and ">" not in text:
        raise ValueError(f"say when the defence is broken, {bar.key}<{bar.value:g} or {bar.key}>{bar.value:g}")
    return bar


def _own(scenario: Scenario) -> str:
    return " + ".join(each.name for each in scenario.attacks) or "no attack"


def _at(axis: Axis, place: int) -> float | None:
    return axis.values[place] if place >= 0 else None


def _mean(values: Sequence[float], axis: Axis) -> Estimate | None:
    """Over seeds; the geometric mean where the axis is logarithmic."""
    found = estimate([math.log(value) if axis.logarithmic else float(value) for value in values])
    if found is None or not axis.logarithmic:
        return found
    low, high = (None if end is None else math.exp(end) for end in (found.low, found.high))
    return Estimate(math.exp(found.mean), low, high, None, found.count)


def _successful(event: CellEvent) -> CellEvent:
    if event.kind == "failed":
        raise RunFailed(f"{event.cell.name}: {event.message}")
    return event
