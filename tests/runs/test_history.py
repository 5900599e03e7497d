"""What is remembered of a run."""

import pytest

from fedsim.events import RoundEnded, Scores
from fedsim.runs.history import History
from tests.cli.recorded_run import STARTED, history, told


def row(**facts):
    return history([STARTED, *told(1, **facts)]).rows[0]


def test_a_row_holds_the_round():
    found = row(byzantine=(3, 5), weight=0.25, accuracy=0.5, dropped=(2,))
    assert (found.number, found.time, found.byzantine, found.cohort) == (1, 1.0, 2, 4)
    assert (found.weight, found.share, found.accuracy, found.missing) == (0.25, 0.5, 0.5, (1, 0, 0))


@pytest.mark.parametrize(
    ("byzantine", "weight", "lost"),
    [
        ((), 0.0, False),
        ((3,), 0.25, False),
        ((3,), 0.32, False),
        ((3,), 0.34, True),
        ((3,), 1.0, True),
        ((2, 3, 5), 0.76, False),
        ((2, 3, 5), 1.0, True),
        ((2, 3, 5, 7), 1.0, False),
    ],
)
def test_a_round_is_lost_when_attackers_clearly_outweigh_their_share(byzantine, weight, lost):
    assert row(byzantine=byzantine, weight=weight).lost == lost


def test_a_skipped_round_is_not_lost():
    assert not row(byzantine=(3,), weight=1.0, skipped="no usable update arrived").lost


def test_only_scored_rounds_count_for_the_sparkline():
    assert history().accuracies == [0.1, 0.05, 0.4, 0.75]


def test_an_end_without_a_verdict_is_an_error():
    with pytest.raises(ValueError, match="round 1 ended before it was aggregated"):
        History()(RoundEnded(1.0, 1, Scores(), None, "", 0.0, 0.0, 0.0, 0.0))
