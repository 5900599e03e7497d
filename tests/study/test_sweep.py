"""Studies played: every cell once, failures apart, killed and gone on with, stale told from fresh."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fedsim
from fedsim.errors import ResultsConflict, StorageFailed
from fedsim.runs.code_record import fedsim_files
from fedsim.study.cells import cells_of
from fedsim.study.code import used_files
from fedsim.study.perform import Sweep
from fedsim.study.plan import read_plan
from fedsim.study.results import load_study, study_of
from fedsim.study.state import states_of
from fedsim.study.where import Where
from tests.small_runs import content
from tests.study.small_study import STUDY, study_in

HOUSE = Path(__file__).parents[2]


def statuses(path, out):
    cells = cells_of(read_plan(path, out))
    states = states_of(cells)
    return {cell.name: (states[cell.folder].status, states[cell.folder].reason) for cell in cells}


def play(path, out, workers=1):
    return [event for event in fedsim.sweep(path, out, workers=workers) if event.kind != "started"]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A study that one process has played."""
    folder = tmp_path_factory.mktemp("study")
    path = study_in(folder)
    events = play(path, folder / "out")
    assert [event.kind for event in events] == ["finished"] * 8
    return path, folder / "out"


def test_a_cell_is_an_ordinary_results_folder(played):
    path, out = played
    cell = cells_of(read_plan(path, out))[-1]
    run = fedsim.load_run(cell.folder)
    assert run.finished
    assert run.scenario.seed == 2
    assert run.verify().difference is None


def test_what_is_finished_is_not_played_again(played):
    assert play(*played) == []
    assert {status for status, _ in statuses(*played).values()} == {"finished"}


def test_two_workers_give_the_same_bytes(played, tmp_path):
    path, out = played
    assert [event.kind for event in play(path, tmp_path / "two", workers=2)] == ["finished"] * 8
    ours, theirs = content(out / "cells"), content(tmp_path / "two" / "cells")
    assert ours == theirs
    for name in ("means.csv", "differences.csv", "worst.csv", "ranks.csv"):
        tables = []
        for folder in (out, tmp_path / "two"):
            plan = read_plan(path, folder)
            study_of(plan, cells_of(plan)).write()
            tables.append((folder / name).read_text())
        assert tables[0] == tables[1]


def test_the_records_are_the_runs_numbers_and_are_read_without_the_study_file(played):
    path, out = played
    plan = read_plan(path, out)
    study_of(plan, cells_of(plan)).write()
    study = load_study(out)
    assert len(study.records) == 8
    for record in study.records:
        summary = json.loads((out / record["folder"] / "summary.json").read_text())
        assert record["final"] == summary["final"]
        assert record["scenario_rule"] == summary["rule"]
    assert repr(study) == f"<study small in {out}: 8 of 8 cells finished>"
    assert study._repr_html_().count("<table>") == 4
    assert (out / "tables.md").read_text().startswith("# small\n\nWhich rule is best?")
    with pytest.raises(ResultsConflict, match="is no study's folder"):
        load_study(path.parent)


def test_a_changed_key_makes_cells_stale_and_says_which(played):
    path, out = played
    longer = study_in(path.parent, STUDY.replace("rounds = 3", "rounds = 4"), "longer.toml")
    text = longer.read_text().replace("# Which", "# Which", 1)
    longer.write_text(f'name = "small"\n{text}')
    assert set(statuses(longer, out).values()) == {("stale", "rounds was 3, is 4")}


def test_a_new_level_is_new_and_makes_nothing_stale(played):
    path, out = played
    text = STUDY.replace("[variants.attack]", 'krum = { aggregator = { name = "krum", f = 1 } }\n[variants.attack]')
    more = study_in(path.parent, f'name = "small"\n{text}', "more.toml")
    found = statuses(more, out)
    assert {name for name, (status, _) in found.items() if status == "new"} == {n for n in found if "krum" in n}
    assert [status for status, _ in found.values()].count("finished") == 8


