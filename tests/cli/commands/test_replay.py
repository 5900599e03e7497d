"""The table of replayed rules at 80 columns, its JSON, and every wrong way to ask."""

import json

import pytest

from cli.app import main
from fedsim.runs.folder import claim
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL
from tests.small_runs import run_in


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "mine"
    run_in(folder, parse_scenario(SMALL, ['output.record="updates"', "rounds=3"]))
    return folder


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["replay", *map(str, arguments)])
    told = capsys.readouterr()
    return left.value.code, told.out, told.err


def test_a_table_within_eighty_columns(recorded, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(recorded.parent)
    rules = ("nnm(f=1)+krum(f=1)", "foolsgold", "mean")
    code, out, _ = call(capsys, "mine", "--round", 3, *(part for rule in rules for part in ("--rule", rule)))
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("round 3 of mine: ")
    assert lines[1].split()[0] == "rule"
    assert lines[2].startswith("own: trimmed_mean")
    assert [line.split("  ")[0].strip() for line in lines[3:6]] == ["nnm + krum", "foolsgold*", "mean"]
    assert "was asked in every round from 1 to 3" in " ".join(out.split())
    assert max(map(len, lines)) <= 80


def test_all_rules_as_json(recorded, capsys):
    code, out, err = call(capsys, recorded, "--round", 2, "--rules", "all", "--json")
    answer = json.loads(out)
    assert (code, err, answer["round"]) == (0, "", 2)
    assert {"rule", "distance", "cosine", "norm", "byzantine_weight", "honest_kept"} <= answer["outcomes"][0].keys()
    assert "centered_clip" in answer["left_out"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--round", 3], 2, "say which rules"),
        (["--round", 3, "--rules", "krum"], 2, "takes only all; a rule by name is --rule krum"),
        (["--round", 3, "--rules", "all", "--rule", "krum"], 2, "not both"),
        (["--round", 3, "--rule", "krumm"], 2, "did you mean `krum`?"),
        (["--round", 9, "--rule", "krum"], 1, "round 9 was not recorded"),
        (["--round", 0, "--rule", "krum"], 2, "--round"),
        (["--rule", "krum"], 2, "--round"),
    ],
)
def test_wrong_ways_to_ask(recorded, capsys, arguments, code, words):
    found, out, err = call(capsys, recorded, *arguments)
    assert (found, out) == (code, "")
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--record", "rows"], "must be updates, got 'rows'"),
        (["--record", "updates", "--no-save"], "--record keeps rows in the results folder"),
        (["--record", "updates", "--set", "output.record_limit=0.00001"], "output.record_limit is 10 kB: raise it"),
    ],
)
def test_a_recording_that_cannot_be(folder, capsys, arguments, words):
    with pytest.raises(SystemExit) as left:
        main(["run", "small.toml", "--quiet", *arguments])
    assert left.value.code == 2
    assert words in capsys.readouterr().err
    assert not list(folder.glob("runs/*"))


def test_run_records(folder):
    with pytest.raises(SystemExit) as left:
        main(["run", "small.toml", "--quiet", "--out", "mine", "--record", "updates", "--set", "rounds=2"])
    assert left.value.code == 0
    assert len(list((folder / "mine/updates").glob("round-*/updates.npy"))) == 2
    with claim(parse_scenario(SMALL, ["rounds=2"], name="small"), folder / "mine") as claimed:
        assert claimed.status == "finished"  # the same run, recorded or not
