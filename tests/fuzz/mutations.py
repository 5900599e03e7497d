"""Text and bytes made hostile, the same for the same seed; and a watch over each case."""

import json
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MOST_SECONDS = 30.0
"""For one case; a slow machine needs a hundredth of it."""

ODD = [
    "\x00", "\x1b[31m", "\x07", "\r", "\u202e", "\ufeff", "\u2028", "é", "𝔘", "\U0010ffff", "'", '"', '"""', "\\", "#",
    "[", "]", "[[", "]]", "{", "}", "=", ",", ".", "\n", "\n\n", "-", "+", "_", "0x", "1e", "nan", "inf", "../",
]  # fmt: skip
VALUES = [
    "0", "-1", "1", "2", "3", "7",
    "1_000_000_000", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "1" + "0" * 400,
    "1e308", "1e309", "-1e308", "5e-324", "-0.0", "nan", "-inf", "inf", "0.5", "1.0", "true", "false",
    '""', '"x"', '"' + "a" * 500 + '"', '"../../etc"', '"\\u0000"', '"\\uFEFF"', "[]", "[1, 2]", '["krum"]', "{}",
    '{name = "krum"}', '{name = "krum", f = 1}', "[[[[]]]]", "1979-05-27T07:32:00Z", "07:32:00", '"median"', '"lenet5"',
    "[{}]", "{a = {b = {c = 1}}}", "0o17", "0b1", "1__0",
]  # fmt: skip


def seeded(seed: int | str) -> random.Random:
    """The same draws for the same seed, on every machine."""
    return random.Random(seed)  # noqa: S311 - nothing here is secret


@contextmanager
def watched(case: object) -> Iterator[None]:
    """A case that does not end in time fails, and says which it was."""

    def give_up(_number: int, _frame: object) -> None:
        raise AssertionError(f"still at work after {MOST_SECONDS} seconds: {case!r:.2000}")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def mutated_text(text: str, draw: random.Random) -> str:
    """The text after one to four changes."""
    for _ in range(draw.randint(1, 4)):
        text = draw.choice([_odd, _cut, _repeated, _swapped, _revalued, _revalued, _rekeyed])(text, draw)
    return text


def mutated_bytes(data: bytes, draw: random.Random) -> bytes:
    """The bytes flipped, cut, repeated or with others among them."""
    place, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    some = bytes(draw.randrange(256) for _ in range(draw.choice([1, 1, 4, 40])))
    return draw.choice([
        data[:place], data[place:], data[:place] + data[end:],
        data[:end] + data[place:], data[:place] + some + data[place:],
        data[:place] + some + data[place + len(some) :], data[:place] + b"\n" + data[place:], data[:place] + b"\0" * 9,
    ])  # fmt: skip


def mutated_json(value: Any, draw: random.Random) -> Any:
    """A JSON value with one part replaced, taken out or repeated."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(list(value))
        if draw.random() < 0.15:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: mutated_json(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.7:
        place = draw.randrange(len(value))
        if draw.random() < 0.3:
            return value[:place] + value[place:][:1] * draw.randint(0, 3) + value[place + 1 :]
        return [*value[:place], mutated_json(value[place], draw), *value[place + 1 :]]
    return draw.choice([
        None, True, 0, 1, -1, 3, 10**30, -(10**400),
        0.5, -0.0, 1e308, "", "nan", "inf", "x", "é\u2028", [], [1], {}, {"a": 1},
        [[[]]], json.loads("[" * 50 + "]" * 50),
    ])  # fmt: skip


def _odd(text: str, draw: random.Random) -> str:
    place = draw.randrange(len(text) + 1)
    return text[:place] + draw.choice(ODD) * draw.choice([1, 1, 2, 50]) + text[place:]


def _cut(text: str, draw: random.Random) -> str:
    place = draw.randrange(len(text) + 1)
    return text[:place] + text[place + draw.choice([1, 2, 5, 40]) :]


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _repeated(text: str, draw: random.Random) -> str:
    lines = _lines(text)
    place = draw.randrange(len(lines))
    return "\n".join(lines[:place] + [lines[place]] * draw.choice([2, 2, 30]) + lines[place + 1 :])


def _swapped(text: str, draw: random.Random) -> str:
    lines = _lines(text)
    first, second = (draw.randrange(len(lines)) for _ in range(2))
    lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def _revalued(text: str, draw: random.Random) -> str:
    lines = _lines(text)
    places = [place for place, line in enumerate(lines) if "=" in line]
    if places:
        place = draw.choice(places)
        lines[place] = lines[place].partition("=")[0] + "= " + draw.choice(VALUES)
    return "\n".join(lines)


def _rekeyed(text: str, draw: random.Random) -> str:
    lines = _lines(text)
    keys = ["rounds", "seed", "name", "clients", "clients.sampled", "f", '"odd key"', "a.b.c", "attacks", "model", "é"]
    lines.insert(draw.randrange(len(lines) + 1), f"{draw.choice(keys)} = {draw.choice(VALUES)}")
    return "\n".join(lines)
