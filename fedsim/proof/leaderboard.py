"""A folder of archives as a leaderboard: who has which number at which task, every one of them checked here.

    board = fedsim.leaderboard("submissions", spot=20)
    Path("index.html").write_text(leaderboard_page(board))

Runs stand at one task when they differ in nothing but the rule (with what is done before it) and the seed. What cannot
be verified is in no table: it is listed with the reason.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedsim.array_types import Progress, silent
from fedsim.errors import FedsimError, ResultsConflict
from fedsim.proof.archive import SUFFIX
from fedsim.proof.verify_archive import ArchiveVerdict, Unpacked, unpacked
from fedsim.runs.reading import read_scenario
from fedsim.runs.summary_file import read_summary, recorded_settings
from fedsim.scenario.build import decompose
from fedsim.scenario.sections import Attack, Scenario
from fedsim.scenario.topology import count_of
from fedsim.study.axes import label_of
from fedsim.study.questions import Questions
from fedsim.study.results import score_of
from fedsim.study.statistics import Estimate, estimate

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool

SPOT = 5
"""Rounds of an archive that are played again unless told otherwise."""
OF_THE_RULE = ("aggregator", "preaggregators", "topology", "seed", "name", "question")
"""What runs of one task may differ in."""


@dataclass(frozen=True)
class Checked:
    """An archive whose numbers repeat."""

    file: str
    sha256: str
    signer: str  # empty where nobody has signed it, or where no file says whose the key is
    played: int  # rounds that were played again
    done: int
    least: float  # the chance that a single wrong round would have been found


@dataclass(frozen=True)
class Entry:
    """One verified run."""

    task: str  # a digest of all but the rule and the seed
    task_words: str
    rule: str
    seed: int
    scenario: str  # digest
    score: float
    archive: Checked


@dataclass(frozen=True)
class Place:
    """A rule at a task, over the seeds that were handed in."""

    rule: str
    estimate: Estimate
    seeds: tuple[int, ...]
    archives: tuple[Checked, ...]


@dataclass(frozen=True)
class Refused:
    """An archive that is in no table."""

    file: str
    reason: str


@dataclass(frozen=True)
class Leaderboard:
    """What a folder of archives comes to."""

    questions: Questions
    entries: tuple[Entry, ...]
    refused: tuple[Refused, ...]
    twice: int  # runs that were handed in more than once, and count once

    def tasks(self) -> list[tuple[str, list[Place]]]:
        """Each task in words with its rules, the best first; the task with the most rules first."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.task, []).append(entry)
        tables = [(entries[0].task_words, _places(entries, self.questions.better)) for entries in found.values()]
        return sorted(tables, key=lambda each: (-len(each[1]), each[0]))


def leaderboard(
    folder: str | PathLike[str],
    *,
    spot: int = SPOT,
    score: str = "final",
    kept_code: bool = False,
    allowed_signers: str | PathLike[str] | None = None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
) -> Leaderboard:
    """Check every archive of a folder and rank what repeats; ResultsConflict where there is no archive."""
    place, questions = Path(folder), Questions(score=score)
    files = sorted(path for path in place.glob(f"*{SUFFIX}") if path.is_file())
    if not files:
        raise ResultsConflict(f"{place} holds no archive (*{SUFFIX}): fedsim pack makes them")
    entries: dict[str, Entry] = {}
    refused, twice = list[Refused](), 0
    for number, file in enumerate(files):
        progress("verifying archives", number, len(files))
        try:
            with unpacked(file, allowed_signers, kept_code=kept_code) as content:
                found = list(_entries(content, content.verify(pool=pool, spot=spot), score))
        except FedsimError as error:
            refused.append(Refused(file.name, _reason(str(error), file)))
            continue
        twice += sum(entry.scenario in entries for entry in found)
        entries = {entry.scenario: entry for entry in found} | entries
    return Leaderboard(questions, tuple(entries.values()), tuple(refused), twice)


def _reason(words: str, file: Path) -> str:
    """The first line, without the file that it stands beside."""
    return words.splitlines()[0].replace(str(file), "it").removeprefix("it: ").removeprefix("it ")


def _entries(content: Unpacked, verdict: ArchiveVerdict, score: str) -> Iterator[Entry]:
    """The runs of an archive that repeats; ResultsConflict says where it does not."""
    if (wrong := verdict.difference) is not None:
        at = f"round {wrong.round}, {wrong.phase}" if wrong.round else wrong.phase
        raise ResultsConflict(f"does not repeat, first in {wrong.file}: {at} {wrong.field}".rstrip())
    spots = verdict.spots
    chance = spots.least if spots else 1.0
    signer = verdict.signer.name if verdict.signer else ""
    checked = Checked(content.path.name, content.manifest.sha256, signer, verdict.played, verdict.done, chance)
    for run in content.manifest.runs:
        scenario = read_scenario(content.folder / run.folder, kept_code=content.kept_code)
        number = score_of(read_summary(content.folder / run.folder), score)
        if number is not None:
            yield Entry(*_task(scenario), _rule(scenario), scenario.seed, run.scenario, number, checked)


def _task(scenario: Scenario) -> tuple[str, str]:
    """What the rule was tried on: by a digest, and in words."""
    settings = recorded_settings(scenario)
    rest = {key: value for key, value in settings.items() if key.split(".")[0].split("[")[0] not in OF_THE_RULE}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, default=str).encode()).hexdigest()[:16]
    attacks = " + ".join(_adversary(each) for each in decompose(scenario)["attacks"]) or "no attack"
    parts = (scenario.data.name, scenario.partition.name, scenario.model.name)
    who = f"{scenario.clients.sampled} of {scenario.clients.population or 'all'} clients"
    return digest, f"{attacks}; {', '.join(parts)}; {who}, {scenario.rounds} rounds"


def _adversary(table: dict[str, Any]) -> str:
    usual = {each.name: each.default for each in fields(Attack)}
    told = {key: value for key, value in table.items() if value not in ([], None, "") and usual.get(key, "") != value}
    return label_of(told)


def _rule(scenario: Scenario) -> str:
    table = decompose(scenario)
    top = " → ".join(map(label_of, [*table["preaggregators"], table["aggregator"]]))
    if scenario.topology is None:
        return top
    below = table["topology"]
    edges = " → ".join(map(label_of, [*below["preaggregators"], below["aggregator"]]))
    return f"{edges} in {count_of(scenario.topology)} groups → {top}"


def _places(entries: Sequence[Entry], better: int) -> list[Place]:
    rules: dict[str, list[Entry]] = {}
    for entry in entries:
        rules.setdefault(entry.rule, []).append(entry)
    found = []
    for rule, own in rules.items():
        ordered = sorted(own, key=lambda entry: entry.seed)
        if (mean := estimate([entry.score for entry in ordered])) is not None:
            archives = tuple(dict.fromkeys(entry.archive for entry in ordered))
            found.append(Place(rule, mean, tuple(entry.seed for entry in ordered), archives))
    return sorted(found, key=lambda place: (-better * place.estimate.mean, place.rule))
