"""Peak, final rate and half-life of a backdoor, from rows made up."""

import dataclasses

import pytest

from fedsim.events import Scores
from fedsim.runs.backdoor_success import backdoor_success
from tests.cli.recorded_run import STARTED, history, told

NAN = float("nan")


def rows(rates, attacked):
    """One row a rate; None where the round was not scored."""
    found = history([STARTED, *(event for number in range(1, len(rates) + 1) for event in told(number))]).rows
    return [
        dataclasses.replace(
            row, byzantine=int(row.number in attacked), scores=Scores() if rate is None else Scores({"asr": rate})
        )
        for row, rate in zip(found, rates, strict=True)
    ]


@pytest.mark.parametrize(
    ("rates", "attacked", "expected"),
    [
        ([0.1, 0.8, 0.9, 0.6, 0.45, 0.2], {2, 3}, (0.2, 0.9, 3, 3, 2)),
        ([0.1, 0.8, 0.9, 0.6, 0.5], {2, 3}, (0.5, 0.9, 3, 2, None)),
        ([0.9, None, 0.9, None, 0.4], {1, 2}, (0.4, 0.9, 1, 3, 3)),
        ([0.2, 0.4], {1, 2}, (0.4, 0.4, 2, 0, None)),
        ([0.2, 0.1], set(), (0.1, 0.2, 1, 0, None)),
        ([NAN, 0.3, NAN], {1}, (0.3, 0.3, 2, 2, None)),
        ([0.0, 0.0], {1}, (0.0, 0.0, 1, 1, 1)),
    ],
)
def test_what_rows_tell(rates, attacked, expected):
    assert dataclasses.astuple(backdoor_success(rows(rates, attacked))) == expected


@pytest.mark.parametrize("rates", [[], [None, None], [NAN]])
def test_where_nothing_was_scored_there_is_nothing_to_tell(rates):
    assert backdoor_success(rows(rates, set())) is None
