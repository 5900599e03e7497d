"""Files that follow a run line by line, and a disk that has no more room."""

import csv
import resource
import signal

import pytest

from fedsim.errors import StorageFailed
from fedsim.events import Aggregated, RoundEnded, RunStarted
from fedsim.metrics.contract import RESERVED
from fedsim.runs.event_json import event_line
from fedsim.runs.metrics_file import (
    FIRST_COLUMNS,
    LAST_COLUMNS,
    Metrics,
    Table,
    column_names,
    consume,
    csv_line,
    table_of,
)
from fedsim.runs.reading import read_events
from tests.small_runs import DIGITS, ends, held, played, same, scenario, verdicts

SCORES = ("accuracy", "loss", "validation_accuracy", "validation_loss")
EVENTS = played(scenario(DIGITS, "evaluation.every=2", "clients.dropout=0.3", rest=held(1, name="nan")))


def test_every_sink_is_told_everything_in_order():
    told = []
    last = consume(EVENTS, lambda event: told.append((1, event)), lambda event: told.append((2, event)))
    assert told == [(sink, event) for event in EVENTS for sink in (1, 2)]
    assert last is EVENTS[-1]
    assert consume([], told.append) is None


def test_files_are_the_events_and_a_row_a_round(tmp_path):
    with Metrics(tmp_path) as metrics:
        consume(EVENTS, metrics)
        metrics.sync()
    assert (tmp_path / "events.jsonl").read_text() == "".join(event_line(event) + "\n" for event in EVENTS)
    assert same(read_events(tmp_path)) == same(EVENTS)
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == column_names(SCORES)
    for row, end, verdict in zip(rows, ends(EVENTS), verdicts(EVENTS), strict=True):
        assert row["accuracy"] == ("" if end.accuracy is None else repr(end.accuracy))
        assert (int(row["round"]), row["digest"], float(row["norm"])) == (end.round, end.digest, verdict.norm)
        assert (int(row["dropped"]), int(row["nonfinite"])) == (len(verdict.dropped), len(verdict.nonfinite))
        assert row["skipped"] == verdict.skipped


def test_what_a_round_showed_is_with_the_system_when_it_ends(tmp_path):
    with Metrics(tmp_path) as metrics:
        for number, event in enumerate(EVENTS, 1):
            metrics(event)
            if isinstance(event, RoundEnded):
                assert len(read_events(tmp_path)) == number
                assert len((tmp_path / "metrics.csv").read_text().splitlines()) == event.round + 1


def test_a_run_that_goes_on_has_one_beginning_and_one_header(tmp_path):
    for _ in range(2):
        with Metrics(tmp_path) as metrics:
            metrics(EVENTS[0])
    assert same(read_events(tmp_path)) == same(EVENTS[:1])
    assert (tmp_path / "metrics.csv").read_text() == csv_line(column_names(SCORES))


def test_a_heading_and_a_row_a_round():
    heading, *lines = table_of(EVENTS)
    assert heading == column_names(EVENTS[0].scores)
    rows = [dict(zip(heading, line, strict=True)) for line in lines]
    assert [row["round"] for row in rows] == [1, 2, 3]
    assert [row["accuracy"] is None for row in rows] == [True, False, False]
    assert [row["sampled"] for row in rows] == [6, 6, 6]


def test_a_line_waits_for_its_round():
    table = Table()
    first = [table(event) is not None for event in EVENTS]
    assert first == [isinstance(event, RunStarted | RoundEnded) for event in EVENTS]


def test_a_score_has_a_column_of_its_own_and_no_metric_the_name_of_another():
    events = played(scenario(DIGITS, 'evaluation.metrics=["worst_class_accuracy"]', "evaluation.validation=0"))
    heading, *rows = table_of(events)
    assert heading == (*FIRST_COLUMNS, "accuracy", "loss", "worst_class_accuracy", *LAST_COLUMNS)
    places = [heading.index(name) for name in ends(events)[0].scores]
    assert [tuple(row[place] for place in places) for row in rows] == [tuple(e.scores.values()) for e in ends(events)]
    assert (*FIRST_COLUMNS, *LAST_COLUMNS) == RESERVED


@pytest.mark.parametrize("text", ["plain", 'with "quotes", commas', "two\nlines", "ünïcode ≥"])
def test_words_survive_the_table(tmp_path, text):
    import dataclasses

    events = [dataclasses.replace(e, skipped=text) if isinstance(e, Aggregated) else e for e in EVENTS]
    with Metrics(tmp_path) as metrics:
        consume(events, metrics)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        assert {row["skipped"] for row in csv.DictReader(file)} == {text}


def test_a_disk_that_is_full_says_so_and_what_was_whole_stays(tmp_path):
    metrics = Metrics(tmp_path)
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = sum(len(event_line(event)) + 1 for event in EVENTS[: len(EVENTS) // 2]) + 10
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(StorageFailed, match=r"cannot write .*: File too large"):
            consume(EVENTS, metrics)
        with pytest.raises(StorageFailed, match="File too large"):
            metrics.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    whole = read_events(tmp_path)
    assert same(whole) == same(EVENTS[: len(whole)])
    assert len(whole) >= len(EVENTS) // 2 - 3
