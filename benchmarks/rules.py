"""What the rules cost beside other packages' in one run: one thread, float32, ours and theirs in turn.

    python benchmarks/rules.py [--shapes 10x1000000 20x1000000] [--rules nnm krum] [--repeats 5] [--peers byzfl]

Peers that are not installed are left out. Where a peer's definition is ours, the answers are compared before any time
is believed. `× read` is our time over that of reading the matrix once; `× peer` is the fastest peer's time over ours.
The last lines are the price of the compiler: a fresh process, its first calls with it and without.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from fedsim.aggregators.clipping import centered_clip
from fedsim.aggregators.coordinatewise import median, trimmed_mean
from fedsim.aggregators.distance import krum, multi_krum
from fedsim.aggregators.geometric import geometric_median
from fedsim.preaggregators.mixing import nnm

SHAPES = ["10x1000000", "20x1000000", "50x1000000", "100x100000", "200x100000"]
UNSEEN = ["7x300007", "13x300007", "33x300007", "64x100003", "127x100003"]
RADIUS = 30.0
WARM_UP = 15

Call = Callable[[], np.ndarray]


class Peer(NamedTuple):
    """Another package's rule, bound to the rows."""

    name: str
    call: Call
    agrees: bool  # whether its definition is ours


class Case(NamedTuple):
    """One rule, bound to the rows, and what it is compared with."""

    rule: str
    ours: Call
    peers: list[Peer]


def cases(rows: np.ndarray, f: int, wanted: list[str]) -> list[Case]:
    """Every rule on these rows."""
    n, ones, zeros = len(rows), np.ones(len(rows)), np.zeros(rows.shape[1], np.float32)
    ours: dict[str, Call] = {
        "median": lambda: median(rows).update,
        "trimmed_mean": lambda: trimmed_mean(rows, f=f).update,
        "krum": lambda: krum(rows, f=f, variant="byzfl").update,
        "multi_krum": lambda: multi_krum(rows, f=f, variant="byzfl").update,
        "nnm": lambda: nnm(rows, f=f).updates,
        "geometric_median": lambda: geometric_median(rows, ones).update,
        "centered_clip": lambda: centered_clip(rows, zeros, radius=RADIUS).update,
    }
    theirs = [*by_byzfl(rows, f, wanted), *by_byzpy(rows, f, wanted), *by_flwr(rows, f, n, wanted)]
    return [Case(rule, call, [peer for name, peer in theirs if name == rule]) for rule, call in ours.items()]


def by_byzfl(rows: np.ndarray, f: int, wanted: list[str]) -> Iterator[tuple[str, Peer]]:
    """byzfl's rules, through numpy and through torch."""
    if "byzfl" not in wanted:
        return
    import byzfl
    import torch

    made = {
        "median": (byzfl.Median, True),
        "trimmed_mean": (lambda: byzfl.TrMean(f=f), True),
        "krum": (lambda: byzfl.Krum(f=f), True),
        "multi_krum": (lambda: byzfl.MultiKrum(f=f), True),
        "nnm": (lambda: byzfl.NNM(f=f), True),
        "geometric_median": (byzfl.GeometricMedian, False),  # three steps: not converged
        "centered_clip": (lambda: byzfl.CenteredClipping(L=1, tau=RADIUS), True),
    }
    tensor = torch.from_numpy(rows)
    for rule, (make, agrees) in made.items():
        yield rule, Peer("byzfl numpy", lambda make=make: np.asarray(make()(rows)), agrees)
        # torch's median of an even number of values is the lower of the two middle ones
        same = agrees and (rule != "median" or len(rows) % 2 == 1)
        yield rule, Peer("byzfl torch", lambda make=make: np.asarray(make()(tensor)), same)


def by_byzpy(rows: np.ndarray, f: int, wanted: list[str]) -> Iterator[tuple[str, Peer]]:
    """byzpy's rules on torch tensors."""
    if "byzpy" not in wanted:
        return
    import torch
    from byzpy.aggregators.coordinate_wise.median import CoordinateWiseMedian
    from byzpy.aggregators.coordinate_wise.trimmed_mean import CoordinateWiseTrimmedMean
    from byzpy.aggregators.geometric_wise.geometric_median import GeometricMedian
    from byzpy.aggregators.geometric_wise.krum import Krum, MultiKrum
    from byzpy.pre_aggregators.nnm import NearestNeighborMixing

    tensors = list(torch.from_numpy(rows))
    made = {
        "median": CoordinateWiseMedian(),
        "trimmed_mean": CoordinateWiseTrimmedMean(f=f),
        "krum": Krum(f=f),
        "multi_krum": MultiKrum(f=f, q=len(rows) - f),
        "geometric_median": GeometricMedian(tol=1e-6),
    }
    for rule, peer in made.items():
        same = rule != "geometric_median" and (rule != "median" or len(rows) % 2 == 1)
        yield rule, Peer("byzpy", lambda peer=peer: np.asarray(peer.aggregate(tensors)), same)
    mixing = NearestNeighborMixing(f=f)
    yield "nnm", Peer("byzpy", lambda: np.stack([np.asarray(row) for row in mixing.pre_aggregate(tensors)]), True)


