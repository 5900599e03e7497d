"""A run's state as a folder of two plain files, and back.

`state.safetensors` holds the arrays, `state.json` the rest and the SHA-256 of both, so that a checkpoint that was
cut short or changed is noticed. Nothing is unpickled. A checkpoint appears under its name only when it is whole.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from fedsim.array_types import Array
from fedsim.atomic_files import kind_of, open_plain, read_plain, remove_folder, storing, write_folder
from fedsim.errors import ResultsConflict
from fedsim.runs.arrays_file import ArraysFile, Lazy, sha256_of
from fedsim.runs.event_json import built, plain, typed
from fedsim.simulation.client_rows import ClientRows
from fedsim.simulation.clock import Arrival
from fedsim.simulation.state import InFlight, State, Tally

FORMAT = 4
KEPT = 3
"""Newest checkpoints that stay in a results folder."""
ARRAYS, REST = "state.safetensors", "state.json"
NAME = re.compile("round-[0-9]{8}")
MOMENTA = "momenta."
"""What the name of a client's own array begins with."""
MOST_REST = 2**25
"""Bytes of the part that is not arrays."""


def save_checkpoint(folder: Path, state: State) -> Path:
    """Write the state under `folder`; the path is the checkpoint's own folder."""
    path = folder / f"round-{state.round:08d}"
    arrays, rest = checkpoint_files(state)
    write_folder(path, {ARRAYS: arrays, REST: rest})
    return path


def checkpoint_files(state: State) -> tuple[ArraysFile, bytes]:
    """What stands in the two files of a checkpoint, arrays and rest: the same state gives the same bytes."""
    arrays = ArraysFile(_arrays(state))
    seal = {"format": FORMAT, "arrays": arrays.sha256(), "bytes": arrays.size}
    return arrays, _sealed(_rest(state) | seal)


def prune_checkpoints(folder: Path, every: int, kept: int | None = KEPT, also: Iterable[int] = ()) -> None:
    """Leave the newest few of those that a run takes every so many rounds, and these; others were for an interrupt."""
    paths = _paths(folder)
    stay = {*scheduled([checkpoint_round(path) for path in paths], every, kept), *also}
    with storing(folder):
        for path in paths:
            if checkpoint_round(path) not in stay:
                remove_folder(path, (ARRAYS, REST))
        remove_folder(folder, ())


def scheduled(rounds: Iterable[int], every: int, kept: int | None) -> list[int]:
    """Those of these rounds, ascending, whose checkpoints stay; `kept` None means all of the schedule."""
    found = [round for round in rounds if every and round % every == 0]
    return found if kept is None else found[-kept:]


def load_checkpoint(path: Path) -> State:
    """The state in a checkpoint's folder; ResultsConflict where it is damaged, saying how."""
    try:
        rest = _unsealed(read_plain(path / REST, MOST_REST))
        return _state(path, rest, *_read_arrays(path / ARRAYS, rest))
    except OSError as error:
        raise ResultsConflict(f"checkpoint {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise ResultsConflict(f"checkpoint {path} is damaged: {error}") from error
    except MemoryError as error:
        raise ResultsConflict(f"checkpoint {path} does not fit in memory") from error


def _read_arrays(path: Path, rest: dict[str, Any]) -> tuple[dict[str, Array], ClientRows]:
    """The arrays by name, and apart from them, never in memory all at once, what each client keeps."""
    seal = {"format": int, "arrays": str, "bytes": int}
    format, digest, size = (typed(rest.pop(name), hint) for name, hint in seal.items())
    if format != FORMAT:
        raise ValueError(f"format {format}, not {FORMAT}")
    if path.lstat().st_size != size:
        raise ValueError(f"{ARRAYS} is not what was written")
    with open_plain(path) as file:
        if sha256_of(file) != digest:
            raise ValueError(f"{ARRAYS} is not what was written")
    with safe_open(path, framework="np") as arrays:
        names = list(arrays.keys())
        rows = [name for name in names if name.startswith(MOMENTA)]
        in_memory = size - len(rows) * (arrays.get_tensor(rows[0]).nbytes if rows else 0)
        if in_memory > _most_arrays():
            raise MemoryError
        momenta = ClientRows()
        for name in rows:
            momenta[int(name.removeprefix(MOMENTA))] = arrays.get_tensor(name)
        return {name: arrays.get_tensor(name) for name in names if not name.startswith(MOMENTA)}, momenta


def checkpoints(folder: Path, at_most: int | None = None) -> Iterator[Path]:
    """Checkpoints under `folder` up to a round, newest first; they may be damaged."""
    for path in reversed(_paths(folder)):
        if at_most is None or checkpoint_round(path) <= at_most:
            yield path


def checkpoint_round(path: Path) -> int:
    """The round after which a checkpoint was taken."""
    return int(path.name.removeprefix("round-"))


def _paths(folder: Path) -> list[Path]:
    if kind_of(folder) != "a folder":
        return []
    return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name) and kind_of(path) == "a folder")


