"""What a metric must be to be registered, and what it must answer."""

import math

import numpy as np
import pytest

from fedsim.errors import UnknownName
from fedsim.metrics import metric, metrics, reading_of
from tests.small_runs import registered


@pytest.mark.parametrize("name", ["round", "norm", "validation_mine", "a=b", "a b", 'a"', "", "x,y", "loss<1"])
def test_a_name_that_cannot_head_a_column_is_refused(name):
    with pytest.raises(TypeError, match="a metric cannot be called"):
        metric(name)


def test_a_declaration_is_read_under_both_names():
    assert reading_of("loss") == ("loss", "down", "magnitude", 0.0, math.inf)
    assert reading_of("validation_balanced_accuracy").words == "validation balanced accuracy"
    with pytest.raises(UnknownName, match="unknown metric `acuracy`; did you mean `accuracy`"):
        reading_of("acuracy")


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (None, TypeError, "metric `mine` must return a number: got NoneType"),
        (np.zeros(2), TypeError, "must return a number: got ndarray"),
        (True, TypeError, "must return a number: got bool"),
        (1.5, ValueError, "metric `mine` must be from 0 to 1: got 1.5"),
        (-math.inf, ValueError, "must be from 0 to 1: got -inf"),
    ],
)
def test_what_is_no_score_is_refused(answer, error, words):
    with registered(metrics, "mine"):
        mine = metric("mine")(lambda classes: answer)
        with pytest.raises(error, match=words):
            mine(3)


@pytest.mark.parametrize("answer", [1, np.float32(0.5), np.int64(0), math.nan])
def test_any_number_is_a_python_float(answer):
    with registered(metrics, "mine"):
        assert type(metric("mine")(lambda classes: answer)(3)) is float


def test_what_it_is_given_cannot_be_written_to():
    def writes(targets):
        targets[0] = 1
        return 0.5

    with registered(metrics, "writes"):
        writing = metric("writes")(writes)
        with pytest.raises(ValueError, match="read-only"):
            writing(np.zeros(3))
