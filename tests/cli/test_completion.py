"""What the shell is offered."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cli.completion import (
    FAMILIES,
    complete_compared,
    complete_family,
    complete_name,
    complete_plugin,
    complete_rule,
    complete_run,
    complete_scenario,
    complete_subject,
)
from fedsim.registry import registries
from tests.own_code import RULE

CONTEXT = SimpleNamespace(params={})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "krum_noise.toml").touch()
    (tmp_path / "runs" / "mine-01234567").mkdir(parents=True)
    (tmp_path / "runs" / "mine-01234567" / "scenario.toml").touch()
    (tmp_path / ".hidden.toml").touch()
    return tmp_path


def test_families_are_all_families():
    assert sorted(FAMILIES) == sorted([*registries(), "scenarios"])
    assert complete_family("a") == ["aggregators", "attacks", "availabilities"]


def test_names_come_with_what_they_do():
    found = dict(complete_name(CONTEXT, "kru"))
    assert list(found) == ["krum"]
    assert found["krum"]


def test_rules_behind_pre_aggregators():
    assert [name for name, _ in complete_rule("nnm+med")] == ["nnm+median", "nnm+medoid"]
    assert [name for name, _ in complete_rule("kru")] == ["krum"]


def test_what_can_be_compared():
    assert [name for name, _ in complete_compared("cl")] == ["clipped_clustering", "clip"]
    assert [name for name, _ in complete_compared("alie")] == ["alie"]


def test_scenarios_by_path_and_by_name(folder):
    assert complete_scenario("") == ["krum_noise", "mine.toml", "runs/", "scenarios/"]
    assert complete_scenario("m") == ["mine.toml"]
    assert complete_scenario("scenarios/") == ["scenarios/krum_noise.toml"]
    assert complete_scenario(f"{folder}/mi") == [f"{folder}/mine.toml"]
    assert complete_scenario("nowhere/") == []


def test_results_folders(folder):
    assert complete_run("runs/") == ["runs/mine-01234567"]
    assert complete_run("r") == ["runs/"]


def test_both(folder):
    assert complete_subject("r") == ["runs/"]
    assert complete_subject("runs/m") == ["runs/mine-01234567/", "runs/mine-01234567"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("fedsim explain kru", "krum"),
        ("fedsim list agg", "aggregators"),
        ("fedsim re", "resume"),
        ("fedsim probe kru", "krum"),
    ],
)
def test_the_shell_itself(typed, offered):
    environment = os.environ | {
        "_FEDSIM_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    command = [sys.executable, "-c", "from cli.app import main; main([])"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert offered in done.stdout.split()


def test_own_code_that_was_named_is_offered_and_a_broken_one_is_no_noise(own):
    own("my_rules.py", RULE)
    own("broken.py", "def f(:")
    context = SimpleNamespace(params={"_plugins": ["broken.py", "my_rules.py"]})
    assert dict(complete_name(context, "mine")) == {"mine": "The mean"}
    assert "my_rules.py" in complete_plugin("my")
