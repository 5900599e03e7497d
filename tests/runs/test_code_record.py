"""The same scenario under other code is told apart: never silently reused, never silently thrown away."""

import json
import shutil
import time
from pathlib import Path

import pytest

import fedsim
from fedsim.errors import ResultsConflict
from fedsim.plugins.load import forget, loaded
from fedsim.runs import code_record
from fedsim.runs.code_record import fedsim_files, other_code, recorded_code
from fedsim.runs.folder import reopen
from fedsim.runs.reading import read_scenario
from tests.cli.recorded_run import ask
from tests.own_code import NET, REMEMBERING, SMALL

MINE = 'plugins = ["my_rules.py"]\nmodel = "./net.py:Net"\naggregator = "slow_mean"\n'
FASTER = REMEMBERING.replace("(1 - beta) * mean", "(1 - beta) * 0.9 * mean")


@pytest.fixture
def run(own, tmp_path):
    """A finished run made by own code."""
    own("my_rules.py", "import my_help\n" + REMEMBERING)
    own("my_help.py", "")
    own("net.py", NET)
    small = SMALL.replace('model = "logistic"', "").replace("workers = 1", "workers = 1\n")
    own("mine.toml", MINE + small + "output.checkpoint_every = 1")
    *_, last = fedsim.perform("mine.toml", "run")
    assert last.final is not None
    return Path("run")


