"""The library door: what a person hands over is what the algorithm gets, and the answer comes in kind."""

import subprocess
import sys
from typing import Annotated

import numpy as np
import pytest
import torch
from annotated_types import Ge

import fedsim
from fedsim.aggregators.contract import Aggregate, F, aggregator, aggregators
from fedsim.attacks.contract import attack, attacks
from fedsim.errors import UnknownName
from fedsim.preaggregators.contract import Mixed, preaggregator, preaggregators
from fedsim.randomness import Stream

ROWS = np.random.default_rng(4).normal(size=(7, 5)).astype(np.float32)


@pytest.fixture
def seen(monkeypatch):
    """Algorithms of the test's own, which write down what they were handed."""
    for registry in (aggregators, attacks, preaggregators):
        registry.names()
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    found = {}

    @aggregator("probe")
    def probe(updates, counts, previous, parameters, memory, clients, stream, *, f: F = 0):
        found.update(locals())
        return Aggregate(updates[0], np.full(len(updates), 1 / len(updates)))

    @aggregator("rooted")
    def rooted(updates, trusted, root_logits, *, share: Annotated[float, Ge(0), "a share"]):
        found.update(locals())
        return Aggregate(trusted, np.full(len(updates), 1 / len(updates)))

    @preaggregator("halves")
    def halves(updates, stream, *, f: F):
        found.update(locals())
        return Mixed(updates[: len(updates) // 2], np.eye(len(updates))[: len(updates) // 2])

    @attack("adaptive")
    def adaptive(honest, own, count, defence, clients, stream):
        found.update(locals())
        return np.repeat(defence(np.concatenate([honest, own]))[np.newaxis], count, axis=0)

    return found


def test_a_rule_by_its_name():
    answer = fedsim.aggregate("median", ROWS)
    np.testing.assert_array_equal(answer, np.median(ROWS, axis=0))


def test_an_attack_by_its_name_and_by_its_alias():
    rows = fedsim.attack("alie", ROWS, count=2, z=1.5)
    np.testing.assert_allclose(rows, [ROWS.mean(axis=0) - 1.5 * ROWS.std(axis=0, ddof=1)] * 2, rtol=1e-5)
    by_alias, by_name = (fedsim.attack(name, ROWS, count=2, seed=3) for name in ("model", "random_weights"))
    np.testing.assert_array_equal(by_alias, by_name)


def test_a_preaggregator_may_change_the_number_of_rows(seen):
    np.testing.assert_array_equal(fedsim.preaggregate("halves", ROWS, f=1), ROWS[:3])
    assert seen["f"] == 1


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_the_answer_is_no_view_of_the_question(seen, kind):
    rows = kind(ROWS)
    answer = fedsim.aggregate("probe", rows)
    answer[:] = 99
    np.testing.assert_array_equal(rows, ROWS)
    mixed = fedsim.preaggregate("halves", rows, f=0)
    mixed[:] = 99
    np.testing.assert_array_equal(rows, ROWS)


def test_what_is_left_out_is_as_in_a_first_round(seen):
    fedsim.aggregate("probe", ROWS)
    assert seen["counts"].tolist() == [1] * 7
    assert seen["clients"].tolist() == list(range(7))
    assert seen["previous"].tolist() == seen["parameters"].tolist() == [0] * 5
    assert seen["previous"].dtype == np.float32
    assert seen["memory"] is None
    assert seen["stream"] == Stream.root(0)


def test_what_is_given_reaches_the_rule_in_numpy(seen):
    memory = {"history": np.ones((7, 5))}
    given = {"counts": [3] * 7, "clients": torch.arange(7) + 10, "previous": torch.ones(5), "parameters": np.ones(5)}
    fedsim.aggregate("probe", torch.tensor(ROWS), memory=memory, seed=8, f=np.int64(2), **given)
    assert seen["counts"].tolist() == [3] * 7
    assert seen["clients"].tolist() == list(range(10, 17))
    assert type(seen["previous"]) is type(seen["parameters"]) is np.ndarray
    assert seen["parameters"].dtype == seen["previous"].dtype == np.float32
    np.testing.assert_array_equal(seen["memory"]["history"], memory["history"])
    assert not seen["memory"]["history"].flags.writeable
    assert seen["stream"] == Stream.root(8)
    assert seen["f"] == 2
    fedsim.aggregate("probe", ROWS, stream=Stream.root(1).at("mine"))
    assert seen["stream"] == Stream.root(1).at("mine")


def test_counts_may_be_shares_of_examples():
    answer = fedsim.aggregate("fedavg", ROWS, counts=[0.5, 1.5, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(answer, 0.25 * ROWS[0] + 0.75 * ROWS[1], rtol=1e-6)


def test_root_data_reaches_the_rule(seen):
    logits = np.zeros((7, 3, 2))
    answer = fedsim.aggregate("rooted", ROWS, trusted=np.ones(5), root_logits=torch.tensor(logits), share=0.5)
    assert answer.tolist() == [1] * 5
    assert seen["root_logits"].shape == (7, 3, 2)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_defence_is_called_with_the_callers_kind(seen, kind):
    rows = kind(ROWS)

    def defence(matrix):
        assert type(matrix) is type(rows)
        return fedsim.aggregate("median", matrix)

    forged = fedsim.attack("adaptive", rows, count=2, own=rows[:2], defence=defence)
    assert type(forged) is type(rows)
    expected = np.median(np.concatenate([ROWS, ROWS[:2]]), axis=0)
    np.testing.assert_array_equal(forged, [expected, expected])
    assert seen["clients"].tolist() == [0, 1]


def test_rows_that_are_not_finite_are_set_aside_with_all_that_is_theirs(seen):
    rows, logits = ROWS.copy(), np.arange(7 * 6.0).reshape(7, 3, 2)
    rows[2, 1], rows[5, 0] = np.nan, -np.inf
    kept = [0, 1, 3, 4, 6]
    fedsim.aggregate("probe", rows, f=3, counts=[1, 2, 3, 4, 5, 6, 7], clients=[10, 11, 12, 13, 14, 15, 16])
    np.testing.assert_array_equal(seen["updates"], rows[kept])
    assert seen["counts"].tolist() == [1, 2, 4, 5, 7]
    assert seen["clients"].tolist() == [10, 11, 13, 14, 16]
    assert seen["f"] == 1
    fedsim.aggregate("rooted", rows, trusted=np.ones(5), root_logits=logits, share=0.5)
    np.testing.assert_array_equal(seen["root_logits"], logits[kept])
    assert fedsim.preaggregate("halves", rows, f=1).shape == (2, 5)
    assert seen["f"] == 0


def test_a_screened_answer_equals_the_answer_without_the_row():
    rows = np.concatenate([ROWS, np.full((1, 5), np.nan, np.float32)])
    np.testing.assert_array_equal(fedsim.aggregate("krum", rows, f=2), fedsim.aggregate("krum", ROWS, f=1))


def test_nonfinite_rows_can_be_refused():
    rows = ROWS.copy()
    rows[1, 1] = rows[4, 4] = np.inf
    with pytest.raises(ValueError, match=r"NaN or infinity in rows 1, 4$"):
        fedsim.aggregate("mean", rows, nonfinite="raise")
    np.testing.assert_array_equal(fedsim.aggregate("mean", ROWS, nonfinite="raise"), fedsim.aggregate("mean", ROWS))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fedsim.aggregate("krumm", ROWS), UnknownName, "unknown rule `krumm`; did you mean `krum`?"),
        (lambda: fedsim.aggregate("krum", ROWS), TypeError, "missing: krum needs `f`, rows assumed Byzantine"),
        (lambda: fedsim.aggregate("krum", ROWS, f="auto"), ValueError, 'f = "auto" is for a scenario'),
        (lambda: fedsim.aggregate("krum", ROWS, ff=1), TypeError, "krum does not take `ff`; did you mean `f`"),
        (lambda: fedsim.aggregate("mean", ROWS, f=1), TypeError, "mean does not take `f`; it takes no keywords"),
        (lambda: fedsim.aggregate("mean", ROWS, updates=1), TypeError, "mean does not take `updates`"),
        (lambda: fedsim.aggregate("krum", ROWS, f="1"), ValueError, "krum: f must be a whole number, got '1'"),
        (lambda: fedsim.aggregate("krum", ROWS, f=-1), ValueError, "krum: f must be ≥ 0, got -1"),
        (lambda: fedsim.aggregate("krum", ROWS, f=3), ValueError, r"krum needs n ≥ 2f \+ 3: got n = 7, f = 3"),
        (lambda: fedsim.aggregate("mean", ROWS[0]), ValueError, r"matrix with one row a client: got shape \(5,\)"),
        (lambda: fedsim.aggregate("mean", ROWS[:0]), ValueError, r"n ≥ 1 rows: got shape \(0, 5\)"),
        (lambda: fedsim.aggregate("mean", ROWS.tolist()), TypeError, "numpy array or a torch tensor: got list"),
        (
            lambda: fedsim.aggregate("mean", ROWS * np.nan),
            ValueError,
            "NaN or infinity in all 7 rows: there is nothing",
        ),
        (lambda: fedsim.aggregate("mean", ROWS * 1j), ValueError, "must hold real numbers: got complex64"),
        (lambda: fedsim.aggregate("mean", ROWS, nonfinite="drop"), ValueError, "'screen' or 'raise': got 'drop'"),
        (lambda: fedsim.aggregate("mean", ROWS, seed=1, stream=Stream.root(1)), TypeError, "a stream or a seed"),
        (lambda: fedsim.aggregate("fedavg", ROWS, counts=[1] * 6), ValueError, r"counts must have shape \(7\): got"),
        (lambda: fedsim.aggregate("probe", ROWS, clients=[0.5] * 7), ValueError, "clients must be whole numbers"),
        (lambda: fedsim.attack("label_flip", ROWS, count=1), ValueError, "`label_flip` poisons training examples"),
        (lambda: fedsim.attack("alie", ROWS, count=-1), ValueError, "count must be ≥ 0: got -1"),
        (lambda: fedsim.attack("alie", ROWS), TypeError, "count"),
        (lambda: fedsim.attack("sign_flip", ROWS, count=1), TypeError, "missing: sign_flip needs `own`, "),
        (lambda: fedsim.attack("sign_flip", ROWS, count=1, own=ROWS), ValueError, r"own must have shape \(1, 5\)"),
        (lambda: fedsim.attack("noise", ROWS, count=1, own=ROWS[:1], mode="x"), ValueError, "mode must be 'replace'"),
    ],
)
def test_what_cannot_be_is_said(seen, call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("missing", ["trusted", "root_logits", "share"])
def test_what_has_no_default_is_named(seen, missing):
    given = {"trusted": np.ones(5), "root_logits": np.zeros((7, 3, 2)), "share": 0.5}
    del given[missing]
    with pytest.raises(TypeError, match=f"missing: rooted needs `{missing}`, "):
        fedsim.aggregate("rooted", ROWS, **given)


def test_root_logits_have_three_axes(seen):
    with pytest.raises(ValueError, match=r"root_logits must have shape \(7, any, any\): got \(7, 2\)"):
        fedsim.aggregate("rooted", ROWS, trusted=np.ones(5), root_logits=np.zeros((7, 2)), share=0.5)


def test_numpy_in_costs_no_torch():
    code = (
        "import sys, numpy, fedsim\n"
        "x = numpy.ones((5, 3))\n"
        "fedsim.aggregate('krum', x, f=1), fedsim.attack('alie', x, count=1), fedsim.preaggregate('nnm', x, f=1)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
