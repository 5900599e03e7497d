"""Every event is a line and every line is the event again; a line that is none is refused in words."""

import copy
import dataclasses
import json
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsim.events import BatchTrained, Event, RoundEnded, Scores
from fedsim.runs.event_json import event_line, event_record, read_event, recorded, round_digests
from tests.small_runs import DIGITS, played, scenario

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def values(hint):
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=4).map(tuple)
    if get_origin(hint) is UnionType:
        return st.none() | values(get_args(hint)[0])
    scores = st.dictionaries(words, st.floats(), max_size=4).map(Scores)
    return {Scores: scores, float: st.floats(), int: st.integers(-(2**63), 2**63), str: words}[hint]


def an_event(kind):
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


events = st.one_of([an_event(kind) for kind in get_args(Event)])


@given(events)
def test_there_and_back(event):
    line = event_line(event)
    assert "\n" not in line
    again = read_event(line.encode())
    assert type(again) is type(event)
    for field in dataclasses.fields(event):  # repr tells NaN, -0.0, and 1 from 1.0
        assert repr(getattr(again, field.name)) == repr(getattr(event, field.name))
    assert event_line(again) == line


@given(events)
def test_the_wall_clock_stands_apart_and_last(event):
    record = event_record(event)
    clocks = {field.name for field in dataclasses.fields(event) if "wall" in field.metadata}
    assert set(record.get("wall", {})) == clocks
    assert next(iter(record)) == "event"
    assert not clocks or list(record)[-1] == "wall"
    json.loads(event_line(event), parse_constant=pytest.fail)  # strict JSON


LINE = event_line(played(scenario(DIGITS, "rounds=1"))[1])


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "3", "null", '"RoundStarted"', "{}", '{"event": "Party"}', '{"event": ["RoundStarted"]}',
        LINE[:-1], LINE.replace('"round":1', '"round":"1"'), LINE.replace('"round":1', '"round":1.0'),
        LINE.replace('"round":1', '"round":true'), LINE.replace('"round":1', '"round":null'),
        LINE.replace('"round":1', '"turn":1'), LINE.replace('"round":1', '"round":1,"more":2'),
        LINE.replace('"time":0.0', '"time":"soon"'), LINE.replace('"time":0.0', f'"time":1{"0" * 400}'),
        LINE.replace('"cohort":[', '"cohort":[[1],'), LINE.replace('"cohort":[', '"cohort":["a",'),
        LINE.replace('"byzantine":[]', '"byzantine":7'), "[" * 100_000, LINE + LINE,
        '{"event":"UpdatesForged","time":0.0,"round":1,"attack":"\\ud800","clients":[]}',
        '{"event":"RoundStarted","wall":[1]}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(line):
    assert line != LINE
    with pytest.raises(ValueError, match=r"\S"):
        read_event(line)


def test_bytes_that_are_no_text():
    with pytest.raises(ValueError, match=r"\S"):
        read_event(b"\xff\xfe{}")


def test_reading_stops_at_the_first_line_that_is_not_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    lines = [event_line(event).encode() + b"\n" for event in played(scenario())]
    path.write_bytes(b"".join(lines))
    assert [line for line, _ in recorded(path)] == lines
    digests = round_digests(path)
    assert len(digests) == 3
    path.write_bytes(b"".join(lines)[:-1])
    assert len(list(recorded(path))) == len(lines) - 1
    path.write_bytes(b"".join([*lines[:4], b"nonsense\n", *lines[4:]]))
    assert len(list(recorded(path))) == 4
    path.write_bytes(b"".join([*lines, *lines]))
    assert round_digests(path) == digests  # a round that comes again is none
    assert list(recorded(tmp_path / "absent")) == []


def test_events_are_equal_to_the_last_bit_and_whatever_the_clock_says():
    nan, other = float("nan"), float("nan")
    one = BatchTrained(1.0, 2, (3,), (nan,), (4,), 0.5)
    assert one == BatchTrained(1.0, 2, (3,), (other,), (4,), 9.0)
    assert hash(one) == hash(BatchTrained(1.0, 2, (3,), (other,), (4,), 9.0))
    assert one != BatchTrained(1.0, 2, (3,), (0.0,), (4,), 0.5)
    assert BatchTrained(0.0, 2, (), (), (), 0.5) != BatchTrained(-0.0, 2, (), (), (), 0.5)


def round_ended(scores):
    return RoundEnded(1.0, 1, Scores(scores), None, "00", 0.0, 0.0, 0.0, 0.0)


def test_scores_are_an_object_of_numbers_in_their_order():
    line = event_line(round_ended({"loss": float("nan"), "accuracy": 0.5}))
    assert '"scores":{"loss":"nan","accuracy":0.5}' in line
    assert list(read_event(line).scores) == ["loss", "accuracy"]


@pytest.mark.parametrize(
    "scores", ["[]", "null", '{"a":1}', '{"a":null}', '{"a":"x"}', '{"a":0.5,"a":0.5}', '{"a":true}']
)
def test_scores_that_are_none_are_refused(scores):
    line = event_line(round_ended({"a": 0.5}))
    with pytest.raises(ValueError, match="not an event"):
        read_event(line.replace('{"a":0.5}', scores))


def test_scores_are_equal_to_the_last_bit_and_cannot_be_changed():
    nan = float("nan")
    assert round_ended({"a": nan}) == round_ended({"a": nan})
    assert round_ended({"a": 0.0}) != round_ended({"a": -0.0})
    assert round_ended({"a": 1.0, "b": 2.0}) != round_ended({"b": 2.0, "a": 1.0})
    assert len({round_ended({"a": 0.5}), round_ended({"a": 0.5})}) == 1
    assert Scores({"a": 0.5}) == {"a": 0.5}
    with pytest.raises(TypeError):
        Scores({"a": 0.5})["a"] = 1.0
    numbers = {"a": 0.5}
    scores = Scores(numbers)
    numbers["a"] = 1.0
    assert scores["a"] == 0.5
    assert copy.deepcopy(round_ended(numbers)) == round_ended(numbers)


@pytest.mark.parametrize(
    "names", [["accuracy"], ["accuracy", "loss", "more"], ["loss", "accuracy"], ["accuracy", "accuracy"]]
)
def test_a_round_has_the_scores_that_the_run_has_told_of(tmp_path, names):
    events = played(scenario(DIGITS, "evaluation.validation=0"))
    lines = [json.loads(event_line(event)) for event in events]
    lines[0]["scores"] = names
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    read = [event for _, event in recorded(tmp_path / "events.jsonl")]
    assert not any(isinstance(event, RoundEnded) for event in read)
