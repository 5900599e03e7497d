"""How mistakes are shown, to the letter."""

import io

import pytest
from rich.console import Console

from cli.display.errors import show_failure
from fedsim.errors import Problem, ResultsConflict, ScenarioError
from fedsim.scenario.load import parse_scenario

TEXT = """\
# Mine
seed = 1

roundz = 40

[aggregator]
name = "krumm"
f = 6

[clients]
\tsampled = 0
"""
SHOWN = """\
mine.toml: 3 problems

  4 │ roundz = 40
    │ ^^^^^^ unknown key; did you mean `rounds`?
  7 │ name = "krumm"
    │        ^^^^^^^ unknown rule `krumm`; did you mean `krum`? (fedsim list aggregators)
 11 │ \tsampled = 0
    │ \t          ^ must be ≥ 1, got 0
"""


def shown(error, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show_failure(console, error)
    return console.file.getvalue()


def failure(text, overrides=()):
    with pytest.raises(ScenarioError) as nonfinite:
        parse_scenario(text, overrides, source="mine.toml")
    return nonfinite.value


def test_every_problem_below_its_line():
    assert shown(failure(TEXT)) == SHOWN.expandtabs(8)


def test_what_an_option_did_is_shown_at_the_option():
    assert shown(failure("rounds = 3", ["rounds=0", "aggregator.name=krumm"])).splitlines()[2:] == [
        "    │ --set aggregator.name=krumm",
        "    │       ^^^^^^^^^^^^^^^^^^^^^ unknown rule `krumm`; did you mean `krum`? (fedsim list aggregators)",
        "    │ --set rounds=0",
        "    │       ^^^^^^^^ must be ≥ 1, got 0",
    ]


def test_lines_are_never_broken():
    assert shown(failure(TEXT), width=20) == shown(failure(TEXT))


def test_markup_in_a_file_is_text():
    assert '"[bold red]x[/]"' in shown(failure('name = "[bold red]x[/]"'))


def test_a_file_cannot_steer_the_terminal():
    error = ScenarioError([Problem(("a",), "bad \x1b[2J", line=1, column=5)], "x.toml", 'a = "\x1b[2J"')
    assert shown(error).splitlines()[2:] == ['  1 │ a = "␛[2J"', "    │     ^ bad ␛[2J"]


def test_a_caret_never_leaves_its_line():
    error = ScenarioError([Problem(("a",), "bad", line=1, column=99, width=50)], "x.toml", "a = 1")
    assert shown(error).splitlines()[-1] == "    │      ^ bad"


def test_other_failures_are_one_line():
    assert shown(ResultsConflict("runs/x is in use; choose another --out")) == (
        "error: runs/x is in use; choose another --out\n"
    )
