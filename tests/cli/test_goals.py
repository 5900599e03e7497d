"""`--until`: what may be waited for, and when it is reached."""

import re

import pytest
import typer

from cli.goals import goal_of
from fedsim.events import RoundEnded, Scores
from fedsim.scenario.goals import read_goal
from fedsim.scenario.load import parse_scenario

SCORED = Scores({"accuracy": 0.5, "loss": 1.5, "balanced_accuracy": 0.25})
ENDED = RoundEnded(3.0, 3, SCORED, 2.0, "00", 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "shown", "reached"),
    [
        ("accuracy=0.5", "accuracy ≥ 0.5", True),
        ("accuracy=0.51", "accuracy ≥ 0.51", False),
        ("accuracy<=0.5", "accuracy ≤ 0.5", True),
        ("accuracy<0.5", "accuracy < 0.5", False),
        ("accuracy>0.5", "accuracy > 0.5", False),
        (" accuracy >= 0.4 ", "accuracy ≥ 0.4", True),
        ("loss=1.5", "loss ≤ 1.5", True),
        ("loss>1", "loss > 1", True),
        ("balanced_accuracy>=0.25", "balanced_accuracy ≥ 0.25", True),
        ("worst_class_accuracy=0.1", "worst_class_accuracy ≥ 0.1", False),
        ("validation_accuracy=0.1", "validation_accuracy ≥ 0.1", False),
        ("train_loss=2", "train_loss ≤ 2", True),
        ("round=3", "round ≥ 3", True),
        ("time>3", "time > 3", False),
    ],
)
def test_a_goal_is_reached_by_a_round_that_was_scored(text, shown, reached):
    goal = read_goal(text)
    assert str(goal) == shown
    assert goal.reached(ENDED) is reached


def test_a_round_that_was_not_scored_reaches_no_score():
    ended = RoundEnded(3.0, 3, Scores(), None, "00", 0.0, 0.0, 0.0, 0.0)
    assert not any(read_goal(text).reached(ended) for text in ("accuracy<=1", "loss>=0", "train_loss=9"))
    assert read_goal("round=3").reached(ended)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("balanced_acuracy=0.5", "did you mean `balanced_accuracy`"),
        ("accuracy", "must be key=value, key<value or key>value with one of accuracy,"),
        ("accuracy==0.5", "accuracy needs a number, got '=0.5'"),
        ("accuracy>=", "accuracy needs a number, got ''"),
        ("balanced_accuracy>=1.5", "balanced_accuracy is from 0 to 1, got 1.5: it would never be reached, or at once"),
        ("loss=-1", "loss is 0 or more, got -1"),
        ("=3", "must be key=value"),
    ],
)
def test_a_wrong_goal_says_what_would_be_right(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        read_goal(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "worst_class_accuracy=0.5",
            "does not score worst_class_accuracy: name worst_class_accuracy in evaluation.metrics",
        ),
        ("validation_worst_class_accuracy=0.5", "name worst_class_accuracy in evaluation.metrics"),
        ("validation_loss=0.5", "give evaluation.validation examples, or wait for one of accuracy, loss, balanced_"),
    ],
)
def test_a_score_that_the_scenario_does_not_have_is_no_goal(text, words):
    scenario = parse_scenario('[evaluation]\nvalidation = 0\nmetrics = ["balanced_accuracy"]')
    with pytest.raises(typer.BadParameter) as refused:
        goal_of(text, scenario)
    assert words in str(refused.value)
    for known in ("balanced_accuracy=0.5", "accuracy=0.5", "round=2", "train_loss<1"):
        read_goal(known).check(scenario)
