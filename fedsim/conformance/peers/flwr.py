"""Flower: the functions behind its strategies, on lists of layers with numbers of examples."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fedsim import functional
from fedsim.array_types import Array
from fedsim.conformance.cases import Case
from fedsim.conformance.shared import Difference, Shared, nothing, rule, with_f

PACKAGE = "flwr"


def results(case: Case) -> list[Any]:
    """What clients returned: one layer, and the number of examples."""
    return [([row], int(count)) for row, count in zip(case.rows, case.counts, strict=True)]


def shared() -> Iterator[Shared]:
    """Everything."""
    from flwr.server.strategy import aggregate as flower

    yield rule("fedavg", lambda case: flower.aggregate(results(case))[0], lambda case: {"counts": case.counts})
    yield rule("median", lambda case: flower.aggregate_median(results(case))[0], nothing)
    yield rule(
        "trimmed_mean",
        # a share of the rows; the half keeps the product of floats above f
        lambda case: flower.aggregate_trimmed_avg(results(case), (case.f + 0.5) / case.n)[0],
        with_f,
    )
    yield rule("krum", lambda case: flower.aggregate_krum(results(case), case.f, 0)[0], with_f)
    yield rule(
        "multi_krum",
        lambda case: flower.aggregate_krum(results(case), case.f, case.n - case.f)[0],
        with_f,
        Difference(
            "the mean of the chosen rows is weighted by their numbers of examples",
            "the same rows, weighted by counts",
            _weighted,
        ),
    )
    yield rule(
        "bulyan",
        lambda case: flower.aggregate_bulyan(results(case), case.f, flower.aggregate_krum, to_keep=0)[0],
        with_f,
    )


def _weighted(case: Case) -> Array:
    weights = functional.aggregate("multi_krum", case.rows, f=case.f, details=True).weights * case.counts
    return np.asarray(weights @ case.rows / weights.sum())
