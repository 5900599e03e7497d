"""Numbers as they are shown."""

import math

import pytest

from cli.display.formatting import clock, kind, magnitude, plural, reading, score, seconds, sparkline
from fedsim.byte_sizes import in_words
from fedsim.scenario.toml_values import toml


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (0.0, "0.000"), (3.0214, "3.021"), (999.9, "999.900"), (1000.0, "1.0e+03"),
        (-41234.5, "-4.1e+04"), (math.inf, "inf"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_magnitudes_fit_their_column(value, text):
    assert magnitude(value) == text
    assert len(text) <= 8


def test_scores():
    assert (score(None), score(0.12345), score(1.0)) == ("–", "0.123", "1.000")


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (60, "1:00"), (125.4, "2:05"), (3723, "1:02:03")]
)
def test_seconds(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (0.12345, "share", "0.123"), (12345.6, "magnitude", "1.2e+04"), (12345.0, "count", "12,345"),
        (None, "share", "–"), (math.nan, "count", "nan"), (math.inf, "magnitude", "inf"),
    ],
)  # fmt: skip
def test_a_score_is_written_as_its_metric_wants(value, form, text):
    assert reading(value, form) == text


def test_clock():
    assert (clock(0.2), clock(13), clock(3600)) == ("0:00", "0:13", "1:00:00")


@pytest.mark.parametrize(
    ("values", "width", "bars"),
    [
        ([], 10, ""),
        ([0.0, 0.5, 1.0], 10, "▁▅█"),
        ([0.0, 0.0, 1.0, 1.0], 2, "▁█"),
        ([math.nan, 0.5], 10, " ▅"),
        ([-1.0, 2.0], 10, "▁█"),
    ],
)
def test_sparklines(values, width, bars):
    assert sparkline(values, width) == bars


def test_a_long_sparkline_is_no_longer_than_it_may_be():
    assert len(sparkline([0.5] * 1001, 60)) <= 60


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"), (3, "3"), (0.5, "0.5"), ('a"b', '"a\\"b"'), ((1, "x"), '[1, "x"]'), (None, "–"),
        ({"a": 1}, "{ a = 1 }"), (1e-8, "1e-08"),
    ],
)  # fmt: skip
def test_values_as_toml(value, text):
    assert toml(value) == text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1}, "whole number ≥ 1"),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "number > 0, < 1"),
        ({"type": "integer", "maximum": 10**9}, "whole number"),
        ({"enum": ["a", "b"]}, '"a" or "b"'),
        ({"anyOf": [{"const": "auto"}, {"type": "integer"}]}, '"auto" or whole number'),
        ({"type": "array", "items": {"type": "integer"}}, "list of whole number"),
        ({"$ref": "#/$defs/models"}, "one of the models"),
        ({"type": "boolean"}, "true or false"),
    ],
)
def test_kinds_in_words(schema, words):
    assert kind(schema) == words


def test_plurals():
    assert (plural(1, "round"), plural(1200, "round")) == ("1 round", "1,200 rounds")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (12_345, "12 kB"),
        (3.44e6, "3.4 MB"),
        (1.25e9, "1.2 GB"),
        (4e12, "4.0 TB"),
        (999_999, "1.0 MB"),
    ],
)
def test_a_number_of_bytes(count, words):

    assert in_words(count) == words
