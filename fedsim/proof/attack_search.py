"""The worst that an adversary can do to a defence, searched within a budget of rounds.

    search = fedsim.AttackSearch("smoke", "accuracy<0.5", rounds=400)
    for event in search:
        ...
    print(search.answer().worst.harm, search.worst_file)

What is searched: the attack of the scenario's first adversary, its settings, the rounds in which it acts, and two
attacks in a row. Its clients, what it knows and other adversaries stay. Candidates are played as the cells of a study
are, a few side by side, and kept; proposals rest on nothing but the seed and what was seen, so that the same command
goes on where a search was interrupted, and a greater budget goes on where a smaller one ended.

The worst of many under one seed is worst partly by chance: at the end it is played under other seeds, and so is the
scenario without attackers.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from fedsim.attacks.contract import attacks
from fedsim.errors import Problem, ResultsConflict, ScenarioError
from fedsim.proof.attack_answer import WORST, Tried, WorstCase, write_answer
from fedsim.proof.attack_samplers import Candidate, sampler_of
from fedsim.proof.attack_space import Space, holder_of
from fedsim.proof.breakdown import checked_bar
from fedsim.proof.severity import Table
from fedsim.randomness import Stream
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.load import examine, load_scenario, read_table, scenario_digest
from fedsim.scenario.overrides import Overrides, read_overrides, write_overrides
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_scenario
from fedsim.study.cells import CELLS, Cell
from fedsim.study.code import code_key
from fedsim.study.perform import CellEvent, Sweep
from fedsim.study.state import states_of
from fedsim.study.where import where_of

SIDE_BY_SIDE = 4
"""Candidates that are proposed before the first of them is judged, whatever the number of workers."""
MOST_REFUSED = 200
"""Candidates in a row that cannot be played or were played before, until the search ends."""


@dataclass(frozen=True)
class Playable:
    """A run that is to be played, and what it is for."""

    cell: Cell
    adversary: Table
    candidate: Candidate | None = None


class AttackSearch:
    """A search for the worst that an adversary can do; its events are those of the runs that it plays."""

    def __init__(
        self,
        scenario: str | PathLike[str],
        bar: str,
        rounds: int,
        *,
        attacks: Sequence[str] = (),
        sampler: str = "local",
        seeds: int = 3,
        overrides: Overrides = (),
        folder: str | PathLike[str] | None = None,
        workers: int = 1,
    ) -> None:
        """ScenarioError or ValueError where the question is wrong, before anything is played."""
        path = find_scenario(Path(scenario))
        base = load_scenario(path, overrides)
        self.table, _ = read_table(path)
        write_overrides(self.table, read_overrides(overrides)[0])
        self.beside, self.workers, self.name, self.seed = path.parent, workers, base.name, base.seed
        self.bar = checked_bar(bar, base)
        self.runs = _runs(rounds, base.rounds)
        self.confirming = min(max(seeds - 1, 0), max(self.runs - 2, 0) // 4)
        self.folder = Path(folder or f"runs/search-{base.name}")
        self.attacks = self._playable(attacks)
        space = Space(self.attacks, base.rounds, holder_of(self.table))
        self.sampler = sampler_of(sampler, space, Stream.root(base.seed).at("attack search"))
        self.tried: list[Tried] = []
        self.confirmed: list[tuple[Tried, Tried]] = []
        self.control: Tried | None = None
        self._asked, self._known = 0, set[Path]()
        self._sweep: Sweep | None = None
        self._stopping = False

    @property
    def worst_file(self) -> Path:
        """The scenario with the worst adversary so far."""
        return self.folder / WORST

    def __iter__(self) -> Iterator[CellEvent]:
        """Play until the budget is spent, or until the end is asked for."""
        control = self._of(None, None)
        yield from self._played([control])
        if self._stopping:
            return
        self.control = self._seen(control)
        while not (self._stopping or self.control.fails) and (wanted := self._generation()):
            yield from self._played(wanted)
            for each in wanted if not self._stopping else self._ended(wanted):
                self._learn(each)
            write_answer(self.answer(), self._worst_scenario(), self.folder)
        yield from self._confirmations()

    def stop(self) -> None:
        """Let the rounds under way end, and play no others."""
        self._stopping = True
        if self._sweep is not None:
            self._sweep.stop()

    def answer(self) -> WorstCase:
        """What was found; of a search that was broken off, as far as it came."""
        return WorstCase(
            self.name, str(self.bar), self.bar.key, self.runs, self.control, tuple(self.tried), self._worst(),
            tuple(self.confirmed), self.folder,
        )  # fmt: skip

    def _worst(self) -> Tried | None:
        found = [each for each in self.tried if each.harm is not None]
        return max(found, key=lambda each: each.harm or 0.0, default=None)  # the first of equals

    def _worst_scenario(self) -> Scenario | None:
        worst = self._worst()
        return None if worst is None else self._of(dict(worst.adversary), None).cell.scenario

    def _generation(self) -> list[Playable]:
        """The next candidates that can be played and were not, as many as the budget has room for."""
        wanted: list[Playable] = [] if self._known else self._own()
        room, refused = self.runs - 1 - 2 * self.confirming - len(self.tried), 0
        usual = len(self.attacks) - self._asked  # each attack as it is by default: none waits for another's number
        size = len(wanted) + usual if usual > 0 else SIDE_BY_SIDE
        while len(wanted) < min(size, room) and refused < MOST_REFUSED:
            if usual > 0 and wanted and self._asked == len(self.attacks):
                break
            candidate = self.sampler.ask(self._asked)
            self._asked += 1
            try:
                playable = self._of(candidate.adversary, candidate)
            except ScenarioError:
                playable = None
            if playable is None or playable.cell.folder in self._known:
                self.sampler.tell(candidate, None)
                refused += 1
                continue
            self._known.add(playable.cell.folder)
            wanted.append(playable)
        return wanted

    def _own(self) -> list[Playable]:
        """What the scenario's first adversary does already."""
        given = self.table.get("attacks")
        if not given:
            return []
        own = self._of({"name": given[0]} if isinstance(given[0], str) else dict(given[0]), None)
        self._known.add(own.cell.folder)
        return [own]

    def _confirmations(self) -> Iterator[CellEvent]:
        """The worst under other seeds, beside nobody under them."""
        worst = self._worst()
        if worst is None or self._stopping:
            return
        seeds = range(self.seed + 1, self.seed + 1 + self.confirming)
        wanted = [(self._of(None, None, seed), self._of(dict(worst.adversary), None, seed)) for seed in seeds]
        yield from self._played([each for pair in wanted for each in pair])
        if not self._stopping:
            self.confirmed = [(self._seen(clean), self._seen(attacked)) for clean, attacked in wanted]
            write_answer(self.answer(), self._worst_scenario(), self.folder)

    def _played(self, wanted: Sequence[Playable]) -> Iterator[CellEvent]:
        cells = [each.cell for each in wanted]
        self._failures: dict[Path, str] = {}
        self._sweep = Sweep(cells, states_of(cells), where_of(cells, self.workers))
        for event in self._sweep:
            if event.kind == "failed":
                self._failures[event.cell.folder] = event.message
            yield event

    def _ended(self, played: Sequence[Playable]) -> list[Playable]:
        """Those of a generation that was broken off that have come to their end."""
        ended = (self._failures.get(each.cell.folder) or read_summary(each.cell.folder) for each in played)
        pairs = zip(played, ended, strict=True)
        return [each for each, found in pairs if isinstance(found, str) or found.get("status") == "finished"]

    def _learn(self, played: Playable) -> None:
        found = self._seen(played)
        self.tried.append(found)
        if played.candidate is not None:
            self.sampler.tell(played.candidate, found.harm)

    def _seen(self, played: Playable) -> Tried:
        cell = played.cell
        if failure := self._failures.get(cell.folder):
            return Tried(played.adversary, cell.seed, None, None, fails=False, folder=cell.folder, failure=failure)
        summary = read_summary(cell.folder)
        if summary.get("status") != "finished":
            raise ResultsConflict(f"{cell.folder} is not finished: another search may be playing it")
        number = summary.get("scores", {}).get(self.bar.key)
        told = float(number) if isinstance(number, int | float) and math.isfinite(number) else None
        harm = math.inf if told is None else -told if self.bar.sign in ("<", "<=") else told
        fails = told is None or self.bar.holds(told)
        return Tried(played.adversary, cell.seed, told, harm, fails=fails, folder=cell.folder)

    def _of(self, adversary: Table | None, candidate: Candidate | None, seed: int | None = None) -> Playable:
        """The run with this adversary in the place of the first; None: without any attackers."""
        others = self._others() if adversary is not None else []
        attackers = [] if adversary is None else [adversary, *others]
        table = self.table | {"attacks": attackers, "seed": self.seed if seed is None else seed}
        scenario, problems = examine(table, self.beside)
        if problems or scenario is None:
            raise ScenarioError(problems, "break")
        digest = scenario_digest(scenario)
        folder = self.folder / CELLS / f"{digest[:10]}-{code_key(scenario)}"
        labels = {"attack": scenario.attacks[0].name if scenario.attacks else "none"}
        cell = Cell(labels, scenario.seed, scenario, digest, folder, self.beside)
        return Playable(cell, adversary or {}, candidate)

    def _others(self) -> list[Any]:
        given = self.table.get("attacks")
        return list(given[1:]) if isinstance(given, list) else []

    def _playable(self, names: Sequence[str]) -> tuple[str, ...]:
        """The attacks that the scenario can be played with; ScenarioError where one that is named cannot be."""
        found: list[str] = []
        refusals: list[ScenarioError] = []
        for name in dict.fromkeys(names or (entry.name for entry in attacks)):
            try:
                self._of({"name": name, **holder_of(self.table)}, None)
                found.append(name)
            except ScenarioError as error:
                refusals.append(error)
        if refusals and (names or not found):
            raise refusals[0]
        return tuple(found)


def _runs(budget: int, rounds: int) -> int:
    """How many runs a budget is; ScenarioError where it is less than one without attackers and one with them."""
    if budget < 2 * rounds:
        message = f"a budget of {budget:,} is too little: a run takes {rounds:,}, and one without attackers comes first"
        raise ScenarioError([Problem(("rounds",), f"{message}, so give {2 * rounds:,} or more")], "break")
    return budget // rounds
