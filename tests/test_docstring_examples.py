"""The example on the page of every rule, pre-aggregator, attack and metric runs, and prints what it says."""

import doctest
import inspect

import numpy as np
import pytest

import fedsim
from fedsim.aggregators import aggregators
from fedsim.attacks import attacks
from fedsim.metrics import metrics
from fedsim.preaggregators import preaggregators

ENTRIES = [*aggregators, *preaggregators, *attacks, *metrics]
SHOWN = {"np": np, "aggregate": fedsim.aggregate, "preaggregate": fedsim.preaggregate, "attack": fedsim.attack}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_example_prints_what_it_says(entry):
    known = inspect.unwrap(entry.function).__globals__ | SHOWN
    examples = doctest.DocTestParser().get_doctest(entry.sections["Example"], known, entry.name, None, 0)
    assert examples.examples
    told = []
    assert doctest.DocTestRunner().run(examples, out=told.append).failed == 0, "".join(told)
