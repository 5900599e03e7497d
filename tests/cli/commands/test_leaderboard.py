"""`fedsim leaderboard` writes a page, shows its tables, and answers 1 where something was refused."""

import json

from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import SMALL, ask
from tests.small_runs import run_in


def test_a_page_and_its_tables(folder, capsys):
    (folder / "in").mkdir()
    run_in(folder / "mine", parse_scenario(SMALL))
    ask(capsys, "pack", "mine", "--out", "in/mine.zip")
    answer = ask(capsys, "leaderboard", "in", "--spot", 2)
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= 90
    assert "sign_flip scale=1.0 fraction=0.2; digits, iid, logistic; 6 of 20 clients" in answer.out
    assert "trimmed_mean weighting=rows f=2" in answer.out
    assert "in/leaderboard.html  1 run, 0 archives refused" in answer.out
    assert (folder / "in" / "leaderboard.html").read_text().startswith("<!doctype html>")
    (folder / "in" / "no.zip").write_bytes(b"nothing")
    again = ask(capsys, "leaderboard", "in", "--spot", 1, "--json", "--out", "page.html")
    assert again.code == 1
    told = json.loads(again.out)
    assert [each["file"] for each in told["refused"]] == ["no.zip"]
    assert told["tasks"][0]["places"][0]["seeds"] == [1]
    wrong = ask(capsys, "leaderboard", "in", "--score", "acuracy")
    assert (wrong.code, "did you mean `accuracy`?" in wrong.err) == (2, True)
    assert ask(capsys, "leaderboard", "mine").code == 1
