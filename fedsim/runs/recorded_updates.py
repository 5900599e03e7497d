"""The update matrices of a run on disk: what its rule was given in each round that is recorded.

updates/round-00000057/updates.npy         (n, d) finite rows that arrived, ordered by client; numpy.load can map it
                       server.safetensors  the rows' clients, counts, staleness and whether they are Byzantine; who was
                                           set aside as not finite; the parameters and the aggregate before the round

With the scenario that is all that any rule may ask for, so that another rule can be asked what it would have made of
the same rows. How much a recording takes is known when the model is built, and refused then if it is too much.
"""

import io
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from fedsim.array_types import Array
from fedsim.atomic_files import kind_of, read_plain, remove_folder, storing, write_folder
from fedsim.byte_sizes import in_words
from fedsim.errors import Problem, ResultsConflict, ScenarioError, StorageFailed
from fedsim.events import RunStarted
from fedsim.runs.inventory import MATRIX, ROUND, SERVER, UPDATES
from fedsim.scenario.sections import Output, Scenario

if TYPE_CHECKING:
    from fedsim.simulation.arrivals import Received

LIMIT = 10.0
"""Gigabytes that a recording may take unless the scenario says otherwise."""
GIGABYTE = 10**9
HEADERS = 4096
"""Bytes of a round that are no numbers, at most."""
MOST_SHOWN = 6


@dataclass(frozen=True)
class RoundRecord:
    """What the server had in its hands when the rule was asked."""

    received: "Received"
    parameters: Array  # (d,) before the round
    previous: Array  # (d,) the last round's aggregate


def is_recorded(output: Output, round: int) -> bool:
    """Whether the updates of this round are to be kept."""
    return output.record == "updates" and round % (output.record_every or 1) == 0


