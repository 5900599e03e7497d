"""The laws of what a federation is made of: data sets, partitions, laws of latency."""

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
    given = {"clients": np.asarray(clients, np.int64), "round": round, "stream": Stream.root(seed).at("latency")}
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
LATENCIES = {"seconds": seconds, "address": alone, "repeatable": same_times}
