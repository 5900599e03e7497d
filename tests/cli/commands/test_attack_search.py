"""`fedsim break --search`: a sentence within 80 columns, JSON, and one message for every wrong question."""

import json
import re
import sys

import pytest

from tests.cli.recorded_run import ask
from tests.proof.test_breakdown import BASE

GIVEN = ("break", "base.toml", "--search", "--bar", "accuracy<0.5", "--workers", 1, "--attack", "gaussian")


@pytest.fixture
def base(folder):
    (folder / "base.toml").write_text(BASE)
    return folder


def test_an_answer_in_words_and_as_json(base, capsys):
    given = (*GIVEN, "--rounds", 30, "--set", "aggregator=mean")
    answer = ask(capsys, *given)
    assert answer.code == 0
    assert "base: accuracy < 0.5 under " in " ".join(answer.out.split())
    assert "repeat      fedsim run runs/search-base/worst.toml" in answer.out
    assert re.search(r"clean +accuracy 0\.\d{3} without attackers\n +worst +accuracy 0\.", answer.out)
    words = answer.out[answer.out.index("base: ") :]
    assert max(map(len, words.splitlines())) <= 80
    told = json.loads(ask(capsys, *given, "--json").out)
    assert (told["runs"], told["never"], told["bar"]) == (10, False, "accuracy < 0.5")
    assert told["worst"]["number"] == min(each["number"] for each in told["tried"])
    assert [each["worst"]["seed"] for each in told["other_seeds"]] == [2, 3]
    repeated = ask(capsys, "run", told["file"], "--no-save", "--workers", 1)
    assert f"final {told['worst']['number']:.3f}" in repeated.out


def test_what_fails_at_once_or_never_is_said(base, capsys):
    at_once = ask(capsys, *GIVEN, "--rounds", 6, "--bar", "accuracy<0.999")
    assert "accuracy < 0.999 already without attackers" in at_once.out
    never = ask(capsys, *GIVEN, "--rounds", 6, "--bar", "accuracy<0.001")
    assert "base: accuracy < 0.001 is not reached under any of 1 attack" in never.out
    assert "a greater --rounds goes on from here" in never.out
    assert "not played: none were asked for" in never.out


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--search",), "Invalid value for --search: say how many rounds it may play: --rounds 1000"),
        (("--search", "--rounds", 2), "a budget of 2 is too little: a run takes 3, and one without attackers comes"),
        (("--search", "--rounds", 60, "--axis", "strength"), "Invalid value for --axis: does not go with --search"),
        (("--rounds", 60), "Invalid value for --rounds: goes with --search only"),
        (("--search", "--rounds", 60, "--sampler", "tps"), "Invalid value for --sampler: the sampler is local or tpe"),
        (("--search", "--rounds", 60, "--bar", "speed<3"), "Invalid value for --bar"),
        (("--search", "--rounds", 60, "--attack", "gausian"), "did you mean `gaussian`?"),
    ],
)
def test_a_wrong_question_is_one_message(base, capsys, given, words):
    answer = ask(capsys, "break", "base.toml", *given)
    assert answer.code == 2
    assert words in " ".join(answer.err.split())
    assert "Traceback" not in answer.err


def test_a_sampler_without_its_library_says_how_to_get_it(base, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    answer = ask(capsys, *GIVEN, "--rounds", 60, "--sampler", "tpe")
    assert answer.code == 2
    assert "pip install 'fedsim[search]'" in " ".join(answer.err.split())
