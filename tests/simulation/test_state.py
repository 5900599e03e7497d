import numpy as np

from fedsim.events import Scores
from fedsim.simulation.state import State, Tally, lasting


def test_scores_of_a_run_are_kept_apart():
    tally = Tally()
    for round, (test, loss, validation) in enumerate([(0.5, 2.0, 0.7), (0.8, 1.0, 0.6), (0.8, 0.9, 0.7)], 1):
        tally.score(round, Scores({"accuracy": test, "loss": loss, "validation_accuracy": validation}))
    assert tally.scores == {"accuracy": 0.8, "loss": 0.9, "validation_accuracy": 0.7}
    assert (tally.best, tally.best_round) == (0.8, 2)
    assert (tally.selected, tally.selected_round) == (0.5, 1)  # the first of equals on validation


def test_without_validation_nothing_is_selected():
    tally = Tally()
    tally.score(1, Scores({"accuracy": 0.5, "loss": 2.0}))
    assert (tally.best, tally.selected, tally.selected_round) == (0.5, None, None)


def test_skipped_rounds_have_no_weight():
    tally = Tally()
    assert tally.mean_byzantine_weight == 0.0
    for weight in (0.5, None, 0.25):
        tally.judged(weight)
    assert (tally.mean_byzantine_weight, tally.skipped, tally.aggregated) == (0.375, 1, 2)


def test_a_copy_is_independent():
    row = np.zeros(2)
    state = State(1, 0.0, row, row)
    other = state.copy()
    other.momenta[3] = row
    other.tally.judged(None)
    other.round = 2
    assert (state.momenta, state.tally.skipped, state.round) == ({}, 0, 1)


def test_only_views_of_the_rows_are_copied():
    rows = np.zeros((3, 2))
    assert not np.shares_memory(lasting(rows[1], rows), rows)
    own = np.zeros(2)
    assert lasting(own, rows) is own
