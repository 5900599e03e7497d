"""What a notebook shows: tables that stand by themselves, one tidy table of a study, figures in one line."""

import re

import numpy as np
import pytest

import fedsim
from fedsim.html_tables import table
from fedsim.scenario.load import load_scenario
from fedsim.study.cells import cells_of
from fedsim.study.plan import read_plan
from fedsim.study.results import study_of
from tests.study.small_study import study_in


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    list(fedsim.sweep(study_in(folder), folder / "out"))
    plan = read_plan(folder / "small.toml", folder / "out")
    study_of(plan, cells_of(plan)).write()
    return fedsim.load_study(folder / "out")


@pytest.fixture(scope="module")
def runs(study):
    return [fedsim.load_run(study.folder / place.folder) for place in study.places[:3]]


def test_one_tidy_table_of_a_study(study):
    columns = study.rounds()
    assert {len(column) for column in columns.values()} == {len(study.places) * 3}
    assert list(columns)[:5] == ["rule", "attack", "seed", "folder", "round"]
    assert columns["seed"].dtype == np.int64
    last = columns["round"] == 3
    for record in study.records:
        mine = last & (columns["folder"] == record["folder"])
        assert columns["rule"][mine].tolist() == [record["rule"]]
        assert columns["accuracy"][mine].tolist() == [record["final"]]


def test_as_parquet_for_pandas_and_polars(study, tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = study.parquet(tmp_path / "mine.parquet")
    found = parquet.read_table(path)
    assert found.num_rows == len(study.places) * 3
    assert found.column("accuracy").to_pylist() == study.rounds()["accuracy"].tolist()
    assert study.parquet().name == "rounds.parquet"
    polars = pytest.importorskip("polars")
    best = polars.read_parquet(path).filter(polars.col("round") == 3)["accuracy"].max()
    assert best == max(record["final"] for record in study.records)


def shown(thing):
    """What a notebook is given, after a look at what every such piece must keep."""
    text = thing._repr_html_()
    assert text.startswith('<div class="fedsim"><style>')
    assert text.endswith("</div>")
    assert not re.search(r"<script|<link|https?:|@import|url\(|\bon\w+=", text)
    for tag in ("div", "table", "tr", "td", "th", "details", "p"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>")
    return text


def test_everything_stands_by_itself(study, runs):
    assert "median" in shown(study)
    assert f"{runs[0].summary['final']:.3f}" in shown(runs[0])
    assert "The same in all of them: data, cohorts, batches, initial models." in shown(fedsim.compare(*runs[::2]))
    assert "Not the same, so that differences are partly chance: data" in shown(fedsim.compare(*runs))
    assert "all " in shown(runs[0].scenario)
    assert "aggregator.name" in shown(load_scenario("scenarios/krum_noise.toml"))


def test_words_of_others_are_no_markup():
    text = table("<b>", ["a", "<i>"], [("<script>", 0.5)])
    assert "<script>" not in text
    assert "<b>" not in text
    assert '<td class="n">0.500</td>' in text


def test_a_comparison_in_numbers(runs):
    found = fedsim.compare(runs[0], runs[1].folder, runs[2])
    first, *others = found.table()
    assert first["minus first"] == 0
    assert [each["minus first"] for each in others] == [each["final"] - first["final"] for each in others]
    assert "seed" in found.differences
    with pytest.raises(ValueError, match="two runs or more, got 1"):
        fedsim.compare(runs[0])


@pytest.mark.parametrize("kind", ["run", "comparison", "study"])
def test_figures_in_one_line(study, runs, tmp_path, kind):
    thing = {"run": runs[0], "comparison": fedsim.compare(*runs), "study": study}[kind]
    drawing = fedsim.draw(thing)
    assert drawing._repr_png_().startswith(b"\x89PNG")
    assert drawing.save(tmp_path / "x.png").read_bytes() == drawing.png
    assert "bytes of PNG" in repr(drawing)


def test_what_cannot_be_drawn_is_said(tmp_path):
    with pytest.raises(TypeError, match="a run, a comparison or a study, got int"):
        fedsim.draw(7)
