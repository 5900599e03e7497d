"""The live table to the letter, on consoles of fixed size."""

import io

import pytest
from rich.console import Console

from cli.display.live import LiveTable, height_for
from cli.display.plain import JsonLines, PlainTable
from cli.display.progress import Pace
from fedsim.events import RunStarted
from fedsim.runs.event_json import read_event
from tests.cli.recorded_run import STARTED, history, started, tale, told

AT_80 = """\
 round       time   Byzantine   weight on Byz.   accuracy       loss        s
     1        1.0      0 of 4       0.00            0.100      2.250     0.25
     2        2.0      1 of 4       0.25                –          –     0.25
     3        3.0      2 of 4       1.00 ▲          0.050    4.1e+04     0.25
     4        4.0      1 of 4   skipped: krum needs n ≥ 2f + 3: got n = 4, f = 1
     5        5.0      0 of 4       0.00            0.750        inf     12.5
"""


class Clock:
    """Time that passes only when told to."""

    def __init__(self):
        self.moment = 0.0

    def __call__(self):
        return self.moment


def screen(width, height, events, above=0, steps=1.0):
    """What the live table shows after these events, line by line."""
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    clock, found = Clock(), history([])
    table = LiveTable(console, found, above=above, pace=Pace(clock))
    with table:
        for event in events:
            found(event)
            table(event)
            clock.moment += steps
        picture = table.picture()
    return printed(picture, width)


def printed(picture, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(picture)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_everything_at_80_columns():
    lines = screen(80, 24, tale())
    assert lines[:6] == AT_80.splitlines()
    assert lines[6:] == [
        " ▁▁▄▇  accuracy",
        " ━━━━━━━━━━━━━━━━━━━━━━━━━━━━  5/5  100 %",
    ]


def test_nothing_is_wider_than_the_screen():
    for width in (40, 60, 80, 119, 160):
        assert max(map(len, screen(width, 30, tale()))) <= width


def test_a_wide_screen_shows_more():
    heading, *_, fourth, _, _, _ = screen(160, 50, tale())
    assert heading.split("s   ")[-1].split("   ")[-1].strip() == "absent"
    assert "validation   training loss       norm   off honest mean" in heading
    assert "skipped: krum" in fourth


CHOSEN = {"balanced_accuracy": 0.25, "accuracy_of_owners": 0.125, "worst_class_accuracy": float("nan")}


def test_chosen_scores_stand_beside_the_loss_as_the_width_allows():
    events = [started(*CHOSEN), *told(1, more=CHOSEN), *told(2, accuracy=None)]
    assert screen(80, 24, events)[0].split("accuracy")[1].split() == ["loss", "s"]
    heading, first, second, *_ = screen(120, 24, events)
    assert heading.endswith("   accuracy       loss   balanced accuracy   mean of owners        s")
    assert first.endswith("      0.500      1.500               0.250            0.125     0.25")
    assert second.endswith("          –          –                   –                –     0.25")
    heading, first, *_ = screen(160, 24, events)
    assert "loss   balanced accuracy   mean of owners   worst class        s   validation" in heading
    assert "              0.250            0.125           nan     0.25        0.500" in first


def test_without_validation_examples_there_is_no_column_for_them():
    heading, *_ = screen(160, 24, [RunStarted(**{**_fields(STARTED), "scores": ("accuracy", "loss")}), *told(1)])
    assert "validation" not in heading
    assert "training loss" in heading


def test_the_height_never_changes_and_the_last_rows_stay():
    started = RunStarted(**{**_fields(STARTED), "rounds": 1000})

    def events(count):
        yield started
        for number in range(1, count + 1):
            yield from told(number)

    heights = {len(screen(80, 24, events(count), above=8)) for count in (0, 1, 5, 12, 40)}
    assert heights == {24 - 8 - 1}
    lines = screen(80, 24, events(40), above=8)
    assert lines[1].split()[0] == "29"
    assert lines[-3].split()[0] == "40"


def test_a_run_resumed_counts_what_was_done_before():
    assert "5/5  100 %" in screen(80, 24, [*list(tale())[:-1], STARTED])[-1]


def test_the_time_left_is_judged_by_the_last_rounds():
    events = [STARTED, *told(1), *told(2, byzantine=(3,))]
    line = screen(80, 24, events)[-1]
    assert " 2/5   40 %  0:16 left" in line  # rounds of 5 and 6 seconds, three more of them, a second later


@pytest.mark.parametrize(
    ("count", "words"), [(2, "training 2/4"), (3, "aggregating"), (4, "aggregating"), (5, "scoring")]
)
def test_what_is_being_done(count, words):
    events = [STARTED, *list(told(1, byzantine=(3,)))[: count - 0]]
    assert screen(80, 24, events)[-1].endswith(words)


def test_progress_of_something_else_is_shown_until_the_round_ends():
    console = Console(width=80, height=24, file=io.StringIO(), force_terminal=True, color_system=None)
    found = history([])
    with LiveTable(console, found) as table:
        for event in [STARTED, *list(told(1))[:2]]:
            found(event)
            table(event)
        table.progress("scoring", 200, 1000)
        assert printed(table.picture())[-1].endswith("scoring 200/1,000")


@pytest.mark.parametrize(
    ("rounds", "screen_height", "above", "rows"),
    [(1000, 24, 8, 12), (5, 24, 8, 5), (1000, 24, 22, 20), (1000, 50, 8, 38), (1000, 4, 0, 1), (1, 24, 0, 1)],
)
def test_how_many_rows_fit(rounds, screen_height, above, rows):
    assert height_for(rounds, screen_height, above, 4) == rows


def plain(width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    found = history([])
    table = PlainTable(console, found)
    for event in tale():
        found(event)
        table(event)
    return console.file.getvalue()


def test_piped_rows_are_the_same_rows():
    assert plain() == AT_80
    assert "\x1b" not in plain()


def test_json_lines_are_the_events(capsys):
    sink = JsonLines()
    for event in tale():
        sink(event)
    assert [read_event(line) for line in capsys.readouterr().out.splitlines()] == list(tale())


def _fields(event):
    return {name: getattr(event, name) for name in event.__slots__}
