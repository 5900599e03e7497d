"""Results folders found and read, chosen and put in order, whatever stands in them."""

import json
import os

import pytest

import fedsim
from fedsim.runs.listing import DAMAGED, find_runs
from fedsim.runs.lock import is_locked, lock_folder
from fedsim.runs.queries import chosen, list_runs
from fedsim.runs.summary_file import asked, finished, summary_text, unfinished
from tests.cli.recorded_run import history
from tests.small_runs import DIGITS, held, scenario

KRUM = ("aggregator.name=krum", "aggregator.f=1")
PLAIN = scenario(DIGITS, *KRUM, "seed=2", rest=held(1, name="alie"))
MIXED = scenario(DIGITS, *KRUM, 'preaggregators=[{name="nnm",f=1}]', "clients.population=14")
MEDIAN = scenario(DIGITS, "aggregator.name=median", 'partition={name="dirichlet",alpha=0.1}')
LEDGER = {"precision": 0.5, "recall": 1.0, "false_positives": 0.25, "silenced": 2}


def leave(folder, given, status="finished", **ends):
    """A results folder as far as a listing reads it."""
    folder.mkdir(parents=True)
    (folder / "scenario.toml").write_text("")
    told = history()
    body = finished(told.started, told.ended, LEDGER) if status == "finished" else unfinished(status)
    (folder / "summary.json").write_text(summary_text(asked(given) | body | ends, {"seconds": 2.5}))


@pytest.fixture
def runs(tmp_path):
    leave(tmp_path / "a", PLAIN, final=0.5)
    leave(tmp_path / "deep" / "er" / "b", MIXED, final=0.75)
    leave(tmp_path / "c", MEDIAN, "interrupted", rounds_done=2)
    return tmp_path


def names(found):
    return [run.path.name for run in found]


def test_runs_are_found_at_any_depth_and_none_within_another(runs):
    leave(runs / "a" / "origin", PLAIN, final=0.1)
    (runs / "loop").symlink_to(runs)
    assert names(find_runs(runs)) == ["a", "c", "b"]
    assert names(find_runs(runs / "a")) == ["a"]


def test_a_record_tells_what_was_run_and_what_came_of_it(runs):
    record = next(run.record for run in find_runs(runs) if run.path.name == "a")
    assert (record["rule"], record["attack"], record["seed"]) == ("krum(f=1)", "alie on clients 1", 2)
    assert (record["status"], record["rounds_done"], record["rounds"]) == ("finished", 3, 3)
    assert (record["final"], record["recall"], record["silenced"], record["seconds"]) == (0.5, 1.0, 2, 2.5)
    assert record["validation_accuracy"] == 0.75
    waiting = next(run.record for run in find_runs(runs) if run.path.name == "c")
    assert (waiting["status"], waiting["rounds_done"], waiting["final"]) == ("interrupted", 2, None)
    assert waiting["partition"] == "dirichlet(alpha=0.1)"


def test_summaries_of_older_runs_have_no_labels_and_go_by_names(runs):
    for folder in (runs / "a", runs / "deep" / "er" / "b"):
        summary = json.loads((folder / "summary.json").read_text())
        del summary["labels"], summary["ledger"]
        (folder / "summary.json").write_text(json.dumps(summary))
    records = {run.path.name: run.record for run in find_runs(runs)}
    assert (records["a"]["rule"], records["a"]["attack"], records["a"]["recall"]) == ("krum", "alie", None)
    assert (records["b"]["rule"], records["b"]["attack"]) == ("nnm+krum", "none")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"status": 3, "rule": ["x"], "labels": 7, "scores": [1], "seed": "one"}']
)
def test_what_is_no_summary_is_damaged_and_stops_nothing(runs, text):
    (runs / "a" / "summary.json").write_text(text)
    found = {run.path.name: run.record for run in find_runs(runs)}
    assert found["a"]["status"] == DAMAGED
    assert found["a"]["seed"] is None
    assert found["b"]["status"] == "finished"


def test_what_says_that_it_runs_and_is_held_by_nobody_was_interrupted(runs):
    leave(runs / "d", MEDIAN, "running")
    (runs / "d" / "metrics.csv").write_text("round\n1\n2\n")
    told = {run.path.name: run.record for run in find_runs(runs)}
    assert (told["d"]["status"], told["d"]["rounds_done"]) == ("interrupted", 2)
    lock = lock_folder(runs / "d")
    try:
        assert is_locked(runs / "d")
        assert {run.path.name: run.status for run in find_runs(runs)}["d"] == "running"
    finally:
        os.close(lock)
    assert not is_locked(runs / "d")


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (["aggregator=krum"], ["a", "b"]),
        (["rule=krum(f=1)"], ["a"]),
        (["rule=nnm*"], ["b"]),
        (["aggregator!=krum"], ["c"]),
        (["final>=0.5", "final<0.7"], ["a"]),
        (["attack=none"], ["c", "b"]),
        (["attacks=alie"], ["a"]),
        (["partition=dirichlet"], ["c"]),
        (["partition.alpha=0.1"], ["c"]),
        (["clients.population=14"], ["b"]),
        (["seed=1"], ["c", "b"]),
        (["training.drop_last=false"], ["a", "c", "b"]),
        (["status=finished", "seed=1"], ["b"]),
    ],
)
def test_conditions(runs, where, found):
    assert names(chosen(find_runs(runs), where, None)) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("final", ["b", "a", "c"]),
        ("-final", ["a", "b", "c"]),
        ("false_positives,seed", ["b", "a", "c"]),
        ("seed,-final", ["b", "c", "a"]),
        ("rule", ["a", "c", "b"]),
        ("clients.population,rule", ["a", "c", "b"]),
    ],
)
def test_scores_come_best_first_and_what_has_none_last(runs, order, found):
    assert names(chosen(find_runs(runs), [], order)) == found


@pytest.mark.parametrize(
    ("where", "order", "words"),
    [
        (["agregator=krum"], None, "did you mean `aggregator`?"),
        (["final=good"], None, "final is a number: got 'good'"),
        (["rule>krum"], None, "rule is no number"),
        (["krum"], None, "write KEY=VALUE"),
        (["rule="], None, "write KEY=VALUE"),
        ([], "finale", "did you mean `final`?"),
        ([], "xyz", "there are folder, name, rule"),
    ],
)
def test_what_is_asked_wrongly_is_told(runs, where, order, words):
    with pytest.raises(ValueError, match=r".*") as raised:
        chosen(find_runs(runs), where, order)
    assert words in str(raised.value)


def test_a_notebook_asks_in_one_line(runs, tmp_path):
    assert [record["seed"] for record in fedsim.list_runs(runs, ["aggregator=krum"], "final")] == [1, 2]
    assert list_runs(tmp_path / "c", sort="final") != []
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        list_runs("nowhere")
