"""The report of a comparison: its runs over one another, wherever they lie, and what is told of those that are gone."""

import csv
import shutil
from io import StringIO
from pathlib import Path

import pytest

from cli.app import main
from fedsim.report.collect import report_of
from fedsim.report.page import page_of
from fedsim.runs.comparison import interval
from fedsim.runs.load import load_run
from tests.cli.recorded_run import SMALL, ask
from tests.report.pages import Page


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("compared")
    for name, rule in (("trimmed", '"trimmed_mean"\nf = 2'), ("plain", '"fedavg"')):
        (place / f"{name}.toml").write_text(SMALL.replace('"trimmed_mean"\nf = 2', rule))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        with pytest.raises(SystemExit):
            main(["compare", "trimmed.toml", "plain.toml", "--quiet"])
    return next((place / "runs").glob("compare-*"))


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made.parent, tmp_path / "elsewhere")) / made.name


def tables(folder):
    return {table.name: table for table in report_of(folder).tables}


def test_the_runs_lie_over_one_another(made, monkeypatch):
    monkeypatch.chdir(made.parent.parent)
    read = Page(page_of(report_of(made)))
    assert list(read.figures) == ["accuracy", "loss", "weight"]
    assert read.tables["accuracy"][0] == ["round", "trimmed", "plain"]
    settings = {row[0]: row[1:] for row in read.tables["settings"][1:]}
    assert settings["aggregator.name"] == ['"trimmed_mean"', '"fedavg"']
    assert settings["aggregator.f"] == ["2", "–"]
    assert "data, cohorts, batches, initial models in all runs" in read.text


def test_its_differences_are_those_of_the_runs(folder):
    first, other = (load_run(folder.parent / line["folder"].split("/")[1]) for line in lines(folder))
    final, base = other.summary["final"], first.summary["final"]
    (_, row) = tables(folder)["runs"].rows
    assert row[4] == final
    assert row[5].value == final - base
    assert row[5].text == f"{final - base:+.3f} ±{interval(final, base, first.events[0].test):.3f}"
    cut = {row[0]: row[2] for row in tables(folder)["ledger"].rows}
    assert cut["trimmed"] == first.summary["ledger"]["recall"]


def lines(folder):
    return list(csv.DictReader(StringIO((folder / "summary.csv").read_text())))


def test_runs_are_found_beside_a_comparison_that_was_moved(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = report_of(folder)
    assert [notice.text for notice in report.notices if notice.kind == "warning"] == []
    assert len(report.pictures) == 3


def test_of_a_run_that_is_gone_its_line_is_told(folder):
    shutil.rmtree(folder.parent / lines(folder)[0]["folder"].split("/")[1])
    report = report_of(folder)
    (warning,) = [notice.text for notice in report.notices if notice.kind == "warning"]
    assert warning.startswith("trimmed: its run was not found")
    rows = tables(folder)["runs"].rows
    assert [row[0] for row in rows] == ["trimmed", "plain"]
    assert rows[0][4] == float(lines(folder)[0]["final"])
    page_of(report)


def test_a_line_that_was_changed_is_told(folder):
    text = (folder / "summary.csv").read_text()
    (folder / "summary.csv").write_text(text.replace(lines(folder)[1]["final"], "0.999"))
    told = [notice.text for notice in report_of(folder).notices if notice.kind == "warning"]
    assert any(each.startswith("plain: summary.csv says final 0.999, its own folder 0.") for each in told)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "run,scenario,folder,final\nonly\n"])
def test_a_table_of_something_else_is_refused(tmp_path, capsys, text):
    (tmp_path / "summary.csv").write_text(text)
    answer = ask(capsys, "report", tmp_path)
    assert (answer.code, answer.out) == (1, "")
    assert "is no table of fedsim compare" in answer.err


def test_a_number_that_cannot_be_is_told_as_it_stands_and_has_no_interval(folder):
    shutil.rmtree(folder.parent / lines(folder)[0]["folder"].split("/")[1])
    text = (folder / "summary.csv").read_text()
    (folder / "summary.csv").write_text(text.replace(lines(folder)[0]["final"], "7.5"))
    first, other = tables(folder)["runs"].rows
    assert first[4] == 7.5
    assert other[5].value == other[4] - 7.5
