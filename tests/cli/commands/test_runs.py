"""The list of runs: at 80 columns, piped, as JSON and CSV, and every wrong way to ask."""

import csv
import json
from io import StringIO

import pytest
from rich.console import Console

from cli.commands.runs import lines
from fedsim.runs.listing import find_runs
from tests.cli.recorded_run import ask
from tests.runs.test_listing import runs

__all__ = ["runs"]


def test_a_line_a_run_and_what_all_share_above(runs, capsys):
    answer = ask(capsys, "runs", runs)
    told = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert told[0] == " all  data digits · model logistic"
    assert told[1].split() == ["folder", "rule", "attack", "partition", "seed", "final", "selected", "best", "status"]
    assert [line.split()[0] for line in told[2:5]] == ["a", "c", "deep/er/b"]
    assert told[3].endswith("interrupted 2/3")
    assert told[5] == " 3 runs: 2 finished, 1 interrupted"


def test_a_terminal_of_eighty_columns_is_not_too_narrow(runs, monkeypatch):
    screen = Console(force_terminal=True, width=80)
    monkeypatch.setattr("cli.commands.runs.output", lambda: screen)
    told = [line.plain for line in lines(runs, find_runs(runs), ["best"])]
    assert max(map(len, told)) <= 80
    assert " best " in told[1]
    assert "selected" not in told[1]
    assert "interrupted 2/3" in told[3]


def test_what_is_asked_for_is_shown(runs, capsys):
    answer = ask(capsys, "runs", runs, "--where", "aggregator=krum", "--sort", "clients.population")
    assert "clients.population" in answer.out
    assert [line.split()[0] for line in answer.out.splitlines()[2:4]] == ["a", "deep/er/b"]


def test_json_and_csv_hold_every_column(runs, capsys):
    records = json.loads(ask(capsys, "runs", runs, "--json", "--sort", "final").out)
    rows = list(csv.DictReader(StringIO(ask(capsys, "runs", runs, "--csv", "--sort", "final").out)))
    assert [record["seed"] for record in records] == [1, 2, 1]
    assert [row["rule"] for row in rows] == [record["rule"] for record in records]
    assert rows[0].keys() == records[0].keys()
    assert rows[2]["final"] == ""


def test_no_runs_are_no_mistake(runs, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    answer = ask(capsys, "runs", tmp_path / "empty", "--where", "rule=krum")
    assert (answer.code, answer.out) == (0, "")
    assert "no runs in" in answer.err
    answer = ask(capsys, "runs", runs, "--where", "rule=medoid")
    assert "none of 3 runs is like that" in answer.err
    assert json.loads(ask(capsys, "runs", tmp_path / "empty", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere is not there"),
        (("Makefile",), "Makefile is no folder"),
        (("--json", "--csv", "tests"), "not both"),
    ],
)
def test_wrong_ways_to_ask(capsys, arguments, words):
    answer = ask(capsys, "runs", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err


def test_a_misspelt_key_is_set_right(runs, capsys):
    answer = ask(capsys, "runs", runs, "--where", "agregator=krum")
    assert answer.code == 2
    assert "did you mean `aggregator`?" in answer.err
