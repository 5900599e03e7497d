"""Laws of `fedsim.laws` that every rule and pre-aggregator meets: a new file in their folders is under test.

An algorithm that breaks a law says so beside its code, `breaks={"translation": "why"}`, and must then really break it.
"""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from fedsim.aggregators.contract import Aggregate, aggregators
from fedsim.laws.cases import settings, supplies
from fedsim.laws.rules import CONFESSABLE, LAWS, call, case
from fedsim.preaggregators.contract import preaggregators
from fedsim.registry import Entry

ENTRIES = [*aggregators, *preaggregators]
SEEDS = strategies.integers(0, 10_000)


def unconfessed() -> list[Any]:
    """Each entry with each law that it does not confess to break; `tests/laws` tries the confessions."""
    pairs = [(entry, law) for entry in ENTRIES for law in CONFESSABLE if law not in entry.breaks]
    return [pytest.param(entry, law, id=f"{entry.name}-{law}") for entry, law in pairs]


@pytest.mark.parametrize(("entry", "law"), unconfessed())
@given(seed=SEEDS)
@hypothesis_settings(max_examples=12, deadline=None, derandomize=True, report_multiple_bugs=False)
def test_law(entry: Entry, law: str, seed: int) -> None:
    CONFESSABLE[law](entry, seed)


each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
PUBLISHED = [entry for entry in ENTRIES if entry.sections]  # one line alone is a draft
each_published = pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.name)


@each_entry
def test_only_known_laws_are_confessed(entry: Entry) -> None:
    assert set(entry.breaks) <= set(CONFESSABLE)


@each_entry
@pytest.mark.parametrize("law", [law for law in LAWS if law not in CONFESSABLE])
def test_a_law_that_nobody_may_break(entry: Entry, law: str) -> None:
    for seed in range(1 if law == "refusal" else 8):
        LAWS[law](entry, seed)


@each_entry
def test_a_read_only_memory_map_is_as_good(entry: Entry, tmp_path: Any) -> None:
    given, chosen = case(entry, 5, np.float32)
    np.save(tmp_path / "rows.npy", given["updates"])
    mapped = given | {"updates": np.load(tmp_path / "rows.npy", mmap_mode="r")}
    for first, second in zip(call(entry, given, chosen), call(entry, mapped, chosen), strict=True):
        np.testing.assert_array_equal(first, second)


@each_published
def test_scratch_memory_is_a_fraction_of_the_matrix(entry: Entry) -> None:
    rows = np.random.default_rng(0).standard_normal((40, 100_003)).astype(np.float32)
    rows[:3] *= 1e6  # what makes a distance rule measure again
    chosen = settings(entry, 40, share=0.3)
    few = supplies(entry, rows[:, :500])
    entry.function(*(few[name] for name in entry.supplied), **chosen)  # loads the libraries it needs
    given = supplies(entry, rows)
    tracemalloc.start()
    answer = entry.function(*(given[name] for name in entry.supplied), **chosen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    kept = sum(array.nbytes for array in (getattr(answer, "memory", None) or {}).values())
    result = answer.update if isinstance(answer, Aggregate) else answer.updates
    assert peak < result.nbytes + kept + rows.nbytes / 2


@each_published
def test_a_page_for_explain(entry: Entry) -> None:
    assert entry.summary
    assert entry.sections.get("Formula"), "the docstring needs a Formula: section"
    for setting in entry.settings.values():
        assert setting.meaning.strip(), f"{setting.name} needs a sentence"
