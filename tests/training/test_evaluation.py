"""Scores and root outputs against a forward pass in plain numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fedsim.attacks.contract import attack, attacks
from fedsim.execution.arithmetic import repeatable
from fedsim.execution.shared_memory import Arena
from fedsim.models.contract import model, models
from fedsim.runs.event_json import event_line, read_event
from fedsim.simulation.server import DIVERGED
from fedsim.training.evaluation import NO_CLASS, PIECE, Exam, Questions, answer, evaluate, joined
from tests.small_runs import DIGITS, EVERYONE, ends, held, played, registered, same, scenario, verdicts
from tests.training_sites import kind_of


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker; two threads on a busy machine wait for each other."""
    with repeatable():
        yield


@pytest.fixture
def arena():
    made = Arena()
    yield made
    made.close()


def exam_of(arena, count, classes=5):
    draw = np.random.default_rng(2)
    images = draw.integers(0, 256, (count, 1, 12, 12), np.uint8)
    labels, vector = draw.integers(0, classes, count), draw.standard_normal(144 * classes + classes)
    parameters, array = arena.empty(vector.shape)
    array[:] = vector
    exam = Exam(kind_of("logistic", classes=classes), parameters, arena.of(images), arena.of(labels))
    logits = images.reshape(count, -1) / 255 @ array[: 144 * classes].reshape(classes, 144).T + array[144 * classes :]
    return exam, labels, logits


@pytest.mark.parametrize("count", [1, 99, 100, 101, PIECE, PIECE + 1, 2 * PIECE + 37])
def test_pieces_add_up_to_the_whole(arena, count):
    exam, labels, logits = exam_of(arena, count)
    pieces = exam.pieces()
    assert [(piece.begin, piece.end) for piece in pieces] == [
        (begin, min(begin + PIECE, count)) for begin in range(0, count, PIECE)
    ]
    found = joined(evaluate(piece) for piece in pieces)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(count), labels]
    assert found.predictions.dtype == np.int32
    np.testing.assert_array_equal(found.predictions, logits.argmax(axis=1))
    np.testing.assert_allclose(found.losses, losses, rtol=1e-4, atol=1e-5)
    assert found.loss_sum == pytest.approx(losses.sum(), rel=1e-5)
    assert found.logits is None


@pytest.mark.parametrize("count", [3, PIECE + 1])
def test_the_sum_of_the_losses_has_the_bits_of_torchs_own(arena, count):
    """Added up in torch's order within a piece, and piece by piece: the same whoever works, and as it always was."""
    exam, labels, _ = exam_of(arena, count)
    found = joined(evaluate(piece) for piece in replace(exam, logits=True).pieces())
    logits, targets = torch.from_numpy(found.logits).double(), torch.from_numpy(labels)
    sums = [
        cross_entropy(logits[begin : begin + PIECE], targets[begin : begin + PIECE], reduction="sum").item()
        for begin in range(0, count, PIECE)
    ]
    assert found.loss_sum == sum(sums)
    np.testing.assert_array_equal(found.losses, cross_entropy(logits, targets, reduction="none").numpy())
    np.testing.assert_array_equal(found.predictions, found.logits.argmax(axis=1))


def test_a_model_of_nan_is_right_in_nothing(arena):
    exam, *_ = exam_of(arena, 50)
    exam.parameters.open()[:] = np.nan
    found = joined(map(evaluate, exam.pieces()))
    assert set(found.predictions) == {NO_CLASS}
    assert np.isnan(found.losses).all()
    assert np.isnan(found.loss_sum)


def test_an_output_that_is_not_a_number_spoils_its_own_example_alone(arena):
    exam, _, logits = exam_of(arena, 40)
    images = (exam.inputs.open() / 255).astype(np.float32)
    images[3, 0, 0, 0] = np.nan
    found = joined(map(evaluate, replace(exam, inputs=arena.of(images)).pieces()))
    others = np.arange(40) != 3
    assert found.predictions[3] == NO_CLASS
    np.testing.assert_array_equal(found.predictions[others], logits.argmax(axis=1)[others])
    np.testing.assert_array_equal(np.isnan(found.losses), ~others)


