"""One server's judgement of rows: pre-aggregators in turn, then the rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from fedsim.aggregators.contract import Aggregate, aggregators
from fedsim.array_types import Array, Integers
from fedsim.checked_calls import blamed
from fedsim.kernels.rules.finite_rows import screen
from fedsim.layers import Layer
from fedsim.preaggregators.contract import Mixed, preaggregators
from fedsim.randomness import Stream
from fedsim.scenario.choices import Choice
from fedsim.simulation.state import Memory

RULE = "aggregator"
"""Path of the rule in a scenario."""


class Grouped(NamedTuple):
    """The groups of rows, where there is a topology."""

    rows: Integers  # (n,) of each finite row
    nonfinite: Integers  # (k,) of each row that was set aside


@dataclass(frozen=True)
class Inputs:
    """What a server has when a round closes."""

    matrix: Array  # (n, d) finite rows
    counts: Integers  # (n,) examples behind each
    clients: Integers  # (n,)
    nonfinite: int  # rows set aside before; the rule's f shrinks by as many
    staleness: Integers  # (n,) rounds that each row was on its way
    groups: Grouped | None = None

    @classmethod
    def trial(cls, matrix: Array, groups: Integers | None = None) -> "Inputs":
        """Rows that an attack only imagines, taken in as the server would take them in."""
        finite = screen(matrix)
        rows = matrix[finite]
        n = len(rows)
        grouped = None if groups is None else Grouped(groups[finite], groups[~finite])
        return cls(rows, np.ones(n, np.int64), np.arange(n), len(matrix) - n, np.zeros(n, np.int64), grouped)


class Server(NamedTuple):
    """A server's pre-aggregators and rule, and where its draws and its memories have their addresses."""

    preaggregators: tuple[Choice, ...]
    aggregator: Choice
    stream: Stream
    path: str = ""


class Before(NamedTuple):
    """What there is before the round, the same for all servers."""

    parameters: Array  # (d,)
    previous: Array  # (d,) the last aggregate
    memories: Mapping[str, Memory]  # by path
    layers: tuple[Layer, ...]  # of such vectors


class Judgement(NamedTuple):
    """A verdict and what each step of the server carries to the next round, by its path."""

    verdict: Aggregate  # weights are those of the clients' rows
    memories: Mapping[str, Memory | None]
    silent: tuple[int, ...] = ()  # groups whose rows did not suffice for their rule
    spoilt: tuple[int, ...] = ()  # groups that were set aside, as nothing finite came of them


class Shares(NamedTuple):
    """Which clients' rows went into the rows at hand, and by how much: (m, n), or each row its own client's.

    The matrix is made only where rows were mixed: of ten thousand clients it takes 800 MB.
    """

    matrix: Array | None = None

    def mixed(self, values: Integers) -> Array:
        """(n,) -> (m,) of the clients' numbers those of the rows."""
        return values.astype(float) if self.matrix is None else self.matrix @ values

    def of_clients(self, weights: Array) -> Array:
        """(m,) -> (n,) of the rows' weights those of the clients."""
        return np.asarray(weights, float) if self.matrix is None else weights @ self.matrix

    def then(self, mixing: Array) -> "Shares":
        """What these rows' mixture holds of the clients' rows."""
        return Shares(np.asarray(mixing, float) if self.matrix is None else mixing @ self.matrix)

    def means(self, factors: Array) -> Array:
        """(m,) -> (n,) mean over the rows that a client went into, by its shares in them."""
        if self.matrix is None:
            return np.asarray(factors, float)
        parts = self.matrix.sum(axis=0)
        return np.where(parts > 0, factors @ self.matrix / np.where(parts > 0, parts, 1), 0.0)


def judged_by(server: Server, before: Before, round: int, inputs: Inputs, extras: Mapping[str, Any]) -> Judgement:
    """Pre-aggregators in turn, then the rule; what was before is left as it is.

    `extras` maps the expensive items to functions that make them, called only when the rule asks. RowsDoNotSuffice
    where they do not suffice for it; RunFailed where it fails in any other way.
    """
    stream, rows = server.stream, inputs.matrix
    memories: dict[str, Memory | None] = {}
    shares, factors = Shares(), None
    for index, choice in enumerate(server.preaggregators):
        path = f"{server.path}preaggregators[{index}]"
        offered = _offered(rows, shares, inputs, before.memories.get(path), partial(stream.at, "preaggregator", index))
        mixed = _mixed(choice, offered, inputs, round)
        factors = _multiplied(factors, mixed.factors, shares)
        rows, shares, memories[path] = mixed.updates, shares.then(mixed.shares), mixed.memory
    choice, path = server.aggregator, f"{server.path}{RULE}"
    entry = aggregators[choice.name]
    offered = _offered(rows, shares, inputs, before.memories.get(path), partial(stream.at, "aggregator")) | {
        "counts": lambda: shares.mixed(inputs.counts),
        "previous": lambda: before.previous,
        "parameters": lambda: before.parameters,
        "layers": lambda: before.layers,
        "round": lambda: round,
    }
    given = [offered[item]() if item in offered else extras[item](rows) for item in entry.supplied]
    with blamed("rule", entry.name, entry.function, round):
        verdict: Aggregate = entry.function(*given, **entry.lowered(choice.settings, inputs.nonfinite))
    factors = _multiplied(factors, verdict.factors, shares)
    whole = verdict._replace(weights=shares.of_clients(verdict.weights), factors=factors)
    return Judgement(whole, {**memories, path: verdict.memory})


def _offered(
    rows: Array, shares: Shares, inputs: Inputs, memory: Memory | None, stream: Callable[[], Stream]
) -> dict[str, Callable[[], Any]]:
    """What every step may ask for of the rows at hand: small things, but most steps want none of them."""
    return {
        "updates": lambda: rows,
        "staleness": lambda: shares.mixed(inputs.staleness),
        "clients": lambda: _identities(rows, inputs),
        "memory": lambda: memory,
        "stream": stream,
    }


def _identities(rows: Array, inputs: Inputs) -> Integers:
    """(n,) whose each row is; rows of another number are nobody's and only numbered."""
    return inputs.clients if len(rows) == len(inputs.clients) else np.arange(len(rows))


def _multiplied(before: Array | None, factors: Array | None, shares: Shares) -> Array | None:
    """(n,) what the clients' rows were multiplied with, once those they went into are multiplied, too.

    (n,), (m,) -> (n,): a client's is the mean over the rows that it went into, by its shares in them.
    """
    if factors is None:
        return before
    own = shares.means(factors)
    return own if before is None else before * own


def _mixed(choice: Choice, offered: Mapping[str, Callable[[], Any]], inputs: Inputs, round: int) -> Mixed:
    entry = preaggregators[choice.name]
    given = [offered[item]() for item in entry.supplied]
    with blamed("pre-aggregator", entry.name, entry.function, round):
        mixed: Mixed = entry.function(*given, **entry.lowered(choice.settings, inputs.nonfinite))
    return mixed
