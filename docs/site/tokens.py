"""The signs of a docstring: words, letters, numbers, indices, operators, brackets, and pieces of code."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-=()aehijklmnoprstuvx", strict=True))
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵗᵀ", "0123456789+-=()nitT", strict=True))

_FUNCTIONS = "argmin argmax min max cos sin tan exp log ln sign median mean std var relu tanh softmax round"
_PROSE = (
    "a all an and are as at be by each else every for from gives has if in into is it its no none not of off on only "
    "or other others otherwise over per plus so than that the their them then there this to under until up was "
    "what when where which while who whose with without"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Words that are mathematics where an argument follows them."""
PROSE = frozenset(_PROSE.split())
"""Words that stay words beside a sign of mathematics."""

RELATIONS = ("=", "≠", "≤", "≥", "<", ">", "~", "∝", "∈", "←", "→", "->", "≈")
OPERATORS = tuple("+−·×∘⊙∩∪±")

_PATTERNS = {
    "code": r"`[^`]+`"
    r"|\b[a-z][a-z_]*=(?:\"[^\"]*\"|True|False|None|[\d.]+\b)"  # steps=3, variant="byzfl"
    r"|\b[a-z_]+ = (?:\"[^\"]*\"|None\b|True\b|False\b)"
    r"|\"[^\"]*\""
    r"|\b[A-Za-z]{2,}(?:_[A-Za-z0-9]+)*_[A-Za-z]{3,}(?:_[A-Za-z0-9]+)*\b"  # test_fraction, not row_i
    r"|\b[a-z]{2,}(?:\.[A-Za-z_]+)+\b",  # training.batch_size
    "number": r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[-−]?\d+)?",
    "word": r"[A-Za-z]{2,}\d×\d|(?:[A-Za-z]\.){2,}|[A-Za-zÀ-ɏ]+(?:[-’'][A-Za-zÀ-ɏ]+)+|[A-Za-zÀ-ɏ]{2,}",
    "sub": f"[{''.join(SUBSCRIPTS)}]+",
    "sup": f"[{''.join(SUPERSCRIPTS)}]+",
    "relation": "|".join(map(re.escape, RELATIONS)),
    "operator": "|".join(map(re.escape, OPERATORS)),
    "big": "[ΣΠ]",
    "letter": "[A-Za-zÀ-ɏΑ-Ωα-ωϕℓ∇∂∞½¼][\u0300-\u036f]*",
    "prime": "'+",
    "open": r"[(\[{⌊⌈⟨]",
    "close": r"[)\]}⌋⌉⟩]",
    "bar": "[|‖]",
    "sign": r"[/_^√#…,;:.]",
    "other": r"\S",
}
_FOLLOWED = r"(?=['’](?:s|th)\b|-(?:th|st|nd)\b)"  # the i's, the k-th: a letter, and a piece of a word
_TOKEN = re.compile(
    rf"(?P<gap>\s*)(?:(?P<letter_>[A-Za-z](?<![A-Za-z]{{2}}){_FOLLOWED})|(?P<other_>(?<=\S)['’-](?:s|th|st|nd)\b)|"
    + "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items())
    + ")"
)


class Token(NamedTuple):
    """A sign, and whether space stands before it."""

    kind: str
    text: str
    gap: str


END = Token("end", "", "")


def tokens(text: str) -> list[Token]:
    """The text cut into signs; put together again with their gaps they are the text."""
    return list(_tokens(unicodedata.normalize("NFC", text)))


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup).rstrip("_")
        yield Token(kind, found[str(found.lastgroup)], found["gap"])
