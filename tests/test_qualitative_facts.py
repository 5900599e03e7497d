"""What the literature says of these rules and attacks comes out here too, in every seed and with room to spare."""

import numpy as np
import pytest

from fedsim.functional import aggregate, attack, preaggregate
from fedsim.probe import least_possible, probe
from tests.small_runs import SERIAL, played, scenario, verdicts

SEEDS = (1, 2, 3)
RULES = {
    "mean": '[aggregator]\nname = "mean"',
    "median": '[aggregator]\nname = "median"',
    "trimmed_mean": '[aggregator]\nname = "trimmed_mean"\nf = {f}',
    "krum": '[aggregator]\nname = "krum"\nf = {f}',
    "nnm+trimmed_mean": '[[preaggregators]]\nname = "nnm"\nf = {f}\n[aggregator]\nname = "trimmed_mean"\nf = {f}',
}
DIGITS = """
rounds = {rounds}
data = "digits"
model = "logistic"
partition = {partition}
[clients]
population = {n}
sampled = {n}
[training]
algorithm = {{ name = "fedsgd", momentum = {momentum} }}
batch_size = 32
optimizer = {{ name = "sgd", lr = 0.3 }}
[evaluation]
every = {rounds}
metrics = ["worst_class_accuracy"]
"""
CLASSES_APART = '{ name = "gamma", similarity = 0.0 }'
FLIPPED = '[[attacks]]\nname = "label_flip"\ncount = 2\n'
NOBODY = ""


def run(rule, seed, attackers, partition=CLASSES_APART, n=10, f=2, rounds=100, momentum=0.0):
    """The events of a small run on real digits."""
    text = DIGITS.format(partition=partition, n=n, rounds=rounds, momentum=momentum)
    return played(scenario(text + attackers + RULES[rule].format(f=f), f"seed={seed}", SERIAL))


def accuracy(*given, **more):
    return run(*given, **more)[-2].accuracy


@pytest.mark.parametrize("seed", SEEDS)
def test_under_flipped_labels_and_classes_apart_the_mean_beats_robust_rules(seed):
    """Peng, Li, Ling. Mean Aggregator Is More Robust Than Robust Aggregators Under Label Poisoning Attacks. 2024."""
    mean = accuracy("mean", seed, FLIPPED)
    for rule, margin in (("median", 0.08), ("trimmed_mean", 0.04), ("krum", 0.3)):
        assert accuracy(rule, seed, FLIPPED) < mean - margin, rule


def shifted(seed):
    """Thirteen honest rows that differ everywhere, and four that send their mean less one and a half deviations."""
    honest = 1 + np.random.default_rng(seed).standard_normal((13, 1000))
    return honest, np.concatenate([attack("alie", honest, count=4, z=1.5), honest])


def error(answer, honest):
    """Squared distance from the honest mean, in the variance of the honest rows."""
    return ((answer - honest.mean(axis=0)) ** 2).sum() / honest.var(axis=0).sum()


@pytest.mark.parametrize("seed", range(20))
def test_a_little_is_enough_moves_the_median_and_not_the_mixed_trimmed_mean(seed):
    """Baruch, Baruch, Goldberg 2019; Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023."""
    honest, rows = shifted(seed)
    moved = error(aggregate("median", rows), honest)
    assert moved > 3 * error(aggregate("median", honest), honest)
    assert moved > error(rows.mean(axis=0), honest)
    assert error(aggregate("trimmed_mean", preaggregate("nnm", rows, f=4), f=4), honest) < moved / 100


@pytest.mark.parametrize("seed", SEEDS)
def test_so_it_is_in_whole_runs(seed):
    """Most of what the median loses it loses to unlike clients alone; the attack takes more, and mixing bears both."""
    unlike = {"partition": '{ name = "dirichlet", alpha = 0.3 }', "n": 17, "f": 4, "rounds": 60, "momentum": 0.9}
    shifting = '[[attacks]]\nname = "alie"\ncount = 4\nz = 1.5\n'
    attacked = accuracy("median", seed, shifting, **unlike)
    assert attacked < accuracy("nnm+trimmed_mean", seed, shifting, **unlike) - 0.05


@pytest.mark.parametrize("seed", range(20))
def test_krum_never_answers_with_a_minority_that_attacks_nobody(seed):
    """Three of eleven rows lie about another point: the mean gives them their 3/11, and Krum gives them nothing."""
    draw = np.random.default_rng(seed).standard_normal((11, 200))
    draw[:3] += 1.5
    chosen = aggregate("krum", draw, f=2)
    assert not any(np.array_equal(chosen, row) for row in draw[:3])
    assert draw.mean(axis=0).mean() > 0.3 > abs(chosen.mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_krum_silences_clients_and_their_classes_without_any_attacker(seed):
    krum, mean = run("krum", seed, NOBODY), run("mean", seed, NOBODY)
    heard = {int(np.argmax(verdict.weights)) for verdict in verdicts(krum)}
    assert len(heard) <= 5  # of ten clients, in a hundred rounds
    assert krum[-2].scores["worst_class_accuracy"] == 0 < mean[-2].scores["worst_class_accuracy"] - 0.2


@pytest.mark.parametrize(("n", "f"), [(3, 1), (5, 1), (7, 2), (11, 2), (11, 5)])
def test_the_trimmed_mean_errs_the_least_that_any_rule_can(n, f):
    found = probe("trimmed_mean", n=n, f=f)
    assert found.is_optimal
    assert found.kappa == pytest.approx(f / (n - 2 * f)) == pytest.approx(least_possible(n, f))
