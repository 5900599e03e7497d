"""Scores in whole runs: chosen by name, the same whoever works, refused where they cannot be."""

import contextlib

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from fedsim.errors import RunFailed, ScenarioError
from fedsim.events import RoundEnded
from fedsim.execution.pool import Pool
from fedsim.metrics import metric, metrics
from fedsim.runs.perform import perform
from fedsim.simulation.federation import build_federation
from tests.small_runs import DIGITS, GLYPHS, content, ends, played, registered, run_in, same, scenario

OWNED = GLYPHS.replace("lenet5", "logistic")
CHOSEN = (
    'evaluation.metrics=["balanced_accuracy", {name = "accuracy_of_worst_owners", share = 0.5}, "worst_class_accuracy"]'
)
NAMES = ["accuracy", "loss", "balanced_accuracy", "accuracy_of_worst_owners", "worst_class_accuracy"]


def test_every_score_is_told_in_the_order_of_the_scenario_on_test_and_on_validation():
    events = played(scenario(OWNED, CHOSEN))
    wanted = [*NAMES, *(f"validation_{name}" for name in NAMES)]
    assert list(events[0].scores) == wanted
    assert [list(end.scores) for end in ends(events)] == [wanted] * 3
    assert events[-1].scores == ends(events)[-1].scores
    assert (events[-1].final, events[-1].final_loss) == (events[-1].scores["accuracy"], events[-1].scores["loss"])


def test_what_is_scored_besides_changes_nothing_else():
    more, plain = ends(played(scenario(OWNED, CHOSEN))), ends(played(scenario(OWNED)))
    for one, other in zip(more, plain, strict=True):
        assert one.digest == other.digest
        assert {name: one.scores[name] for name in other.scores} == dict(other.scores)


def test_without_validation_examples_there_are_scores_on_test_examples_alone():
    events = played(scenario(OWNED, CHOSEN, "evaluation.validation=0"))
    assert list(ends(events)[0].scores) == NAMES
    assert (events[-1].best, events[-1].selected) != (None, 0)
    assert events[-1].selected is None


def test_one_worker_and_two_give_the_same_scores():
    given = scenario(OWNED, CHOSEN, "evaluation.limit=200")
    with Pool(2, "loky") as pool:
        pool.start()
        assert same(played(given, pool)) == same(played(given))


def test_a_run_gone_on_with_ends_in_the_same_bytes(tmp_path):
    given = scenario(OWNED, CHOSEN, "rounds=5", "output.checkpoint_every=2")
    run_in(tmp_path / "whole", given)
    with contextlib.closing(perform(given, tmp_path / "part", Pool(1, "serial"))) as events:
        next(event for event in events if isinstance(event, RoundEnded) and event.round == 3)
    assert run_in(tmp_path / "part", given) == []
    assert content(tmp_path / "part") == content(tmp_path / "whole")


def test_a_metric_is_given_what_it_asks_for():
    with registered(metrics, "witness"):
        seen = []

        @metric("witness")
        def witness(predictions, targets, losses, loss_sum, logits, owners, classes):
            seen.append((predictions, targets, losses, loss_sum, logits, owners, classes))
            return 0.5

        given = scenario(OWNED, 'evaluation.metrics=["witness"]', "rounds=1")
        seen.clear()  # of the dry run
        played(given)
        federation = build_federation(given)
    for found, examples in zip(seen, (federation.test, federation.train), strict=True):
        predictions, targets, losses, loss_sum, logits, owners, classes = found
        part = slice(None) if examples is federation.test else federation.validation
        np.testing.assert_array_equal(targets, examples.targets[part])
        np.testing.assert_array_equal(owners, examples.owners[part])
        np.testing.assert_array_equal(predictions, logits.argmax(axis=1))
        assert loss_sum == pytest.approx(losses.sum(), rel=1e-12)
        assert (losses.dtype, logits.shape, classes) == (np.float64, (len(targets), 62), 62)


def test_a_metric_that_fails_ends_the_run_in_its_own_name():
    with registered(metrics, "fragile"):

        @metric("fragile")
        def fragile(targets):
            return 1 / max(0, 100 - len(targets))

        given = scenario(DIGITS, 'evaluation.metrics=["fragile"]')
        with pytest.raises(RunFailed, match=r"round 1: metric `fragile` raised ZeroDivisionError: .*\(test_scoring"):
            played(given)


def test_a_function_of_scikit_learn_is_a_metric_by_its_address():
    address = "sklearn.metrics:matthews_corrcoef"
    with registered(metrics, address, "witness"):
        seen = []

        @metric("witness")
        def witness(predictions, targets):
            seen.append(matthews_corrcoef(targets, predictions))
            return 0.5

        given = scenario(DIGITS, f'evaluation.metrics=["{address}", "witness"]', "rounds=1")
        seen.clear()
        last = ends(played(given))[-1]
    assert [last.scores[name] for name in (address, f"validation_{address}")] == seen


def test_owners_of_data_that_know_none_are_refused_when_the_data_are_there():
    given = scenario(DIGITS, 'evaluation.metrics=["balanced_accuracy", "accuracy_of_owners"]')
    with pytest.raises(ScenarioError) as refused:
        played(given)
    (problem,) = refused.value.problems
    assert problem.where == "evaluation.metrics[1]"
    assert problem.message == (
        "accuracy_of_owners needs data that know it, such as glyphs and femnist: digits does not know whose its test "
        "and training examples are"
    )


@pytest.mark.parametrize(
    ("chosen", "where", "message"),
    [
        ('["balanced_acuracy"]', "evaluation.metrics[0].name", "unknown metric `balanced_acuracy`; did you mean `bal"),
        ('["loss"]', "evaluation.metrics[0]", "loss is scored in any case: leave it out"),
        ('["worst_class_accuracy", {name = "worst_class_accuracy"}]', "evaluation.metrics[1]",
         "worst_class_accuracy stands there twice: leave it out"),
        ('[{name = "accuracy_of_worst_owners", share = 1.5}]', "evaluation.metrics[0].share", "must be ≤ 1.0, got 1.5"),
        ('"balanced_accuracy"', "evaluation.metrics", "must be a list of names or tables, got 'balanced_accuracy'"),
        ("[3]", "evaluation.metrics[0]", "must be the name of one of the metrics or a table, got 3"),
    ],
)  # fmt: skip
def test_a_wrong_choice_is_told_with_its_place(chosen, where, message):
    with pytest.raises(ScenarioError) as refused:
        scenario(DIGITS, f"evaluation.metrics={chosen}")
    (problem,) = refused.value.problems
    assert problem.where == where
    assert problem.message.startswith(message)


def test_a_metric_that_fails_on_any_examples_is_refused_before_any_work():
    with registered(metrics, "hopeless"):

        @metric("hopeless")
        def hopeless(targets):
            return float("inf")

        with pytest.raises(ScenarioError, match=r"`hopeless` answered wrongly: must be from 0 to 1: got inf"):
            scenario(DIGITS, 'evaluation.metrics=["hopeless"]')
