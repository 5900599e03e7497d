"""What the README shows works as it stands there."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from fedsim.aggregators.contract import aggregators
from fedsim.functional import aggregate
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import ask

HOUSE = Path(__file__).parent.parent
README = (HOUSE / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture
def module(tmp_path):
    """Imports a block as a module of its own and forgets what it registered."""
    aggregators.names()
    before = dict(aggregators._entries)

    def imported(text):
        path = tmp_path / "shown.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("shown", path)
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    yield imported
    aggregators._entries.clear()
    aggregators._entries.update(before)


def test_the_notebook_prints_three_rounds(module, monkeypatch, capsys):
    monkeypatch.chdir(HOUSE)
    module(blocks("python")[0])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["1", "2", "3"]


def test_a_run_that_is_kept(module, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    shown = module(blocks("python")[1])
    assert shown.run.finished
    assert capsys.readouterr().out.endswith(" None\n")


def test_the_library_door(module):
    shown = module(blocks("python")[2])
    assert shown.update.shape == (1000,)
    assert shown.forged.shape == (3, 1000)


def test_the_rule_in_ten_lines(module):
    block = blocks("python")[3]
    body = block[block.index("@aggregator") :].strip()
    assert len(body.splitlines()) <= 10
    module(block)
    rows = np.random.default_rng(1).normal(size=(7, 50))
    rows[3] = 1e6
    distances = np.linalg.norm(rows - np.median(rows, axis=0), axis=1)
    expected = rows[np.argsort(distances)[:5]].mean(axis=0)
    np.testing.assert_allclose(aggregate("nearest_half", rows, f=2), expected)
    with pytest.raises(ValueError, match="nearest_half needs n > 2f"):
        aggregate("nearest_half", rows, f=4)
    assert parse_scenario('aggregator = { name = "nearest_half", f = 2 }').aggregator.name == "nearest_half"


def test_the_scenario():
    scenario = parse_scenario(blocks("toml")[0])
    assert scenario.question == "Does the median survive a little?"
    assert scenario.aggregator.name == "median"


def test_every_command_it_names_exists():
    from cli.app import app

    known = {command.name or command.callback.__name__.rstrip("_") for command in app.registered_commands}
    named = set(re.findall(r"\bfedsim ([a-z]+)\b", "\n".join(blocks("") + re.findall(r"`(fedsim [^`]*)`", README))))
    assert named
    assert named <= known


def test_every_file_it_links_to_exists():
    links = re.findall(r"\]\(((?!http)[^)]+)\)", README)
    assert links
    assert all((HOUSE / link).exists() for link in links)


def test_the_first_hour(own, capsys):
    hour = README[README.index("## The first hour") :]
    scenario = re.search(r"```toml\n(.*?)```", hour, flags=re.DOTALL)[1]
    own("mine.toml", scenario)
    own("theirs.toml", scenario.replace('{ name = "my_rule", f = 2 }', '"median"'))
    commands = [line.partition("#")[0].split() for line in hour.splitlines() if line.startswith("fedsim ")]
    assert [words[1] for words in commands] == [*["new"] * 3, "laws", "check", "run", "compare", "verify"]
    for _, *arguments in commands:
        answer = ask(capsys, *arguments)
        assert answer.code == 0, answer
    assert "every one equal" in answer.out