def _arrays(state: State) -> dict[str, Lazy]:
    like = state.parameters
    kept = {
        f"{MOMENTA}{client}": Lazy(like.dtype, like.shape, partial(state.momenta.__getitem__, client))
        for client in state.momenta
    }
    return {name: Lazy.of(np.asarray(array)) for name, array in _plain_arrays(state).items()} | kept


def _plain_arrays(state: State) -> dict[str, Array]:
    """All arrays but the clients'."""
    named = {"parameters": state.parameters, "previous": state.previous}
    for path, memory in state.memories.items():
        named |= {_memory_name(path, name): array for name, array in memory.items()}
    return named | {f"in_flight.{place}": update.row for place, update in enumerate(state.in_flight)}


@dataclass(frozen=True)
class _InFlight:
    """An update in flight without its row."""

    time: float
    client: int
    round: int
    count: int
    byzantine: bool


@dataclass(frozen=True)
class _Rest:
    """A state without its arrays."""

    round: int
    time: float
    remembers: tuple[str, ...]  # paths of what has a memory, be it empty; sorted
    tally: Tally
    in_flight: tuple[_InFlight, ...]


def _rest(state: State) -> dict[str, Any]:
    """All of the state but its arrays."""
    in_flight = tuple(_InFlight(*each.arrival, each.examples, each.byzantine) for each in state.in_flight)
    rest: dict[str, Any] = plain(_Rest(state.round, state.time, tuple(sorted(state.memories)), state.tally, in_flight))
    return rest


def _state(path: Path, rest: dict[str, Any], arrays: dict[str, Array], momenta: ClientRows) -> State:
    """The state of these parts, each of its type and of the shape that the others have."""
    found: _Rest = built(_Rest, rest)
    if found.round != checkpoint_round(path):
        raise ValueError(f"it is of round {found.round}")
    state = State(
        found.round,
        found.time,
        arrays.pop("parameters"),
        arrays.pop("previous"),
        {path: dict(_taken(_memory_name(path, ""), arrays)) for path in found.remembers},
        momenta,
        tuple(
            InFlight(
                Arrival(each.time, each.client, each.round),
                arrays.pop(f"in_flight.{place}"),
                each.count,
                each.byzantine,
            )
            for place, each in enumerate(found.in_flight)
        ),
        found.tally,
    )
    _check_shapes(state, arrays)
    return state


def _memory_name(path: str, name: str) -> str:
    """Of an array in the memory of what acts at this path; no path has a bar in it."""
    return f"memories.{path}|{name}"


def _taken(prefix: str, arrays: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """The arrays below a prefix by what follows it, taken out."""
    for name in [name for name in arrays if name.startswith(prefix)]:
        yield name.removeprefix(prefix), arrays.pop(name)


def _check_shapes(state: State, left: dict[str, Array]) -> None:
    """ValueError where rows are unlike the parameters, a client has no number, or arrays are left over."""
    clients = sorted(state.momenta)  # their rows are all alike: a file of rows takes no other
    rows = [state.previous, *map(state.momenta.__getitem__, clients[:1]), *(each.row for each in state.in_flight)]
    like = state.parameters
    if like.ndim != 1 or like.dtype.kind != "f" or any((r.shape, r.dtype) != (like.shape, like.dtype) for r in rows):
        raise ValueError("its rows do not fit its parameters")
    if left or min(clients, default=0) < 0:
        raise ValueError(f"{ARRAYS} holds what no state has")


def _most_arrays() -> int:
    """Bytes of the arrays at most: half of this machine's memory, or the half of 64 GB where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 2**35


def _sealed(rest: dict[str, Any]) -> bytes:
    """JSON with a digest of itself; floats are written so that they read back to the same bits."""
    body = json.dumps(rest, allow_nan=False)  # scores stay in their order
    return json.dumps({"body": body, "sha256": hashlib.sha256(body.encode()).hexdigest()}).encode()


def _unsealed(data: bytes) -> dict[str, Any]:
    rest: dict[str, Any] = json.loads(json.loads(data)["body"])
    if not isinstance(rest, dict) or _sealed(rest) != data:
        raise ValueError(f"{REST} is not what was written")
    return rest
