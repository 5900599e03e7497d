"""Every rule and pre-aggregator on the same rows, so that what its page says of its cost has a number beside it."""

from collections.abc import Iterator
from itertools import chain
from statistics import median
from typing import Any

import numpy as np

from cli.bench.effort import Effort
from cli.bench.pairs import timed
from cli.bench.tables import Column, Row, Table, milliseconds, times
from fedsim.aggregators.contract import Condition, aggregators
from fedsim.array_types import Array
from fedsim.laws.cases import required, supplies
from fedsim.laws.verdicts import NotTried
from fedsim.preaggregators.contract import preaggregators
from fedsim.registry import Entry

N, D, F = 20, 100_000, 4
SEED = 0
PATIENCE = 0.5
"""Seconds of one call beyond which it is not repeated."""
COLUMNS = (
    Column("rule", "rule"),
    Column("seconds", "fedsim, ms", milliseconds),
    Column("means", "times the mean's", times),
)
NOTES = (
    "The median of repeated calls, after one that compiles; a call of more than half a second is made once more. "
    "Settings are the defaults, those without one are 1 where that is allowed. What a rule asks for beside the rows is "
    "a stand-in: root losses are a formula, models of layers are small, so that the time is the rule's own. "
    "`fedsim explain NAME` says what the time goes into.",
)


def table(effort: Effort, d: int = D) -> Table:
    """A row for each that has an example of its settings, the fastest first."""
    entries = [entry for entry in chain(aggregators, preaggregators) if entry.file is None]
    rows = sorted(_measured(entries, updates(N, d), effort), key=lambda row: float(row["seconds"]))
    mean = next(row["seconds"] for row in rows if row["rule"] == "mean")
    found = [{**row, "means": row["seconds"] / mean} for row in rows]
    return Table("rules", f"Every rule and pre-aggregator on {N} × {d:,}, f = {F}", COLUMNS, found, NOTES)


def _measured(entries: list[Entry], matrix: Array, effort: Effort) -> Iterator[Row]:
    for done, entry in enumerate(entries):
        effort.progress(f"{entry.name} on {N} rows", done, len(entries))
        try:
            chosen = required(entry)
        except NotTried:  # own code would have to be named
            continue
        yield {"rule": entry.name, "seconds": seconds(entry, matrix, F, chosen, effort.repeats(3, 7))}


def updates(n: int, d: int) -> Array:
    """(n, d) rows of different sizes about one point."""
    draw = np.random.default_rng(SEED)
    return (np.linspace(0.5, 1.5, n)[:, None] * draw.standard_normal((n, d)) + 0.5).astype(np.float32)


def seconds(entry: Entry, matrix: Array, f: int, chosen: dict[str, Any], repeats: int) -> float:
    """The median of the repeats; one more call of whatever takes long."""
    fitting = f if Condition.parse(entry.needs or "n ≥ 1").holds(len(matrix), f) else 0
    given, settings = supplies(entry, matrix, SEED), entry.with_byzantine(chosen, fitting)
    first = timed(lambda: entry.call(given, settings))
    again = 1 if first > PATIENCE else repeats
    return median(timed(lambda: entry.call(given, settings)) for _ in range(again))
