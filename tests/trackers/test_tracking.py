"""Trackers are told everything, change nothing, and lose no run when they fail."""

import json

import pytest

import fedsim
from fedsim.errors import ScenarioError
from fedsim.events import RoundEnded, RunEnded
from fedsim.plugins.permission import permit
from fedsim.runs.folder import reopen
from fedsim.runs.perform import perform, resume
from fedsim.runs.reading import read_events
from fedsim.runs.verify import verify
from fedsim.scenario.json_schema import scenario_schema
from fedsim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_digest
from fedsim.study.code import code_key
from fedsim.trackers import numbers
from tests.cli.recorded_run import ask

SMALL = """
rounds = 4
data = "digits"
model = "logistic"
clients = { population = 12, sampled = 6 }
root = { size = 20 }
evaluation = { validation = 30, limit = 60, every = 2 }
attacks = [{ name = "nan", per_round = 1 }]
aggregator = "median"
execution = { workers = 1 }
"""
OWN = """
import json

class Board:
    def __init__(self, name, path):
        self.name, self.path = name, path

    def __call__(self, event):
        with open(self.path, "a") as file:
            print(self.name, type(event).__name__, getattr(event, "round", ""), file=file)

    def close(self):
        with open(self.path, "a") as file:
            print("closed", file=file)

def board(name, settings, folder, *, path: str = "board.txt"):
    assert settings["aggregator.name"] == "median" and settings["clients.population"] == 12
    return Board(name, path)

def tell(event, *, path: str = "told.txt"):
    with open(path, "a") as file:
        print(type(event).__name__, file=file)

def fails_at_once(name):
    raise OSError("no way through")

def fails_later(event):
    if getattr(event, "round", 0) == 2:
        raise ValueError("round 2 is too much")

def no_listener(name):
    return 7
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


def written(folder, to, text=SMALL):
    (folder / "s.toml").write_text(f"{text}\n[tracking]\nto = {to}\n")
    return folder / "s.toml"


def test_own_code_is_told_every_event_and_that_it_is_over(folder):
    path = written(folder, '["mine.py:tell", { name = "mine.py:board", path = "b.txt" }]')
    kinds = [type(event).__name__ for event in perform(path, "run")]
    assert (folder / "told.txt").read_text().split() == kinds
    lines = (folder / "b.txt").read_text().splitlines()
    assert [line.split()[1] for line in lines[:-1]] == kinds
    assert lines[0].split()[0] == f"s-{scenario_digest(load_scenario(path))[:8]}"
    assert lines[-1] == "closed"


def test_nothing_of_a_run_depends_on_it(folder):
    plain = list(perform(written(folder, "[]"), "plain"))
    tracked = list(perform(written(folder, '["mine.py:tell", "mine.py:fails_later"]'), "tracked", say=lambda _: None))
    assert plain == tracked
    assert read_events(folder / "plain") == read_events(folder / "tracked")
    codes = [json.loads((folder / name / "code.json").read_text()) for name in ("plain", "tracked")]
    assert codes[0] == codes[1]
    assert verify(folder / "tracked").difference is None


def test_it_names_no_result(folder):
    with_it, without = load_scenario(written(folder, '["mine.py:tell"]')), load_scenario(written(folder, "[]"))
    assert scenario_digest(with_it) == scenario_digest(without)
    assert code_key(with_it) == code_key(without)
    assert list(perform(with_it, "run"))
    assert list(perform(without, "run")) == []  # finished: the same run


@pytest.mark.parametrize(
    ("tracker", "said"),
    [
        ("fails_at_once", "OSError: no way through (mine.py:25 in fails_at_once)"),
        ("fails_later", "ValueError: round 2 is too much (mine.py:29 in fails_later)"),
        ("no_listener", "TypeError: must return a function of an event, or take `event` itself"),
    ],
)
def test_one_that_fails_is_said_once_and_loses_no_run(folder, tracker, said):
    heard = []
    events = list(perform(written(folder, f'["mine.py:{tracker}", "mine.py:tell"]'), "run", say=heard.append))
    assert isinstance(events[-1], RunEnded)
    assert len((folder / "told.txt").read_text().split()) == len(events)  # the other goes on
    (text,) = heard
    assert said in text
    assert f"mine.py:{tracker} failed and is left out; the run goes on" in text


def test_without_anybody_to_say_it_to_it_is_a_warning(folder):
    with pytest.warns(RuntimeWarning, match="round 2 is too much"):
        list(perform(written(folder, '["mine.py:fails_later"]'), "run"))


def test_the_terminal_says_it_and_a_study_once(folder, capsys):
    answer = ask(capsys, "run", written(folder, '["mine.py:fails_later"]'), "--out", "run")
    assert answer.code == 0
    assert answer.err.count("round 2 is too much") == 1
    study = f"[base]\n{SMALL}\ntracking.to = ['mine.py:fails_later']\n[axes]\naggregator = ['median', 'mean']\n"
    (folder / "study.toml").write_text(study)
    answer = ask(capsys, "sweep", "study.toml", "--workers", "1")
    assert answer.code == 0
    assert "warning 2 cells: tracking by " in answer.err


class TestOfARunThatGoesOn:
    def broken_off(self, folder, to):
        for event in perform(written(folder, to), "run"):
            if isinstance(event, RoundEnded) and event.round == 2:
                break

    def test_it_is_tracked_on_from_another_folder(self, folder, monkeypatch):
        self.broken_off(folder, f'[{{ name = "mine.py:tell", path = "{folder}/told.txt" }}]')
        (folder / "elsewhere").mkdir()
        monkeypatch.chdir(folder / "elsewhere")
        before = (folder / "told.txt").read_text().split()
        assert before.count("RoundEnded") == 2
        list(resume(folder / "run"))
        told = (folder / "told.txt").read_text().split()[len(before) :]
        assert told.count("RoundEnded") == 2
        assert told[-1] == "RunEnded"

    def test_trackers_that_are_gone_do_not_keep_it(self, folder):
        self.broken_off(folder, '["mine.py:tell"]')
        (folder / "mine.py").unlink()
        with reopen(folder / "run") as opened:
            (note,) = opened.notes
        assert note.startswith("not tracked: ")
        assert "mine.py is not there" in note
        assert isinstance(list(resume(folder / "run"))[-1], RunEnded)
        assert verify(folder / "run").difference is None


class TestRefusals:
    def problem(self, folder, to, text=SMALL):
        with pytest.raises(ScenarioError) as raised:
            load_scenario(written(folder, to, text))
        (found,) = raised.value.problems
        return found.where, found.message, found.line

    def test_a_missing_package(self, folder, monkeypatch):
        monkeypatch.setattr("fedsim.scenario.tracking_checks.find_spec", lambda name: None)
        assert self.problem(folder, '["mine.py:tell", "wandb"]') == (
            "tracking.to[1]",
            "wandb needs the package wandb, which is not installed: pip install 'fedsim-byzantine[wandb]'",
            13,
        )

    def test_a_misspelled_name_or_key(self, folder):
        assert "did you mean `mlflow`" in self.problem(folder, '["mlfow"]')[1]
        assert self.problem(folder, '[{ name = "mine.py:tell", pth = "x" }]')[0] == "tracking.to[0].pth"
        assert "must be a list" in self.problem(folder, '"tensorboard"')[1]

    def test_own_code_where_none_may_run(self, folder, capsys):
        try:
            answer = ask(capsys, "check", written(folder, '["mine.py:tell"]'), "--no-plugins")
        finally:
            permit(True)
        assert answer.code == 2
        assert "own code is asked for, and --no-plugins runs none: mine.py:tell" in answer.err


def test_a_scenario_with_trackers_is_written_and_read_again(folder):
    scenario = load_scenario(written(folder, '[{ name = "mine.py:tell", path = "x" }]'))
    assert scenario.tracking.to[0].name == f"{folder / 'mine.py'}:tell"
    assert parse_scenario(dump_scenario(scenario)) == scenario
    assert "trackers" in scenario_schema()["$defs"]


def test_the_numbers_are_those_of_the_table(folder):
    list(perform(written(folder, "[]"), "run"))
    rounds, told = {}, {}
    for event in read_events(folder / "run"):
        told |= numbers(event)
        if isinstance(event, RoundEnded):
            rounds[event.round], told = told, {}
    table = fedsim.load_run("run").metrics
    for place, number in enumerate(table["round"]):
        for name, value in rounds[number].items():
            there = table[name][place] if name != "skipped" else float(bool(table[name][place]))
            assert value == pytest.approx(there, abs=1e-6, nan_ok=True)
    assert rounds[2]["nonfinite"] == 1
    assert "accuracy" in rounds[2]
    assert "accuracy" not in rounds[1]
    assert told["final"] == rounds[4]["accuracy"]
