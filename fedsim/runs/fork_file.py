"""Where a fork comes from, in its results folder: fork.json, and in origin/ the scenario and code of the run before.

The first rounds of a fork are those of another run, under that run's scenario; whoever plays a fork again has to begin
with these. The state with which the fork began is a checkpoint of its own that is never pruned.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fedsim.atomic_files import kind_of, read_plain, remove_folder, storing, write_whole
from fedsim.errors import ResultsConflict
from fedsim.runs.checkpoints import save_checkpoint
from fedsim.runs.code_record import clear_code, recorded_code
from fedsim.runs.event_json import built
from fedsim.runs.inventory import CHECKPOINTS, CODE, FORK, ORIGIN, PLUGINS, SCENARIO
from fedsim.simulation.state import State

MOST_BYTES = 2**25


@dataclass(frozen=True)
class Fork:
    """What a fork goes on from."""

    run: str  # the results folder, as it was when the fork was made
    at: int  # the last round that is the other run's
    changes: tuple[str, ...]  # overrides of its scenario


def read_fork(folder: Path) -> Fork | None:
    """What a results folder is a fork of; None where it is none. ResultsConflict where its file cannot be read."""
    if not kind_of(folder / FORK):
        return None
    try:
        found: Fork = built(Fork, json.loads(read_plain(folder / FORK, MOST_BYTES)))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ResultsConflict(f"{folder}: {FORK} cannot be read: {error}") from error
    if found.at < 1:
        raise ResultsConflict(f"{folder}: {FORK} names no round")
    return found


def write_fork(folder: Path, fork: Fork, run: Path, state: State) -> None:
    """Put on record what a fork comes from: the run's scenario and code, and the state that the fork begins with."""
    _copy_origin(run, folder / ORIGIN)
    save_checkpoint(folder / CHECKPOINTS, state)
    write_whole(folder / FORK, fork_bytes(fork))


def fork_bytes(fork: Fork) -> bytes:
    """The file as a fork writes it."""
    return (json.dumps(asdict(fork), indent=1) + "\n").encode()


def clear_origin(folder: Path) -> None:
    """Remove what a fork kept of the run before, and nothing else."""
    if kind_of(folder / ORIGIN) == "a folder":
        clear_origin(folder / ORIGIN)
        clear_code(folder / ORIGIN)
        remove_folder(folder / ORIGIN, (SCENARIO, FORK))


def _copy_origin(run: Path, to: Path) -> None:
    code = recorded_code(run)
    names: Sequence[str] = (SCENARIO, CODE, FORK, *(f"{PLUGINS}/{name}" for name in (code.own if code else ())))
    for name in names:
        if kind_of(run / name) == "a file":
            with storing(to / name):
                (to / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(to / name, read_plain(run / name, MOST_BYTES))
    if kind_of(run / ORIGIN) == "a folder":
        _copy_origin(run / ORIGIN, to / ORIGIN)
