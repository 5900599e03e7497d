"""What may reach a terminal: every letter shown passes here, whoever wrote it.

A scenario, a data file, a results folder or a path can hold escapes that move the cursor, and marks that turn the
direction of reading. Each is shown as one visible sign of its own, so that columns stay where they are.
"""

import codecs
import io
import json
import sys
import unicodedata
from typing import Any

PICTURES = 0x2400
"""Where Unicode keeps a picture of each control character: `␛` for the escape."""
DELETE, DELETE_PICTURE = 0x7F, "\u2421"
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
FALLBACK = "fedsim-plain"
"""The name under which Python knows what stands in for a letter that the output cannot show."""

PLAIN = {
    "·": "-", "–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "±": "+-", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~",
    "→": "->", "←": "<-", "↦": "->", "⇒": "=>", "∞": "inf", "√": "sqrt", "∈": "in", "‖": "||", "│": "|", "▲": "^",
    "━": "=", "─": "-", "╸": ">", "█": "#", "▇": "%", "▆": "*", "▅": "+", "▄": "=", "▃": "-", "▂": ".", "▁": "_",
    "✓": "ok", "∅": "{}", "∀": "all", "∂": "d", "⟨": "<", "⟩": ">", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")",
    "λ": "lambda", "Σ": "sum",
    "∪": "or", "∩": "and", "∑": "sum", "∏": "prod", "⊙": "*", "≪": "<<", "≫": ">>", "´": "'", "‘": "'", "’": "'",
    "“": '"', "”": '"', "\u00a0": " ",
}  # fmt: skip
"""What stands in for mathematics and rules where the output knows only ASCII or Latin-1."""


def clean(text: str, keep: str = "\n") -> str:
    """The text with everything that is no visible letter as one visible sign."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else _sign(letter) for letter in text)


def one_line(text: str) -> str:
    """The text cleaned and on one line, as a title."""
    return clean(" ".join(text.split()))


def json_text(value: Any, encoding: str | None = None, **options: Any) -> str:
    """A value as JSON that a terminal may be shown: what is not visible, or not in the encoding, is escaped."""
    text = json.dumps(value, ensure_ascii=not _is_unicode(encoding or _encoding()), allow_nan=False, **options)
    return text if text.isprintable() else "".join(map(_escaped, text))


def let_nothing_fail_to_show() -> None:
    """Give standard output and the messages something to write in place of a letter that they cannot show."""
    codecs.register_error(FALLBACK, _stand_in)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=FALLBACK)


def _sign(letter: str) -> str:
    code = ord(letter)
    if letter == "\t" or unicodedata.category(letter) == "Zs":
        return " "
    if code < ord(" "):
        return chr(PICTURES + code)
    return DELETE_PICTURE if code == DELETE else UNKNOWN


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1].replace("\x7f", "\\u007f")


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _is_unicode(encoding: str) -> bool:
    return codecs.lookup(encoding).name.startswith("utf")


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(letter: str) -> str:
    """The nearest thing in ASCII: by hand, by the Greek letter's name, by the letter under an accent, or a `?`."""
    if letter in PLAIN:
        return PLAIN[letter]
    words = unicodedata.name(letter, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        name = words[words.index("LETTER") + 1]
        return name.title() if "CAPITAL" in words else name.lower()
    return "".join(each for each in unicodedata.normalize("NFKD", letter) if each.isascii()) or "?"
