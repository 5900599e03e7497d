"""Laws that every rule and every pre-aggregator meets, over the registries: a new file in their folders is under test.

An algorithm that breaks a law says so beside its code, `breaks={"translation": "why"}`, and must then really break it.
"""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from fedsim.aggregators.contract import Aggregate, Condition, aggregators
from fedsim.errors import RowsDoNotSuffice
from fedsim.preaggregators.contract import preaggregators
from fedsim.registry import Entry
from tests.supplied_items import fewest_rows, moved, permuted, settings, supplies

ENTRIES = [*aggregators, *preaggregators]
SEEDS = strategies.integers(0, 10_000)


def call(entry: Entry, given: dict[str, Any], chosen: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The result and who counted in it: (d,), (n,) of a rule and (m, d), (m, n) of a pre-aggregator."""
    answer = entry.function(*(given[name] for name in entry.supplied), **chosen)
    return (answer.update, answer.weights) if isinstance(answer, Aggregate) else (answer.updates, answer.shares)


def case(entry: Entry, seed: int, dtype: type = np.float64) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows without ties, some of them far out, and settings that suit their number."""
    draw = np.random.default_rng(seed)
    n, d = int(draw.integers(max(fewest_rows(entry, 1), 4), 14)), int(draw.integers(1, 40))
    rows = draw.standard_normal((n, d)) + draw.standard_normal(d)
    chosen = settings(entry, n, share=draw.random())
    rows[: chosen.get("f", 0)] *= draw.choice([1.0, 30.0])
    return supplies(entry, rows.astype(dtype), seed), chosen


def same(left: np.ndarray, right: np.ndarray, scale: float = 1.0) -> None:
    """Equal to what rounding and an iteration's tolerance leave."""
    np.testing.assert_allclose(left, right, rtol=2e-6, atol=2e-6 * scale)


def permutation(entry: Entry, seed: int) -> None:
    given, chosen = case(entry, seed)
    order = np.random.default_rng(seed).permutation(len(given["updates"]))
    result, counted = call(entry, given, chosen)
    result_after, counted_after = call(entry, permuted(given, order), chosen)
    if result.ndim == 1:
        same(result_after, result)
        same(counted_after, counted[order])
    else:
        assert len(result) == len(order), "a change of the rows' number cannot follow their order"
        same(result_after, result[order])
        same(counted_after, counted[order][:, order])


def translation(entry: Entry, seed: int) -> None:
    given, chosen = case(entry, seed)
    shift = 10 * np.random.default_rng(seed).standard_normal(given["updates"].shape[1])
    result, counted = call(entry, given, chosen)
    result_after, counted_after = call(entry, moved(given, 1.0, shift), chosen)
    same(result_after, result + shift)
    same(counted_after, counted)


def scaling(entry: Entry, seed: int) -> None:
    given, chosen = case(entry, seed)
    result, counted = call(entry, given, chosen)
    for factor in (1e-3, 0.3, 700.0):
        result_after, counted_after = call(entry, moved(given, factor), chosen)
        same(result_after, factor * result, factor)
        same(counted_after, counted)


def unanimity(entry: Entry, seed: int) -> None:
    given, chosen = case(entry, seed)
    rows = given["updates"] = np.repeat(given["updates"][:1], len(given["updates"]), axis=0)
    result, _ = call(entry, given, chosen)
    same(result, np.broadcast_to(rows[0], result.shape))


LAWS: dict[str, Callable[[Entry, int], None]] = {
    law.__name__: law for law in (permutation, translation, scaling, unanimity)
}


def confessed() -> list[Any]:
    """Each entry with each law; a confessed law must fail."""
    return [
        pytest.param(entry, law, id=f"{entry.name}-{law}", marks=_confession(entry, law))
        for entry in ENTRIES
        for law in LAWS
    ]


def _confession(entry: Entry, law: str) -> tuple[pytest.MarkDecorator, ...]:
    if law not in entry.breaks:
        return ()
    return (pytest.mark.xfail(strict=True, raises=AssertionError, reason=entry.breaks[law]),)


@pytest.mark.parametrize(("entry", "law"), confessed())
@given(seed=SEEDS)
@hypothesis_settings(max_examples=12, deadline=None, derandomize=True, report_multiple_bugs=False)
def test_law(entry: Entry, law: str, seed: int) -> None:
    try:
        LAWS[law](entry, seed)
    except RowsDoNotSuffice as refusal:  # refusing what it took before breaks a law as well
        raise AssertionError(str(refusal)) from refusal


each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
PUBLISHED = [entry for entry in ENTRIES if entry.sections]  # one line alone is a draft
each_published = pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)


