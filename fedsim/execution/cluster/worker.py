"""What a worker of a cluster does with what it is sent."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fedsim.execution.arithmetic import repeatable
from fedsim.execution.cluster.arrays import Sheets, held, laid_out, zeros
from fedsim.execution.cluster.likeness import about, likeness
from fedsim.execution.pool import repeatably, warm
from fedsim.execution.sending import unpacked

_alone = threading.Lock()


@dataclass(frozen=True)
class Order:
    """A job on its way to a worker."""

    parcel: bytes  # the function and the job
    likeness: str  # of the owner
    fixed: tuple[str, ...] = ()  # arrays that the worker was sent for good
    writes: tuple[tuple[str, str, tuple[int, ...]], ...] = ()  # name, dtype and shape of the rows that come back


@dataclass(frozen=True)
class Done:
    """What came of a job, with the rows that it wrote."""

    result: Any
    rows: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Unready:
    """A worker that has come since: it lacks arrays, or is of another kind."""

    worker: str
    about: Mapping[str, Any]
    lacks: tuple[str, ...]


def work(order: Order, *sheets: Sheets) -> Done | Unready:
    """Do a job here, or say what is missing for it."""
    found = {name: held.get(name) for name in order.fixed}
    arrays = {name: array for name, array in found.items() if array is not None}
    lacks = tuple(name for name in order.fixed if name not in arrays)
    if lacks or order.likeness != likeness():
        return Unready(_address(), about(), lacks)
    for each in sheets:
        arrays |= each.arrays
    written = {name: zeros(shape, dtype) for name, dtype, shape in order.writes}
    with laid_out(arrays | written):
        function, job = unpacked(order.parcel)
        return Done(repeatably(function, job), written)


def work_alone(order: Order) -> Done | Unready:
    """The same for a whole run, of which a process plays one at a time."""
    with _alone:
        return work(order)


def keep(sheets: Sheets) -> Sheets:
    """Have these arrays here; Dask keeps what this returns until the owner lets go of it."""
    held.update(sheets.arrays)
    return sheets


def begin() -> None:
    """Import what the first job would otherwise wait for, as it is imported for a worker of this machine."""
    with repeatable():
        warm()


def sees(path: str) -> bool:
    """Whether this machine finds a file of the owner's."""
    return Path(path).is_file()


def unlike_files(digests: Mapping[str, str]) -> list[str]:
    """Which of these files are not here, or are others."""
    return [file for file, digest in digests.items() if _digest(file) != digest]


def _digest(file: str) -> str:
    try:
        return sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _address() -> str:
    from distributed import get_worker

    return str(get_worker().address)
