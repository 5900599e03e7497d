"""Rounds of one gradient a client, as most Byzantine papers run them: ours beside byzfl and a plain loop."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.players import Contender, Player
from cli.bench.effort import BenchFailed, Effort, distance, must_agree
from cli.bench.machine import installed
from cli.bench.pairs import ratio
from cli.bench.tables import Column, Row, Table, milliseconds, times, tiny
from cli.bench.workloads import STEPS
from fedsim.array_types import Array

COLUMNS = (
    Column("model", "model"),
    Column("runner", "runner"),
    Column("step", "a step, ms", milliseconds),
    Column("ratio", "× fedsim", times),
    Column("difference", "difference", tiny),
)
NOTES = (
    "D-SHB: 13 clients of 4,600 examples each, one gradient of 25 of them, momentum 0.9, nearest-neighbour mixing and "
    "the trimmed mean with f = 3, the server's step. One arithmetic thread each, in a process of its own; ten "
    "steps are taken in turn, nothing is scored.",
    "`difference`: of the first update over whole clients of 200 examples, where order cannot matter, the distance "
    "from fedsim's, relative to its length.",
)
MOST_APART = 2e-3
"""Relative distance of two updates that is still rounding."""
RULE = "trimmed_mean"


def section(effort: Effort) -> Iterator[Table]:
    """One table of all models."""
    there = installed("byzfl") and effort.peers
    modules = ["ours", "script", *(["byzfl"] if there else [])]
    rows: list[Row] = []
    for done, name in enumerate(STEPS):
        effort.progress(f"a {name}", done, len(STEPS))
        rows += measured(name, [Contender(module, RULE) for module in modules], effort.repeats(3, 9))
    effort.progress("steps", len(STEPS), len(STEPS))
    missing = [] if there or not effort.peers else ["byzfl is not installed."]
    yield Table("steps", "One gradient a client and round", COLUMNS, rows, (*NOTES, *missing))


def measured(name: str, found: Sequence[Contender], repeats: int) -> list[Row]:
    """A row for each runner."""
    apart = compared(name, found)
    players = [Player(name, contender) for contender in found]
    try:
        told = [[player.round()["seconds"] for player in players] for _ in range(repeats + 1)][1:]
    finally:
        for player in players:
            player.close()
    columns = list(zip(*told, strict=True))
    return [
        {
            "model": STEPS[name].model, "runner": contender.name.partition(" (")[0], "step": median(seconds),
            "ratio": ratio(seconds, columns[0]), "difference": None if contender.module == "ours" else far,
        }
        for contender, seconds, far in zip(found, columns, apart, strict=True)
    ]  # fmt: skip


def compared(name: str, found: Sequence[Contender]) -> list[float]:
    """How far each one's first update is from ours."""
    updates = [_first_update(name, contender) for contender in found]
    return [
        must_agree(f"{contender.name}, {name}", distance(update, updates[0]), MOST_APART)
        for contender, update in zip(found, updates, strict=True)
    ]


def _first_update(name: str, contender: Contender) -> Array:
    from benchmarks.runners.task import Task

    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "parameters.npy"
        Player(name, contender, kept).close()
        if not kept.exists():
            raise BenchFailed(f"{contender.name} left no parameters")
        update: Array = np.load(kept) - Task.of(name, whole=True).federation.parameters
    return update
