"""The rules of other packages, bound to rows."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from cli.bench.machine import installed
from cli.bench.pairs import Peer
from fedsim.array_types import Array
from fedsim.conformance.cases import Case
from fedsim.conformance.peers import byzfl, byzpy, flwr
from fedsim.conformance.shared import Shared

PACKAGES = ("byzfl numpy", "byzfl torch", "byzpy", "flwr")
Named = Iterator[tuple[str, Peer]]


def peers(matrix: Array, f: int) -> Named:
    """Every rule and pre-aggregator of every package that is installed, as `fedsim conform` calls it."""
    case = Case.of(matrix, f)
    for name, package, shared in _packages():
        if installed(package):
            for each in shared():
                if each.family != "attacks":
                    yield each.name, Peer(name, partial(_called, each, case), _agrees(name, each, case))


def _packages():
    def through_torch():
        import torch

        return byzfl.shared(torch.from_numpy)

    yield "byzfl numpy", "byzfl", byzfl.shared
    yield "byzfl torch", "byzfl", through_torch
    yield "byzpy", "byzpy", byzpy.shared
    yield "flwr", "flwr", flwr.shared


def _called(shared: Shared, case: Case) -> Array:
    return np.asarray(shared.theirs(case))


def _agrees(package: str, shared: Shared, case: Case) -> bool:
    """Whether it defines the rule as fedsim does, and is told the same settings."""
    # torch's median of an even number of values is the lower of the two middle ones
    same = package != "byzfl torch" or shared.name != "median" or case.n % 2 == 1
    return same and shared.difference is None
