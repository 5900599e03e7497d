"""Rules that look at the model's layers, at what it answers, or at its loss on root data."""

import numpy as np
import pytest

import fedsim
from fedsim.aggregators.deepsight import deepsight
from fedsim.aggregators.distance import krum
from fedsim.aggregators.layered import lasa, layerwise
from fedsim.aggregators.output_layer import auror, lfighter
from fedsim.aggregators.projected import random_projection
from fedsim.aggregators.root_loss import fedgreed, zeno
from fedsim.errors import RowsDoNotSuffice
from fedsim.layers import as_layers, output_layer
from fedsim.randomness import Stream
from tests.aggregators import oracles
from tests.aggregators.matrices import outlying, plain

STREAM = Stream.root(6)
LAYERS = as_layers([("0.weight", (4, 3)), ("0.bias", (4,)), ("2.weight", (3, 4)), ("2.bias", (3,))], 31)
OUTPUT = list(range(16, 31))


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def flipped(n=9, seed=0, bad=3):
    """Attackers pull two classes of the output layer the other way."""
    rows = plain(n, 31, seed) * 0.3 + 1
    rows[:bad, 16:24] = -rows[:bad, 16:24] * 2 + 0.01 * plain(bad, 8, seed + 1)
    return rows


@pytest.mark.parametrize("penalty", [0.0, 0.05])
@pytest.mark.parametrize(("n", "f"), [(1, 0), (5, 2), (9, 7)])
def test_zeno_is_the_papers(n, f, penalty):
    for seed in range(4):
        rows, losses = plain(n, seed=seed), np.random.default_rng(seed).random(n)
        close(zeno(rows, losses, f=f, penalty=penalty).update, oracles.zeno(rows, losses, f, penalty))


def test_zeno_takes_no_row_whose_loss_is_not_finite():
    losses = np.array([np.nan, 0.1, np.inf, 0.2])
    assert zeno(plain(4), losses, f=2).weights.tolist() == [0, 0.5, 0, 0.5]
    with pytest.raises(RowsDoNotSuffice, match="zeno needs 3 finite root losses: got 2"):
        zeno(plain(4), losses, f=1)


def test_fedgreed_is_the_papers():
    for seed in range(8):
        rows, counts, target = plain(8, seed=seed), np.arange(1, 9), plain(1, seed=seed + 50)[0]

        def loss(row, target=target):
            return float(((row - target) ** 2).sum())

        verdict = fedgreed(rows, counts, lambda matrix: np.array([loss(row) for row in matrix]))
        close(verdict.update, oracles.fedgreed(rows, counts, loss))


def test_fedgreed_where_no_loss_is_finite():
    with pytest.raises(RowsDoNotSuffice, match="a row whose root loss is finite"):
        fedgreed(plain(3), np.ones(3), lambda matrix: np.full(len(matrix), np.nan))


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("n", [1, 2, 7, 10])
def test_lasa_is_the_papers(n, sparsity):
    for make in (plain, outlying):
        for seed in range(4):
            rows = make(n, 31, seed)
            verdict = lasa(rows, LAYERS, sparsity=sparsity)
            close(verdict.update, oracles.lasa(rows, LAYERS, sparsity))
            close(verdict.weights.sum(), 1)


@pytest.mark.parametrize("bias", [True, False])
def test_lfighter_is_the_papers(bias):
    layers = LAYERS if bias else as_layers([("0.weight", (19, 1)), ("1.weight", (3, 4))], 31)
    for seed in range(6):
        rows = flipped(7, seed, bad=2)
        close(lfighter(rows, layers).update, oracles.lfighter(rows, *output_layer("", layers)))


def test_lfighter_drops_those_who_flip_labels():
    rows = plain(20, 31) + 1
    rows[:6, 16:24] = -3 + 0.01 * plain(6, 8)
    assert not lfighter(rows, LAYERS).weights[:6].any()


