"""The rules beside plain numpy and other packages', one thread, float32, every one in turn."""

from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from cli.bench import every_rule
from cli.bench.checkout import beside
from cli.bench.effort import BenchFailed, Effort
from cli.bench.pairs import Call, Peer, timed
from cli.bench.tables import Column, Row, Table, milliseconds, share, times
from fedsim.aggregators.averaging import mean
from fedsim.aggregators.clipping import centered_clip
from fedsim.aggregators.coordinatewise import median, trimmed_mean
from fedsim.aggregators.distance import krum, multi_krum
from fedsim.aggregators.geometric import geometric_median
from fedsim.array_types import Array
from fedsim.conformance.shared import RADIUS, STEPS
from fedsim.preaggregators.mixing import nnm

FULL = ((10, 1_000_000), (20, 1_000_000), (50, 1_000_000), (200, 100_000), (33, 300_007))
QUICK = ((10, 100_000), (20, 1_000_000))
WARM_UP_SECONDS = 0.3
"""What a rule is called for before it is timed: long enough for whatever it compiles to be there."""
COLUMNS = (
    Column("rule", "rule"),
    Column("ours", "fedsim, ms", milliseconds),
    Column("share", "of read bandwidth", share),
    Column("numpy", "plain numpy, ms", milliseconds),
    Column("ratio", "ratio", times),
)
NOTES = (
    "`of read bandwidth`: the time of reading the matrix once over the rule's. Plain numpy is the formula as one "
    "writes it with sort, norms and a loop over the rows. The rows differ in size, so that no choice is a "
    "toss-up; where a package defines the rule as fedsim does its answer is compared first.",
)


class Case(NamedTuple):
    """One rule, bound to the rows, and what it is compared with."""

    rule: str
    ours: Call
    peers: Sequence[Peer]


def section(effort: Effort) -> Iterator[Table]:
    """Each shape, then the price of the compiler."""
    from fedsim.execution.arithmetic import repeatable

    shapes = FULL if effort.full else QUICK
    for done, (n, d) in enumerate(shapes):
        effort.progress(f"rules on {n} × {d:,}", done, len(shapes) + 1)
        with repeatable():
            rows, names = measured(n, d, effort)
        theirs = tuple(Column(name, f"{name}, ms", milliseconds) for name in names)
        best = (Column("best", "best of them", times),) if names else ()
        yield Table("rules", f"Rules on {n} × {d:,}, f = {n // 5}", (*COLUMNS, *theirs, *best), rows, NOTES)
    effort.progress("the first calls of a process", len(shapes), len(shapes) + 1)
    if effort.full:
        with repeatable():
            yield every_rule.table(effort)
        yield beside("cold").cold()
    effort.progress("rules", len(shapes) + 1, len(shapes) + 1)


def measured(n: int, d: int, effort: Effort) -> tuple[list[Row], list[str]]:
    """A row for each rule, and the packages that were run."""
    sizes = np.linspace(0.5, 1.5, n)[:, None]
    matrix = (sizes * np.random.default_rng(0).standard_normal((n, d))).astype(np.float32)
    theirs = list(beside("rule_peers").peers(matrix, n // 5)) if effort.peers else []
    found = [_measured(case, matrix, effort.repeats(3, 5)) for case in cases(matrix, n // 5, theirs)]
    return found, [name for name in beside("rule_peers").PACKAGES if any(peer.name == name for _, peer in theirs)]


def _measured(case: Case, matrix: Array, repeats: int) -> Row:
    """The least of the repeats, taken in turn."""
    check(case, matrix)
    begin = perf_counter()
    while perf_counter() - begin < WARM_UP_SECONDS:
        case.ours()
    calls: dict[str, Call] = {"ours": case.ours, "read": matrix.reshape(-1).max}
    calls |= {peer.name: peer.call for peer in case.peers}
    spent: dict[str, float] = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        spent |= {name: min(spent[name], timed(call)) for name, call in calls.items()}
    row: Row = {"rule": case.rule, **spent, "share": spent["read"] / spent["ours"]}
    others = [spent[peer.name] for peer in case.peers if peer.name != "numpy"]
    row |= {"ratio": spent["numpy"] / spent["ours"]} if "numpy" in spent else {}
    return row | ({"best": min(others) / spent["ours"]} if others else {})


def cases(matrix: Array, f: int, theirs: Sequence[tuple[str, Peer]]) -> list[Case]:
    """Every rule on these rows."""
    ones, zeros = np.ones(len(matrix), np.int64), np.zeros(matrix.shape[1], np.float32)
    ours: Mapping[str, Call] = {
        "mean": lambda: mean(matrix).update,
        "median": lambda: median(matrix).update,
        "trimmed_mean": lambda: trimmed_mean(matrix, f=f).update,
        "krum": lambda: krum(matrix, f=f).update,
        "multi_krum": lambda: multi_krum(matrix, f=f).update,
        "nnm": lambda: nnm(matrix, f=f).updates,
        "geometric_median": lambda: geometric_median(matrix, ones).update,
        "centered_clip": lambda: centered_clip(matrix, zeros, radius=RADIUS, steps=STEPS).update,
    }
    own = {name: Peer("numpy", call, True) for name, call in plain(matrix, f).items()}
    return [
        Case(rule, call, [*([own[rule]] if rule in own else []), *(peer for name, peer in theirs if name == rule)])
        for rule, call in ours.items()
    ]


def plain(matrix: Array, f: int) -> dict[str, Call]:
    """The formulas as one writes them with numpy."""
    n = len(matrix)

    def scores() -> Array:
        squares = np.array([[((a - b) ** 2).sum() for b in matrix] for a in matrix])
        return np.asarray(np.sort(squares, axis=1)[:, 1 : n - f - 1].sum(axis=1))

    def clipped() -> Array:
        centre = np.zeros_like(matrix[0])
        for _ in range(STEPS):
            away = matrix - centre
            norms = np.linalg.norm(away, axis=1, keepdims=True)
            centre = centre + (away * np.minimum(1, RADIUS / norms)).mean(axis=0)
        return np.asarray(centre)

    return {
        "mean": lambda: matrix.mean(axis=0),
        "median": lambda: np.median(matrix, axis=0),
        "trimmed_mean": lambda: np.sort(matrix, axis=0)[f : n - f].mean(axis=0),
        "krum": lambda: matrix[scores().argmin()],
        "multi_krum": lambda: matrix[np.argsort(scores())[: n - f]].mean(axis=0),
        "centered_clip": clipped,
    }


def check(case: Case, matrix: Array) -> None:
    """Stop where one that defines the rule as we do answers otherwise."""
    answer = np.asarray(case.ours())
    for peer in case.peers:
        other = np.asarray(peer.call())
        if peer.agrees and not np.allclose(answer, other, rtol=1e-4, atol=2e-5):
            raise BenchFailed(f"{case.rule}: fedsim and {peer.name} answer differently")
        if (
            case.rule == "geometric_median"
            and total_distance(answer, matrix) > total_distance(other, matrix) * 1.000001
        ):
            raise BenchFailed(f"geometric_median: {peer.name} is nearer to the rows than fedsim")


def total_distance(point: Array, matrix: Array) -> float:
    """What a geometric median makes least."""
    return float(sum(np.linalg.norm(row.astype(float) - point) for row in matrix))
