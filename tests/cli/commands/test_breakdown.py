"""`fedsim break`: a sentence, a table within 80 columns, JSON, and one message for every wrong question."""

import json

import pytest

from tests.cli.recorded_run import ask
from tests.proof.test_breakdown import BASE


@pytest.fixture
def base(folder):
    (folder / "base.toml").write_text(BASE)
    return folder


def test_an_answer_in_words_and_as_json(base, capsys):
    given = ("break", "base.toml", "--bar", "accuracy<0.5", "--seeds", 1, "--workers", 1)
    answer = ask(capsys, *given)
    assert answer.code == 0
    assert "base: accuracy < 0.5 from 4 Byzantine clients of 7 on (gaussian)" in answer.out
    assert " gaussian          4         –      3–4" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    again = ask(capsys, *given, "--json")
    told = json.loads(again.out)
    assert (told["weakest"], told["bar"]) == ("gaussian", "accuracy < 0.5")
    assert told["attacks"][0]["seeds"] == [{"seed": 1, "held": 3, "failed": 4}]
    assert {run["value"] for run in told["runs"]} >= {0, 3, 4, 6}


def test_what_fails_at_once_or_never_is_said(base, capsys):
    at_once = ask(capsys, "break", "base.toml", "--bar", "accuracy<0.999", "--seeds", 1, "--workers", 1)
    assert "accuracy < 0.999 already at 0 Byzantine clients of 7: there is nothing to break" in at_once.out
    never = ask(capsys, "break", "base.toml", "--bar", "accuracy<0.001", "--seeds", 1, "--workers", 1)
    assert "accuracy < 0.001 is never reached, not at 6 Byzantine clients of 7 either" in never.out
    wrong = ask(capsys, "break", "base.toml", "--bar", "speed<3")
    assert (wrong.code, "Invalid value for --bar" in wrong.err) == (2, True)
    assert ask(capsys, "break", "base.toml", "--axis", "nothing").code == 2
