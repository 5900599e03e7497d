"""Tables for notebooks: HTML that brings its own looks, follows the page's light or dark colours, and runs nothing."""

import html
from collections.abc import Iterable, Sequence

STYLE = (
    "<style>"
    ".fedsim{font-variant-numeric:tabular-nums;overflow-x:auto}"
    ".fedsim table{border-collapse:collapse;margin:.4em 0 1em;background:none;color:inherit}"
    ".fedsim caption{text-align:left;white-space:nowrap;font-weight:600;padding:.2em 0;color:inherit;caption-side:top}"
    ".fedsim th,.fedsim td{padding:.2em .8em .2em 0;text-align:left!important;vertical-align:top;background:none;"
    "color:inherit;"
    "border:0;border-bottom:1px solid rgba(128,128,128,.35)}"
    ".fedsim td.n,.fedsim th.n{text-align:right!important}"
    ".fedsim tbody tr{background:none}"
    ".fedsim p,.fedsim summary{margin:.2em 0;opacity:.75}"
    "</style>"
)


def boxed(*parts: str) -> str:
    """Pieces of HTML as one that stands by itself."""
    return f'<div class="fedsim">{STYLE}{"".join(parts)}</div>'


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers are set to the right."""
    lines = [list(row) for row in rows]
    numeric = [bool(lines) and all(_is_number(row[place]) for row in lines) for place in range(len(columns))]
    head = "".join(
        f'<th scope="col"{_side(right)}>{html.escape(name)}</th>' for name, right in zip(columns, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row, numeric))}</tr>" for row in lines)
    top = f"<thead><tr>{head}</tr></thead>" if any(columns) else ""
    return f"<table><caption>{html.escape(caption)}</caption>{top}<tbody>{body}</tbody></table>"


def folded(summary: str, inner: str) -> str:
    """What opens when it is clicked."""
    return f"<details><summary>{html.escape(summary)}</summary>{inner}</details>"


def words(text: str) -> str:
    """A paragraph."""
    return f"<p>{html.escape(text)}</p>"


def _cell(value: object, right: bool) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else "–" if value is None else str(value)
    return f"<td{_side(right)}>{html.escape(text)}</td>"


def _side(right: bool) -> str:
    return ' class="n"' if right else ""


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