@each_entry
def test_only_known_laws_are_confessed(entry: Entry) -> None:
    assert set(entry.breaks) <= set(LAWS)


@each_entry
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_shape_are_kept_and_shares_sum_to_one(entry: Entry, dtype: type) -> None:
    for seed in range(8):
        given, chosen = case(entry, seed, dtype)
        n, d = given["updates"].shape
        result, counted = call(entry, given, chosen)
        assert result.dtype == dtype
        assert np.isfinite(result).all()
        assert result.shape[-1] == d
        assert counted.shape == (*result.shape[:-1], n)
        np.testing.assert_allclose(counted.sum(axis=-1), 1, rtol=1e-9)


@each_entry
def test_inputs_are_untouched(entry: Entry) -> None:
    given, chosen = case(entry, 3)
    before = {name: np.array(value) for name, value in given.items() if isinstance(value, np.ndarray)}
    call(entry, given, chosen)
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value, err_msg=name)


@each_entry
def test_the_same_call_gives_the_same_bits(entry: Entry) -> None:
    given, chosen = case(entry, 4, np.float32)
    for first, second in zip(call(entry, given, chosen), call(entry, given, chosen), strict=True):
        np.testing.assert_array_equal(first, second)


@each_entry
def test_a_read_only_memory_map_is_as_good(entry: Entry, tmp_path: Any) -> None:
    given, chosen = case(entry, 5, np.float32)
    np.save(tmp_path / "rows.npy", given["updates"])
    mapped = given | {"updates": np.load(tmp_path / "rows.npy", mmap_mode="r")}
    for first, second in zip(call(entry, given, chosen), call(entry, mapped, chosen), strict=True):
        np.testing.assert_array_equal(first, second)


@each_entry
def test_a_view_with_gaps_is_as_good(entry: Entry) -> None:
    given, chosen = case(entry, 6)
    rows = given["updates"]
    views = [np.asfortranarray(rows), np.repeat(rows, 2, axis=1)[:, ::2], rows[::-1].copy()[::-1]]
    for view in views:
        for first, second in zip(
            call(entry, given, chosen), call(entry, given | {"updates": view}, chosen), strict=True
        ):
            np.testing.assert_allclose(first, second, rtol=1e-9, atol=1e-9)


@each_published
def test_scratch_memory_is_a_fraction_of_the_matrix(entry: Entry) -> None:
    rows = np.random.default_rng(0).standard_normal((40, 100_003)).astype(np.float32)
    rows[:3] *= 1e6  # what makes a distance rule measure again
    given, chosen = supplies(entry, rows), settings(entry, 40, share=0.3)
    tracemalloc.start()
    answer = entry.function(*(given[name] for name in entry.supplied), **chosen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    kept = sum(array.nbytes for array in (getattr(answer, "memory", None) or {}).values())
    result = answer.update if isinstance(answer, Aggregate) else answer.updates
    assert peak < result.nbytes + kept + rows.nbytes / 2


@each_entry
def test_says_no_exactly_when_there_are_too_few_rows(entry: Entry) -> None:
    condition = Condition.parse(entry.needs or "n ≥ 1")
    draw = np.random.default_rng(0)
    for n in range(1, 13):
        for f in range(n + 2) if "f" in entry.settings else [0]:
            given = supplies(entry, draw.standard_normal((n, 3)))
            chosen = settings(entry, n) | ({"f": f} if "f" in entry.settings else {})
            if condition.holds(n, f):
                assert np.isfinite(call(entry, given, chosen)[0]).all()
            else:
                with pytest.raises(ValueError, match=f"{entry.name} needs .*got n = {n}"):
                    call(entry, given, chosen)


@each_published
def test_a_page_for_explain(entry: Entry) -> None:
    assert entry.summary
    assert entry.sections.get("Formula"), "the docstring needs a Formula: section"
    for setting in entry.settings.values():
        assert setting.meaning.strip(), f"{setting.name} needs a sentence"
