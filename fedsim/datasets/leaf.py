"""Federated data in JSON, as LEAF and its descendants write it: read one file at a time, without trust.

A file is walked writer by writer, so that no more than its text and the numbers of one writer are in memory at once.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Progress
from fedsim.datasets.bounded_files import read_file
from fedsim.errors import DataUnavailable

MOST_FILE_BYTES = 2**29  # bytes of one file; LEAF's hold about 0.3 · 10⁹
MOST_FILES = 100_000
MOST_SHOWN = 60  # characters of a writer's name in a message
SPACE = re.compile(r"[ \t\r\n]*")


class Writing(NamedTuple):
    """What one writer wrote, as one file has it."""

    path: Path
    writer: str
    images: NDArray[np.float64]  # (m, pixels) in [0, 1]
    labels: NDArray[np.int64]  # (m,)


def json_files(folder: Path) -> list[Path]:
    """The folder's JSON files by name."""
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if len(found) > MOST_FILES:
        raise DataUnavailable(f"{folder}: holds {len(found):,} JSON files; at most {MOST_FILES:,} are read")
    return found


def read_writings(paths: list[Path], pixels: int, classes: int, progress: Progress) -> Iterator[Writing]:
    """Every writer's examples, file by file; DataUnavailable names the file and what is wrong with it."""
    seen: dict[str, Path] = {}
    for done, path in enumerate(paths, start=1):
        for writer, examples in _by_writer(path):
            if writer in seen:
                raise DataUnavailable(f"{path}: writer {_short(writer)} stands in {seen[writer]} already")
            seen[writer] = path
            yield _writing(path, writer, examples, pixels, classes)
        progress("reading JSON", done, len(paths))


def _by_writer(path: Path) -> Iterator[tuple[str, Any]]:
    """LEAF's form has many writers in a file; the other has one, and the file is called after them."""
    facts: dict[str, Any] = {}
    counts: dict[str, int] | None = None
    try:
        walk = _Walk(read_file(path, MOST_FILE_BYTES).decode("utf-8-sig"))
        if not walk.begins("{"):
            raise DataUnavailable(f"{path}: holds no JSON object")
        for key in walk.members():
            if key != "user_data":
                facts[key] = walk.value()
                continue
            if not walk.begins("{"):
                raise DataUnavailable(f"{path}: its user_data is no object")
            counts = {}
            for writer in walk.members():
                examples = walk.value()
                counts[writer] = _count(examples)
                yield writer, examples
        walk.end()
    except (ValueError, RecursionError) as error:
        raise DataUnavailable(f"{path}: no readable JSON ({str(error)[:200]})") from error
    if counts is None:
        yield path.stem, facts
    else:
        _agree(path, counts, facts.get("users"), facts.get("num_samples"))


def _agree(path: Path, counts: dict[str, int], users: Any, numbers: Any) -> None:
    """What the file says of its writers is what it holds."""
    names = list(counts) if users is None else users
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(counts):
        raise DataUnavailable(f"{path}: its users are not those of its user_data, each once")
    if numbers is None:
        return
    if not isinstance(numbers, list) or len(numbers) != len(names):
        raise DataUnavailable(f"{path}: its num_samples is no list of one number for each of its users")
    for name, number in zip(names, numbers, strict=True):
        if number != counts[str(name)]:
            found = f"num_samples says {str(number)[:MOST_SHOWN]}, and there are {counts[str(name)]} examples"
            raise DataUnavailable(f"{path}: writer {_short(name)}: {found}")


class _Walk:
    """A JSON text, read value by value from its front."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._decoder = json.JSONDecoder(object_pairs_hook=_each_once)

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here; whoever asks reads a key's value before the next key."""
        self._expect("{")
        seen: set[str] = set()
        more = not self._sees("}")
        while more:
            key = self.value()
            if not isinstance(key, str) or key in seen:
                raise ValueError(f"{_short(key)} is a key a second time, or no key at all")
            seen.add(key)
            self._expect(":")
            yield key
            more = self._sees(",")
            if not more:
                self._expect("}")

    def value(self) -> Any:
        """The value that begins here."""
        found, self._at = self._decoder.raw_decode(self._text, self._next())
        return found

    def end(self) -> None:
        """Nothing may follow."""
        if self._next() < len(self._text):
            raise ValueError(f"more text after its end at character {self._at}")

    def begins(self, sign: str) -> bool:
        """Whether the next value begins with this sign."""
        return self._text.startswith(sign, self._next())

    def _expect(self, sign: str) -> None:
        if not self._sees(sign):
            raise ValueError(f"a {sign} is missing at character {self._at}")

    def _sees(self, sign: str) -> bool:
        """Step over the sign if it stands here."""
        found = self.begins(sign)
        self._at += found
        return found

    def _next(self) -> int:
        match = SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _writing(path: Path, writer: str, examples: Any, pixels: int, classes: int) -> Writing:
    where = f"{path}: writer {_short(writer)}"
    if not isinstance(examples, dict) or not {"x", "y"} <= examples.keys():
        raise DataUnavailable(f"{where}: needs x (images) and y (labels)")
    x, y = examples["x"], examples["y"]
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        raise DataUnavailable(f"{where}: x and y are not of one length")
    if not y:
        raise DataUnavailable(f"{where}: has no examples")
    labels = _numbers(y, f"{where}: y")
    if not (np.all(labels == np.rint(labels)) and np.all((labels >= 0) & (labels < classes))):
        raise DataUnavailable(f"{where}: its labels are not all whole numbers from 0 to {classes - 1}")
    images = np.stack([_image(image, pixels, where) for image in x])
    if not (images.min() >= 0 and images.max() <= 1):
        raise DataUnavailable(f"{where}: its pixels are not all between 0 and 1")
    return Writing(path, writer, images, labels.astype(np.int64))


def _image(image: Any, pixels: int, where: str) -> NDArray[np.float64]:
    """(pixels,) the numbers of one image, given in one list or row by row."""
    while isinstance(image, list) and image and all(isinstance(row, list) for row in image):
        image = list(chain.from_iterable(image))
    if not isinstance(image, list) or len(image) != pixels:
        held = f"{len(image)} values" if isinstance(image, list) else "no list of values"
        raise DataUnavailable(f"{where}: an image has {held}, not {pixels}")
    return _numbers(image, f"{where}: x")


def _numbers(values: list[Any], where: str) -> NDArray[np.float64]:
    """The list as an array, once every value is known to be a number: text would make numpy guess, and take room."""
    if not set(map(type, values)) <= {int, float}:
        raise DataUnavailable(f"{where} holds something other than numbers")
    try:
        return np.array(values, np.float64)
    except OverflowError as error:
        raise DataUnavailable(f"{where} holds a number that is out of all bounds") from error


def _count(examples: Any) -> int:
    labels = examples.get("y") if isinstance(examples, dict) else None
    return len(labels) if isinstance(labels, list) else 0


def _short(name: Any) -> str:
    text = str(name)
    return repr(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…")
