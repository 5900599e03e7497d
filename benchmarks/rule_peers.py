"""The rules of other packages, bound to rows."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from cli.bench.machine import installed
from cli.bench.pairs import Peer
from fedsim.array_types import Array

RADIUS = 30.0
PACKAGES = ("byzfl numpy", "byzfl torch", "byzpy", "flwr")


Named = Iterator[tuple[str, Peer]]


def peers(matrix: Array, f: int) -> Named:
    """Every rule of every package that is installed."""
    for package, rules in (("byzfl", by_byzfl), ("byzpy", by_byzpy), ("flwr", by_flwr)):
        if installed(package):
            yield from rules(matrix, f)


def by_byzfl(matrix: Array, f: int) -> Named:
    """byzfl's rules, through numpy and through torch."""
    import byzfl
    import torch

    made: dict[str, tuple[Callable[[], Any], bool]] = {
        "mean": (byzfl.Average, True),
        "median": (byzfl.Median, True),
        "trimmed_mean": (lambda: byzfl.TrMean(f=f), True),
        "krum": (lambda: byzfl.Krum(f=f), True),
        "multi_krum": (lambda: byzfl.MultiKrum(f=f), True),
        "nnm": (lambda: byzfl.NNM(f=f), True),
        "geometric_median": (byzfl.GeometricMedian, False),  # three steps: not converged
        "centered_clip": (lambda: byzfl.CenteredClipping(L=1, tau=RADIUS), True),
    }
    tensor = torch.from_numpy(matrix)
    for rule, (make, agrees) in made.items():
        yield rule, Peer("byzfl numpy", partial(_made, make, matrix), agrees)
        # torch's median of an even number of values is the lower of the two middle ones
        same = agrees and (rule != "median" or len(matrix) % 2 == 1)
        yield rule, Peer("byzfl torch", partial(_made, make, tensor), same)


def _made(make: Callable[[], Any], rows: Any) -> Array:
    return np.asarray(make()(rows))


def by_byzpy(matrix: Array, f: int) -> Named:
    """byzpy's rules on torch tensors."""
    import torch
    from byzpy.aggregators.coordinate_wise.median import CoordinateWiseMedian
    from byzpy.aggregators.coordinate_wise.trimmed_mean import CoordinateWiseTrimmedMean
    from byzpy.aggregators.geometric_wise.geometric_median import GeometricMedian
    from byzpy.aggregators.geometric_wise.krum import Krum, MultiKrum
    from byzpy.pre_aggregators.nnm import NearestNeighborMixing

    tensors = list(torch.from_numpy(matrix))
    made: dict[str, Any] = {
        "median": CoordinateWiseMedian(),
        "trimmed_mean": CoordinateWiseTrimmedMean(f=f),
        "krum": Krum(f=f),
        "multi_krum": MultiKrum(f=f, q=len(matrix) - f),
        "geometric_median": GeometricMedian(tol=1e-6),
    }
    for rule, peer in made.items():
        same = rule != "geometric_median" and (rule != "median" or len(matrix) % 2 == 1)
        yield rule, Peer("byzpy", partial(peer.aggregate, tensors), same)
    mixing = NearestNeighborMixing(f=f)
    yield "nnm", Peer("byzpy", lambda: np.stack([np.asarray(row) for row in mixing.pre_aggregate(tensors)]), True)


def by_flwr(matrix: Array, f: int) -> Named:
    """Flower's rules on lists of numpy arrays."""
    from flwr.server.strategy.aggregate import aggregate_krum, aggregate_median, aggregate_trimmed_avg

    n = len(matrix)
    results: Any = [([row], 1) for row in matrix]
    yield "median", Peer("flwr", lambda: aggregate_median(results)[0], True)
    yield "trimmed_mean", Peer("flwr", lambda: aggregate_trimmed_avg(results, (f + 0.5) / n)[0], True)
    # one neighbour fewer than byzfl
    yield "krum", Peer("flwr", lambda: aggregate_krum(results, f, 0)[0], False)
    yield "multi_krum", Peer("flwr", lambda: aggregate_krum(results, f, n - f)[0], False)
