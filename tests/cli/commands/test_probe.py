"""`fedsim probe` as it is shown, as JSON, and where it is asked wrongly."""

import json

import pytest

from cli.app import main
from cli.commands import probe


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["probe", *arguments])
    return end.value.code


def test_a_rule_in_closed_form(capsys):
    assert ended("trimmed_mean") == 0
    assert capsys.readouterr().out.splitlines() == [
        "trimmed_mean(f = 2) · 11 rows, 2 of them anybody's",
        "  κ*         0.286      in closed form",
        "  proved     ≤ 2.204    6f/(n − 2f) · (1 + f/(n − 2f)), Allouah+ 2023 (Fixing by",
        "                        Mixing)",
        "  any rule   ≥ 0.286    f/(n − 2f): none is more robust than this one",
        "  breaks at  3          3 outsiders of 11 move it without bound",
    ]


def test_a_rule_by_search_behind_a_pre_aggregator(capsys):
    assert ended("krum", "--pre", "nnm", "--n", "7", "--f", "1", "--d", "1", "--calls", "400") == 0
    shown = capsys.readouterr().out
    assert "nnm(f = 1) + krum(f = 1) · 7 rows, 1 of them anybody's" in shown
    assert "κ*         ≥ " in shown
    assert "a search in 1 coordinate, " in shown


def test_a_rule_without_bound(capsys):
    assert ended("mean") == 0
    assert "κ*         ∞          no bound: 1 outsider moves it as far as they like" in capsys.readouterr().out
    assert ended("norm_bound(norm = 1.0)", "--calls", "300") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "no bound: honest rows that are all but alike, and an answer elsewhere" in shown
    assert "breaks at – no number of outsiders that was tried moves it without bound" in shown


def test_json(capsys):
    assert ended("meamed", "--n", "5", "--f", "1", "--d", "1", "--calls", "300", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rule"], found["kind"], found["bounded"]) == ("meamed(f = 1)", "found", True)
    assert found["least"] == pytest.approx(1 / 3)
    assert (len(found["rows"]), len(found["honest"])) == (5, 4)
    assert ended("mean", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kappa"], found["bounded"], found["rows"]) == (None, False, None)


def test_all_rules_in_their_order(capsys, monkeypatch):
    monkeypatch.setattr(probe, "candidates", lambda: ["mean", "median", "krum", "trimmed_mean"])
    assert ended("--all", "--n", "4", "--f", "1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0].partition("(")[0] for line in lines[2:5]] == ["median", "trimmed_mean", "mean"]
    assert "krum" in lines[5]
    assert "krum needs n ≥ 2f + 3: got n = 4, f = 1" in lines[5]
    assert "least possible" in lines[3]
    assert ended("--all", "--json", "--n", "7", "--f", "1", "--calls", "20") == 0
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_a_figure(capsys, tmp_path):
    assert ended("median", "--figure", str(tmp_path / "median.png")) == 0
    assert (tmp_path / "median.png").read_bytes().startswith(b"\x89PNG")
    assert "median.png written" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a rule, such as krum or nnm+trimmed_mean, or ask for --all"),
        (["krum", "--all"], "name a rule"),
        (["--all", "--figure", "x.png"], "is of one rule: name it"),
        (["krum", "--figure", "nowhere/x.png"], "there is no folder nowhere"),
        (["krumm"], "unknown rule `krumm`; did you mean `krum`?"),
        (["krum", "--n", "5"], "krum needs n ≥ 2f + 3: got n = 5, f = 2"),
        (["fltrust"], "fltrust asks for trusted"),
        (["nnm"], "nnm is a pre-aggregator: put a rule behind it, such as nnm+mean"),
        (["--all", "--n", "2", "--f", "1"], "n = 2, f = 1: more than half of the rows have to be honest"),
        (["norm_bound"], "norm"),
        (["krum", "--n", "60", "--f", "9"], "sets of honest rows"),
    ],
)
def test_wrong_input(capsys, arguments, message):
    assert ended(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", "").split())