@pytest.mark.parametrize("distance", [1e-6, 0.8, 1e9])
def test_auror_is_the_papers(distance):
    for seed in range(4):
        rows = flipped(9, seed)
        expected, indicative = oracles.auror(rows, OUTPUT, distance)
        verdict = auror(rows, LAYERS, None, distance=distance)
        close(verdict.update, expected)
        assert len(verdict.memory["columns"]) == indicative


def test_auror_settles_on_its_coordinates():
    memory = None
    for number in range(1, 5):
        verdict = auror(flipped(9, number), LAYERS, memory, distance=1.5, rounds=2)
        if number > 2:
            np.testing.assert_array_equal(verdict.memory["columns"], memory["columns"])
        memory = verdict.memory
        assert not verdict.weights[:3].any()


class Answers:
    """Models of two numbers in, three classes out, whose logits are linear."""

    def draw(self, generator, count):
        return generator.random((count, 2))

    def __call__(self, row):
        return lambda inputs: inputs @ row[16:22].reshape(2, 3)


def test_deepsight_is_the_papers():
    rows = plain(12, 31) * 0.05 + 1
    rows[:4, 20:28] *= 0.01  # trained on one class alone: the energy of its output layer is in one neuron
    rows[:4, 29:] *= 0.01
    rows[:4, 16:20] *= 3
    verdict = deepsight(rows, LAYERS, Answers(), STREAM, inputs=50, least=3)
    weight, bias = output_layer("", LAYERS)
    energies = []
    for row in rows:
        per_class = [
            abs(row[bias.begin + c]) + sum(abs(row[weight.begin + 4 * c + k]) for k in range(4)) for c in range(3)
        ]
        energies.append([e**2 / sum(e**2 for e in per_class) for e in per_class])
    exceeding = [sum(e > max(0.01, 1 / 3) * max(energy) for e in energy) for energy in energies]
    suspicious = [count <= np.median(exceeding) / 2 for count in exceeding]
    assert suspicious == [True] * 4 + [False] * 8
    norms = [oracles.length(row) for row in rows]
    close(verdict.update, oracles.clipped_to(rows, np.median(norms), range(4, 12)))


def test_deepsights_ratios():
    from fedsim.aggregators.deepsight import _ratios

    rows, answers = plain(3, 31), Answers()
    inputs = answers.draw(STREAM.numpy(), 7)
    expected = np.zeros((3, 3))
    for i, row in enumerate(rows):
        for x in inputs:
            weights = np.exp(x @ row[16:22].reshape(2, 3))
            expected[i] += weights / weights.sum() / (1 / 3) / 7
    close(_ratios(rows, answers, STREAM.numpy(), 7), expected)


def test_layerwise_applies_the_rule_to_each_part():
    rows = plain(9, 31)
    verdict = layerwise(*_given(rows), rule="krum", f=2)
    for stretch in (slice(0, 16), slice(16, 31)):
        np.testing.assert_array_equal(verdict.update[stretch], krum(rows[:, stretch], f=2).update)
    close(verdict.weights.sum(), 1)


def test_layerwise_carries_each_parts_memory():
    rows = plain(5, 31)
    first = layerwise(*_given(rows), rule="clipped_clustering")
    assert {name: len(value) for name, value in first.memory.items()} == {"0/norms": 5, "1/norms": 5}
    second = layerwise(*_given(rows, first.memory), rule="clipped_clustering")
    assert len(second.memory["1/norms"]) == 10