def test_other_code_makes_exactly_the_cells_stale_that_use_it(played, monkeypatch):
    path, out = played
    changed = fedsim_files() | {"fedsim/aggregators/coordinatewise.py": "0" * 64}
    monkeypatch.setattr("fedsim.runs.code_record.fedsim_files", lambda: changed)
    found = statuses(path, out)
    words = "made by other code: fedsim/aggregators/coordinatewise.py changed"
    assert {name for name, state in found.items() if state == ("stale", words)} == {n for n in found if "median" in n}
    assert [status for status, _ in found.values()].count("finished") == 4


def test_the_engine_counts_for_every_cell_and_readers_of_results_for_none(played, monkeypatch):
    path, out = played
    before = fedsim_files()
    for file, status in {"fedsim/engine.py": "stale", "fedsim/report/figures.py": "finished"}.items():
        monkeypatch.setattr("fedsim.runs.code_record.fedsim_files", lambda file=file: before | {file: "0" * 64})
        assert {found for found, _ in statuses(path, out).values()} == {status}


def test_files_that_a_rule_imports_are_used_by_it():
    used = used_files((str(HOUSE / "fedsim/aggregators/prediction.py"),))
    assert "fedsim/aggregators/prediction.py" in used
    assert any(name.startswith("fedsim/aggregators/_") for name in used)
    assert "fedsim/aggregators/bulyan.py" not in used


def test_results_that_were_edited_are_told_and_not_used(played, tmp_path):
    import shutil

    path, out = played
    shutil.copytree(out, tmp_path / "edited")
    cell = cells_of(read_plan(path, tmp_path / "edited"))[0]
    summary = cell.folder / "summary.json"
    summary.write_text(summary.read_text().replace('"final": 0', '"final": 1'))
    (status, reason), *others = statuses(path, tmp_path / "edited").values()
    assert status == "damaged"
    assert "summary.json" in reason
    assert {status for status, _ in others} == {"finished"}


FAILS = """
import numpy as np

from fedsim.aggregators import aggregator

@aggregator("breaks")
def breaks(updates, memory):
    if memory is not None:
        raise ArithmeticError("out of rules")
    return __import__("fedsim.aggregators", fromlist=["Aggregate"]).Aggregate(
        updates.mean(axis=0), np.full(len(updates), 1 / len(updates)), {"rounds": np.ones(1)}
    )
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cell_that_fails_is_told_and_the_others_go_on(own, tmp_path, workers):
    own("rules.py", FAILS)
    text = STUDY.replace("[base]", '[base]\nplugins = ["rules.py"]')
    text = text.replace("median = {", 'breaks = { aggregator = "breaks" }\nmedian = {')
    found = play(study_in(tmp_path, text), tmp_path / "out", workers)
    failed = [event for event in found if event.kind == "failed"]
    assert {event.cell.coordinates["rule"] for event in failed} == {"breaks"}
    assert all("out of rules" in event.message and "rules.py" in event.message for event in failed)
    assert len(found) == 12
    assert len(failed) == 4


def test_cells_that_come_to_the_same_scenario_are_played_once(tmp_path):
    text = STUDY.replace("seeds = 2", "seeds = 1") + "again = { attacks = [] }\n"
    path = study_in(tmp_path, text)
    assert len(play(path, tmp_path / "out")) == 4
    plan = read_plan(path, tmp_path / "out")
    assert len(study_of(plan, cells_of(plan)).records) == 6


def test_a_sweep_that_is_stopped_ends_after_its_round_and_goes_on_to_the_same_bytes(played, tmp_path):
    path, out = played
    cells = cells_of(read_plan(path, tmp_path / "again"))
    sweep = Sweep(cells, states_of(cells), Where(1))
    kinds = []
    for event in sweep:
        kinds.append(event.kind)
        if kinds.count("started") == 2:
            sweep.stop()
    assert kinds == ["started", "finished", "started", "stopped"]
    rest = play(path, tmp_path / "again")
    assert [event.kind for event in rest] == ["finished"] * 7
    assert content(tmp_path / "again" / "cells") == content(out / "cells")


def test_a_cell_that_another_sweep_holds_is_left_to_it(played, tmp_path):
    from fedsim.runs.folder import claim

    path, _ = played
    cell = cells_of(read_plan(path, tmp_path / "out"))[0]
    with claim(cell.scenario, cell.folder):
        kinds = [event.kind for event in play(path, tmp_path / "out")]
    assert sorted(kinds) == ["finished"] * 7 + ["held"]


@pytest.mark.parametrize(
    ("workers", "ends"), [(1, [(signal.SIGINT, 4)]), (2, [(signal.SIGKILL, 2), (signal.SIGINT, 5)])]
)
def test_ended_on_the_way_and_continued_it_says_the_same(played, tmp_path, workers, ends):
    path, out = played
    command = [sys.executable, "-m", "fedsim", "sweep", path, "--out", tmp_path / "ended", "--workers", str(workers)]
    environment = os.environ | {"PYTHONPATH": str(HOUSE), "COLUMNS": "80"}
    for number, done in ends:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path)
        for line in process.stdout:
            if "finished" in line and line.strip().startswith(tuple(f"{found}/" for found in range(done, 9))):
                process.send_signal(number)
                break
        process.communicate(timeout=120)
        killed = number == signal.SIGKILL
        assert process.returncode in ({-signal.SIGKILL} if killed else {130, 0})  # 0: it was done before it heard
        deadline = time.monotonic() + 10
        while _children_of(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert _children_of(tmp_path) == []
    whole = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert whole.returncode == 0, whole.stderr
    assert content(tmp_path / "ended" / "cells") == content(out / "cells")
    plan = read_plan(path, out)
    straight, again = study_of(plan, cells_of(plan)), load_study(tmp_path / "ended")
    assert [table.records() for table in again.tables()] == [table.records() for table in straight.tables()]


OWN = """
import numpy as np
from fedsim.aggregators import Aggregate, aggregator

