"""byzfl, through numpy or through torch; its clipping writes to what it is given, and gets a copy."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from fedsim import functional
from fedsim.array_types import Array
from fedsim.conformance.cases import Case
from fedsim.conformance.formulas import filtered_mean
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

PACKAGE = "byzfl"
LENGTH, TIMES = 2.0, 1.5
ARC = (242, 33, 2)
"""Where (2f/n)·(n − f) is a whole number that floats fall short of."""
Arrays = Callable[[Array], Any]


def shared(arrays: Arrays = np.asarray) -> Iterator[Shared]:
    """Everything, on numpy's arrays or on what else `arrays` makes of them."""
    yield from _rules(arrays)
    yield from _preaggregators(arrays)
    yield from _attacks(arrays)


def _rules(arrays: Arrays) -> Iterator[Shared]:
    import byzfl

    def made(name: str, **fixed: Any) -> Answer:
        return lambda case: getattr(byzfl, name)(f=case.f, **fixed)(arrays(case.rows))

    yield rule("mean", lambda case: byzfl.Average()(arrays(case.rows)))
    yield rule("median", lambda case: byzfl.Median()(arrays(case.rows)))
    yield rule("trimmed_mean", made("TrMean"), with_f)
    for name, theirs in (("krum", "Krum"), ("multi_krum", "MultiKrum")):
        neighbours = Difference(
            "a score sums n − f − 1 distances; the paper's n − f − 2",
            'variant = "byzfl"',
            aggregated(name, variant="byzfl"),
        )
        yield rule(name, made(theirs), with_f, neighbours)
    yield rule(
        "centered_clip",
        lambda case: byzfl.CenteredClipping(L=STEPS, tau=RADIUS)(arrays(case.rows)),
        lambda _: {"radius": RADIUS, "steps": STEPS},
    )
    yield rule("mda", made("MDA"), with_f)
    yield rule("monna", made("MoNNA", idx=1), lambda case: {"f": case.f, "index": 1})
    yield rule("meamed", made("Meamed"), with_f)
    yield rule(
        "geometric_median",
        lambda case: byzfl.GeometricMedian()(arrays(case.rows)),
        lambda _: {"tolerance": 1e-10},
        Difference(
            "three steps from the origin, distances under 0.1 taken for 0.1: not converged",
            "their nu = 1e-9, T = 4000",
            lambda case: answer("aggregators", "geometric_median", case, tolerance=1e-11),
            lambda case: byzfl.GeometricMedian(nu=1e-9, T=4000)(arrays(case.rows)),
            where=lambda case: case.d > 1,  # in one dimension Weiszfeld's steps toward a row are endless
        ),
    )
    yield from _rules_of_a_random_step(made)


def _rules_of_a_random_step(made: Callable[[str], Answer]) -> Iterator[Shared]:
    random = "one power step from a random vector for the top eigenvector: another answer in each call"
    yield rule(
        "smea",
        made("SMEA"),
        with_f,
        Difference(random, "d = 1, where a power step is exact", aggregated("smea"), where=_of_one_coordinate),
    )
    yield rule(
        "caf",
        made("CAF"),
        with_f,
        Difference(
            f"{random}; τ_max may be that of a row without weight",
            "d = 1, where a power step is exact, with τ_max over all rows",
            lambda case: filtered_mean(case.rows, case.f),
            where=_of_one_coordinate,
        ),
    )


def _of_one_coordinate(case: Case) -> bool:
    return case.d == 1


