"""The laws of attacks, on the updates and on the data; `shape`, `finite` and `address` may be broken by confession."""

from typing import Any

import numpy as np

from fedsim.array_types import Array
from fedsim.attacks.contract import Forged
from fedsim.laws.cases import required
from fedsim.laws.verdicts import identical, require
from fedsim.randomness import Stream
from fedsim.registry import Entry

COORDINATES, CLASSES, EXAMPLES = 64, 10, 60
Given = dict[str, Any]


def federation(seed: int, clients: tuple[int, ...] = (3, 7, 9), honest: int = 5, dtype: type = np.float32) -> Given:
    """What the engine supplies to an attack on updates: read-only, each client's own row its own."""
    draw = Stream.root(seed).at("law").numpy()
    own = [Stream.root(seed).at("client", client).numpy().standard_normal(COORDINATES) for client in clients]
    arrays = {
        "honest": draw.normal(1, 2, (honest, COORDINATES)).astype(dtype),
        "own": np.array(own, dtype).reshape(len(clients), COORDINATES),
        "parameters": draw.standard_normal(COORDINATES).astype(dtype),
        "previous": draw.standard_normal(COORDINATES).astype(dtype),
        "clients": np.array(clients, np.int64),
    }
    for array in arrays.values():
        array.flags.writeable = False
    rest: Given = {
        "count": len(clients),
        "honest_clients": np.arange(20, 20 + honest),
        "knowledge": "all",
        "round": 1,
        "memory": None,
        "stream": Stream.root(seed).at("round", 1),
        "defence": lambda rows: rows.mean(axis=0),
    }
    return arrays | rest


def examples(seed: int, dtype: type = np.uint8) -> Given:
    """What the engine supplies to an attack on the data."""
    draw = Stream.root(seed).at("law").numpy()
    pixels = draw.integers(0, 256, (EXAMPLES, 1, 8, 8)).astype(np.uint8)
    arrays: dict[str, Any] = {
        "inputs": pixels if dtype is np.uint8 else (pixels / 255).astype(dtype),
        "targets": draw.integers(0, CLASSES, EXAMPLES),
    }
    for array in arrays.values():
        array.flags.writeable = False
    rest = {"places": np.arange(EXAMPLES), "classes": CLASSES, "round": 1, "index": 2, "colluders": 4}
    return arrays | rest | {"stream": Stream.root(seed).at("client", 4)}


def forged(entry: Entry, given: Given) -> Array:
    """The rows that the attack sends."""
    answer = entry.function(*(given[name] for name in entry.supplied), **required(entry))
    return answer.updates if isinstance(answer, Forged) else answer


def poisoned(entry: Entry, given: Given) -> tuple[Array, Array]:
    """The inputs and the targets that the attack leaves."""
    answer = entry.function(*(given[name] for name in entry.supplied), **required(entry))
    return answer if isinstance(answer, tuple) else (given["inputs"], answer)


def shape(entry: Entry, seed: int) -> None:
    """One row an attacker, in the kind of float that was given, in memory of its own."""
    for clients in ((4,), (3, 7, 9)):
        for dtype in (np.float32, np.float64):
            given = federation(seed, clients, dtype=dtype)
            rows = forged(entry, given)
            wanted = (len(clients), COORDINATES)
            require(rows.shape == wanted, f"{len(clients)} attackers send rows of shape {rows.shape}, not {wanted}")
            require(rows.dtype == dtype, f"updates of {np.dtype(dtype)} are answered with {rows.dtype}")
            seen = [name for name, value in given.items() if isinstance(value, np.ndarray)]
            views = [name for name in seen if np.shares_memory(rows, given[name])]
            require(not views, f"the rows sent are a view of `{', '.join(views)}`: send a copy")


def finite(entry: Entry, seed: int) -> None:
    """Finite numbers give finite rows."""
    require(bool(np.isfinite(forged(entry, federation(seed))).all()), "finite updates give rows that are not")


def address(entry: Entry, seed: int) -> None:
    """A client sends the same whoever attacks beside it."""
    if "clients" not in entry.supplied:
        return
    together, alone = forged(entry, federation(seed)), forged(entry, federation(seed, (7,)))
    identical("rows of a client together with others and alone", together[1], alone[0])
    identical("rows in another order", forged(entry, federation(seed, (9, 3, 7))), together[[2, 0, 1]])


def repeatable(entry: Entry, seed: int) -> None:
    """The same stream, the same answer."""
    if entry.traits["poisons"] == "updates":
        identical("two answers to the same call", forged(entry, federation(seed)), forged(entry, federation(seed)))
        return
    for one, other in zip(poisoned(entry, examples(seed)), poisoned(entry, examples(seed)), strict=True):
        identical("two answers to the same call", one, other)


def one_honest_row(entry: Entry, seed: int) -> None:
    """One honest row is enough to know of."""
    forged(entry, federation(seed, honest=1))


def form(entry: Entry, seed: int) -> None:
    """Poisoned examples are as many of the same kind, their targets among the classes."""
    for dtype in (np.uint8, np.float32):
        given = examples(seed, dtype)
        inputs, targets = poisoned(entry, given)
        before = given["inputs"]
        kept = (inputs.shape, inputs.dtype) == (before.shape, before.dtype)
        require(kept, f"inputs {before.shape} of {before.dtype} become {inputs.shape} of {inputs.dtype}")
        wanted = given["targets"]
        kept = (targets.shape, targets.dtype) == (wanted.shape, wanted.dtype)
        require(kept, f"targets {wanted.shape} of {wanted.dtype} become {targets.shape} of {targets.dtype}")
        require(0 <= targets.min() <= targets.max() < CLASSES, f"targets are {targets.min()} to {targets.max()}")


UPDATES = {law.__name__: law for law in (shape, finite, address, repeatable, one_honest_row)}
DATA = {law.__name__: law for law in (form, repeatable)}
