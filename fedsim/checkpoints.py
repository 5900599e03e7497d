"""A run's state as a folder of two plain files, and back.

`state.safetensors` holds the arrays, `state.json` the rest and the SHA-256 of both, so that a checkpoint that was
cut short or changed is noticed. Nothing is unpickled. A checkpoint appears under its name only when it is whole.
"""

import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fedsim.arrays import Array
from fedsim.clock import Arrival
from fedsim.errors import ResultsConflict
from fedsim.files import storing, write_folder
from fedsim.state import State, Tally, Travelling

FORMAT = 1
KEPT = 3
"""Newest checkpoints that stay in a results folder."""
ARRAYS, REST = "state.safetensors", "state.json"


def save_checkpoint(folder: Path, state: State) -> Path:
    """Write the state under `folder`; the path is the checkpoint's own folder."""
    path = folder / f"round-{state.round:08d}"
    arrays = save({name: np.asarray(array, order="C") for name, array in _arrays(state).items()})
    rest = _rest(state) | {"format": FORMAT, "arrays": hashlib.sha256(arrays).hexdigest()}
    write_folder(path, {ARRAYS: arrays, REST: _sealed(rest)})
    return path


def prune_checkpoints(folder: Path, every: int) -> None:
    """Leave the newest few of those that a run takes every so many rounds; others were for an interrupt."""
    scheduled = [path for path in _paths(folder) if every and checkpoint_round(path) % every == 0]
    with storing(folder):
        for path in set(_paths(folder)) - set(scheduled[-KEPT:]):
            shutil.rmtree(path)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def load_checkpoint(path: Path) -> State:
    """The state in a checkpoint's folder; ResultsConflict where it is damaged, saying how."""
    try:
        rest, arrays = _unsealed((path / REST).read_bytes()), (path / ARRAYS).read_bytes()
        if rest["format"] != FORMAT:
            raise ValueError(f"format {rest['format']}, not {FORMAT}")
        if hashlib.sha256(arrays).hexdigest() != rest["arrays"]:
            raise ValueError(f"{ARRAYS} is not what was written")
        if rest["round"] != checkpoint_round(path):
            raise ValueError(f"it is of round {rest['round']}")
        return _state(rest, load(arrays))
    except OSError as error:
        raise ResultsConflict(f"checkpoint {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise ResultsConflict(f"checkpoint {path} is damaged: {error}") from error


def checkpoints(folder: Path, at_most: int | None = None) -> Iterator[Path]:
    """Checkpoints under `folder` up to a round, newest first; they may be damaged."""
    for path in reversed(_paths(folder)):
        if at_most is None or checkpoint_round(path) <= at_most:
            yield path


def checkpoint_round(path: Path) -> int:
    """The round after which a checkpoint was taken."""
    return int(path.name.removeprefix("round-"))


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"round-\d{8}", path.name))


def _arrays(state: State) -> dict[str, Array]:
    named = {"parameters": state.parameters, "previous": state.previous, "velocity": state.velocity}
    named |= {f"memory.{name}": array for name, array in (state.memory or {}).items()}
    named |= {f"momenta.{client}": array for client, array in state.momenta.items()}
    return named | {f"travelling.{place}": update.row for place, update in enumerate(state.travelling)}


def _rest(state: State) -> dict[str, Any]:
    return {
        "round": state.round,
        "time": state.time,
        "remembers": state.memory is not None,
        "tally": dataclasses.asdict(state.tally),
        "travelling": [
            {"arrival": list(update.arrival), "count": update.count, "byzantine": update.byzantine}
            for update in state.travelling
        ],
    }


def _state(rest: dict[str, Any], arrays: dict[str, Array]) -> State:
    travelling = tuple(
        Travelling(Arrival(*update["arrival"]), arrays[f"travelling.{place}"], update["count"], update["byzantine"])
        for place, update in enumerate(rest["travelling"])
    )
    return State(
        rest["round"],
        rest["time"],
        arrays["parameters"],
        arrays["previous"],
        arrays["velocity"],
        dict(_under("memory.", arrays)) if rest["remembers"] else None,
        {int(client): array for client, array in _under("momenta.", arrays)},
        travelling,
        Tally(**rest["tally"]),
    )


def _under(prefix: str, arrays: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    return ((name.removeprefix(prefix), array) for name, array in arrays.items() if name.startswith(prefix))


def _sealed(rest: dict[str, Any]) -> bytes:
    """JSON with a digest of itself; floats are written so that they read back to the same bits."""
    body = json.dumps(rest, sort_keys=True)
    return json.dumps({"body": body, "sha256": hashlib.sha256(body.encode()).hexdigest()}).encode()


def _unsealed(data: bytes) -> dict[str, Any]:
    rest: dict[str, Any] = json.loads(json.loads(data)["body"])
    if _sealed(rest) != data:
        raise ValueError(f"{REST} is not what was written")
    return rest