def _preaggregators(arrays: Arrays) -> Iterator[Shared]:
    import byzfl

    yield preaggregator("nnm", lambda case: byzfl.NNM(f=case.f)(arrays(case.rows)), with_f)
    yield preaggregator(
        "clip", lambda case: byzfl.Clipping(c=LENGTH)(arrays(case.rows.copy())), lambda _: {"norm": LENGTH}
    )
    yield preaggregator("bucketing", lambda case: _bucketed(case, arrays), lambda case: {"stream": case.stream})
    yield Shared(
        "preaggregators",
        "arc",
        lambda case: byzfl.ARC(f=case.f)(arrays(case.rows.copy())),
        with_f,
        Difference(
            "the number of clipped rows, 2f(n − f)/n, is rounded down in floats: one too few at n = 242, f = 33",
            "all other n and f",
            lambda case: answer("preaggregators", "arc", case, f=case.f),
            where=lambda case: case.n != ARC[0],
        ),
        more=(ARC,),
    )


def _bucketed(case: Case, arrays: Arrays) -> Any:
    """Their buckets of the permutation that our stream draws."""
    import byzfl

    order = case.stream.numpy().permutation(case.n)
    drawing = SimpleNamespace(permutation=lambda rows: rows[order])
    with mock.patch("byzfl.aggregators.preaggregators.random_tool", lambda _: drawing):
        return byzfl.Bucketing(s=2)(arrays(case.rows))


def _attacks(arrays: Arrays) -> Iterator[Shared]:
    import byzfl

    yield attack(
        "sign_flip",
        lambda case: byzfl.SignFlipping()(arrays(case.honest)),
        lambda case: {"own": case.rows[: case.f]},
        Difference(
            "the honest mean backwards, not the attacker's own update",
            "ipm, scale = 1",
            lambda case: answer("attacks", "ipm", case, scale=1.0),
        ),
    )
    yield attack(
        "ipm", lambda case: byzfl.InnerProductManipulation(tau=TIMES)(arrays(case.honest)), lambda _: {"scale": TIMES}
    )
    yield attack(
        "alie",
        lambda case: byzfl.ALittleIsEnough(tau=TIMES)(arrays(case.honest)),
        lambda _: {"z": TIMES},
        Difference(
            "the shift is added to the mean, not taken from it",
            "z = −tau",
            lambda case: answer("attacks", "alie", case, z=-TIMES),
        ),
    )
    yield attack(
        "mimic",
        lambda case: byzfl.Mimic(epsilon=1)(arrays(case.honest)),
        difference=Difference(
            "copies the honest row that a setting names; does not look for one",
            "honest row epsilon",
            lambda case: case.honest[1],
        ),
    )
    yield attack("inf", lambda case: byzfl.Inf()(arrays(case.honest)))
    for name, theirs, factor in (
        ("optimal_ipm", byzfl.Optimal_InnerProductManipulation, "scale"),
        ("optimal_alie", byzfl.Optimal_ALittleIsEnough, "z"),
    ):
        yield _searched(name, theirs, factor, arrays)


def _searched(name: str, theirs: Any, factor: str, arrays: Arrays) -> Shared:
    """An attack that tries the defence, here the trimmed mean."""
    import byzfl

    def defence(case: Case) -> Callable[[Array], Array]:
        return lambda rows: np.asarray(functional.aggregate("trimmed_mean", rows, f=case.f))

    def keywords(case: Case) -> dict[str, Any]:
        return {"defence": defence(case), "greatest": 1e4, "calls": 96}

    def found(case: Case) -> Any:
        return theirs(agg=byzfl.TrMean(f=case.f), pre_agg_list=[], f=case.f)(arrays(case.honest))

    def moves(case: Case, row: Any) -> float:
        rows = np.concatenate([case.honest, np.broadcast_to(np.asarray(row), (case.f, case.d))])
        return float(np.linalg.norm(defence(case)(rows) - case.honest.mean(axis=0)))

    def least(case: Case) -> float:
        ours = answer("attacks", name, case, **keywords(case))[0]
        return min(moves(case, ours), moves(case, found(case)))

    words = f"a search that only enlarges {factor}, from 0 in steps of 10, of one sign"
    return attack(
        name,
        found,
        keywords,
        Difference(
            words,
            "ours, given as wide a range, moves the defence at least as far",
            least,
            lambda case: moves(case, found(case)),
        ),
    )
