"""Laws that every metric keeps, over the registry: a new file in the family's folder is under test."""

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from fedsim.laws.cases import example
from fedsim.metrics import VALIDATION, metrics, reading
from fedsim.metrics.contract import RESERVED
from fedsim.randomness import Stream
from fedsim.stand_ins import Sample
from fedsim.supply import samples

ENTRIES = list(metrics)
each_metric = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
SEEDS = strategies.integers(0, 10_000)


def case(seed, examples=None, classes=None):
    """Everything that a metric may ask for about some examples."""
    draw = np.random.default_rng(seed)
    size = examples or int(draw.integers(1, 60)), classes or int(draw.integers(1, 8))
    return samples(metrics.supplies, metrics.supplies, Sample(np.zeros((1, 1), np.float32), Stream.root(seed), size))


def call(entry, given):
    return entry.call(given, {name: example(each) for name, each in entry.settings.items() if each.required})


def reordered(given, order):
    rows = {name for name, item in metrics.supplies.items() if item.shape and item.shape[0] == "m"}
    return {name: value[order] if name in rows else value for name, value in given.items()}


@each_metric
@given(seed=SEEDS)
@hypothesis_settings(max_examples=25, deadline=None, derandomize=True)
def test_a_score_is_one_number_within_its_bounds(entry, seed):
    found, how = call(entry, case(seed)), reading(entry)
    assert type(found) is float
    assert how.least <= found <= how.most


@each_metric
@given(seed=SEEDS)
@hypothesis_settings(max_examples=25, deadline=None, derandomize=True)
def test_the_order_of_the_examples_does_not_matter(entry, seed):
    given = case(seed)
    order = np.random.default_rng(seed).permutation(len(given["targets"]))
    assert call(entry, reordered(given, order)) == pytest.approx(call(entry, given), rel=1e-12)


@each_metric
@given(seed=SEEDS)
@hypothesis_settings(max_examples=25, deadline=None, derandomize=True)
def test_nothing_is_better_than_to_be_right_in_everything(entry, seed):
    given, how = case(seed), reading(entry)
    perfect = given | {"predictions": given["targets"].astype(np.int32), "losses": 0 * given["losses"], "loss_sum": 0.0}
    best, found = call(entry, perfect), call(entry, given)
    assert best >= found if how.better == "up" else best <= found
    if how.form == "share" and how.better == "up":
        assert best == 1.0


@each_metric
def test_inputs_are_untouched_and_the_bits_repeat(entry):
    given = case(3, 40, 5)
    before = {name: np.array(value) for name, value in given.items()}
    assert repr(call(entry, given)) == repr(call(entry, given))
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value, err_msg=name)


@each_metric
def test_a_broken_model_is_scored_all_the_same(entry):
    given = case(4, 30, 3)
    nan = np.full_like(given["losses"], np.nan)
    broken = {
        "predictions": np.full(30, -1, np.int32),
        "losses": nan,
        "loss_sum": np.nan,
        "logits": np.full((30, 3), nan[0]),
        "triggered_predictions": np.full_like(given["triggered_predictions"], -1),
    }
    found = call(entry, given | broken)
    assert np.isnan(found) or found == reading(entry).least


@each_metric
def test_a_name_heads_a_column_of_its_own(entry):
    for name in (entry.name, *entry.aliases):
        assert name not in RESERVED
        assert not name.startswith(VALIDATION)
    assert 3 <= len(reading(entry).words) <= 20
