"""The report of a study: the statistics of its own tables, curves over seeds, and what is wrong told first."""

import json
import shutil
from pathlib import Path

import pytest

from fedsim.report.collect import report_of
from fedsim.report.page import page_of
from fedsim.report.study_figures import band
from fedsim.report.study_read import read_study
from fedsim.report.worst_figures import worst_by
from fedsim.study.cells import cells_of
from fedsim.study.perform import sweep
from fedsim.study.plan import read_plan
from fedsim.study.results import load_study, study_of
from tests.cli.recorded_run import ask
from tests.report.pages import Page
from tests.study.small_study import STUDY, study_in

ALPHA = STUDY.replace("[variants.rule]", '[axes]\n"partition.alpha" = [0.1, 10]\n\n[variants.rule]').replace(
    "clients =", 'partition = { name = "dirichlet", alpha = 1.0 }\nclients ='
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = tmp_path_factory.mktemp("study")
    path, out = study_in(place, ALPHA), place / "out"
    list(sweep(path, out))
    plan = read_plan(path, out)
    study_of(plan, cells_of(plan)).write()
    return out


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "out"))


@pytest.fixture(scope="module")
def report(made):
    return report_of(made)


def table(report, name):
    return next(each for each in report.tables if each.name == name)


def test_a_heat_map_for_every_condition_with_the_means_of_the_study(made, report):
    means = {table.name: table for table in load_study(made).tables()}["means"].records()
    shown = [record for name in ("heat-1", "heat-2") for record in table(report, name).records]
    assert sorted(map(str, (dict(sorted(record.items())) for record in shown))) == sorted(
        str(dict(sorted(record.items()))) for record in means
    )
    heat = table(report, "heat-1")
    assert [column.name for column in heat.columns] == ["rule \\ attack", "none", "flip"]
    assert heat.rows[0][1].value == means[0]["mean"]
    assert heat.rows[0][1].text.startswith(f"{means[0]['mean']:.3f} ±")
    assert all(shade.startswith("#") for row in heat.shades for shade in row[1:])


def test_a_page_has_every_part(report):
    read = Page(page_of(report))
    curves = [f"curve-{number}" for number in range(1, 5)]
    assert list(read.figures) == [*curves, "worst-by-1-partition-alpha", "partition-1", "partition-2", "cost"]
    assert {"heat-1", "heat-2", "worst", "differences", "ranks", "ledger", "cells", "settings"} <= set(read.tables)
    assert all(figure["desc"] for figure in read.figures.values())
    assert len(set(read.ids)) == len(read.ids)
    assert "fedsim sweep small.toml --out again" in read.text
    assert "# Which rule is best?" in " ".join(read.words)


def test_a_curve_is_the_mean_of_the_seeds_with_least_and_greatest_about_it():
    line = band("a", [{1: 0.2, 2: 0.4, 3: 0.9}, {1: 0.4, 2: 0.8}], 0)
    assert (list(line.x), list(line.y)) == ([1, 2], pytest.approx([0.3, 0.6]))
    assert (line.low, line.high) == ((0.2, 0.4), (0.4, 0.8))
    assert band("a", [{1: 0.2}], 0).low == ()
    assert band("a", [{1: 0.2}, {2: 0.2}], 0) is None
    assert band("a", [], 0) is None


def test_the_worst_case_by_heterogeneity_is_that_of_the_records(made):
    study = load_study(made)
    picture = worst_by(read_study(study, lambda *_: None), "partition.alpha")
    for rule, alpha, told, where, seeds in picture.table.rows:
        scores = {
            record["attack"] + record["seed"]: record["final"]
            for record in [{**each, "seed": str(each["seed"])} for each in study.records]
            if (record["rule"], record["partition.alpha"]) == (rule, alpha)
        }
        worst = [min(scores[f"{attack}{seed}"] for attack in ("none", "flip")) for seed in "12"]
        assert told.value == pytest.approx(sum(worst) / 2)
        sums = {attack: sum(scores[f"{attack}{seed}"] for seed in "12") for attack in ("none", "flip")}
        assert (sums[where], seeds) == (min(sums.values()), 2)