@aggregator("{name}")
def {name}(updates):
    return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))
"""


def test_an_edit_to_one_rule_makes_exactly_its_cells_stale(own, tmp_path):
    for name in ("one", "other"):
        (tmp_path / f"{name}.py").write_text(OWN.format(name=name))
    text = STUDY.replace("seeds = 2", "seeds = 1").replace("[base]\n", '[base]\nplugins = ["one.py", "other.py"]\n')
    text = text.replace('"fedavg"', '"one"').replace('"median"', '"other"').replace("rounds = 3", "rounds = 1")
    path, out = study_in(tmp_path, text), tmp_path / "out"
    assert [event.kind for event in play(path, out)] == ["finished"] * 4
    (tmp_path / "other.py").write_text(OWN.format(name="other") + "# a better one\n")
    found = statuses(path, out)
    assert {name: state for name, state in found.items() if "rule=median" in name} == {
        name: ("stale", "made by other code: other.py changed") for name in found if "rule=median" in name
    }
    assert [found[name] for name in found if "rule=mean" in name] == [("finished", "")] * 2


def _children_of(folder):
    """Processes that work in a folder: the sweep's workers, wherever their parent has gone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve() and int(process.name) != os.getpid():
                found.append(process.name)
        except OSError:
            continue
    return found


def test_a_shard_without_cells_is_nothing_to_play():
    from fedsim.study.where import Where, where_of

    assert where_of([], 3) == Where(3)
    assert where_of([], 3, address="tcp://127.0.0.1:1") == Where(3, "dask", "tcp://127.0.0.1:1")


def test_a_study_that_nobody_can_play_leaves_no_empty_folder(tmp_path, monkeypatch):
    def refused(self, cells):
        raise StorageFailed("nobody here")

    monkeypatch.setattr(Where, "hands", refused)
    path, there = study_in(tmp_path), tmp_path / "there"
    with pytest.raises(StorageFailed, match="nobody here"):
        play(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    there.mkdir()
    with pytest.raises(StorageFailed):
        play(path, there)
    assert there.is_dir()
