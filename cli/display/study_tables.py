"""Tables of a study in a terminal: columns side by side as far as they fit, the rest below."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from cli.display.layout import labelled
from fedsim.clean_text import one_line
from fedsim.study.tables import Table

GAP = 2
NUMERIC = set("0123456789.+-±–<[], e")


def table_lines(table: Table, width: int) -> Iterator[Text]:
    """The title, the columns and the notes; what is too wide goes on below, its first columns repeated."""
    yield Text(one_line(table.title), style="bold")
    columns = [[one_line(line[place]) for line in (table.columns, *table.rows)] for place in range(len(table.columns))]
    fixed = next((place for place, column in enumerate(columns) if _is_numeric(column[1:])), len(columns))
    for block in _blocks(columns[:fixed], columns[fixed:], width - 1):
        for number in range(len(columns[0])):
            line = " ".join([""] + [f"{_set(column, number)}{'':{GAP - 1}}" for column in block]).rstrip()
            yield Text(line, style="underline" if number == 0 else "")
    for note in table.notes:
        yield from labelled("", note, width=width, column=0, style="dim", indent=1)


def _blocks(fixed: list[list[str]], others: list[list[str]], width: int) -> Iterator[list[list[str]]]:
    """The columns in groups that fit."""
    room = width - sum(_wide(column) + GAP for column in fixed)
    block: list[list[str]] = []
    for column in others:
        if block and sum(_wide(each) + GAP for each in [*block, column]) > room:
            yield [*fixed, *block]
            block = []
        block.append(column)
    yield [*fixed, *block]


def _set(column: Sequence[str], number: int) -> str:
    """A cell in its column: numbers to the right, words to the left."""
    gap = " " * (_wide(column) - cell_len(column[number]))
    return f"{gap}{column[number]}" if _is_numeric(column[1:]) else f"{column[number]}{gap}"


def _wide(column: Sequence[str]) -> int:
    return max(map(cell_len, column))


def _is_numeric(cells: Sequence[str]) -> bool:
    return bool(cells) and all(cell == "–" or (set(cell) <= NUMERIC and any(map(str.isdigit, cell))) for cell in cells)
