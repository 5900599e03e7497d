"""Text files of lines with a value in each column, read without trust."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Progress
from fedsim.datasets.bounded_files import read_file
from fedsim.datasets.tables import Roles, Table
from fedsim.errors import DataUnavailable

MOST_BYTES = 2**31  # bytes of a file
CHUNK_LINES = 20_000
"""Lines that are turned into numbers at once."""
MISSING_WORDS = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
"""What stands where nothing is known, in small letters."""
MOST_COLUMNS = 100_000
MOST_LETTERS = 1_000
"""Letters of a word that is a class, an owner or one of a column that is spread out."""


def read_lines(path: Path, roles: Roles, separator: str, missing: str, progress: Progress) -> Table:
    """The table in a file whose first line names the columns."""
    data = read_file(path, MOST_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataUnavailable(f"{path}: is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from error
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = _header(next(lines, []), path, roles, separator)
        return _Reading(path, names, roles, missing).whole(lines, text.count("\n"), progress)
    except csv.Error as error:
        raise DataUnavailable(f"{path}: line {lines.line_num:,} is no line of a CSV file ({error})") from error


def _header(names: Sequence[str], path: Path, roles: Roles, separator: str) -> list[str]:
    found = [name.strip() for name in names]
    if not found:
        raise DataUnavailable(f"{path}: is empty; its first line names the columns")
    if len(found) > MOST_COLUMNS:
        raise DataUnavailable(f"{path}: {len(found):,} columns; at most {MOST_COLUMNS:,} are read")
    other = next((each for each in ";\t|," if each != separator and each in found[0]), None)
    if len(found) == 1 and other:
        tab = "\\t" if other == "\t" else other
        raise DataUnavailable(f'{path}: one column alone, `{found[0][:60]}`: say separator = "{tab}"')
    twice = next((name for place, name in enumerate(found) if name in found[:place]), None)
    if twice is not None:
        raise DataUnavailable(f"{path}: column `{twice}` stands twice in its first line")
    if roles.target not in found and any(map(_is_number, found)):
        raise DataUnavailable(f"{path}: its first line holds numbers, and it has to name the columns: write them above")
    return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class _Reading:
    """A file on its way to a table."""

    def __init__(self, path: Path, names: Sequence[str], roles: Roles, missing: str) -> None:
        self.path, self.names, self.roles, self.missing = path, names, roles, missing
        self.features = roles.features(names, path.name)
        self.words = [name for name in (roles.target, roles.owner, *roles.one_hot) if name]
        self.used = [(names.index(name), name) for name in (*self.features, *self.words)]

    def whole(self, lines: Iterator[list[str]], count: int, progress: Progress) -> Table:
        """The table in the lines below the first."""
        numbers: list[NDArray[np.float64]] = []
        words: dict[str, list[str]] = {name: [] for name in self.words}
        line, done = 2, 0
        while rows := list(islice(lines, CHUNK_LINES)):
            kept, at = self._kept(rows, line)
            numbers.append(self._numbers(kept, at))
            for name in self.words:
                words[name] += self._words(kept, name, at)
            line, done = line + len(rows), done + len(kept)
            progress("reading lines", min(line, count), count)
        if not done:
            raise DataUnavailable(f"{self.path}: no line of data is left below its first line")
        found = {name: np.array(column, np.str_) for name, column in words.items()}
        owners = found[self.roles.owner] if self.roles.owner else None
        spread = {name: found[name] for name in self.roles.one_hot}
        return Table(np.concatenate(numbers), spread, found[self.roles.target], owners)

    def _kept(self, rows: Sequence[list[str]], line: int) -> tuple[list[list[str]], list[int]]:
        """The lines that say something and lack nothing, and the number of each."""
        kept, at = [], []
        for place, row in enumerate(rows, start=line):
            if not row:
                continue
            if len(row) != len(self.names):
                cells = f"{len(row)} cell{'s' * (len(row) != 1)}"
                named = f"its first line names {len(self.names)} columns"
                raise DataUnavailable(f"{self.path}: line {place:,} has {cells}, and {named}")
            lacks = next((name for column, name in self.used if row[column].strip().lower() in MISSING_WORDS), None)
            if lacks is None:
                kept.append(row)
                at.append(place)
            elif self.missing == "refuse":
                reads = row[self.names.index(lacks)].strip()
                what = f"reads {reads!r}" if reads else "is empty"
                raise DataUnavailable(
                    f"{self.path}: line {place:,}, column `{lacks}` {what}: fill it, or leave out such lines "
                    'with missing = "drop"'
                )
        return kept, at

    def _words(self, rows: Sequence[list[str]], name: str, at: Sequence[int]) -> list[str]:
        column = self.names.index(name)
        found = [row[column].strip() for row in rows]
        for place, word in zip(at, found, strict=True):
            if len(word) > MOST_LETTERS:
                raise DataUnavailable(f"{self.path}: line {place:,}, column `{name}` holds {len(word):,} letters")
        return found

    def _numbers(self, rows: Sequence[list[str]], at: Sequence[int]) -> NDArray[np.float64]:
        """(k, features) numbers; DataUnavailable names every column that holds words."""
        found, words = np.empty((len(rows), len(self.features))), {}
        for place, name in enumerate(self.features):
            column = self.names.index(name)
            try:
                found[:, place] = [float(row[column]) for row in rows]
            except ValueError:
                words[name] = next(
                    each for each in zip(at, [row[column] for row in rows], strict=True) if not _is_number(each[1])
                )
        if words:
            raise DataUnavailable(f"{self.path}: {_no_numbers(words)}")
        if not np.isfinite(found).all():
            row, place = np.argwhere(~np.isfinite(found))[0]
            raise DataUnavailable(f"{self.path}: line {at[row]:,}, column `{self.features[place]}` is infinite")
        return found


def _no_numbers(words: dict[str, tuple[int, str]]) -> str:
    """What is said of columns that hold words where numbers are wanted."""
    some = list(words.items())[:5]
    told = [f"{name} (line {line:,}: {word.strip()[:30]!r})" for name, (line, word) in some]
    more = f" and {len(words) - len(some)} more" if len(words) > len(some) else ""
    listed = ", ".join(f'"{name}"' for name, _ in some)
    return (
        f"not all features are numbers: {', '.join(told)}{more}; say one_hot = [{listed}] to spread out words, or "
        "leave_out"
    )
