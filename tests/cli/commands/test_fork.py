"""`fedsim fork` says from where it goes on, what it was told wrongly, and leaves a folder like any other."""

import pytest

from cli.app import main
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL
from tests.small_runs import run_in


@pytest.fixture
def recorded(folder):
    run_in(folder / "mine", parse_scenario(SMALL, ["rounds=4"]))
    return folder / "mine"


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main([str(each) for each in arguments])
    told = capsys.readouterr()
    return left.value.code, told.out, told.err


def test_a_fork_before_ones_eyes(recorded, capsys):
    code, out, _ = call(capsys, "fork", "mine", "--at", 3, "--set", "aggregator=median", "--out", "other")
    assert code == 0
    assert "note     rounds 1 to 3 as in mine, from round 4 on with aggregator=median" in out
    assert "rounds 3 to 3 were played again from the checkpoint after round 2" in " ".join(out.split())
    assert "repeat: fedsim verify other" in out
    assert call(capsys, "verify", "other")[0] == 0
    assert call(capsys, "compare", "mine", "other", "--no-save")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["mine", "--at", 9], 1, "mine holds rounds 1 to 4: it cannot be forked after round 9"),
        (["mine", "--at", 4], 2, "rounds: leaves nothing to play after round 4: give more, such as --set rounds=8"),
        (["mine", "--at", 3, "--set", "seed=2"], 2, "cannot be changed in a fork: rounds 1 to 3 rest on it too"),
        (["mine", "--at", 3, "--set", "aggregator=medan"], 2, "did you mean `median`?"),
        (["mine", "--set", "aggregator=median"], 2, "--at"),
        (["nothing", "--at", 3], 1, "is no results folder"),
    ],
)
def test_what_cannot_be_forked(recorded, capsys, arguments, code, words):
    found, out, err = call(capsys, "fork", *arguments, "--out", "other")
    assert (found, out) == (code, "")
    assert words in err
    assert not (recorded.parent / "other").exists()
