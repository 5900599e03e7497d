"""qora-fl: compiled Rust on 32-bit floats."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fedsim.array_types import Integers
from fedsim.conformance.cases import Case
from fedsim.conformance.formulas import distances_in_own_units
from fedsim.conformance.shared import Answer, Difference, Keywords, Shared, nothing, with_f

PACKAGE = "qora-fl"
ROUNDING = 2e-6
"""Relative, of sums of a few 32-bit floats."""


def shared() -> Iterator[Shared]:
    """Everything."""
    yield _rule("fedavg", _by("fedavg", counted=True), lambda case: {"counts": case.counts})
    yield _rule("median", _by("median"))
    # ⌈share · n⌉ rows go at either end; the half keeps the product of floats below f
    yield _rule("trimmed_mean", lambda case: _by("trimmed_mean", (case.f - 0.5) / case.n)(case), with_f)
    units = "Krum's distances are those of rows of 16-bit numbers, each in the unit of the finer of the two rows"
    yield _rule(
        "krum",
        lambda case: _by(f"krum:{case.f}")(case),
        with_f,
        Difference(units, "that formula", lambda case: case.rows[_ranked(case)[0]]),
    )
    yield _rule(
        "multi_krum",
        lambda case: _by(f"multi_krum:{case.f}:{_most(case)}")(case),
        with_f,
        Difference(
            f"{units}; no more than n − 2f − 2 rows",
            "that formula, m = n − 2f − 2",
            lambda case: case.rows[_ranked(case)[: _most(case)]].mean(axis=0),
        ),
    )


def _most(case: Case) -> int:
    return case.n - 2 * case.f - 2


def _ranked(case: Case) -> Integers:
    """The rows by their Krum score of its distances, the least first."""
    distances = np.sort(distances_in_own_units(case.rows), axis=1)
    return np.argsort(distances[:, 1 : case.n - case.f - 1].sum(axis=1), kind="stable")


def _rule(name: str, theirs: Answer, keywords: Keywords = nothing, difference: Difference | None = None) -> Shared:
    return Shared("aggregators", name, theirs, keywords, difference, tolerance=ROUNDING)


def _by(method: str, share: float = 0.0, *, counted: bool = False) -> Answer:
    def theirs(case: Case) -> Any:
        from qora import ByzantineAggregator

        rows = [row[None].astype(np.float32) for row in case.rows]
        weights = case.counts.astype(float).tolist() if counted else None
        return np.asarray(ByzantineAggregator(method, share).aggregate(rows, weights=weights))[0]

    return theirs
