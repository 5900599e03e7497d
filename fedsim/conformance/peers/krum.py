"""krum: torch's tensors in 64-bit floats."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from fedsim import functional
from fedsim.array_types import Array
from fedsim.conformance.cases import Case
from fedsim.conformance.formulas import trimmed_averages
from fedsim.conformance.peers.byzpy import of_all_rows
from fedsim.conformance.shared import Answer, Difference, Shared, answer, attack, nothing, rule, with_f

PACKAGE = "krum"
TIMES = 1.5


def shared() -> Iterator[Shared]:
    """Everything."""
    yield from _rules()
    yield from _chosen()
    yield from _attacks()


def tensor(rows: Array) -> Any:
    """The rows as it wants them."""
    import torch

    return torch.from_numpy(rows)


def _rule(where: str, name: str, **fixed: Any) -> Answer:
    def theirs(case: Case) -> Any:
        made = getattr(import_module(f"krum.primitives.aggregators.{where}"), name)
        return made.aggregate(tensor(case.rows), n=case.n, f=case.f, **fixed)

    return theirs


def _rules() -> Iterator[Shared]:
    yield rule("mean", _rule("average", "Average"))
    yield rule("median", _rule("median", "Median"))
    yield rule("trimmed_mean", _rule("trimmed_mean", "TrimmedMean"), with_f)
    yield rule(
        "geometric_median",
        _rule("geometric_median", "GeometricMedian"),
        lambda _: {"tolerance": 1e-10},
        Difference(
            "distances under 0.1 are taken for 0.1, and steps under 1e-6 are the last",
            "their nu = 1e-9, tol = 1e-12, max_iter = 20000",
            lambda case: answer("aggregators", "geometric_median", case, tolerance=1e-11),
            _rule("geometric_median", "GeometricMedian", nu=1e-9, tol=1e-12, max_iter=20_000),
            where=lambda case: case.d > 1,  # in one dimension Weiszfeld's steps toward a row are endless
        ),
    )


def _chosen() -> Iterator[Shared]:
    yield rule("krum", _rule("krum", "Krum"), with_f)
    yield rule(
        "multi_krum",
        _rule("multikrum", "MultiKrum"),
        with_f,
        Difference(
            "the mean of n − 2f − 3 rows; ours of n − f",
            "m = n − 2f − 3",
            lambda case: answer("aggregators", "multi_krum", case, f=case.f, m=case.n - 2 * case.f - 3),
        ),
    )
    yield rule(
        "bulyan",
        _rule("bulyan", "Bulyan"),
        lambda case: {"f": case.f, "variant": "averages"},
        Difference(
            "in each turn the row nearest to the average goes, not the best; at last a trimmed mean",
            "that formula",
            lambda case: trimmed_averages(case.rows, case.f),
        ),
    )
    yield rule("mda", _rule("brute", "Brute"), with_f)
    yield rule("medoid", _rule("medoid", "Medoid"), nothing)
    yield rule("aksel", _rule("aksel", "Aksel"), with_f)
    yield rule("monna", _nearest_average, lambda case: {"f": case.f, "index": 1})


def _nearest_average(case: Case) -> Any:
    from krum.primitives.aggregators.nearest_neighbor_average import NearestNeighborAverage

    rows = tensor(case.rows)
    return NearestNeighborAverage.aggregate(rows, num_closest=case.n - case.f, pivot=rows[1])


def forged(where: str, name: str, case: Case, **fixed: Any) -> Any:
    """The rows that one of its attacks sends."""
    made = getattr(import_module(f"krum.primitives.attacks.{where}"), name)
    return made.generate(tensor(case.honest), f=case.f, **fixed)


def _attacks() -> Iterator[Shared]:
    yield _small_perturbation()
    yield attack(
        "sign_flip",
        lambda case: forged("sign_flip", "SignFlipAttack", case),
        lambda case: {"own": case.rows[: case.f]},
        Difference(
            "the honest mean backwards, not the attacker's own update",
            "ipm, scale = 1",
            lambda case: answer("attacks", "ipm", case, scale=1.0),
        ),
    )
    yield attack(
        "ipm",
        lambda case: forged(
            "full_gradient_negation",
            "FullGradientNegationAttack",
            case,
            full_gradient=tensor(case.honest.mean(axis=0)),
            kappa=TIMES,
        ),
        lambda _: {"scale": TIMES},
    )
    yield attack(
        "alie",
        lambda case: forged("alie", "ALIEAttack", case),
        difference=Difference(
            "z = Φ⁻¹((n − s)/n), with h in the denominator of σ",
            "z = Φ⁻¹((n − s)/n)·√((h − 1)/h)",
            lambda case: answer("attacks", "alie", case, z=of_all_rows(case)),
        ),
    )


def _small_perturbation() -> Shared:
    """Against Krum, in the coordinate of greatest spread."""

    def theirs(case: Case, **fixed: Any) -> Any:
        from krum.primitives.aggregators.krum import Krum

        name = "SmallPerturbationAttack"
        return forged("small_perturbation", name, case, n=case.n, aggregator=Krum, **fixed)

    def keywords(case: Case) -> dict[str, Any]:
        return {"defence": lambda rows: functional.aggregate("krum", rows, f=case.f)}

    def ours(case: Case) -> Array:
        return answer("attacks", "small_perturbation", case, **keywords(case))

    def by_our_shift(case: Case) -> Any:
        shift = (ours(case)[0] - case.honest.mean(axis=0))[case.honest.std(axis=0).argmax()]
        return theirs(case, gamma=float(shift))

    words = "γ is a length, found by doubling from 1 and halving to a thousandth as the greatest that Krum selects"
    return attack(
        "small_perturbation",
        theirs,
        keywords,
        Difference(words, "their gamma = the shift that ours finds to move the answer most", ours, by_our_shift),
    )
