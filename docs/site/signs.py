"""TeX of single signs: letters, names, indices and brackets."""

import unicodedata

from docs.site.tokens import SUBSCRIPTS, SUPERSCRIPTS

ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde"}
SIGNS = {
    "≠": r"\neq", "≤": r"\leq", "≥": r"\geq", "~": r"\sim", "∝": r"\propto", "∈": r"\in", "←": r"\leftarrow",
    "→": r"\to", "->": r"\to", "≈": r"\approx", "−": "-", "·": r"\cdot", "×": r"\times", "∘": r"\circ",
    "⊙": r"\odot", "∩": r"\cap", "∪": r"\cup", "±": r"\pm", "Σ": r"\sum", "Π": r"\prod", "∇": r"\nabla",
    "∂": r"\partial", "∞": r"\infty", "ℓ": r"\ell", "½": r"\tfrac{1}{2}", "¼": r"\tfrac{1}{4}", "…": r"\ldots",
}  # fmt: skip
BRACKETS = {
    "(": ("(", ")"), "[": ("[", "]"), "{": (r"\{", r"\}"), "⌊": (r"\lfloor", r"\rfloor"), "⌈": (r"\lceil", r"\rceil"),
    "⟨": (r"\langle", r"\rangle"), "|": ("|", "|"), "‖": (r"\|", r"\|"),
}  # fmt: skip
CLOSING = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉", "⟨": "⟩", "|": "|", "‖": "‖"}
VARIANTS = {"LAMDA": "lambda", "EPSILON": "varepsilon", "PHI": "varphi"}
TEX_FUNCTIONS = frozenset(("min", "max", "cos", "sin", "tan", "exp", "log", "ln", "tanh"))
INDICES = 2
"""Letters that are as many indices where they stand under something; more of them are a word."""


def letter(text: str) -> str:
    """A letter with its accent: `ŵ` is `\\hat{w}`."""
    plain, *accents = list(unicodedata.normalize("NFD", text))
    tex = SIGNS.get(plain) or _greek(plain) or plain
    return f"\\{ACCENTS[accents[0]]}{{{tex}}}" if accents else tex


def _greek(text: str) -> str:
    size, _, name = unicodedata.name(text).removeprefix("GREEK ").partition(" LETTER ")
    if not unicodedata.name(text).startswith("GREEK"):
        return ""
    return "\\" + (
        VARIANTS.get(name, name.lower()) if size == "SMALL" else name.replace("LAMDA", "lambda").capitalize()
    )


def named(text: str, *, function: bool, index: bool = False) -> str:
    """A word as the name of a quantity, of a function or of an index."""
    if index and len(text) <= INDICES:
        return " ".join(text)
    if text in TEX_FUNCTIONS:
        return f"\\{text} "
    return rf"\operatorname{{{text}}}" if function else rf"\text{{{text}}}"


def script(text: str) -> str:
    """Unicode's small signs as an index or a power."""
    small, place = (SUBSCRIPTS, "_") if text[0] in SUBSCRIPTS else (SUPERSCRIPTS, "^")
    tex = "".join(small[each] for each in text)
    return f"{place}{{{tex.replace('T', chr(92) + 'top')}}}"
