"""Values against declared types: what is let in, and what is said of the rest."""

from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt

from fedsim.registry import Registry
from fedsim.scenario.validation import check_settings, freeze, shown


def algorithm(
    *,
    must: Annotated[int, Ge(1), Le(9), "how many"],
    share: Annotated[float, Gt(0), Lt(1), "what part"] = 0.5,
    word: Annotated[Literal["one", "other"], "which"] = "one",
    maybe: Annotated[int | None, Ge(2), "perhaps"] = None,
    several: Annotated[tuple[int, ...], "some"] = (1, 2),
    flag: Annotated[bool, "whether"] = False,
    text: Annotated[str | None, "where"] = None,
):
    """An algorithm of the test's own."""


@pytest.fixture
def entry():
    registry = Registry("tests", "test", "tests", {})
    registry.register("algorithm", algorithm)
    registry._loaded = True
    return registry["algorithm"]


def messages(entry, **given):
    _, problems = check_settings(entry, {"must": 1} | given, ("at",))
    return [(each.where, each.message) for each in problems]


def test_defaults_are_filled_in(entry):
    settings, problems = check_settings(entry, {"must": 3})
    assert problems == []
    assert settings == {
        "must": 3, "share": 0.5, "word": "one", "maybe": None, "several": (1, 2), "flag": False, "text": None,
    }  # fmt: skip


def test_what_is_given_is_kept(entry):
    given = {"must": 9, "share": 0.25, "word": "other", "maybe": 2, "several": [3], "flag": True, "text": "x"}
    settings, problems = check_settings(entry, given)
    assert problems == []
    assert settings == {**given, "several": (3,)}


def test_a_whole_number_is_a_float_where_one_is_wanted(entry):
    _, problems = check_settings(entry, {"must": 1, "share": 1})
    assert [each.message for each in problems] == ["must be < 1.0, got 1"]


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        ({"must": 0}, "at.must", "must be ≥ 1, got 0"),
        ({"must": 10}, "at.must", "must be ≤ 9, got 10"),
        ({"must": 1.0}, "at.must", "must be a whole number, got 1.0"),
        ({"must": "1"}, "at.must", "must be a whole number, got '1'"),
        ({"must": True}, "at.must", "must be a whole number, got true"),
        ({"share": 0.0}, "at.share", "must be > 0.0, got 0.0"),
        ({"share": float("nan")}, "at.share", "must be a finite number, got nan"),
        ({"share": True}, "at.share", "must be a number, got true"),
        ({"word": "othr"}, "at.word", "must be 'one' or 'other', got 'othr'; did you mean `other`?"),
        ({"word": 1}, "at.word", "must be 'one' or 'other', got 1"),
        ({"maybe": 1}, "at.maybe", "must be ≥ 2, got 1"),
        ({"several": 1}, "at.several", "must be a list, got 1"),
        ({"several": ["x"]}, "at.several[0]", "must be a whole number, got 'x'"),
        ({"flag": "yes"}, "at.flag", "must be true or false, got 'yes'"),
        ({"text": 1}, "at.text", "must be text in quotes, got 1"),
        ({"shares": 1}, "at.shares", "unknown key; did you mean `share`?"),
        ({"zzz": 1}, "at.zzz", "unknown key; known here: must, share, word, maybe, several, flag, text"),
    ],
)
def test_what_is_refused(entry, given, where, message):
    assert messages(entry, **given) == [(where, message)]


def test_what_is_missing_is_said_with_its_meaning(entry):
    _, problems = check_settings(entry, {}, ("at",))
    assert [(each.where, each.message) for each in problems] == [
        ("at.must", "missing: algorithm needs `must`, how many")
    ]


def test_every_problem_of_a_table_is_found(entry):
    assert len(messages(entry, must=0, share=2.0, word="x", zzz=1)) == 4


def test_lists_are_frozen_all_the_way_down():
    assert freeze({"a": [1, {"b": [2, [3]]}]}) == {"a": (1, {"b": (2, (3,))})}


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), ("a", "'a'"), (float("inf"), "inf"), ("a\nb", r"'a\nb'"), ("x" * 99, "'" + "x" * 58 + "…")],
)
def test_values_in_messages_stay_on_one_line(value, text):
    assert shown(value) == text
