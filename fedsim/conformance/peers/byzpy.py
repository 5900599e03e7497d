"""byzpy: torch's tensors in 64-bit floats."""

from collections.abc import Iterator
from importlib import import_module
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from fedsim.array_types import Array
from fedsim.conformance.cases import Case
from fedsim.conformance.formulas import filtered_mean, lower_median, mean_of_nearest
from fedsim.conformance.shared import (
    RADIUS,
    STEPS,
    Answer,
    Difference,
    Shared,
    aggregated,
    answer,
    attack,
    preaggregator,
    rule,
    with_f,
)

PACKAGE = "byzpy"
LENGTH, TIMES = 2.0, 1.5
ARC = (242, 33, 2)
"""Where (2f/n)·(n − f) is a whole number that floats fall short of."""


def shared() -> Iterator[Shared]:
    """Everything."""
    yield from _rules_of_coordinates()
    yield from _rules_of_distances()
    yield from _preaggregators()
    yield from _attacks()


def tensors(rows: Array) -> list[Any]:
    """A tensor a row, as byzpy wants them."""
    import torch

    return list(torch.from_numpy(rows))


def _made(where: str, name: str, **fixed: Any) -> Any:
    return getattr(import_module(f"byzpy.{where}"), name)(**fixed)


def _rule(where: str, name: str, **fixed: Any) -> Answer:
    """One of its rules, told f."""
    return lambda case: _made(f"aggregators.{where}", name, f=case.f, **fixed).aggregate(tensors(case.rows))


def _rules_of_coordinates() -> Iterator[Shared]:
    yield rule(
        "median",
        lambda case: _made("aggregators.coordinate_wise", "CoordinateWiseMedian").aggregate(tensors(case.rows)),
        difference=Difference(
            "of an even number of values the lower of the two in the middle, as torch's",
            "sorted values, place ⌊(n − 1)/2⌋",
            lambda case: lower_median(case.rows),
        ),
    )
    yield rule("trimmed_mean", _rule("coordinate_wise", "CoordinateWiseTrimmedMean"), with_f)
    yield rule(
        "meamed",
        _rule("coordinate_wise", "MeanOfMedians"),
        with_f,
        Difference(
            "values nearest to torch's median, which for even n is the lower of the two in the middle",
            "n − f values nearest to the lower median",
            lambda case: mean_of_nearest(case.rows, lower_median(case.rows), case.n - case.f),
        ),
    )


def _rules_of_distances() -> Iterator[Shared]:
    neighbours = ("a score sums n − f − 1 distances; the paper's n − f − 2", 'variant = "byzfl"')
    yield rule(
        "krum", _rule("geometric_wise", "Krum"), with_f, Difference(*neighbours, aggregated("krum", variant="byzfl"))
    )
    yield rule(
        "multi_krum",
        lambda case: _rule("geometric_wise", "MultiKrum", q=case.n - case.f)(case),
        with_f,
        Difference(*neighbours, aggregated("multi_krum", variant="byzfl")),
    )
    converged: dict[str, Any] = {"tol": 1e-12, "max_iter": 20_000}
    yield rule(
        "geometric_median",
        lambda case: _made("aggregators.geometric_wise", "GeometricMedian").aggregate(tensors(case.rows)),
        lambda _: {"tolerance": 1e-10},
        Difference(
            "stops when a step is shorter than 1e-6, or after 256",
            "their tol = 1e-12, max_iter = 20000",
            lambda case: answer("aggregators", "geometric_median", case, tolerance=1e-11),
            lambda case: _made("aggregators.geometric_wise", "GeometricMedian", **converged).aggregate(
                tensors(case.rows)
            ),
            where=lambda case: case.d > 1,  # in one dimension Weiszfeld's steps toward a row are endless
        ),
    )
    yield rule("mda", _rule("geometric_wise", "MinimumDiameterAveraging"), with_f)
    yield rule("monna", _rule("geometric_wise", "MoNNA", reference_index=1), lambda case: {"f": case.f, "index": 1})
    yield rule("smea", _rule("geometric_wise", "SMEA"), with_f)
    yield from _rules_of_norms()


