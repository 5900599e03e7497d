"""The tables of a report as files: CSV and Parquet with every digit, Markdown and LaTeX (booktabs) as shown."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from io import BytesIO, StringIO
from typing import Any

from fedsim.clean_text import one_line
from fedsim.errors import DataUnavailable
from fedsim.report.document import Column, Table, Told, shown, value_of

MOST_ON_A_PAGE = 40
"""Rows from which a table in LaTeX goes on over several pages."""
SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "—": "---", "…": r"\dots{}",
    "×": r"$\times$", "≥": r"$\ge$", "≤": r"$\le$", "≠": r"$\ne$", "→": r"$\to$", "−": "$-$", "✗": r"$\times$",
    "λ": r"$\lambda$", "α": r"$\alpha$", "β": r"$\beta$", "μ": r"$\mu$", "Δ": r"$\Delta$", "∞": r"$\infty$",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip
"""What LaTeX reads as something else, or not at all, and how it is written."""
MINUS = re.compile(r"(?<![\w.])-(?=\d)")


def as_csv(table: Table) -> bytes:
    """A heading and a line a row, every digit; nothing where there is nothing."""
    heads, rows = _data(table)
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([heads, *rows])
    return text.getvalue().encode()


def as_parquet(table: Table) -> bytes:
    """The same with types, by pyarrow."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    heads, rows = _data(table)
    columns = [[row[place] for row in rows] for place in range(len(heads))]
    data = BytesIO()
    write_table(pa.table([pa.array(_of_one_kind(column)) for column in columns], names=heads), data)
    return data.getvalue()


def as_markdown(table: Table) -> bytes:
    """A table of GitHub's Markdown with its title and notes; numbers stand right."""
    rule = ["---:" if _is_numeric(table, place) else "---" for place in range(len(table.columns))]
    heads = [column.name for column in table.columns]
    lines = ["| " + " | ".join(map(_in_markdown, line)) + " |" for line in [heads, rule, *_shown(table)]]
    notes = "".join(f"\n{one_line(note)}.\n" for note in table.notes)
    return f"## {one_line(table.title)}\n\n{chr(10).join(lines)}\n{notes}".encode()


def as_latex(table: Table) -> bytes:
    """A table of booktabs with its title as caption and its notes below; a long one goes on over pages."""
    caption = rf"\caption{{{_in_latex(table.title)}}}\label{{tab:{table.name}}}"
    notes = " ".join(f"{_in_latex(note)}." for note in table.notes)
    told = rf"{{\footnotesize {notes}\par}}" if notes else ""
    head = _line([_in_latex(column.name) for column in table.columns])
    body = [_line([_cell(table, place, cell) for place, cell in enumerate(row)]) for row in _shown(table)]
    alike = "".join("r" if _is_numeric(table, place) else "l" for place in range(len(table.columns)))
    laid = _over_pages if len(table.whole) > MOST_ON_A_PAGE else _on_one_page
    return "\n".join(filter(None, laid(alike, caption, head, body, told))).encode() + b"\n"


def _on_one_page(alike: str, caption: str, head: str, body: Sequence[str], notes: str) -> Iterator[str]:
    yield from ("% needs \\usepackage{booktabs}", r"\begin{table}", r"\centering", caption)
    yield from (rf"\begin{{tabular}}{{{alike}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule")
    yield from (r"\end{tabular}", rf"\par\smallskip{notes}" if notes else "", r"\end{table}")


def _over_pages(alike: str, caption: str, head: str, body: Sequence[str], notes: str) -> Iterator[str]:
    yield from ("% needs \\usepackage{booktabs,longtable}", rf"\begin{{longtable}}{{{alike}}}", rf"{caption}\\")
    yield from (r"\toprule", head, r"\midrule", r"\endfirsthead", r"\toprule", head, r"\midrule", r"\endhead")
    yield from (r"\bottomrule", r"\endfoot", *body, r"\end{longtable}", notes)


TABLES: dict[str, tuple[str, Callable[[Table], bytes]]] = {
    "csv": ("csv", as_csv), "parquet": ("parquet", as_parquet), "markdown": ("md", as_markdown),
    "latex": ("tex", as_latex),
}  # fmt: skip
"""By the name of a kind, how its files end and who writes them."""


def check_tables(kinds: Sequence[str]) -> None:
    """DataUnavailable where a kind needs what is not installed; nothing has been written then."""
    if "parquet" in kinds and find_spec("pyarrow") is None:
        raise DataUnavailable(
            "Parquet files are written by pyarrow, which is not installed: pip install pyarrow, or ask for csv"
        )


def _data(table: Table) -> tuple[list[str], list[list[Any]]]:
    """The heading and the rows with every digit."""
    if table.records:
        heads = list(dict.fromkeys(key for record in table.records for key in record))
        return heads, [[record.get(key) for key in heads] for record in table.records]
    return [column.name for column in table.columns], [list(map(value_of, row)) for row in table.whole]


def _of_one_kind(column: Sequence[Any]) -> list[Any]:
    """The column as it is, or, of numbers and words together, as words."""
    kinds = {
        str if isinstance(value, str) else bool if isinstance(value, bool) else float
        for value in column
        if value is not None
    }
    return list(column) if len(kinds) < 2 else [None if value is None else str(value) for value in column]  # noqa: PLR2004


def _shown(table: Table) -> list[list[str]]:
    forms = [column.form for column in table.columns]
    return [[one_line(shown(cell, form)) for cell, form in zip(row, forms, strict=True)] for row in table.whole]


def _is_numeric(table: Table, place: int) -> bool:
    column: Column = table.columns[place]
    return column.form != "word" or any(isinstance(row[place], Told) for row in table.rows)


def _in_markdown(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _in_latex(text: str) -> str:
    return "".join(SPECIAL.get(letter, letter) for letter in one_line(text))


def _cell(table: Table, place: int, text: str) -> str:
    """A cell; before a number a hyphen is a minus."""
    told = _in_latex(text)
    return MINUS.sub("$-$", told) if _is_numeric(table, place) else told


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
