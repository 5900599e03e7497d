"""Formulas of docstrings become TeX that says the same."""

import re
import unicodedata

import pytest

from docs.site.prose import clauses, markdown, pieces
from docs.site.tokens import SUBSCRIPTS, SUPERSCRIPTS
from fedsim.registry import registries

TOLD = [entry for registry in registries().values() for entry in registry if "Formula" in entry.sections]
COMMANDS = (
    "alpha bar beta cap cdot circ cos delta dfrac ell eta exp gamma geq hat in infty kappa lambda langle lceil "
    "ldots left leftarrow leq lfloor ln log max min mu nabla neq nu odot operatorname partial pi pm prime "
    "propto rangle rceil rfloor rho right sigma sim sin sqrt sum tanh tau text tfrac theta times to top "
    "varepsilon xi Delta Lambda Phi "
)
"""All that is written; each is one that docutils sets as MathML."""


def tex(text):
    return [piece.text.replace("\0", "") for piece in pieces(text) if piece.kind == "mathematics"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("uᵢ", "u_{i}"),
        ("‖uᵢ − uⱼ‖²", r"\left\| u_{i} - u_{j} \right\|^{2}"),
        ("n ≥ 2f + 3", r"n \geq 2 f + 3"),
        ("Σ mᵢ uᵢ / Σ mᵢ", r"\dfrac{\sum m_{i} u_{i}}{\sum m_{i}}"),
        ("(h − s) / h", r"\dfrac{h - s}{h}"),
        ("1/(n − f) Σ", r"1 / ( n - f ) \sum"),
        ("w ← w − lr·m", r"w \leftarrow w - \text{lr} \cdot m"),
        ("(1 + τ)^−a", r"( 1 + \tau )^{-a}"),
        ("β^τ_i", r"\beta^{\tau_{i}}"),
        ("m̂ = m/(1−β₁ᵗ)", r"\hat{m} = m / ( 1 - \beta_{1}^{t} )"),
        ("W_{L+1} relu(x)", r"W_{L + 1} \operatorname{relu}( x )"),
        ("Σ_{i∈S} w_i·c", r"\sum_{i \in S} w_{i} \cdot c"),
        ("k = argmax_j ⟨h_j, z⟩", r"k = \operatorname{argmax}_{j} \left\langle h_{j} , z \right\rangle"),
        ("T(x) = defence(honest rows and x)", r"T( x ) = \operatorname{defence}( \text{honest rows and } x )"),
        ("|{i : prediction = c}| / m", r"\dfrac{\left| \left\{ i : \text{prediction} = c \right\} \right|}{m}"),
        ("a·(x − 1)(x + 1)ᵀ", r"a \cdot ( x - 1 ) ( x + 1 )^{\top}"),
        ("−½ log(1 − ρ²)", r"-\tfrac{1}{2} \, \log ( 1 - \rho^{2} )"),
        ("θ'' − θ", r"\theta^{\prime\prime} - \theta"),
        ("√(Σ_k σ_k²)", r"\sqrt{\sum_{k} \sigma_{k}^{2}}"),
    ],
)  # fmt: skip
def test_notation_is_set(text, expected):
    assert tex(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["a row of 8 × 8 pixels", "L-BFGS and 2-means", "one of the two (rounded)", "e.g. the first", "conv5×5, relu"],
)
def test_prose_stays_prose(text):
    assert tex(text) == []


def test_words_and_mathematics_part():
    assert markdown("The mean of the n − f rows") == "The mean of the {math}`n - f` rows"
    assert markdown('byzfl sums n distances (variant="byzfl")') == 'byzfl sums {math}`n` distances (`variant="byzfl"`)'
    assert markdown("(correct=None) -> None: steps") == r"(`correct=None`) {math}`\to` None: steps"
    assert markdown("`steps` of *one* [kind]") == r"`steps` of \*one\* \[kind\]"


def test_a_formula_is_a_line_for_each_clause():
    assert len(list(clauses("s = 1; the row (of least s; the first). Then n"))) == 3


@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_every_formula_converts(entry):
    found = list(pieces(entry.sections["Formula"]))
    words = " ".join(piece.text for piece in found if piece.kind == "words")
    assert not set(words) & set("Σ‖√∇^_{}⟨⟩⌊⌋⌈⌉·∘∈≤≥≠<>~∝←=" + "".join(SUBSCRIPTS) + "".join(SUPERSCRIPTS)), words
    for piece in found:
        if piece.kind == "mathematics":
            assert set(re.findall(r"\\([A-Za-z]+)", piece.text)) <= set(COMMANDS.split()), piece.text
            assert is_balanced(piece.text), piece.text


@pytest.mark.parametrize("entry", TOLD, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_nothing_of_a_formula_is_lost_or_moved(entry):
    text = entry.sections["Formula"]
    shown = "".join(spoken(piece) for piece in pieces(text))
    assert shown == letters(plain_letters(text))


def is_balanced(text):
    bare = text.replace(r"\{", "").replace(r"\}", "")
    depths = [0]
    for sign in bare:
        depths.append(depths[-1] + (sign == "{") - (sign == "}"))
    return min(depths) == 0 == depths[-1] and bare.count(r"\left") - bare.count(r"\leftarrow") == bare.count(r"\right")


def spoken(piece):
    """Letters and numbers of a piece, those of mathematics as the docstring has them."""
    if piece.kind != "mathematics":
        return letters(plain_letters(piece.text))
    text = re.sub(
        r"\\(?:left(?!arrow)|right|text|operatorname|hat|bar|tilde|dfrac|sqrt|cdot|to|leq|geq)(?![a-z])",
        " ",
        piece.text,
    )
    text = re.sub(
        r"\\(sum|prod|in|neq|leftarrow|propto|sim|l?r?(?:floor|ceil|angle)|times|circ|odot|cap|cup|pm|ldots|nabla|partial|infty|prime)(?![a-z])",
        " ",
        text,
    )
    text = text.replace(r"\tfrac{1}{2}", "½").replace(r"\top", "T").replace(r"\ell", "ℓ").replace(r"\varepsilon", "ε")
    return letters(re.sub(r"\\([A-Za-z]+)", greek, text))


def greek(found):
    """The letter of a command, or the function that it names."""
    name = found[1]
    try:
        size = "CAPITAL" if name[0].isupper() else "SMALL"
        return unicodedata.lookup(f"GREEK {size} LETTER {'LAMDA' if name.lower() == 'lambda' else name.upper()}")
    except KeyError:
        return name


def plain_letters(text):
    small = SUBSCRIPTS | SUPERSCRIPTS
    return "".join(small.get(each, each) for each in unicodedata.normalize("NFD", text))


def letters(text):
    return "".join(each for each in text if each.isalnum() and each not in "ΣΠ")