def by_flwr(rows: np.ndarray, f: int, n: int, wanted: list[str]) -> Iterator[tuple[str, Peer]]:
    """Flower's rules on lists of numpy arrays."""
    if "flwr" not in wanted:
        return
    from flwr.server.strategy.aggregate import aggregate_krum, aggregate_median, aggregate_trimmed_avg

    results = [([row], 1) for row in rows]
    yield "median", Peer("flwr", lambda: aggregate_median(results)[0], True)
    yield "trimmed_mean", Peer("flwr", lambda: aggregate_trimmed_avg(results, (f + 0.5) / n)[0], True)
    yield "krum", Peer("flwr", lambda: aggregate_krum(results, f, 0)[0], False)  # one neighbour fewer than byzfl
    yield "multi_krum", Peer("flwr", lambda: aggregate_krum(results, f, n - f)[0], False)


def check(case: Case, rows: np.ndarray) -> None:
    """Stop the benchmark where a peer that defines the rule as we do answers otherwise."""
    answer = case.ours()
    for peer in case.peers:
        other = peer.call()
        if peer.agrees:
            np.testing.assert_allclose(answer, other, rtol=1e-4, atol=2e-5, err_msg=f"{case.rule}: {peer.name}")
        if case.rule == "geometric_median":
            assert total_distance(answer, rows) <= total_distance(other, rows) * (1 + 1e-9), peer.name


def total_distance(point: np.ndarray, rows: np.ndarray) -> float:
    """What a geometric median makes least."""
    return float(sum(np.linalg.norm(row.astype(float) - point) for row in rows))


def timed(call: Call) -> float:
    """Milliseconds of one call."""
    start = perf_counter()
    call()
    return 1e3 * (perf_counter() - start)


def measured(case: Case, rows: np.ndarray, repeats: int) -> tuple[float, float, dict[str, float]]:
    """Milliseconds of ours, of reading the matrix and of each peer: the least of the repeats, taken in turn."""
    for _ in range(WARM_UP):
        case.ours()
    calls = {"": case.ours, "read": lambda: rows.reshape(-1).max(), **{peer.name: peer.call for peer in case.peers}}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(timed(call))
    least = {name: min(values) for name, values in times.items()}
    return least.pop(""), least.pop("read"), least


def report(shape: str, rules: list[str], repeats: int, wanted: list[str]) -> None:
    """One line for each rule on a matrix of this shape, its rows of different sizes so that no choice is a toss-up."""
    n, d = map(int, shape.split("x"))
    sizes = np.linspace(0.5, 1.5, n)[:, None]
    rows = (sizes * np.random.default_rng(0).standard_normal((n, d))).astype(np.float32)
    for case in (case for case in cases(rows, n // 5, wanted) if not rules or case.rule in rules):
        check(case, rows)
        ours, read, peers = measured(case, rows, repeats)
        line = f"{shape:>12}  {case.rule:<17}{ours:9.2f} ms  {ours / read:6.1f} × read"
        if peers:
            fastest = min(peers, key=peers.__getitem__)
            line += f"  {peers[fastest] / ours:7.1f} × {fastest:<12}"
            line += "  " + "  ".join(f"{name} {time:.0f} ms" for name, time in peers.items())
        print(line, flush=True)


COLD = """
import sys, time, numpy
from fedsim.kernels import llvm
from fedsim.aggregators.coordinatewise import trimmed_mean
if sys.argv[1] == "without": llvm.available = lambda: False
rows = numpy.random.default_rng(0).standard_normal((20, int(sys.argv[2]))).astype(numpy.float32)
start, calls = time.perf_counter(), 0
for calls in range(1, 101):
    trimmed_mean(rows, f=4)
    if calls in (1, 3, 10, 30, 100): print(f"{1e3 * (time.perf_counter() - start):10.1f}", end="")
"""


def cold() -> None:
    """What the first calls of a fresh process cost, with the compiler and without."""
    print("\nA fresh process, 20 rows: ms until the end of call" + "".join(f"{k:>10}" for k in (1, 3, 10, 30, 100)))
    for d in (10_000, 100_000, 1_000_000):
        for which in ("with", "without"):
            command = [sys.executable, "-c", COLD, which, str(d)]
            times = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{d:>12} columns, {which:<7} the compiler {'':14}{times}", flush=True)


def installed(name: str) -> bool:
    """Whether a peer can be imported."""
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def main() -> None:
    """Read the arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="*", default=SHAPES + UNSEEN)
    parser.add_argument("--rules", nargs="*", default=[])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", nargs="*", default=["byzfl", "byzpy", "flwr"])
    chosen = parser.parse_args()
    wanted = [name for name in chosen.peers if installed(name)]
    if {"byzfl", "byzpy"} & set(wanted):
        import torch

        torch.set_num_threads(1)
    with threadpool_limits(1):
        for shape in chosen.shapes:
            report(shape, chosen.rules, chosen.repeats, wanted)
    cold()


if __name__ == "__main__":
    main()
