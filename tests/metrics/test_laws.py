"""Laws that every metric keeps, over the registry: a new file in the family's folder is under test."""

import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from fedsim.laws.metrics import METRICS
from fedsim.metrics import VALIDATION, metrics, reading
from fedsim.metrics.contract import RESERVED

ENTRIES = list(metrics)
each_metric = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
SEEDS = strategies.integers(0, 10_000)


@each_metric
@pytest.mark.parametrize("law", METRICS)
@given(seed=SEEDS)
@hypothesis_settings(max_examples=25, deadline=None, derandomize=True)
def test_law(entry, law, seed):
    METRICS[law](entry, seed)


@each_metric
def test_a_name_heads_a_column_of_its_own(entry):
    for name in (entry.name, *entry.aliases):
        assert name not in RESERVED
        assert not name.startswith(VALIDATION)
    assert 3 <= len(reading(entry).words) <= 20
