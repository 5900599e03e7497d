"""The judgement inside other frameworks: the engine's own, on whole models that come and go as named arrays."""

import subprocess
import sys

import numpy as np
import pytest

from fedsim.errors import UnknownName
from fedsim.functional import aggregate, preaggregate
from fedsim.integrations.judge import Judge, Reply
from fedsim.integrations.model_arrays import Form

GENERATOR = np.random.default_rng(0)
MODEL = {
    "0.weight": GENERATOR.normal(size=(4, 3)).astype(np.float32),
    "0.bias": GENERATOR.normal(size=4).astype(np.float32),
    "1.running_mean": np.zeros(4, np.float32),
    "1.running_var": np.ones(4, np.float32),
    "1.num_batches_tracked": np.array(7, np.int64),
    "2.scale": np.array(1.5, np.float16),
    "2.mask": np.array([True, False]),
}


def moved(by, tracked=10, **changed):
    """What a client sends whose floating-point numbers moved so far."""
    sent = {
        name: (each + each.dtype.type(by) if each.dtype.kind == "f" else each.copy()) for name, each in MODEL.items()
    }
    return sent | {"1.num_batches_tracked": np.array(tracked, np.int64)} | changed


def replies(*moves, counts=None):
    return [Reply(100 + k, moved(by, 10 + k), (counts or [5] * len(moves))[k]) for k, by in enumerate(moves)]


def judge(rule="mean", steps=(), f=None, seed=1, **settings):
    return Judge(rule, settings, steps, f, seed)


def test_the_mean_moves_every_array_and_keeps_its_kind():
    outcome = judge().judge(1, MODEL, replies(0.25, 0.5, 0.75), {})
    assert {name: (each.shape, each.dtype) for name, each in outcome.arrays.items()} == {
        name: (each.shape, each.dtype) for name, each in MODEL.items()
    }
    for name, array in MODEL.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(outcome.arrays[name], array + array.dtype.type(0.5), rtol=1e-3)
    assert outcome.arrays["1.num_batches_tracked"] == 11  # between those of the clients
    np.testing.assert_array_equal(outcome.arrays["2.mask"], MODEL["2.mask"])
    assert outcome.weights == pytest.approx((1 / 3,) * 3)
    assert outcome.clients == (100, 101, 102)


def test_whole_numbers_neither_pull_the_rule_nor_follow_an_attacker():
    near = [Reply(k, moved(0.1 * (k + 1), 10 + k), 5) for k in range(4)]
    attacker = Reply(9, moved(0.25, 10**12), 5)
    outcome = judge("mean").judge(1, MODEL, [*near, attacker], {})
    assert outcome.arrays["1.num_batches_tracked"] == 12
    assert outcome.weights == pytest.approx((0.2,) * 5)
    far = Reply(9, moved(50.0, 11), 5)
    outcome = judge("krum", f=1).judge(1, MODEL, [*near, far], {})
    assert outcome.arrays["1.num_batches_tracked"] in (11, 12)  # of the client that was taken


def test_a_running_variance_is_never_below_zero():
    outcome = judge().judge(1, MODEL, replies(-3.0, -3.0), {})
    assert (outcome.arrays["1.running_var"] == 0).all()
    assert (outcome.arrays["1.running_mean"] == -3).all()


def rows_of(sent):
    form = Form.of(MODEL)
    return np.stack([form.row(reply.arrays) for reply in sent]) - form.row(MODEL)


@pytest.mark.parametrize("rule", ["multi_krum", "trimmed_mean", "bulyan", "median"])
def test_it_is_the_rule_with_its_preaggregators_on_the_differences(rule):
    told = {} if rule == "median" else {"f": 2}
    sent = [Reply(k, moved(by, 10), 3 + k) for k, by in enumerate(GENERATOR.normal(size=12))]
    outcome = judge(rule, [("nnm", {})], f=2).judge(1, MODEL, sent, {})
    wanted = aggregate(rule, preaggregate("nnm", rows_of(sent), f=2), **told)
    form = Form.of(MODEL)
    np.testing.assert_allclose(form.row(outcome.arrays) - form.row(MODEL), wanted, atol=2e-3)
    assert sum(outcome.weights) == pytest.approx(1)
    assert outcome.f == (None if rule == "median" else 2)


def test_counts_are_the_clients_own():
    outcome = judge("fedavg").judge(1, MODEL, replies(0.0, 1.0, counts=[30, 10]), {})
    np.testing.assert_allclose(outcome.arrays["0.bias"], MODEL["0.bias"] + 0.25, rtol=1e-6)
    assert outcome.weights == (0.75, 0.25)