def check_room(folder: Path, scenario: Scenario, started: RunStarted, done: int) -> None:
    """ScenarioError where a recording would pass its limit, StorageFailed where what is left of it finds no room."""
    output = scenario.output
    if output.record != "updates":
        return
    every, limit = output.record_every or 1, output.record_limit or LIMIT
    each = round_bytes(started.sampled, started.parameters)
    whole, left = (each * (scenario.rounds // every - begun // every) for begun in (0, done))
    free = shutil.disk_usage(folder).free
    rounds = f"{scenario.rounds // every:,} recorded rounds of {started.sampled} rows of {started.parameters:,} numbers"
    takes = f"{rounds} take {in_words(whole)}"
    if whole > limit * GIGABYTE:
        way_out = _fewer(every, whole / (limit * GIGABYTE), scenario.rounds)
        message = f"{takes}, and output.record_limit is {in_words(limit * GIGABYTE)}: raise it{way_out}"
        raise ScenarioError([Problem(("output", "record"), message, output.record)], scenario.name)
    if left > free:
        way_out = _fewer(every, left / max(free, 1), scenario.rounds)
        raise StorageFailed(f"{takes}, and the disk of {folder} has {in_words(free)} left: make room{way_out}")


def round_bytes(sampled: int, parameters: int) -> int:
    """What the record of one round takes, at most."""
    return (sampled + 2) * parameters * 4 + 64 * sampled + HEADERS


def write_updates(folder: Path, round: int, record: RoundRecord) -> None:
    """Keep what the rule was given in a round."""
    write_folder(folder / UPDATES / name_of(round), updates_files(record))


def updates_files(record: RoundRecord) -> dict[str, bytes]:
    """The files of a recorded round, by name: the same rows give the same bytes."""
    received, heading = record.received, io.BytesIO()
    matrix = np.ascontiguousarray(received.matrix)
    np.lib.format.write_array_header_1_0(heading, np.lib.format.header_data_from_array_1_0(matrix))
    arrays = {
        "byzantine": received.byzantine,
        "clients": received.clients,
        "counts": received.counts,
        "nonfinite": np.array(received.nonfinite, np.int64),
        "parameters": record.parameters,
        "previous": record.previous,
        "staleness": received.staleness,
    }
    return {
        MATRIX: b"".join([heading.getvalue(), matrix.tobytes()]),
        SERVER: save({name: np.ascontiguousarray(array) for name, array in arrays.items()}),
    }


def recorded_rounds(folder: Path) -> list[int]:
    """The rounds whose updates a results folder holds, ascending."""
    if kind_of(folder / UPDATES) != "a folder":
        return []
    found = (path for path in (folder / UPDATES).iterdir() if ROUND.fullmatch(path.name))
    return sorted(int(path.name.removeprefix("round-")) for path in found if kind_of(path) == "a folder")


def load_updates(folder: Path, round: int) -> RoundRecord:
    """The recorded round, its matrix mapped rather than read; ResultsConflict where it is not there or is damaged."""
    known = recorded_rounds(folder)
    if not known:
        raise ResultsConflict(f"{folder} holds no recorded updates: run it again with --record updates")
    if round not in known:
        raise ResultsConflict(f"round {round} was not recorded in {folder}: recorded are the rounds {_listed(known)}")
    path = folder / UPDATES / name_of(round)
    try:
        return _record(_mapped(path / MATRIX), load(read_plain(path / SERVER, _most_bytes(path / MATRIX))))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ResultsConflict(f"the updates in {path} are damaged: {getattr(error, 'strerror', 0) or error}") from error


def prune_updates(folder: Path, last: int) -> None:
    """Forget what was recorded after this round."""
    with storing(folder):
        for round in recorded_rounds(folder):
            if round > last:
                remove_folder(folder / UPDATES / name_of(round), (MATRIX, SERVER))
        remove_folder(folder / UPDATES, ())


def name_of(round: int) -> str:
    """The folder of a recorded round."""
    return f"round-{round:08d}"


def _mapped(path: Path) -> Array:
    if kind_of(path) != "a file":
        raise ValueError(f"{MATRIX} is {kind_of(path) or 'not there'}")
    matrix: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return matrix


def _most_bytes(matrix: Path) -> int:
    """Of the rest of a round: it holds two rows beside what each row has, and there may be few rows or none."""
    return 2**24 + 3 * max(matrix.stat().st_size, 2**30)


def _record(matrix: Array, rest: dict[str, Any]) -> RoundRecord:
    """The record of these parts, each of the shape and the kind that the others have."""
    n, d = matrix.shape
    parameters, previous = rest.pop("parameters"), rest.pop("previous")
    columns = {name: rest.pop(name) for name in ("clients", "counts", "byzantine", "staleness")}
    nonfinite = rest.pop("nonfinite")
    rows = (parameters, previous)
    fitting = all(row.shape == (d,) and row.dtype.kind == "f" for row in rows) and matrix.dtype == np.float32
    if not fitting or any(column.shape != (n,) for column in columns.values()) or rest or nonfinite.ndim != 1:
        raise ValueError("its parts do not fit each other")
    byzantine = columns.pop("byzantine")
    if byzantine.dtype != bool or any(column.dtype != np.int64 for column in (*columns.values(), nonfinite)):
        raise ValueError("its columns are of another kind")
    from fedsim.simulation.arrivals import Received  # and with it torch, once nothing is left to refuse

    clients, counts, staleness = columns.values()
    received = Received(matrix, clients, counts, byzantine, tuple(nonfinite.tolist()), staleness)
    return RoundRecord(received, parameters, previous)


def _fewer(every: int, times: float, rounds: int) -> str:
    """How to record so much less, as far as that is possible."""
    wanted = ceil(every * times)
    return f", or record fewer rounds with output.record_every={wanted}" if wanted <= rounds else ""


def _listed(rounds: Iterable[int]) -> str:
    """`1 to 40`, or `10, 20, 30`, or of many the first and the last."""
    known = list(rounds)
    if known == list(range(known[0], known[-1] + 1)):
        return f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
    if len(known) <= MOST_SHOWN:
        return ", ".join(map(str, known))
    return f"{', '.join(map(str, known[: MOST_SHOWN - 2]))} … {known[-1]}"