def _rules_of_norms() -> Iterator[Shared]:
    yield rule("cge", _rule("norm_wise", "ComparativeGradientElimination"), with_f)
    yield rule(
        "centered_clip",
        lambda case: _made("aggregators.norm_wise", "CenteredClipping", c_tau=RADIUS, M=STEPS).aggregate(
            tensors(case.rows)
        ),
        lambda _: {"radius": RADIUS, "steps": STEPS},
        Difference(
            "begins at the mean of the rows, not at the last aggregate",
            "previous = the mean",
            lambda case: answer(
                "aggregators", "centered_clip", case, radius=RADIUS, steps=STEPS, previous=case.rows.mean(axis=0)
            ),
        ),
    )
    yield rule(
        "caf",
        _rule("norm_wise", "CAF"),
        with_f,
        Difference(
            "three power steps for the top eigenvector; τ_max may be that of a row without weight",
            "d = 1, where a power step is exact, with τ_max over all rows",
            lambda case: filtered_mean(case.rows, case.f),
            where=lambda case: case.d == 1,
        ),
    )


def _preaggregators() -> Iterator[Shared]:
    def mixed(name: str, where: str, case: Case, **fixed: Any) -> Array:
        made = _made(f"pre_aggregators.{where}", name, **fixed)
        return np.stack([np.asarray(row) for row in made.pre_aggregate(tensors(case.rows))])

    yield preaggregator("nnm", lambda case: mixed("NearestNeighborMixing", "nnm", case, f=case.f), with_f)
    yield preaggregator(
        "clip", lambda case: mixed("Clipping", "clipping", case, threshold=LENGTH), lambda _: {"norm": LENGTH}
    )
    yield Shared(
        "preaggregators",
        "arc",
        lambda case: mixed("ARC", "arc", case, f=case.f),
        with_f,
        Difference(
            "the number of clipped rows, 2f(n − f)/n, is rounded down in floats: one too few at n = 242, f = 33",
            "all other n and f",
            lambda case: answer("preaggregators", "arc", case, f=case.f),
            where=lambda case: case.n != ARC[0],
        ),
        more=(ARC,),
    )
    yield preaggregator(
        "bucketing",
        lambda case: mixed(
            "Bucketing", "bucketing", case, bucket_size=2, perm=case.stream.numpy().permutation(case.n).tolist()
        ),
        lambda case: {"stream": case.stream},
    )


def _attacks() -> Iterator[Shared]:
    def forged(name: str, where: str, case: Case, **fixed: Any) -> Any:
        return _made(f"attacks.{where}", name, **fixed).apply(honest_grads=tensors(case.honest))

    yield attack(
        "sign_flip",
        lambda case: np.stack(
            [
                np.asarray(_made("attacks.sign_flip", "SignFlipAttack").apply(base_grad=row))
                for row in tensors(case.rows[: case.f])
            ]
        ),
        lambda case: {"own": case.rows[: case.f]},
    )
    yield attack("ipm", lambda case: forged("EmpireAttack", "empire", case, scale=-TIMES), lambda _: {"scale": TIMES})
    yield attack(
        "alie",
        lambda case: forged("LittleAttack", "little", case, f=case.f),
        difference=Difference(
            "z = Φ⁻¹((n − s)/n), added to the mean, with h in the denominator of σ; Φ⁻¹ to nine digits",
            "z = −Φ⁻¹((n − s)/n)·√((h − 1)/h)",
            lambda case: answer("attacks", "alie", case, z=-of_all_rows(case)),
        ),
    )
    yield attack(
        "mimic",
        lambda case: forged("MimicAttack", "mimic", case, epsilon=1),
        difference=Difference(
            "copies the honest row that a setting names; does not look for one",
            "honest row epsilon",
            lambda case: case.honest[1],
        ),
    )
    yield attack("inf", lambda case: forged("InfAttack", "inf", case))


def of_all_rows(case: Case) -> float:
    """The z of those who put n in the place of h, and h in the denominator of σ, in our deviations."""
    needed, h = case.n // 2 + 1 - case.f, case.n - case.f
    return NormalDist().inv_cdf((case.n - needed) / case.n) * sqrt((h - 1) / h)