def test_an_infinite_output_is_the_largest_though_its_loss_is_no_number(arena):
    exam, *_ = exam_of(arena, 40)
    exam.parameters.open()[722] = np.inf  # the bias of class 2
    found = joined(map(evaluate, exam.pieces()))
    assert set(found.predictions) == {2}
    assert np.isnan(found.loss_sum)


def test_evaluation_leaves_the_examples_alone(arena):
    exam, *_ = exam_of(arena, 50)
    floats = np.random.default_rng(1).standard_normal((50, 1, 12, 12)).astype(np.float32)
    shared = arena.of(floats)
    with registered(models, "in place"):

        @model("in place")
        def in_place(shape, classes):
            return nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, classes))

        joined(map(evaluate, replace(exam, kind=kind_of("in place"), inputs=shared).pieces()))
    np.testing.assert_array_equal(shared.open(), floats)


def test_answers_are_the_logits_of_each_row(arena):
    exam, _, _ = exam_of(arena, 130)
    rows, array = arena.empty((3, 725))
    array[:] = np.random.default_rng(3).standard_normal(array.shape)
    answers, found = arena.empty((3, 130, 5))
    answer(Questions(exam.kind, exam.parameters, rows, exam.inputs, answers, (0, 2)))
    images = exam.inputs.open().reshape(130, -1) / 255
    for row in (0, 2):
        vector = exam.parameters.open() + array[row]
        np.testing.assert_allclose(found[row], images @ vector[:720].reshape(5, 144).T + vector[720:], atol=1e-3)
    assert not found[1].any()


def test_scored_every_so_many_rounds_and_always_last():
    events = played(scenario(DIGITS, "evaluation.every=3", "rounds=7"))
    assert [end.round for end in ends(events) if end.accuracy is not None] == [3, 6, 7]
    assert all((end.accuracy is None) == (end.validation_loss is None) for end in ends(events))
    assert events[-1].final == ends(events)[-1].accuracy


def test_learning_that_diverges_is_told_and_goes_on():
    """Numbers overflow to infinity, then to NaN: every round says so, none raises, and all records can be written."""
    events = played(scenario(DIGITS, 'training.optimizer={name="sgd", lr=1e38}', "rounds=4"))
    assert np.isnan(ends(events)[-1].loss)
    assert [read_event(event_line(event)) for event in events[:2]] == events[:2]
    assert same(map(read_event, map(event_line, events))) == same(events)


def huge_rows(lr):
    """A run in which client 0 sends the greatest numbers there are."""
    with registered(attacks, "huge"):

        @attack("huge")
        def huge(count, parameters):
            return np.full((count, len(parameters)), 3e38, np.float32)

        return played(scenario(DIGITS, *EVERYONE, f"server.lr={lr}", rest=held(0, name="huge")))


def test_an_aggregate_near_the_greatest_number():
    """The mean of one row of huge numbers is finite and so is the step; a second such step is not, and is not taken."""
    events = huge_rows(lr=1.0)
    first, second = verdicts(events)[:2]
    assert first.norm > 1e38 and not first.skipped
    assert ends(events)[0].accuracy <= 0.2
    assert second.nonfinite == (1, 2, 3, 4, 5)  # from such parameters nobody honest finds a finite row
    assert second.skipped == DIVERGED
    assert same(map(read_event, map(event_line, events))) == same(events)


def test_a_finite_aggregate_whose_step_is_not_finite_leaves_the_parameters():
    events = huge_rows(lr=100.0)
    assert {verdict.skipped for verdict in verdicts(events)} == {DIVERGED}
    assert len({end.digest for end in ends(events)}) == 1
    assert same(map(read_event, map(event_line, events))) == same(events)


def test_all_rows_equal():
    """Everybody trains on nothing new: a rule that divides by distances must not fall over."""
    for rule in ('{name="krum", f=1}', '{name="geometric_median"}', '{name="centered_clip", radius=1.0}', '"median"'):
        rest = held(*range(6), name="zero")
        events = played(scenario(DIGITS, *EVERYONE, f"aggregator={rule}", rest=rest))
        assert events[-1].skipped == 0
        assert {end.digest for end in ends(events)} == {events[0].digest}
