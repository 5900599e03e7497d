"""A report as one page of HTML that needs nothing else: no file beside it, no request, every word escaped."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from fedsim.clean_text import clean
from fedsim.report.document import Cell, Column, Form, Part, Picture, Report, Table, Told, shown, value_of
from fedsim.report.figures import STYLES
from fedsim.report.heat import ink_over

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = "fedsim.report"
NUMERIC = ("count", "share", "number", "seconds")
FILTERED = 25
"""Rows from which a table can be searched."""
SMALL_TYPE_COLUMNS = 12
"""Columns from which a table is set in small type on paper."""
ON_PAPER = 30
"""Rows of a table that are printed, and about as many as are seen before it scrolls."""


def page_of(report: Report) -> str:
    """The page."""
    from markupsafe import Markup

    from fedsim.report.vector import svg_of

    def drawn_once(picture: Picture) -> Markup:
        return Markup(svg_of(picture))  # noqa: S704 - drawn here; every word in it is escaped by who drew it

    style, script = (Markup(_text(name)) for name in ("report.css", "report.js"))  # noqa: S704 - files of the house
    template = _environment().get_template("report.html.j2")
    limits = {"FILTERED": FILTERED, "ON_PAPER": ON_PAPER, "WIDE": SMALL_TYPE_COLUMNS}
    return template.render(report=report, svg=drawn_once, style=style, script=script, **limits) + "\n"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"shown": _shown, "sorts": _sorts, "clean": _clean, "dashes": dashes, "ink": ink_over}
    made.tests |= {"numeric": _is_numeric, "part": _is_part, "numbers": _has_numbers}
    return made


def _text(name: str) -> str:
    return (files(TEMPLATES) / "templates" / name).read_text(encoding="utf-8")


def _clean(text: str) -> str:
    """Words of anybody's with nothing in them that turns the direction of reading; escaped by the template."""
    return clean(text)


def _shown(cell: Cell, form: Form) -> str:
    return clean(shown(cell, form))


def _sorts(cell: Cell) -> str:
    """What a cell is put in order by, where that is not its text."""
    value = value_of(cell)
    if isinstance(value, bool) or value is None or not isinstance(value, int | float):
        return ""
    return repr(value)


def _is_numeric(column: Column, cells: list[Cell]) -> bool:
    return column.form in NUMERIC or any(isinstance(cell, Told) for cell in cells)


def _has_numbers(table: Table) -> bool:
    """Whether a table is of numbers, whose columns stay side by side, or of words, which go on below."""
    places = range(len(table.columns))
    return any(_is_numeric(table.columns[place], [row[place] for row in table.rows]) for place in places)


def _is_part(part: Part, kind: str) -> bool:
    return type(part).__name__ == kind


def dashes(place: int) -> str:
    """The dashes of a line in a legend, as SVG writes them."""
    return ("", "6 2.5", "6 2 1.5 2", "1.5 2")[place % len(STYLES)]
