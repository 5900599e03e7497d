"""Whatever can be refused at once is refused at once: before torch, which takes longer to load than a person waits."""

import os
import subprocess
import sys

import pytest

from tests.cli.recorded_run import ask

HEAVY = ("torch", "joblib", "scipy", "matplotlib", "sklearn")
SPY = f"""
import atexit, sys
from cli.app import main
atexit.register(lambda: print("loaded", *(name for name in {HEAVY!r} if name in sys.modules)))
main()
"""
REFUSED = {
    "a path that is not there": ["smal.toml"],
    "a name that is not there": ["krum_nois"],
    "a folder": ["."],
    "an option without its value": ["small.toml", "--set"],
    "a misspelled key": ["small.toml", "--set", "roundz=3"],
    "a wrong value": ["small.toml", "--set", "rounds=abc"],
    "a wrong seed": ["small.toml", "--seed", "-1"],
    "a wrong number of workers": ["small.toml", "--workers", "many"],
    "too many clients": ["small.toml", "--set", "clients.sampled=21"],
}
RUNS = {
    "a wrong goal": ["small.toml", "--until", "accuracy=nan"],
    "a contradiction": ["small.toml", "--no-save", "--out", "here"],
    "a taken folder": ["small.toml", "--out", "mine"],
    "a file in place of a folder": ["small.toml", "--out", "small.toml"],
    "two ways of telling": ["small.toml", "--json", "--quiet"],
}
FOLDERS = {"nothing": ["nowhere"], "a file": ["small.toml"], "another folder": ["mine"], "an empty run": ["empty"]}
COMMANDS = [
    *((f"run {why}", ["run", *given]) for why, given in {**REFUSED, **RUNS}.items()),
    *((f"compare {why}", ["compare", "small.toml", *given]) for why, given in REFUSED.items()),
    ("compare one", ["compare", "small.toml"]),
    ("compare the same twice", ["compare", "small.toml", "small.toml"]),
    *((f"resume {why}", ["resume", *given]) for why, given in FOLDERS.items() if why != "an empty run"),
    ("resume a wrong goal", ["resume", "mine", "--until", "speed=3"]),
    *((f"verify {why}", ["verify", *given]) for why, given in FOLDERS.items()),
    *((f"pack {why}", ["pack", *given]) for why, given in FOLDERS.items()),
    ("break along nothing", ["break", "small.toml", "--axis", "nothing"]),
    ("break a wrong bar", ["break", "small.toml", "--bar", "speed<3"]),
    ("verify signers of a folder", ["verify", "mine", "--allowed-signers", "small.toml"]),
    ("verify wrong rounds", ["verify", "mine", "--rounds", "3-"]),
    ("bench", ["bench", "--only", "trainin"]),
    ("bench into nowhere", ["bench", "--write", "no/where.md"]),
    ("bench into a folder", ["bench", "--write", "mine"]),
    *((f"check {why}", ["check", *given]) for why, given in REFUSED.items() if "--" not in "".join(given)),
]


@pytest.fixture
def around(folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("years of work")
    (folder / "empty").mkdir()
    (folder / "empty" / "scenario.toml").write_text((folder / "small.toml").read_text())
    return folder


@pytest.mark.parametrize(("why", "arguments"), COMMANDS, ids=[why for why, _ in COMMANDS])
def test_a_refusal_loads_nothing_heavy(around, why, arguments):
    before = sorted(path.relative_to(around) for path in around.rglob("*"))
    command = [sys.executable, "-c", SPY, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert ended.returncode in (1, 2), ended.stdout + ended.stderr
    assert ended.stderr.strip()
    assert "internal error" not in ended.stderr
    assert ended.stdout.splitlines()[-1] == "loaded"
    assert sorted(path.relative_to(around) for path in around.rglob("*")) == before  # and it leaves nothing behind


def test_a_run_that_fails_before_its_first_round_leaves_nothing(capsys, folder):
    answer = ask(capsys, "run", "small.toml", "--set", "clients.population=2000", "--out", "deep/here")
    assert answer.code == 2
    assert [path.name for path in folder.iterdir()] == ["small.toml"]
    answer = ask(capsys, "compare", "small.toml", "small.toml", "--set", "clients.population=2000")
    assert answer.code == 2
    assert [path.name for path in folder.iterdir()] == ["small.toml"]