def _given(rows, memory=None):
    zeros = np.zeros(31)
    return rows, LAYERS, np.ones(len(rows), int), zeros, zeros, np.arange(len(rows)), memory, STREAM


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"rule": "krumm"}, "layerwise: unknown rule `krumm`.*did you mean `krum`"),
        ({"rule": "fedmi"}, "layerwise cannot apply fedmi, which asks for root_logits"),
        ({"rule": "layerwise"}, "layerwise cannot apply layerwise, which asks for layers"),
        ({"rule": "median", "f": 1}, "layerwise: median has no setting `f`"),
        ({"rule": "norm_bound"}, "layerwise: norm_bound needs norm"),
        ({"rule": "norm_bound", "settings": {"nrom": 1.0}}, "layerwise: norm_bound has no setting `nrom`.*norm"),
        ({"rule": "krum", "f": 4}, "krum needs n ≥ 2f . 3: got n = 9, f = 4"),
    ],
)
def test_what_layerwise_cannot_do(keywords, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        layerwise(*_given(plain(9, 31)), **keywords)


def test_layers_at_the_door():
    rows = plain(7, 31)
    pairs = [(layer.name, layer.shape) for layer in LAYERS]
    close(fedsim.aggregate("lasa", rows, layers=pairs), lasa(rows, LAYERS).update)
    with pytest.raises(TypeError, match="missing: lasa needs `layers`"):
        fedsim.aggregate("lasa", rows)
    with pytest.raises(ValueError, match="layers describe 12 coordinates: got rows of 31"):
        fedsim.aggregate("lasa", rows, layers=pairs[:1])
    with pytest.raises(ValueError, match=r"layers must be \(name, shape\) pairs"):
        fedsim.aggregate("lasa", rows, layers=["weight"])
    with pytest.raises(ValueError, match="lfighter needs an output layer, a matrix among the model's tensors"):
        fedsim.aggregate("lfighter", rows, layers=[("bias", (31,))])


def _projected(rows, **keywords):
    zeros = np.zeros(rows.shape[1])
    n = len(rows)
    return random_projection(rows, np.ones(n, int), zeros, zeros, np.arange(n), None, STREAM, **keywords)


@pytest.mark.parametrize("rule", ["krum", "multi_krum", "one_mean", "medoid", "geometric_median", "mda", "caf"])
def test_short_rows_are_not_projected(rule):
    rows = plain(9, 31)
    f = 0 if rule in ("medoid", "geometric_median") else 2
    keywords = {"f": f} if f else {}
    np.testing.assert_allclose(
        _projected(rows, rule=rule, **keywords).update, fedsim.aggregate(rule, rows, **keywords), atol=1e-9
    )


def test_projected_distances_are_right_in_the_mean():
    from fedsim.aggregators.projected import _Sketch

    rows = plain(4, 3000)
    exact = ((rows[0] - rows[1]) ** 2).sum()
    found = []
    for k in range(60):
        sketch = _Sketch.drawn(3000, 64, STREAM.at(k).numpy()).of(rows)
        bucket = _Sketch.drawn(3000, 64, STREAM.at(k).numpy())
        naive = [sum(bucket.signs[c] * rows[2, c] for c in range(3000) if bucket.buckets[c] == j) for j in (0, 63)]
        np.testing.assert_allclose(sketch[2, [0, 63]], naive, atol=1e-9)
        found.append(((sketch[0] - sketch[1]) ** 2).sum())
    np.testing.assert_allclose(np.mean(found), exact, rtol=0.1)
    np.testing.assert_allclose(np.std(found) / exact, np.sqrt(2 / 64), rtol=0.4)


def test_attackers_are_as_far_out_in_a_projection():
    rows = plain(20, 5000).astype(np.float32)
    rows[:6] += 2
    verdict = _projected(rows, rule="multi_krum", f=6, dimensions=128)
    assert not verdict.weights[:6].any()
    np.testing.assert_allclose(verdict.update, verdict.weights @ rows, atol=1e-5)


@pytest.mark.parametrize("huge", [1e200, 1e308])
def test_a_huge_row_in_a_projection(huge):
    rows = plain(9, 500)
    rows[4] = huge
    assert np.abs(_projected(rows, rule="krum", f=2, dimensions=64).update).max() < 10


@pytest.mark.parametrize("rule", ["median", "trimmed_mean"])
def test_rules_by_coordinates_cannot_be_projected(rule):
    with pytest.raises(ValueError, match=f"random_projection cannot apply {rule}: its answer is no weighted mean"):
        _projected(plain(9, 31), rule=rule, f=2 if rule == "trimmed_mean" else 0)


def test_rules_within_rules_within_rules():
    with pytest.raises(ValueError, match="layerwise cannot apply random_projection, which applies a rule itself"):
        layerwise(*_given(plain(9, 31)), rule="random_projection")
