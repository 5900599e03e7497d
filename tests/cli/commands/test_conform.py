"""`fedsim conform` with packages that are made up."""

import json
from types import SimpleNamespace

import pytest

from cli.app import main
from cli.commands import conform
from fedsim.conformance import Difference, Peer, Shared


def package(name, version, *shared):
    return Peer(name, version, SimpleNamespace(PACKAGE=name, shared=lambda: iter(shared)))


def mean(case):
    return case.rows.mean(axis=0)


def half(case):
    return case.rows.mean(axis=0) / 2


MEAN = Shared("aggregators", "mean", mean)
HALF = Shared("aggregators", "mean", half, difference=Difference("half of it", "twice theirs", half))
WRONG = Shared("aggregators", "median", mean)


@pytest.fixture
def packages(monkeypatch):
    def known(*peers):
        monkeypatch.setattr(conform, "known_peers", lambda: list(peers))

    return known


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["conform", *arguments])
    return end.value.code


def test_a_table_a_note_and_the_sum(packages, capsys):
    packages(package("one", "1.0", MEAN), package("two", "0.2", HALF), package("three", None))
    assert ended() == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        " rule               one         two",
        "                    1.0         0.2",
        " mean               equal 1e-15 note 1",
        "",
        " 1  half of it; checked: twice theirs",
        "",
        " 2 names shared · 1 equal · 1 explained · 0 unexplained",
    ]
    assert "not installed: three; " in shown.err


def test_an_unexplained_difference_is_exit_code_1(packages, capsys):
    packages(package("one", "1.0", MEAN, WRONG))
    assert ended() == 1
    shown = capsys.readouterr().out
    assert "DIFFERS 1" in shown
    assert "1  they differ by" in shown
    assert ended("mean") == 0


def test_json(packages, capsys):
    packages(package("one", "1.0", WRONG, Shared("aggregators", "mean", lambda case: 1 / 0)))
    assert ended("--json") == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["name"], first["outcome"], first["gap"]) == ("mean", "unexplained", None)
    assert (second["name"], second["peer"], second["version"]) == ("median", "one", "1.0")


def test_the_page_is_written(packages, capsys, tmp_path):
    packages(package("one", "1.0", MEAN), package("two", "0.2", HALF))
    assert ended("--write", str(tmp_path / "page.md")) == 0
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| rule | one 1.0 | two 0.2 |\n|---|---|---|\n| `mean` | equal 1e-15 | note 1 |\n" in page
    assert "1. half of it. Checked: twice theirs." in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["krumm"], "unknown rule, pre-aggregator or attack `krumm`; did you mean `krum`?"),
        (["krum"], "no package that is installed shares krum"),
        (["--peer", "onne"], "unknown package `onne`; did you mean `one`?"),
        (["--peer", "three"], "three is not installed: pip install three"),
        (["--write", "nowhere/page.md"], "there is no folder nowhere"),
    ],
)
def test_wrong_input(packages, capsys, arguments, message):
    packages(package("one", "1.0", MEAN), package("three", None))
    assert ended(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_nothing_installed(packages, capsys):
    packages(package("one", None), package("two", None))
    assert ended() == 2
    assert "none of one, two is installed" in " ".join(capsys.readouterr().err.replace("│", "").split())
