"""The report of a run: the folder's own numbers, whatever state it is in, on one page that asks for nothing."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fedsim.report.collect import report_of
from fedsim.report.course import means_of, rounds_together, steady
from fedsim.report.document import shown
from fedsim.report.page import page_of
from fedsim.report.stating import AUTHORS, TITLE
from fedsim.runs.load import load_run
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL, ask
from tests.report.pages import Page
from tests.small_runs import run_in

QUESTION = 'Does <b>it</b> & \\"$x$\\" survive?'


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs") / "mine"
    text = SMALL.removeprefix("# Does the small one run?\n")
    run_in(place, parse_scenario(f'question = "{QUESTION}"\n{text}'))
    return place


@pytest.fixture(scope="module")
def page(made):
    return page_of(report_of(made))


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "mine"))


def words_of(folder):
    return Page(page_of(report_of(folder))).text


def test_every_figure_says_what_it_shows_and_has_its_numbers_behind_it(page):
    read = Page(page)
    assert list(read.figures) == ["accuracy", "loss", "weight", "cut", "partition", "cost"]
    for name, figure in read.figures.items():
        assert figure["labels"] == [f"{name}-title", f"{name}-words"]
        assert set(figure["labels"]) <= set(read.ids)
        assert figure["title"] and len(figure["desc"]) > 40
        assert len(read.tables[name]) > 1
    assert len(set(read.ids)) == len(read.ids)


def test_its_numbers_are_the_folders(made, page):
    run, read = load_run(made), Page(page)
    heads, *rows = read.tables["rounds"]
    assert [row[heads.index("accuracy")] for row in rows] == [
        "–" if math.isnan(value) else f"{value:.3f}" for value in run.metrics["accuracy"]
    ]
    sides = {row[0]: row[1:3] for row in read.tables["ledger"][1:]}
    told = run.summary["ledger"]
    assert sides["attackers"] == [str(told["byzantine_rows"]), str(told["byzantine_cut"])]
    assert sides["honest"] == [str(told["honest_rows"]), str(told["honest_cut"])]
    assert f"final {run.summary['final']:.3f} test accuracy after the last round" in read.text
    held = (made / "partition.csv").read_text().splitlines()
    assert [",".join(row) for row in read.tables["partition"][1:]] == [
        ",".join(line.split(",")[:1] + line.split(",")[2:]) for line in held[1:]
    ]
    state = dict(map(tuple, read.tables["statement"][1:]))
    assert state["rule"] == "trimmed_mean(f=2)"
    assert state["attack"] == "sign_flip on 20%"
    assert state["seed"].startswith("1: one seed")
    assert run.summary["scenario"] in state["scenario"]


def test_the_phases_are_the_whole_of_the_clock(made):
    rows = {row[0]: row for row in next(t for t in report_of(made).tables if t.name == "cost").rows}
    parts = [rows[name][1] for name in ("training", "aggregation", "evaluation", "rest")]
    assert sum(parts) == pytest.approx(rows["all"][1])
    assert rows["all"][1] == pytest.approx(load_run(made).metrics["seconds"].sum(), abs=1e-5)


def test_nothing_is_asked_for_and_every_word_is_escaped(page):
    assert "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page)) - {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
    }  # fmt: skip
    assert addresses == set()
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert "<b>it</b>" not in page
    assert 'Does <b>it</b> & "$x$" survive?' in Page(page).text
    assert len(page) < 500_000


def test_the_same_folder_gives_the_same_bytes_wherever_it_lies(made, folder, page, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert page_of(report_of(Path("mine"))) == page


def test_a_report_in_the_folder_changes_no_verdict(folder, capsys):
    assert ask(capsys, "report", folder).code == 0
    (folder / "report").mkdir()
    answer = ask(capsys, "verify", folder)
    assert answer.code == 0
    assert "report.html" in answer.out
    assert "no run put there" not in answer.out


def test_an_unfinished_run_is_reported_as_far_as_it_goes(folder):
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    ends = [place for place, line in enumerate(lines) if b'"RoundEnded"' in line]
    (folder / "events.jsonl").write_bytes(b"".join(lines[: ends[3] + 1]))
    summary = json.loads((folder / "summary.json").read_text())
    kept = list(summary)[: list(summary).index("status")]
    summary = {key: summary[key] for key in (*kept, "versions", "host", "wall")} | {"status": "running"}
    (folder / "summary.json").write_text(json.dumps(summary))
    text = words_of(folder)
    assert "The run is interrupted: 4 of 6 rounds are on record, and no number here is final." in text
    assert "accuracy so far" in text
    assert "fedsim resume mine" in text


def test_a_run_without_a_round_has_a_report(folder):
    for name in ("events.jsonl", "metrics.csv"):
        (folder / name).write_bytes((folder / name).read_bytes().splitlines(keepends=True)[0])
    text = words_of(folder)
    assert "there is no ledger" in text
    assert "The folder does not agree" in text


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("metrics.csv", lambda text: text.replace("\n2,", "\n2,9", 1), "metrics.csv, row 2"),
        ("summary.json", lambda text: re.sub(r'"final": [0-9.]+', '"final": 0.99', text), "summary.json, final: 0.99"),
        ("partition.csv", lambda text: text.replace("client,", "owner,", 1), "partition.csv is damaged"),
        ("summary.json", lambda text: text[:100], "summary.json"),
    ],
)
def test_a_changed_folder_says_so_first(folder, name, change, told):
    (folder / name).write_text(change((folder / name).read_text()))
    notices = [notice.text for notice in report_of(folder).notices if notice.kind == "warning"]
    assert any(told in notice for notice in notices), notices


def test_the_commands_on_the_page_do_what_they_say(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    (listing,) = [part for section in report_of(folder).sections for part in section.parts if part.__class__.__name__ == "Listing" and part.name == "commands"]  # fmt: skip  # noqa: E501
    for line in listing.text.splitlines():
        answer = ask(capsys, *line.partition("#")[0].split()[1:])
        assert answer.code == 0, (line, answer)
    again = load_run("again").summary
    assert again["digest"] == load_run(folder).summary["digest"]


def test_what_is_cited_is_what_the_house_says_of_itself():
    text = (Path(__file__).parents[2] / "CITATION.cff").read_text()
    assert f'title: "{TITLE}"' in text
    assert f'name: "{AUTHORS}"' in text


def test_making_a_report_imports_no_torch(folder):
    code = f"import sys; from cli.app import main\ntry: main(['report', {str(folder)!r}])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.split()[-1] == "False"


def test_numbers_are_written_by_what_they_are():
    assert shown(0.98765, "share") == "0.988"
    assert shown(12345, "count") == "12,345"
    assert shown(float("nan"), "count") == "nan"
    assert shown(4.1e-9, "number") == "4.10e-09"
    assert shown(None) == shown("") == "–"
    assert shown(True) == "yes"


def test_events_with_a_score_that_nobody_knows_are_refused_in_words(folder, capsys):
    text = (folder / "events.jsonl").read_text().replace('"validation_accuracy"', '"valid_accuracy"')
    (folder / "events.jsonl").write_text(text)
    answer = ask(capsys, "report", folder)
    assert (answer.code, answer.out) == (1, "")
    assert "its events name a score that is not known here: valid_accuracy" in answer.err


def test_what_leaps_from_round_to_round_is_averaged_and_says_so():
    values = [(number, float(number % 2)) for number in range(1, 1001)]
    together = rounds_together(1000)
    line = steady("a", values, 0, together)
    assert (together, len(line.x)) == (13, 77)
    assert list(line.x[:2]) == [7, 20]
    assert line.y[0] == pytest.approx(7 / 13)
    assert not line.steps
    assert means_of(together) == ("each point is the mean over 13 rounds",)
    alone = steady("a", values[:80], 0, rounds_together(80))
    assert (list(alone.x), list(alone.y)) == ([x for x, _ in values[:80]], [y for _, y in values[:80]])
    assert alone.steps and means_of(1) == ()