def test_what_is_missing_and_what_was_changed_is_said_first(folder):
    first, second = json.loads((folder / "study.json").read_text())["cells"][:2]
    shutil.rmtree(folder / first["folder"])
    metrics = folder / second["folder"] / "metrics.csv"
    metrics.write_text(metrics.read_text().replace("\n2,", "\n3,", 1))
    told = [notice.text for notice in report_of(folder).notices if notice.kind == "warning"]
    assert told[0].startswith("15 of 16 cells are finished: the study is not whole")
    assert told[1].startswith(f"{second['folder']} does not agree with its own events: metrics.csv")


def test_a_study_without_a_finished_cell_has_a_page(folder):
    shutil.rmtree(folder / "cells")
    page = page_of(report_of(folder))
    assert "No cell is finished." in Page(page).text


def test_the_page_is_written_into_the_studys_folder(folder, capsys):
    answer = ask(capsys, "report", folder)
    assert answer.code == 0
    first = (folder / "report.html").read_bytes()
    assert ask(capsys, "report", folder).code == 0
    assert (folder / "report.html").read_bytes() == first
    (folder / "study.json").write_text("{}")
    answer = ask(capsys, "report", folder)
    assert (answer.code, answer.out) == (1, "")
    assert "study.json cannot be read" in answer.err


def study_of_text(place, text):
    path = study_in(place, text)
    plan = read_plan(path, place / "out")
    list(sweep(path, place / "out"))
    study_of(plan, cells_of(plan)).write()
    return place / "out"


LOSS = (
    STUDY.split("[variants.rule]", maxsplit=1)[0]
    .replace("seeds = 2", "seeds = 1")
    .replace("clients =", 'aggregator = "trimmed_mean"\nclients =')
)


def test_a_study_of_one_seed_by_f_and_a_score_of_which_less_is_better(tmp_path):
    folder = study_of_text(tmp_path, f'{LOSS}\n[axes]\n"aggregator.f" = [0, 1, 2]\n[statistics]\nscore = "loss"\n')
    report = report_of(folder)
    losses = [record["loss"] for record in load_study(folder).records]
    by_f = table(report, "worst-by-1-aggregator-f")
    assert [row[2].value for row in by_f.rows] == losses
    assert [row[1] for row in by_f.rows] == ["0", "1", "2"]
    assert "one seed: no band" in by_f.notes[0]
    assert [row[1].value for row in table(report, "means").rows] == losses
    assert "one seed" in Page(page_of(report)).text


def test_a_study_of_seeds_alone_has_a_page(tmp_path):
    report = report_of(
        study_of_text(tmp_path, LOSS.replace('"trimmed_mean"', '"median"').replace("seeds = 1", "seeds = 2"))
    )
    (row,) = table(report, "means").rows
    assert row[-1].value == 2
    assert "curve-1" in Page(page_of(report)).figures


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"statistics": {"compare": "x"}}, "its statistics name an axis that there is not"),
        ({"statistics": {"score": "x"}}, "its score is none that is known here"),
        ({"statistics": {"compare": "rule", "reference": "x"}}, "its reference is no level"),
        ({"axes": {"rule": ["mean"]}}, "its axes are not lists of words"),
        ({"axes": {"seed": ["1"]}, "statistics": {}}, "its cells have other labels than its axes have levels"),
        ({"question": 1}, "its name, question and source are words"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused_in_words(folder, change, told, capsys):
    table = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(table | change))
    answer = ask(capsys, "report", folder)
    assert (answer.code, answer.out) == (1, "")
    assert f"study.json cannot be read: {told}" in answer.err


@pytest.mark.parametrize("change", [{"attacks": None}, {"wall": []}, {"scenario": "0" * 16}, {"scores": 1}])
def test_a_cell_whose_summary_is_damaged_is_told_and_left_out(folder, change):
    path = folder / json.loads((folder / "study.json").read_text())["cells"][0]["folder"] / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    told = [notice.text for notice in report_of(folder).notices if notice.kind == "warning"]
    assert told[0].startswith("15 of 16 cells are finished")
    assert "its summary is damaged, or that of another scenario" in told[1]


@pytest.mark.parametrize("change", [{"labels": {"a": 1}}, {"wall": {"seconds": [1]}}, {"settings": 1}, {"host": 3}])
def test_what_no_run_writes_into_a_summary_breaks_no_page(folder, change):
    path = folder / json.loads((folder / "study.json").read_text())["cells"][0]["folder"] / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert page_of(report_of(folder)).startswith("<!doctype html>")
