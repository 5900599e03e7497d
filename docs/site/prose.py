"""Docstrings as MyST: mathematics where it is written, code as code, and words that mean themselves."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from cli.display.layout import unbroken
from docs.site.notation import BREAK, Reader
from docs.site.signs import SIGNS
from docs.site.tokens import tokens

ESCAPED = re.compile(r"([\\`*_{}\[\]<>#|$~&])")
LONE = frozenset("−+±·×≥≤→←Σ‖∈∝≠∘")
"""Signs that are mathematics even where they stand alone."""


class Piece(NamedTuple):
    """A stretch of words, mathematics as TeX, or code."""

    kind: Literal["words", "mathematics", "code"]
    text: str
    gap: str


WORD_JOINER = "\u2060"


def pieces(text: str) -> Iterator[Piece]:
    """The text from left to right."""
    found, place = tokens(text), 0
    reader = Reader(found)
    while place < len(found):
        sign = found[place]
        begins = sign.kind not in ("code", "close", "sign", "other") or sign.text in ("√", "#")
        read = reader.expression(place, top=True) if begins else None
        if read and read.telling:
            tex, place = read.tex, read.end
            while more := reader.listed(place):
                tex, place = tex + more.tex, more.end
            yield Piece("mathematics", tex, sign.gap)
            continue
        place += 1
        if sign.kind == "code":
            yield Piece("code", sign.text.strip("`"), sign.gap)
        elif (sign.text in LONE or sign.text == "->") and reader.line.at(place).kind != "number":
            yield Piece("mathematics", SIGNS.get(sign.text, sign.text), sign.gap)
        else:
            yield Piece("words", sign.text, sign.gap)


def clauses(text: str) -> Iterator[list[Piece]]:
    """The text cut after semicolons and full stops, where no bracket of the prose is open."""
    clause: list[Piece] = []
    depth = 0
    for piece in pieces(text):
        if clause and depth == 0 and piece.gap and clause[-1].kind == "words" and clause[-1].text in (";", "."):
            yield clause
            clause = []
        depth += (piece.text in "([" if piece.kind == "words" else 0) - (
            piece.text in ")]" if piece.kind == "words" else 0
        )
        clause.append(piece)
    if clause:
        yield clause


def markdown(text: str) -> str:
    """A docstring's section as paragraphs; the author's own line breaks are kept."""
    return "\\\n".join(joined(pieces(line)) if line.strip() else "" for line in unbroken(text))


def formula(text: str) -> str:
    """A docstring's formula as a line for each clause."""
    return "\\\n".join(joined(clause) for line in unbroken(text) for clause in clauses(line))


def plain(text: str) -> str:
    """Words as they are, but strings as code."""
    return re.sub(r'"[^"]*"', lambda found: f"`{found[0]}`", ESCAPED.sub(r"\\\1", text))


def joined(found: "Iterator[Piece] | list[Piece]") -> str:
    """Pieces as MyST."""
    shown, before = "", Piece("words", "", "")
    for piece in found:
        kept = {before.kind, piece.kind} == {"mathematics", "words"}  # brackets and commas stay on the line
        shown += (" " if piece.gap else WORD_JOINER if kept else "") + _shown(piece)
        before = piece
    return shown.strip()


def _shown(piece: Piece) -> str:
    if piece.kind == "mathematics":
        return "\u200b".join(f"{{math}}`{tex.strip()}`" for tex in piece.text.split(BREAK))
    return f"`{piece.text}`" if piece.kind == "code" else ESCAPED.sub(r"\\\1", piece.text)