def unfinished(run):
    """The same run as if it had been broken off after its first round."""
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"status": "interrupted", "rounds_done": 1}))
    for path in (run / "checkpoints" / "round-00000002", run / "model.safetensors"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_the_sources_are_hashed_and_copied_and_part_of_the_inventory(run, capsys):
    code = recorded_code(run)
    assert set(code.own) == {"my_rules.py", "my_help.py", "net.py"}
    assert (run / "plugins" / "my_rules.py").read_bytes() == Path("my_rules.py").read_bytes()
    assert code.fedsim["fedsim/engine.py"] == fedsim_files()["fedsim/engine.py"]
    assert other_code(run, read_scenario(run)) == ""
    answer = ask(capsys, "verify", run)
    assert answer.code == 0
    assert "other code" not in answer.out
    assert "no run put there" not in answer.out


def test_verify_names_the_file_that_changed_and_plays_what_is_there_now(run, own, capsys):
    own("my_rules.py", "import my_help\n# a remark\n" + REMEMBERING)
    answer = ask(capsys, "verify", run)
    assert "note made by other code: my_rules.py changed" in " ".join(answer.out.split())
    assert answer.code == 0
    own("my_rules.py", "import my_help\n" + FASTER)
    assert ask(capsys, "verify", run).code == 1
    answer = ask(capsys, "verify", run, "--kept-code")
    assert answer.code == 0
    assert "other code" not in answer.out


def test_a_copy_that_was_changed_is_a_difference(run, capsys):
    (run / "plugins" / "my_help.py").write_text("changed = 1")
    (run / "plugins" / "stranger.txt").write_text("who?")
    answer = ask(capsys, "verify", run)
    assert answer.code == 1
    assert "plugins/my_help.py" in answer.out
    assert "files that no run put there: plugins/stranger.txt" in answer.out


def test_an_interrupted_run_is_gone_on_with_under_its_own_code_or_by_consent(run, own, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    whole = (run / "events.jsonl").read_text().count("RoundEnded")
    unfinished(run)
    own("my_help.py", "VALUE = 2")
    answer = ask(capsys, "resume", run, "-q")
    assert answer.code == 1
    assert answer.err == (
        "error: run: made by other code: my_help.py changed; put it back, run the copy that it kept with --kept-code, "
        "or go on under the present code with --other-code\n"
    )
    with pytest.raises(ResultsConflict, match=r"my_help.py changed; give another folder, .*other_code=True"):
        list(fedsim.perform("mine.toml", run))
    before = recorded_code(run).fingerprint
    assert ask(capsys, "resume", run, "-q", "--other-code").code == 0
    assert recorded_code(run).earlier == (before,)
    assert (run / "plugins" / "my_help.py").read_text() == "VALUE = 2"
    assert (run / "events.jsonl").read_text().count("RoundEnded") == whole


def test_the_copies_go_on_where_the_files_are_gone(run, capsys):
    unfinished(run)
    for plugin in loaded():
        forget(plugin)
    for name in ("my_rules.py", "my_help.py", "net.py"):
        Path(name).unlink()
    answer = ask(capsys, "resume", run, "-q")
    assert answer.code == 1
    assert "my_rules.py is not there" in answer.err
    assert "are run with --kept-code: look at them first" in answer.err
    assert ask(capsys, "resume", run, "-q", "--kept-code").code == 0
    assert ask(capsys, "verify", run, "--kept-code").code == 0


def test_the_same_scenario_is_not_run_over_what_other_code_made(run, own, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(code_record, "fedsim_files", lambda: {**fedsim_files(), "fedsim/engine.py": "0"})
    for arguments, way in (
        (["run", "mine.toml", "--out", "run"], "keep both with --out, or replace it with --force"),
        (["compare", "mine.toml", "mine.toml"], ""),
    ):
        answer = ask(capsys, *arguments)
        assert answer.code != 0
        assert way in answer.err
    assert "made by other code: fedsim/engine.py changed" in ask(capsys, "run", "mine.toml", "--out", "run").err
    assert fedsim.load_run("run").other_code == "made by other code: fedsim/engine.py changed"
    assert ask(capsys, "run", "mine.toml", "--out", "run", "--force", "-q").code == 0
    assert fedsim.load_run("run").other_code == ""


def test_a_comparison_reads_what_it_is_given_and_reuses_only_what_the_present_code_made(run, own, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    own("plain.toml", SMALL)
    assert ask(capsys, "compare", "mine.toml", "plain.toml", "-q").code == 0
    own("my_rules.py", "import my_help\n" + FASTER)
    answer = ask(capsys, "compare", "mine.toml", "plain.toml", "-q")
    assert answer.code == 1
    assert "holds mine, made by other code: my_rules.py changed; run it again with --force" in answer.err
    answer = ask(capsys, "compare", "run", "plain.toml")
    assert answer.code == 0
    assert "mine was made by other code: my_rules.py changed" in answer.out


def test_a_cleared_folder_keeps_what_is_not_the_runs(run, capsys):
    (run / "plugins" / "thesis.txt").write_text("years of work")
    assert ask(capsys, "run", "mine.toml", "--out", "run", "--force", "-q").code == 0
    assert (run / "plugins" / "thesis.txt").read_text() == "years of work"


def test_a_link_among_the_copies_is_refused(run, tmp_path):
    (run / "plugins" / "my_help.py").unlink()
    (run / "plugins" / "my_help.py").symlink_to(tmp_path / "net.py")
    with pytest.raises(ResultsConflict, match=r"plugins/my_help.py is a link, not a file"):
        read_scenario(run)


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd"])
def test_a_record_that_leads_out_of_the_folder_is_none(run, name):
    table = json.loads((run / "code.json").read_text())
    (run / "code.json").write_text(json.dumps(table | {"own": {name: "0"}}))
    assert recorded_code(run) is None


def test_a_function_of_a_script_is_known_by_its_text(own, tmp_path, capsys):
    from tests.execution.test_sending import said_by

    script = f"""
import sys, fedsim
from fedsim.aggregators import Aggregate, aggregator
import numpy as np

def body(updates):
    return updates.mean(axis=0) * SCALE

SCALE = 1

@aggregator("mine")
def mine(updates):
    return Aggregate(body(updates), np.full(len(updates), 1 / len(updates)))

from fedsim.scenario.load import parse_scenario
given = parse_scenario('aggregator = "mine"' + {SMALL!r})
try:
    print(len(list(fedsim.perform(given, {str(tmp_path / "run")!r}))))
except fedsim.ResultsConflict as error:
    print(str(error).replace(" ", "_"))
"""
    (first,) = said_by(script, tmp_path)
    (again,) = said_by(script, tmp_path)
    (edited,) = said_by(script.replace("Aggregate(body", "Aggregate(2 * body"), tmp_path)
    assert int(first) > 0
    assert again == "0"
    assert "made_by_other_code:_mine.py_changed" in edited
    with pytest.raises(ResultsConflict, match=r"mine: defined in a script or a notebook; go on and verify there"):
        read_scenario(tmp_path / "run")
    assert "--plugin" in ask(capsys, "verify", tmp_path / "run").err
    (tmp_path / "cells.py").write_text(script.partition("from fedsim.scenario.load")[0])
    assert ask(capsys, "verify", tmp_path / "run", "--plugin", tmp_path / "cells.py").code == 0


def test_the_fingerprint_of_fedsim_costs_little():
    fedsim_files.cache_clear()
    taken = []
    for _ in range(5):
        fedsim_files.cache_clear()
        begin = time.process_time()
        fedsim_files()
        taken.append(time.process_time() - begin)
    assert min(taken) < 0.1  # a tenth of a second on any machine; some twelve thousandths on a usual one


def test_a_scenario_that_other_code_reads_otherwise_is_no_edited_file(run, monkeypatch):
    table = json.loads((run / "code.json").read_text())
    (run / "code.json").write_text(json.dumps(table | {"fedsim": {"fedsim/engine.py": "0"}}))
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"settings": summary["settings"] | {"seed": 2}}))
    lines = (run / "events.jsonl").read_text()
    (run / "events.jsonl").write_text(lines.replace(summary["scenario"], "0" * 16))
    with pytest.raises(ResultsConflict, match=r"made by other code: .*; under it the scenario is another: "):
        reopen(run)
