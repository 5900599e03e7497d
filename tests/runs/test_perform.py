"""A run without a terminal: kept, broken off, gone on with, read, verified; never by way of `cli`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fedsim
from fedsim.errors import ResultsConflict, ScenarioError
from fedsim.events import RoundEnded, RunEnded, RunStarted

SMALL = ["rounds=4", 'execution.backend="serial"', "evaluation.limit=60"]


@pytest.fixture
def scenario():
    return fedsim.load_scenario("smoke", SMALL)


def files(folder):
    kept = ("events.jsonl", "metrics.csv", "model.safetensors", "scenario.toml")
    return {name: (folder / name).read_bytes() for name in kept if name not in ("events.jsonl", "metrics.csv")}


def test_a_run_is_kept_and_read(scenario, tmp_path):
    events = list(fedsim.perform(scenario, tmp_path / "run"))
    run = fedsim.load_run(tmp_path / "run")
    assert run.finished
    assert run.events == events
    assert run.scenario == scenario
    assert run.metrics["round"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(
        run.metrics["accuracy"], [event.accuracy for event in events if isinstance(event, RoundEnded)]
    )
    assert run.verify().difference is None
    assert run.summary["final"] == events[-1].final
    assert sum(array.size for array in run.model.values()) == events[0].parameters
    assert repr(run) == f"<run smoke in {tmp_path / 'run'}: finished>"
    assert f"{events[-1].final:.3f}" in run._repr_html_()


def test_a_run_on_files_that_were_changed_is_not_gone_on_with(tmp_path):
    draw = np.random.default_rng(0)
    inputs, targets = draw.standard_normal((60, 3)), np.arange(60) % 3
    np.savez(tmp_path / "mine.npz", inputs=inputs, targets=targets)
    (tmp_path / "own.toml").write_text(
        'rounds = 3\nmodel = "logistic"\ndata = {name = "npz", file = "mine.npz"}\nroot.size = 4\n'
        "evaluation.validation = 4\nclients.population = 5\nclients.sampled = 3\n"
    )
    scenario = fedsim.load_scenario(tmp_path / "own.toml", ['execution.backend="serial"'])
    for event in fedsim.perform(scenario, tmp_path / "run"):
        if isinstance(event, RoundEnded):
            break
    first = fedsim.load_run(tmp_path / "run").events[0]
    assert len(first.data) == 16
    np.savez(tmp_path / "mine.npz", inputs=inputs + 1, targets=targets)
    with pytest.raises(
        ResultsConflict, match=f"data files were changed after the run began .their digest was {first.data}"
    ):
        list(fedsim.perform(scenario, tmp_path / "run"))
    assert fedsim.load_run(tmp_path / "run").verify().difference.field == "data"
    np.savez(tmp_path / "mine.npz", inputs=inputs, targets=targets)
    *_, last = fedsim.perform(scenario, tmp_path / "run")
    assert isinstance(last, RunEnded)
    assert fedsim.load_run(tmp_path / "run").verify().difference is None


def test_leaving_the_loop_keeps_the_last_whole_round_and_the_same_call_goes_on(scenario, tmp_path):
    for event in fedsim.perform(scenario, tmp_path / "run"):
        if isinstance(event, RoundEnded) and event.round == 2:
            break
    left = fedsim.load_run(tmp_path / "run")
    assert repr(left).endswith("2 of 4 rounds>")
    rest = list(left.resume())
    assert isinstance(rest[0], RunStarted)
    assert [event.round for event in rest if isinstance(event, RoundEnded)] == [3, 4]
    whole = list(fedsim.perform(scenario, tmp_path / "straight"))
    assert fedsim.load_run(tmp_path / "run").events == whole
    assert files(tmp_path / "run") == files(tmp_path / "straight")


def test_an_interrupt_in_the_loop_loses_nothing(scenario, tmp_path):
    def reader():
        for event in fedsim.perform(scenario, tmp_path / "run"):
            if isinstance(event, RoundEnded) and event.round == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reader()
    assert len(fedsim.load_run(tmp_path / "run").metrics["round"]) == 3


def test_a_finished_run_is_not_made_again_unless_it_is_forced(scenario, tmp_path):
    assert isinstance(list(fedsim.perform(scenario, tmp_path / "run"))[-1], RunEnded)
    assert list(fedsim.perform(scenario, tmp_path / "run")) == []
    assert len(list(fedsim.perform(scenario, tmp_path / "run", force=True))) > 0


def test_what_is_wrong_is_said(scenario, tmp_path):
    with pytest.raises(ScenarioError, match="No such file"):
        fedsim.perform("nowhere.toml")
    with pytest.raises(ResultsConflict, match="is no results folder"):
        fedsim.load_run(tmp_path)
    list(fedsim.perform(scenario, tmp_path / "run"))
    other = fedsim.load_scenario("smoke", [*SMALL, "seed=2"])
    with pytest.raises(ResultsConflict, match="seed"):
        list(fedsim.perform(other, tmp_path / "run"))


def test_metrics_are_a_frame_where_pandas_is_there(scenario, tmp_path):
    pytest.importorskip("pandas")
    list(fedsim.perform(scenario, tmp_path / "run"))
    assert list(fedsim.load_run(tmp_path / "run").frame()["round"]) == [1, 2, 3, 4]


def test_a_notebook_never_meets_the_terminal(tmp_path):
    code = (
        "import sys, fedsim\n"
        f"scenario = fedsim.load_scenario('smoke', {SMALL!r})\n"
        "list(fedsim.perform(scenario, 'run'))\n"
        "assert fedsim.load_run('run').verify().difference is None\n"
        "bad = [name for name in sys.modules if name.split('.')[0] in ('cli', 'typer')]\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize("script", sorted((Path(__file__).parents[2] / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_examples_run(script, tmp_path):
    done = subprocess.run([sys.executable, script], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_notebook_runs_cell_by_cell(tmp_path):
    """As a kernel would, in a process of its own: each cell in the names that the ones before left."""
    notebook = json.loads((Path(__file__).parents[2] / "examples" / "own_rule.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    text = "\n".join(
        f"exec(compile({cell!r}, '<cell {place}>', 'exec'), globals())" for place, cell in enumerate(cells)
    )
    (tmp_path / "cells.py").write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "cells.py"], check=False, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(cells) >= 6
    assert (tmp_path / "runs" / "own_rule" / "summary.json").exists()
