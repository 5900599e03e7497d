"""Whole rounds: ours beside the usual script and the simulators that are installed, round by round in turn."""

import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.players import NAMES, Contender, Player
from cli.bench.effort import BenchFailed, Effort, distance, must_agree
from cli.bench.machine import installed
from cli.bench.pairs import ratio
from cli.bench.tables import Column, Row, Table, megabytes, milliseconds, times, tiny
from cli.bench.workloads import WORKLOADS
from fedsim.array_types import Array

COLUMNS = (
    Column("runner", "runner (rule)"),
    Column("round", "a round, ms", milliseconds),
    Column("ratio", "× fedsim", times),
    Column("first", "start + first round, s", lambda seconds: f"{seconds:.1f}"),
    Column("memory", "most memory, MB", megabytes),
    Column("accuracy", "accuracy", lambda accuracy: f"{accuracy:.3f}"),
    Column("difference", "difference", tiny),
)
NOTES = (
    "One arithmetic thread each, in a process of its own; rounds are taken in turn. A round is one local pass in "
    "batches of 32, the aggregation, and 2,000 test images.",
    "`difference`: in a round where every client makes one step over all its examples, the distance of the update from "
    "fedsim's under the same rule, relative to its length. `accuracy` is that of the last round: batches are shuffled "
    "by each runner's own generator.",
    "Memory is that of the runner's first process; Flower's actor on Ray holds about as much again. fedjax is given "
    "back the name jax.tree_map, which jax has dropped.",
)
MOST_APART = 2e-3
"""Relative distance of two updates that is still rounding."""


def section(effort: Effort) -> Iterator[Table]:
    """Each workload."""
    found, missing = contenders(effort.peers)
    names = list(WORKLOADS) if effort.full else ["mlp"]
    for done, name in enumerate(names):
        effort.progress(f"whole rounds of {name}", done, len(names))
        rows, broken = measured(name, found, effort.repeats(5, 21 if name != "femnist_cnn" else 3))
        workload = WORKLOADS[name]
        title = f"A whole round: {name}, {workload.clients} clients × {workload.examples} examples"
        yield Table("rounds", title, COLUMNS, rows, (*NOTES, *missing, *broken))
    effort.progress("whole rounds", len(names), len(names))


def contenders(peers: bool) -> tuple[list[Contender], list[str]]:
    """Who runs, and a line for each that is not there."""
    found, missing = [], []
    for module, name in NAMES.items():
        package, rules = (getattr(import_module(f"benchmarks.runners.{module}"), key) for key in ("PACKAGE", "RULES"))
        own = module in ("ours", "script")
        if own or (peers and installed(package)):
            found += [Contender(module, rule) for rule in rules]
        elif peers:
            missing.append(f"{name} is not installed.")
    return found, missing


def measured(name: str, found: Sequence[Contender], repeats: int) -> tuple[list[Row], list[str]]:
    """A row for each that ran, and a line for each that broke."""
    differences, broken = compared(name, found)
    players = [Player(name, contender) for contender in found if contender in differences]
    if not players:
        raise BenchFailed("; ".join(broken))
    try:
        told = [[player.round() for player in players] for _ in range(repeats + 1)][1:]
    finally:
        for player in players:
            player.close()
    columns = list(zip(*told, strict=True))
    ours = [each["seconds"] for each in columns[0]]
    rows = [_row(player, rounds, ours) for player, rounds in zip(players, columns, strict=True)]
    apart = [None if p.contender.module == "ours" else differences[p.contender] for p in players]
    return [row | {"difference": each} for row, each in zip(rows, apart, strict=True)], broken


def _row(player: Player, rounds: Sequence[Row], ours: Sequence[float]) -> Row:
    seconds = [each["seconds"] for each in rounds]
    last = {key: rounds[-1][key] for key in ("memory", "accuracy")}
    return {
        "runner": player.contender.name, "round": median(seconds), "ratio": ratio(seconds, ours),
        "first": player.first, **last,
    }  # fmt: skip


def compared(name: str, found: Sequence[Contender]) -> tuple[dict[Contender, float], list[str]]:
    """How far each one's first update is from ours when there is one step and no order; and who broke."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {contender: Path(folder) / f"{place}.npy" for place, contender in enumerate(found)}
        broken = [line for contender in found if (line := _played(name, contender, kept[contender]))]
        updates = {c: np.load(path) - _start(name) for c, path in kept.items() if path.exists()}
    ours = {contender.rule: update for contender, update in updates.items() if contender.module == "ours"}
    apart = {contender: distance(update, ours[contender.rule]) for contender, update in updates.items()}
    return {c: must_agree(f"{c.name}, {name}", apart[c], MOST_APART) for c in apart}, broken


def _start(name: str) -> Array:
    from fedsim.simulation.federation import build_federation

    return build_federation(WORKLOADS[name].scenario()).parameters


def _played(name: str, contender: Contender, kept: Path) -> str:
    """One round of one step; what went wrong, where something did."""
    player = None
    try:
        player = Player(name, contender, kept)
    except BenchFailed as error:
        return str(error)
    finally:
        if player:
            player.close()
    return ""
