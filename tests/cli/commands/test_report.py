"""`fedsim report` as somebody meets it: what is written, what is said, and every wrong way to ask."""

import json

import pytest

from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL, ask
from tests.small_runs import run_in


@pytest.fixture
def mine(folder):
    run_in(folder / "runs" / "mine", parse_scenario(SMALL))
    return folder / "runs" / "mine"


def test_a_page_is_written_and_told_of(mine, capsys):
    answer = ask(capsys, "report", "runs/mine")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("runs/mine/report.html  run scenario: 6 figures, ")
    page = (mine / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    told = json.loads(ask(capsys, "report", "runs/mine", "--output", "pages/a.html", "--json").out)
    assert (mine.parent.parent / "pages" / "a.html").read_text() == page
    assert (told["page"], told["kind"], told["bytes"]) == ("pages/a.html", "run", len(page.encode()))
    assert "accuracy" in told["figures"] and "rounds" in told["tables"]


def test_what_is_no_results_folder_is_one_clear_message(mine, folder, capsys):
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("")
    for path, told in {
        "nowhere": "error: nowhere does not exist; fedsim runs lists the results folders there are\n",
        "a.txt": "error: a.txt is a file: a report is made of a results folder\n",
        "runs": "; in it are runs/mine: name one of these\n",
        "empty": "error: empty holds no run",
    }.items():
        answer = ask(capsys, "report", path)
        assert answer.code == 1
        assert answer.out == ""
        assert told in answer.err
        assert len(answer.err.splitlines()) == 1


def test_a_page_that_cannot_be_written_is_one_message(mine, folder, capsys):
    (folder / "file").write_text("")
    answer = ask(capsys, "report", "runs/mine", "--output", "file/report.html")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: ")
    assert len(answer.err.splitlines()) == 1


def test_figures_and_tables_come_beside_the_page(mine, capsys):
    answer = ask(capsys, "report", "runs/mine", "--figures", "SVG, svg", "--tables", "csv")
    assert answer.code == 0
    names = sorted(path.name for path in (mine / "report").iterdir())
    assert {"accuracy.svg", "rounds.csv", "partition.csv"} <= set(names)
    assert not [name for name in names if name.endswith((".png", ".pdf", ".md"))]
    assert f"runs/mine/report  {len(names)} files\n" in answer.out
    told = json.loads(ask(capsys, "report", "runs/mine", "--tables", "markdown", "--output", "b/c.html", "--json").out)
    assert "b/report/rounds.md" in told["files"]


@pytest.mark.parametrize(
    ("option", "kind", "told"),
    [
        ("--figures", "gif", "there are no gif files; it may be png, svg, pdf or all"),
        ("--tables", "cvs", "there are no cvs files; did you mean `csv`?"),
        ("--tables", "csv,tex", "there are no tex files"),
    ],
)
def test_a_kind_that_there_is_not_is_one_message(mine, capsys, option, kind, told):
    answer = ask(capsys, "report", "runs/mine", option, kind)
    assert (answer.code, answer.out) == (2, "")
    assert f"Invalid value for {option}: {told}" in answer.err
    assert not (mine / "report.html").exists()


OWN = """\
import numpy as np
from fedsim.aggregators.contract import Aggregate, aggregator

@aggregator("mean_of_a_report")
def mean_of_a_report(updates):
    \"\"\"The mean.\"\"\"
    return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))
"""


def test_own_code_that_is_gone_is_run_from_its_copy_when_it_is_asked_for(folder, tmp_path, capsys):
    (folder / "mine.py").write_text(OWN)
    text = SMALL.replace("rounds = 6", 'rounds = 2\nplugins = ["mine.py"]').replace(
        '"trimmed_mean"\nf = 2', '"mean_of_a_report"'
    )
    (folder / "own.toml").write_text(text)
    assert ask(capsys, "run", "own.toml", "--out", "own", "--quiet").code == 0
    assert ask(capsys, "report", "own").code == 0
    (folder / "mine.py").unlink()
    answer = ask(capsys, "report", "own")
    assert (answer.code, answer.out) == (1, "")
    assert "--kept-code" in answer.err
    answer = ask(capsys, "report", "own", "--kept-code")
    assert (answer.code, answer.err) == (0, "")
    assert "mean_of_a_report" in (folder / "own" / "report.html").read_text()
