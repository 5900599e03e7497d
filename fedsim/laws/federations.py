"""The laws of what a federation is made of: data sets, partitions, and the laws of time, work and availability."""

from typing import Any

import numpy as np

from fedsim.array_types import silent
from fedsim.datasets.contract import Dataset, check_dataset
from fedsim.errors import DataUnavailable
from fedsim.laws.cases import required
from fedsim.laws.verdicts import NotTried, identical, require
from fedsim.randomness import Stream
from fedsim.registry import Entry

MOST_SHOWN = 20
"""Letters that a refusal must have at least, to say something."""


def _data(entry: Entry, seed: int) -> Dataset:
    given = {"stream": Stream.root(seed).at("data"), "progress": silent}
    try:
        return check_dataset(entry.call(given, _defaults(entry)))
    except DataUnavailable as error:
        raise NotTried(str(error)) from error


def _defaults(entry: Entry) -> dict[str, Any]:
    return {s.name: s.default for s in entry.settings.values() if not s.required} | required(entry)


def form(entry: Entry, seed: int) -> None:
    """Examples of one shape, their targets among the classes, every number finite."""
    data = _data(entry, seed)
    require(len(data.train) > 0 and len(data.test) > 0, "there is nothing to train on, or nothing to test on")


def repeatable(entry: Entry, seed: int) -> None:
    """The same stream, the same examples."""
    one, other = _data(entry, seed), _data(entry, seed)
    for part in ("train", "test"):
        for what in ("inputs", "targets"):
            identical(f"{what} of {part}", getattr(getattr(one, part), what), getattr(getattr(other, part), what))


def _division(entry: Entry, seed: int) -> tuple[Any, int, int | None]:
    draw = Stream.root(seed).at("law").numpy()
    classes, examples = int(draw.integers(1, 12)), int(draw.integers(20, 160))
    clients = int(draw.integers(1, 20))
    given = {
        "targets": draw.integers(0, classes, examples),
        "owners": draw.integers(0, 12, examples),
        "classes": classes,
        "clients": clients,
        "stream": Stream.root(seed).at("partition"),
    }
    return entry.call(given, _defaults(entry)), examples, clients


def partition(entry: Entry, seed: int) -> None:
    """Every example belongs to one client, nobody is left empty, or a refusal says why."""
    try:
        split, examples, clients = _division(entry, seed)
    except ValueError as error:
        require(len(str(error)) >= MOST_SHOWN, f"the refusal says too little: {error}")
        return
    require(len(split) == clients, f"{clients} clients were asked for, and the split has {len(split)}")
    parts = [np.asarray(split[client]) for client in range(len(split))]
    empty = [client for client, part in enumerate(parts) if not len(part)]
    require(not empty, f"client {empty[:1]} holds nothing")
    counts = np.bincount(np.concatenate(parts), minlength=examples)
    lost, shared = int((counts == 0).sum()), int((counts > 1).sum())
    require(not lost and not shared, f"of {examples} examples {lost} are lost and {shared} belong to several clients")


def same_division(entry: Entry, seed: int) -> None:
    """The same stream, the same split."""
    try:
        one, other = _division(entry, seed)[0], _division(entry, seed)[0]
    except ValueError:
        return
    for client in range(len(one)):
        identical(f"what client {client} holds", one[client], other[client])


def _seconds(entry: Entry, clients: Any, seed: int, round: int = 1) -> Any:
    ids = np.asarray(clients, np.int64)
    given = {"clients": ids, "round": round, "steps": 1 + ids % 7, "stream": Stream.root(seed).at("latency")}
    return entry.call(given, _defaults(entry))


def seconds(entry: Entry, seed: int) -> None:
    """One time a client, finite and not negative, in float64."""
    for clients in ([], [5], range(50)):
        times = _seconds(entry, clients, seed)
        kind = f"{times.dtype} of shape {times.shape}" if isinstance(times, np.ndarray) else type(times).__name__
        fits = isinstance(times, np.ndarray) and times.shape == (len(clients),) and times.dtype == np.float64
        require(fits, f"{len(clients)} clients give {kind}, not one float64 each")
        require(bool(np.isfinite(times).all() and (times >= 0).all()), "seconds must be finite and not negative")


def alone(entry: Entry, seed: int) -> None:
    """A client's time does not depend on who else was asked."""
    together = _seconds(entry, [3, 7, 9], seed, 4)
    identical("times of clients in another company", _seconds(entry, [9, 7], seed, 4), together[[2, 1]])


def same_times(entry: Entry, seed: int) -> None:
    """The same address, the same time."""
    identical("two answers to the same call", _seconds(entry, range(9), seed), _seconds(entry, range(9), seed))


DATASETS = {law.__name__: law for law in (form, repeatable)}
PARTITIONS = {"partition": partition, "repeatable": same_division}


def _epochs(entry: Entry, clients: Any, seed: int, round: int = 1) -> Any:
    given = {"clients": np.asarray(clients, np.int64), "round": round, "stream": Stream.root(seed).at("workload")}
    return entry.call(given, _defaults(entry))


def epochs(entry: Entry, seed: int) -> None:
    """One whole number from 1 a client, the server among them."""
    for clients in ([], [-1], range(50)):
        found = _epochs(entry, clients, seed)
        fits = isinstance(found, np.ndarray) and found.shape == (len(clients),) and found.dtype.kind in "iu"
        require(
            fits and bool((found >= 1).all()), f"{len(clients)} clients give {found!r}, not a whole number from 1 each"
        )


def own_work(entry: Entry, seed: int) -> None:
    """A client's work does not depend on who else was asked."""
    together = _epochs(entry, [3, 7, 9], seed, 4)
    identical("work of clients in another company", _epochs(entry, [9, 7], seed, 4), together[[2, 1]])


def _stays(entry: Entry, clients: Any, seed: int, time: float) -> Any:
    ids, stream = np.asarray(clients, np.int64), Stream.root(seed).at("availability")
    return entry.call({"clients": ids, "time": time, "population": 50, "stream": stream}, _defaults(entry))


def stays(entry: Entry, seed: int) -> None:
    """A begin and an end for each client, the end after the time and after the begin."""
    for clients, time in (([], 0.0), ([5], 3.0), (range(50), 1e4)):
        found = _stays(entry, clients, seed, time)
        fits = isinstance(found, np.ndarray) and found.shape == (len(clients), 2) and found.dtype == np.float64
        require(fits, f"{len(clients)} clients give {type(found).__name__}, not float64 of shape ({len(clients)}, 2)")
        begins, ends = found.T
        real = np.isfinite(begins)
        require(bool((ends > time).all() and (ends > begins)[real].all()), "a stay ends after its begin and after now")


def same_stay(entry: Entry, seed: int) -> None:
    """A client's stay is the same whenever it is asked for, and with whomever."""
    first = _stays(entry, [3, 7, 9], seed, 40.0)
    identical("stays of clients in another company", _stays(entry, [9, 7], seed, 40.0), first[[2, 1]])
    for client, (begin, end) in zip((3, 7, 9), first, strict=True):
        if np.isfinite(begin) and np.isfinite(end):
            later = _stays(entry, [client], seed, float(max(begin, 40.0) + end) / 2)
            require(bool(np.allclose(later, [[begin, end]])), f"client {client}'s stay is another when asked later")


LATENCIES = {"seconds": seconds, "address": alone, "repeatable": same_times}
WORKLOADS = {"epochs": epochs, "address": own_work}
AVAILABILITIES = {"stays": stays, "address": same_stay}
