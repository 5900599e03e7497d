"""For each rule, pre-aggregator and deterministic attack: how fedsim is asked, and the slow formula."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fedsim.layers import output_layer
from tests import oracles as plain
from tests.aggregators import oracles
from tests.attacks.test_distances import bisected, within_the_greatest, within_the_greatest_sum
from tests.golden.cases import LAYERS, STREAM, Answers


class Golden(NamedTuple):
    """One algorithm."""

    formula: Callable[[Any], Any]  # of a case, in float64
    keywords: Callable[[Any], dict] = lambda case: {}  # for fedsim
    cases: tuple[str, ...] = ("odd", "even")
    rtol: float = 1e-7  # of the greatest number: rounding that depends on the processor stays far below
    seen: Callable[[Any, Any], Any] = lambda case, found: found  # what is compared of an answer


def with_f(case):
    return {"f": case.f}


def of(formula, *names, **fixed):
    """A formula of the rows and these items, and f; fedsim is given the same."""
    return Golden(
        lambda case: formula(case.rows, *(getattr(case, name) for name in names), **fixed),
        lambda case: {name: getattr(case, name) for name in names} | fixed,
    )


def first(formula):
    """A formula that says more than its answer."""
    return lambda *given, **fixed: formula(*given, **fixed)[0]


def ages(case):
    """Steps of the server that rows were on their way: 0, 1, 2, 3, 0, 1, …"""
    return np.arange(case.n) % 4


def loss(case, row):
    return float(((row - case.target) ** 2).sum())


def by_signs(case):
    from sklearn.cluster import MeanShift

    n, size = case.n, 15
    begin = int(STREAM.numpy().integers(0, 32 - size))
    points = oracles.sign_shares(case.rows[:, begin : begin + size])
    gaps = np.array([[oracles.length(a - b) for b in points] for a in points])
    bandwidth = np.mean([sorted(row)[n // 2 - 1] for row in gaps])
    labels = MeanShift(bandwidth=bandwidth, cluster_all=False).fit_predict(points)
    sizes = [np.sum(labels == name) for name in range(labels.max() + 1)]
    assert sizes.count(max(sizes)) == 1
    norms = [oracles.length(row) for row in case.rows]
    kept = [i for i in range(n) if labels[i] == np.argmax(sizes) and 0.1 < norms[i] / np.median(norms) < 3]
    return oracles.clipped_to(case.rows, sorted(norms)[(n - 1) // 2], kept)


def by_density(case):
    from sklearn.cluster import HDBSCAN

    labels = HDBSCAN(
        min_cluster_size=case.n // 2 + 1, min_samples=2, metric="precomputed", allow_single_cluster=True, copy=True
    ).fit_predict(oracles.cosine_distances(case.rows))
    return oracles.clipped_to(case.rows, np.median([*map(oracles.length, case.rows)]), np.flatnonzero(labels >= 0))


def by_layers(case):
    return np.concatenate([plain.krum(case.rows[:, part], case.f) for part in (slice(0, 16), slice(16, 31))])


def by_information(case):
    alphas = plain.agmami_alphas(case.root_logits, 0.3)
    return oracles.mean_of(case.rows, np.flatnonzero(alphas > 0))


def settled(case):
    """AFA, and who has good and bad verdicts so far: nobody."""
    return oracles.afa(case.rows, case.counts, [3.0] * case.n, [3.0] * case.n)[0]


def of_clients(case):
    return {"clients": np.arange(case.n)}


RULES = {
    "afa": Golden(settled, lambda case: {"counts": case.counts}),
    "agmami": Golden(by_information, lambda case: {"root_logits": case.root_logits, "penalty": 0.3}),
    "aksel": of(oracles.aksel, "f"),
    "alignins": of(oracles.alignins, "counts", "parameters"),
    "async_filter": Golden(  # in its first step
        lambda case: oracles.AsyncFilter().step(1, case.rows, case.counts, [0] * case.n)[0],
        lambda case: {"counts": case.counts, "round": 1},
    ),
    "auror": Golden(
        lambda case: oracles.auror(case.rows, range(16, 31), 0.8)[0], lambda _: {"layers": LAYERS, "distance": 0.8}
    ),
    "autogm": Golden(
        lambda case: plain.autogm(case.rows, 3.0), lambda _: {"penalty": 3.0, "tolerance": 1e-10}, rtol=1e-6
    ),
    "bulyan": of(oracles.bulyan, "f"),
    "caf": of(oracles.caf, "f"),
    "centered_clip": of(plain.centered_clip, "previous", radius=2.0, steps=3),
    "cge": of(oracles.cge, "f"),
    "clipped_clustering": Golden(lambda case: oracles.clipped_clustering(case.rows, [])),
    "crfl": Golden(
        lambda case: oracles.crfl(case.rows, case.counts, case.parameters, 3.0),
        lambda case: {"counts": case.counts, "parameters": case.parameters, "norm": 3.0, "noise": 0.0},
    ),
    "deepsight": Golden(
        lambda case: oracles.clipped_to(case.rows, np.median([*map(oracles.length, case.rows)]), range(4, 12)),
        lambda _: {"layers": LAYERS, "outputs": Answers(), "stream": STREAM, "inputs": 50, "least": 3},
        ("classes",),
    ),
    "delayed_momentum": Golden(  # in its first step
        lambda case: plain.krum(case.rows, case.f), lambda case: {"rule": "krum", "share": case.f / case.n}
    ),
    "dnc": Golden(lambda case: oracles.dnc(case.rows, case.f, [np.arange(31)]), with_f),
    "fedavg": of(plain.fedavg, "counts"),
    "fedgreed": Golden(
        lambda case: oracles.fedgreed(case.rows, case.counts, lambda row: loss(case, row)),
        lambda case: {
            "counts": case.counts,
            "root_loss": lambda rows: np.array([loss(case, row) for row in rows]),
        },
    ),
    "fedmi": Golden(
        lambda case: plain.fedmi(case.rows, case.root_logits), lambda case: {"root_logits": case.root_logits}
    ),
    "flame": Golden(by_density, lambda _: {"noise": 0.0}),
    "fldetector": Golden(lambda case: oracles.mean_of(case.rows, range(case.n)), of_clients),  # in its first round
    "fltrust": of(oracles.fltrust, "trusted"),
    "foolsgold": Golden(lambda case: oracles.foolsgold(case.rows, case.rows)[0], of_clients),
    "foundationfl": Golden(
        lambda case: oracles.foundationfl(case.rows, case.f, "trimmed_mean", 5),
        lambda case: {"f": case.f, "synthetic": 5},
    ),
    "geometric_median": Golden(
        lambda case: plain.geometric_median(case.rows, np.ones(case.n)), lambda _: {"tolerance": 1e-10}
    ),
    "kardam": Golden(  # in its first step
        lambda case: sum(row * np.exp(-0.2 * age) for row, age in zip(case.rows, ages(case), strict=True)) / case.n,
        lambda case: {"staleness": ages(case), "share": 0.2},
    ),
    "krum": of(plain.krum, "f"),
    "lasa": Golden(lambda case: oracles.lasa(case.rows, LAYERS), lambda _: {"layers": LAYERS}),
    "layerwise": Golden(by_layers, lambda case: {"layers": LAYERS, "rule": "krum", "f": case.f}),
    "lfighter": Golden(
        lambda case: oracles.lfighter(case.rows, *output_layer("", LAYERS)), lambda _: {"layers": LAYERS}
    ),
    "mandera": Golden(
        lambda case: oracles.mean_of(case.rows, max(oracles.two_means(oracles.rank_points(case.rows)), key=len))
    ),
    "mda": Golden(lambda case: oracles.mean_of(case.rows, oracles.mda(case.rows, case.f)), with_f),
    "mean": Golden(lambda case: oracles.mean_of(case.rows, range(case.n))),
    "meamed": of(first(oracles.meamed), "f"),
    "median": of(plain.median),
    "medoid": of(oracles.medoid),
    "monna": of(oracles.monna, "f", index=3),
    "multi_krum": of(plain.multi_krum, "f"),
    "norm_bound": of(oracles.norm_bound, norm=2.0),
    "one_mean": of(oracles.one_mean, "f"),
    "phocas": of(first(oracles.phocas), "f"),
    "random_projection": Golden(  # of rows that are short enough as they are
        lambda case: oracles.one_mean(case.rows, case.f), with_f
    ),
    "rlr": of(oracles.rlr, threshold=6),
    "sign_majority": of(oracles.sign_majority, lr=0.01),
    "signguard": Golden(by_signs, lambda _: {"stream": STREAM, "share": 0.5}),
    "smea": Golden(lambda case: _least_spread(case.rows, case.f), with_f),
    "trimmed_mean": of(plain.trimmed_mean, "f"),
    "weak_dp": Golden(lambda case: oracles.norm_bound(case.rows, 2.0), lambda _: {"norm": 2.0, "noise": 0.0}),
    "zeno": Golden(
        lambda case: oracles.zeno(case.rows, case.root_losses, case.f, 0.05),
        lambda case: {"root_losses": case.root_losses, "f": case.f, "penalty": 0.05},
    ),
    "zeno_plus": of(oracles.zeno_plus, "trusted", penalty=0.95, slack=0.1),
}


def _least_spread(rows, f):
    from itertools import combinations

    return min(
        (rows[list(chosen)] for chosen in combinations(range(len(rows)), len(rows) - f)), key=oracles.spread
    ).mean(axis=0)


PREAGGREGATORS = {
    "arc": of(oracles.arc, "f"),
    "basgd": Golden(
        lambda case: [oracles.mean_of(case.rows, range(b, case.n, 4)) for b in range(4)], lambda _: {"buckets": 4}
    ),
    "bucketing": Golden(
        lambda case: plain.bucketing(case.rows, STREAM.numpy().permutation(case.n), 2), lambda _: {"stream": STREAM}
    ),
    "clip": of(plain.clip, norm=2.0),
    "nnm": of(plain.nnm, "f"),
    "staleness_scaling": Golden(
        lambda case: [row / (1 + age) ** 0.5 for row, age in zip(case.rows, ages(case), strict=True)],
        lambda case: {"staleness": ages(case)},
    ),
}


def moments(case):
    honest = case.honest
    return sum(honest) / len(honest), np.array([np.std(column, ddof=1) for column in honest.T])


def judged(case, row):
    """The trimmed mean of the honest rows and f of these."""
    return plain.trimmed_mean(np.concatenate([case.honest, np.tile(row, (case.f, 1))]), case.f)


def with_defence(case):
    return {"defence": lambda rows: plain.trimmed_mean(rows, case.f)}


def shift(case, found):
    """How far from the honest mean the defence is moved."""
    return np.linalg.norm(judged(case, np.atleast_2d(found)[0]) - moments(case)[0])


def searched(row_of, greatest, gain=shift):
    """What the best of many factors reaches; a search is compared by what it reaches as well."""

    def best(case):
        return max(gain(case, row_of(case, x)) for x in np.linspace(-greatest, greatest, 401))

    return Golden(best, with_defence, rtol=0.02, seen=gain)


def turned_back(case, found):
    """How far the defence is moved against the signs of the honest mean."""
    mean = moments(case)[0]
    return np.sign(mean) @ (mean - judged(case, np.atleast_2d(found)[0]))


def spike(case, gamma):
    mean, deviation = moments(case)
    row = mean.copy()
    row[deviation.argmax()] += gamma * oracles.length(deviation)
    return row


def moved_spike(case, found):
    """How far the coordinate of greatest deviation is moved."""
    mean, deviation = moments(case)
    return abs(judged(case, np.atleast_2d(found)[0]) - mean)[deviation.argmax()]


def most_sensitive(case, found=None):
    """How far each coordinate is moved from where it is with attackers at the mean."""
    mean, deviation = moments(case)
    start = judged(case, mean)
    if found is not None:
        return abs(judged(case, np.atleast_2d(found)[0]) - start)
    sizes = [sign * 10 * 0.5 ** (k / 2) for k in range(15) for sign in (1, -1)]
    return np.max([abs(judged(case, mean + size * deviation) - start) for size in sizes], axis=0)


def across(case):
    """Relocated orthogonal perturbation from the last aggregate."""
    aim = 0.9 * case.previous + 0.1 * moments(case)[0]
    aim = aim / oracles.length(aim)
    side = np.ones(31) - sum(aim) * aim
    return case.previous + side / oracles.length(side)


def everywhere(value):
    return Golden(lambda case: np.full(31, value))


def with_own(case):
    return {"own": case.rows[: case.f]}


ATTACKS = {
    "alie": Golden(lambda case: moments(case)[0] - 1.5 * moments(case)[1], lambda _: {"z": 1.5}),
    "fang_any": searched(
        lambda case, x: -x * np.sign(moments(case)[0]) * np.abs(moments(case)[0]).mean(), 10, turned_back
    ),
    "inf": everywhere(np.inf),
    "ipm": Golden(lambda case: -1.5 * moments(case)[0], lambda _: {"scale": 1.5}),
    "min_max": Golden(lambda case: bisected(case.honest, "unit", within_the_greatest)),
    "min_sum": Golden(lambda case: bisected(case.honest, "unit", within_the_greatest_sum)),
    "nan": everywhere(np.nan),
    "optimal_alie": searched(lambda case, x: moments(case)[0] - x * moments(case)[1], 10),
    "optimal_ipm": searched(lambda case, x: -x * moments(case)[0], 10),
    "rop": Golden(across, lambda case: {"previous": case.previous}),
    "scale": Golden(lambda case: 10 * case.rows[: case.f], with_own),
    "sensitivity_curve": Golden(most_sensitive, with_defence, seen=most_sensitive),
    "sign_flip": Golden(lambda case: -case.rows[: case.f], with_own),
    "small_perturbation": searched(spike, 8, moved_spike),
    "zero": everywhere(0.0),
}


def stamped(inputs, targets, rows, columns):
    """Every image with these pixels white, every label 0, pixel by pixel."""
    result = inputs.copy()
    for image in result:
        for row in rows:
            for column in columns:
                image[0, row, column] = 255
    return result, np.zeros_like(targets)


def outermost(inputs, targets, source, count, target):
    """Labels, the `count` examples of a class that are farthest from its mean relabelled."""
    members = [i for i, y in enumerate(targets) if y == source]
    mean = sum(inputs[i].astype(float) for i in members) / len(members)
    order = sorted(members, key=lambda i: (-((inputs[i] - mean) ** 2).sum(), i))
    return inputs, np.array([target if i in order[:count] else y for i, y in enumerate(targets)])


DATA = {  # on examples all of which are poisoned: settings, and the formula
    "backdoor_distributed": ({"share": 1.0}, lambda x, y: stamped(x, y, [0], [4, 5, 6])),  # the second attacker's
    "backdoor_edge_case": ({"tail": 0.5}, lambda x, y: outermost(x, y, 1, 2, 0)),
    "backdoor_pixel": ({"share": 1.0}, lambda x, y: stamped(x, y, [2, 3, 4], [4, 5, 6])),
    "label_flip": ({}, lambda x, y: (x, np.array([2 - label for label in y]))),
}
FAMILIES = {"aggregators": RULES, "preaggregators": PREAGGREGATORS, "attacks": ATTACKS}
