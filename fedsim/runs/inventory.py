"""What stands in a results folder: its names, and whether each of them is what a run puts there.

scenario.toml     the resolved scenario
events.jsonl      every event, one a line
metrics.csv       one line a round
partition.csv     how many examples of each class every client holds
summary.json      the numbers at the end, versions and host
checkpoints/      state.json and state.safetensors after some rounds
updates/          updates.npy and server.safetensors of recorded rounds: what the rule was given
model.safetensors the final parameters under the model's own names
code.json         the digests of all code that made it, and where own code was found
plugins/          copies of own code, to be read
fork.json         of a fork: the run that it goes on from, after which round, and what was changed
origin/           of a fork: that run's scenario.toml, code.json and plugins/, and its own fork.json and origin/
accuracy.png      drawn by the terminal
report.html       written by fedsim report, and report/ with its figures and tables
tensorboard/      and wandb/: what these trackers keep here, if the scenario names them

A folder may come from anywhere, so a link, a device or a pipe under one of these names is refused before anything is
read, written or deleted: nothing outside the folder is ever touched through it.
"""

from collections.abc import Container, Iterator
from pathlib import Path

from fedsim.atomic_files import kind_of, part_of
from fedsim.errors import ResultsConflict
from fedsim.runs.checkpoints import ARRAYS, NAME, REST

SCENARIO, EVENTS, METRICS, SUMMARY = "scenario.toml", "events.jsonl", "metrics.csv", "summary.json"
CHECKPOINTS, MODEL, FIGURE = "checkpoints", "model.safetensors", "accuracy.png"
CODE, PLUGINS, UPDATES, PARTITION = "code.json", "plugins", "updates", "partition.csv"
FORK, ORIGIN = "fork.json", "origin"
REPORT, EXPORTS = "report.html", "report"
TRACKED = ("tensorboard", "wandb")
OURS = (
    SCENARIO, FORK, CODE, EVENTS, METRICS, PARTITION, SUMMARY, CHECKPOINTS, MODEL, FIGURE, REPORT, PLUGINS, UPDATES,
    ORIGIN,
)  # fmt: skip
FOLDERS = (CHECKPOINTS, PLUGINS, UPDATES, ORIGIN)
ORIGINS = (SCENARIO, CODE, PLUGINS, FORK, ORIGIN)
"""What a fork keeps of the run that it goes on from."""
MOST_FORKS = 100
"""Forks of forks that are followed."""
MATRIX, SERVER = "updates.npy", "server.safetensors"
ROUND = NAME
"""A round's folder, of a checkpoint or of recorded updates."""
FILES = {CHECKPOINTS: (ARRAYS, REST), UPDATES: (MATRIX, SERVER)}
"""What stands in a round's folder."""


def check_kinds(path: Path, depth: int = 0) -> None:
    """ResultsConflict where one of our names in the folder is not the plain file or folder that a run makes."""
    if depth > MOST_FORKS:
        raise ResultsConflict(f"{path}: a fork of more than {MOST_FORKS} forks")
    for name in OURS:
        _check_kind(path, Path(name), "a folder" if name in FOLDERS else "a file")
    for place in _below(path / PLUGINS):
        if kind_of(place) != "a folder":
            _check_kind(path, place.relative_to(path), "a file")
    if kind_of(path / ORIGIN):
        check_kinds(path / ORIGIN, depth + 1)
    for folder, files in FILES.items():
        for place in _entries(path / folder):
            if ROUND.fullmatch(place.name):
                _check_round(path, place, files)


def strangers(path: Path, own: Container[str] = ()) -> Iterator[str]:
    """What stands in the folder and is none of a run's, in order; none of it is touched or looked into.

    `own` are the copies of own code that its record names.
    """
    known = {*OURS, *map(part_of, OURS), EXPORTS, *TRACKED}
    for place in _entries(path):
        if place.name not in known:
            yield place.name
    for place in _entries(path / ORIGIN):
        if place.name not in ORIGINS:
            yield f"{ORIGIN}/{place.name}"
    for folder in FILES:
        for place in _entries(path / folder):
            if not ROUND.fullmatch(place.name):
                yield f"{folder}/{place.name}"
    for place in _below(path / PLUGINS):
        name = place.relative_to(path / PLUGINS).as_posix()
        if kind_of(place) != "a folder" and name not in own:
            yield f"{PLUGINS}/{name}"


def _check_round(path: Path, place: Path, files: Container[str]) -> None:
    name = place.relative_to(path)
    _check_kind(path, name, "a folder")
    for entry in _entries(place):
        if entry.name not in files:
            raise ResultsConflict(f"{path}: {name} holds {entry.name}, which no run put there; move it elsewhere")
        _check_kind(path, name / entry.name, "a file")


def _check_kind(path: Path, name: Path, wanted: str) -> None:
    found = kind_of(path / name)
    if found and found != wanted:
        raise ResultsConflict(
            f"{path}: {name} is {found}, not {wanted}; a results folder is read and written only where nothing "
            "leads out of it"
        )


def _below(path: Path) -> Iterator[Path]:
    """Everything in a folder and in the folders in it; no link is followed."""
    for place in _entries(path):
        yield place
        yield from _below(place)


def _entries(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if kind_of(path) == "a folder" else []
