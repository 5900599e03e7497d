"""Where a key stands in a TOML text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedsim.errors import Problem
from fedsim.scenario.positions import locate

TEXT = """\
# a comment = 1
top = 1
"quoted key" = 2
  indented   =   "value"  # trailing
dotted.inner = [1, 2]

[table]
key = true
[ table . below ]
key = 3
[[list]]
name = "first"
[[list]]
name = "second"
  [list.sub]
  deep = 'literal'
inline = { a = 1, b = 2 }
"""


def place(*path, message="must be something, got 1"):
    found = locate(Problem(path, message), TEXT)
    return found.line, found.column, found.width


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("top",), (2, 7, 1)),
        (("quoted key",), (3, 16, 1)),
        (("indented",), (4, 18, 7)),
        (("dotted", "inner"), (5, 16, 6)),
        (("table",), (7, 2, 5)),
        (("table", "key"), (8, 7, 4)),
        (("table", "below", "key"), (10, 7, 1)),
        (("list", 0, "name"), (12, 8, 7)),
        (("list", 1, "name"), (14, 8, 8)),
        (("list", 1, "sub", "deep"), (16, 10, 9)),
    ],
)
def test_a_value_is_found(path, expected):
    assert place(*path) == expected


def test_a_wrong_key_is_pointed_at_itself():
    assert place("table", "key", message="unknown key") == (8, 1, 3)


def test_what_stands_inside_a_value_is_found_by_the_key_around_it():
    assert place("list", 1, "sub", "inline", "a") == (17, 1, 6)
    assert place("dotted", "inner", 1) == (5, 1, 12)


def test_a_missing_key_is_found_by_its_table():
    assert place("list", 1, "count", message="missing") == (13, 3, 4)


def test_what_is_nowhere_has_no_line():
    problem = Problem(("nowhere", "at all"), "missing")
    assert locate(problem, TEXT) is problem


def test_a_comment_is_no_key():
    assert place("# a comment") == (None, None, 1)


@given(st.text(), st.lists(st.text(max_size=5) | st.integers(0, 3), max_size=3))
def test_any_text_has_every_place_inside_itself(text, path):
    found = locate(Problem(tuple(path), "must"), text)
    if found.line is not None:
        line = text.splitlines()[found.line - 1]
        assert 1 <= found.column <= len(line)
        assert found.column - 1 + found.width <= len(line)
