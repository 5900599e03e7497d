"""The laws of the server's step: schedules of its rate, and its optimizers."""

from typing import Any

import numpy as np

from fedsim.array_types import Array
from fedsim.checked_calls import guarded
from fedsim.laws.cases import required
from fedsim.laws.verdicts import identical, require
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.schedules.contract import factor_of
from fedsim.server_optimizers.contract import Direction

STEPS, RATE = 40, 0.02
"""Of the way down a bowl."""


def positive(entry: Entry, seed: int) -> None:
    """In every round, warmed up or not, the factor is a finite number above zero."""
    rounds, warmup = _course(seed)
    for number, found in enumerate(_factors(entry, rounds, warmup), 1):
        require(bool(np.isfinite(found) and found > 0), f"round {number} of {rounds} has the factor {found:.6g}")


def same_factors(entry: Entry, seed: int) -> None:
    """The same round of the same run, the same factor, whatever was asked before."""
    rounds, warmup = _course(seed)
    one, other = _factors(entry, rounds, warmup), _factors(entry, rounds, warmup, backwards=True)
    identical("factors asked for in another order", one, other[::-1])


def form(entry: Entry, seed: int) -> None:
    """The direction and what is remembered are finite arrays; the direction is like the aggregate."""
    start = _start(seed)
    answer = _step(entry, -start, start, None)
    require(isinstance(answer, Direction), f"it must return a Direction: got {type(answer).__name__}")
    update = answer.update
    like = isinstance(update, np.ndarray) and (update.shape, update.dtype) == (start.shape, start.dtype)
    found = f"{update.dtype} of shape {update.shape}" if isinstance(update, np.ndarray) else type(update).__name__
    require(like, f"an aggregate of {start.dtype} and shape {start.shape} gives {found}")
    for name, array in {"update": update, **(answer.memory or {})}.items():
        require(
            isinstance(array, np.ndarray) and bool(np.isfinite(array).all()), f"`{name}` is no array of finite numbers"
        )


def downhill(entry: Entry, seed: int) -> None:
    """Steps along the aggregate of a bowl lead down."""
    where = start = _start(seed)
    memory = None
    for _ in range(STEPS):
        answer = _step(entry, -where, where, memory)
        where, memory = where + where.dtype.type(RATE) * answer.update, answer.memory
    lower = float((where**2).sum()) < float((start**2).sum())
    require(lower, f"{STEPS} steps of {RATE:g} from the side of a bowl do not lead down")


def untouched(entry: Entry, seed: int) -> None:
    """Aggregate, parameters and memory are left as they were, and the same call has the same answer."""
    start = _start(seed)
    memory = _step(entry, -start, start, None).memory
    one, other = (_step(entry, -start, start, memory).update for _ in range(2))
    identical("two answers to the same call", one, other)


def _course(seed: int) -> tuple[int, int]:
    draw = Stream.root(seed).at("course").numpy()
    warmup = int(draw.integers(0, 10))
    return warmup + int(draw.integers(2, 200)), warmup


def _factors(entry: Entry, rounds: int, warmup: int, backwards: bool = False) -> list[float]:
    asked = range(rounds, 0, -1) if backwards else range(1, rounds + 1)
    return [factor_of(entry.name, required(entry), round, rounds, warmup) for round in asked]


def _start(seed: int) -> Array:
    return np.asarray(Stream.root(seed).at("rows").numpy().standard_normal(12), np.float32)


def _step(entry: Entry, aggregate: Array, parameters: Array, memory: Any) -> Direction:
    given = {"aggregate": aggregate, "parameters": parameters, "memory": memory}
    answer: Direction = entry.call({name: guarded(value) for name, value in given.items()}, required(entry))
    return answer


SCHEDULES = {"positive": positive, "repeatable": same_factors}
SERVER_OPTIMIZERS = {law.__name__: law for law in (form, downhill, untouched)}