def test_what_does_not_fit_is_set_aside_and_f_shrinks():
    sent = replies(0.1, 0.2, 0.3, 0.4, 0.5)
    broken = [
        Reply(1, moved(np.nan), 5),
        Reply(2, moved(0.0) | {"0.bias": np.zeros(5, np.float32)}, 5),
        Reply(3, {name: each for name, each in moved(0.0).items() if name != "0.bias"}, 5),
        Reply(4, moved(0.0) | {"more": np.zeros(1)}, 5),
        Reply(5, moved(0.0) | {"0.bias": np.array(["a"] * 4)}, 5),
        Reply(6, moved(0.0) | {"1.num_batches_tracked": np.array(1.5)}, 5),
    ]
    outcome = judge("trimmed_mean", f=7).judge(1, MODEL, [*broken, *sent], {99: "it is no record"})
    assert outcome.refused == {
        99: "it is no record",
        1: "its numbers are not all finite",
        2: "the array `0.bias` has shape (5,), not (4,)",
        3: "the array `0.bias` is missing",
        4: "it has an array `more` that the model has not",
        5: "the array `0.bias` holds <U1, not float32",
        6: "the array `1.num_batches_tracked` holds float64, not int64",
    }
    assert outcome.f == 0
    assert outcome.skipped == ""
    assert outcome.clients == (100, 101, 102, 103, 104)


def test_f_may_be_a_share_of_what_arrives():
    for n, f in ((5, 1), (10, 2), (4, 0)):
        assert judge("trimmed_mean", f=0.2).judge(1, MODEL, replies(*range(n)), {}).f == f
    assert judge("trimmed_mean", f=0.29).judge(1, MODEL, replies(*range(100)), {}).f == 29  # as it is written


def test_a_round_that_is_too_small_changes_nothing_and_says_why():
    outcome = judge("krum", f=1).judge(1, MODEL, replies(0.1, 0.2), {})
    assert outcome.arrays is None
    assert outcome.skipped == "krum needs n ≥ 2f + 3: got n = 2, f = 1"
    assert judge().judge(1, MODEL, [], {4: "gone"}).skipped == "no usable update arrived"


def test_rules_remember_from_round_to_round():
    rule = judge("centered_clip", radius=0.5)
    one = rule.judge(1, MODEL, replies(1.0, 1.0, 1.0), {})
    gone = {name: one.arrays[name] - MODEL[name] for name in MODEL if MODEL[name].dtype.kind == "f"}
    sent = replies(1.0, 1.0, 1.0)
    shifted = [{name: each + gone.get(name, each.dtype.type(0)) for name, each in r.arrays.items()} for r in sent]
    again = [Reply(r.client, {**arrays, "2.mask": MODEL["2.mask"]}, 5) for r, arrays in zip(sent, shifted, strict=True)]
    two = rule.judge(2, one.arrays, again, {})
    form = Form.of(MODEL)
    first = form.row(one.arrays) - form.row(MODEL)
    second = form.row(two.arrays) - form.row(one.arrays)
    assert np.linalg.norm(second) > 1.5 * np.linalg.norm(first)  # it goes on from where the last aggregate was


def test_draws_are_of_the_round_and_the_seed():
    def answer(seed, round):
        steps = [("bucketing", {"s": 2})]
        return judge("median", steps, seed=seed).judge(round, MODEL, replies(*GENERATOR_MOVES), {}).arrays["0.bias"]

    np.testing.assert_array_equal(answer(1, 1), answer(1, 1))
    assert (answer(1, 1) != answer(1, 2)).any() or (answer(1, 1) != answer(2, 1)).any()


GENERATOR_MOVES = np.random.default_rng(5).normal(size=9).tolist()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"rule": "krumm", "f": 1}, UnknownName, "unknown rule `krumm`; did you mean `krum`?"),
        ({"rule": "krum"}, ValueError, "missing: krum needs `f`, rows assumed Byzantine"),
        ({"rule": "krum", "f": 1, "varient": "x"}, ValueError, "krum does not take `varient`; did you mean `variant`?"),
        ({"rule": "krum", "f": -1}, ValueError, "f is a number of rows from 0, or a share of those that arrive"),
        ({"rule": "krum", "f": "auto"}, ValueError, "f is a number of rows from 0, or a share of those that arrive"),
        ({"rule": "krum", "f": 1.5}, ValueError, "f is a number of rows from 0, or a share of those that arrive"),
        ({"rule": "fltrust"}, ValueError, "fltrust asks for `trusted`, .* only fedsim's own engine supplies that"),
        ({"rule": "mean", "steps": ["nnm"]}, ValueError, "missing: nnm needs `f`"),
        (
            {"rule": "mean", "steps": [("clipping",)]},
            TypeError,
            "a pre-aggregator is a name or a name and",
        ),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(given, error, message):
    with pytest.raises(error, match=message):
        judge(**given)


def test_it_costs_no_torch():
    code = "import fedsim.integrations.judge, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_without_flower_it_says_what_to_install():
    code = "import sys; sys.modules['flwr'] = None\nimport fedsim.integrations.flower"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "needs Flower 1.22 or later: pip install 'fedsim-byzantine[flower]'" in told
