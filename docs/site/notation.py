r"""From the notation of docstrings to TeX: `Σ ‖uᵢ − uⱼ‖²` becomes `\sum \|u_{i} - u_{j}\|^{2}`.

The notation is a textbook's, on a line. A slash without space stays a slash; one with space on both sides is a stacked
fraction of the products beside it. Words are mathematics where they are called, carry an index or stand beside an
operator; inside bars, braces and the brackets of a call they are text.
"""

from collections.abc import Sequence
from typing import NamedTuple

from docs.site.line import SPACED, Line
from docs.site.signs import BRACKETS, CLOSING, SIGNS, letter, named, script
from docs.site.tokens import FUNCTIONS, Token

BREAK = "\0"
"""Stands after a relation, where a line may end."""
THIN = r" \, "
JOINING = frozenset("·×∘⊙")


class Found(NamedTuple):
    """TeX, the place after what it stands for, and whether it is more than numbers and words."""

    tex: str
    end: int
    telling: bool


class Reader:
    """Reads expressions among tokens; None where there is none, which is prose then."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.line = Line(tokens)
        self.open: list[str] = []  # brackets around what is being read

    def expression(self, place: int, *, top: bool = False) -> Found | None:
        """Products between operators and relations; a relation may be the last of it, when prose follows."""
        found = self.signed(place)
        while found:
            sign = self.line.at(found.end)
            if sign.kind not in ("relation", "operator"):
                break
            after, relation = self.signed(found.end + 1), sign.kind == "relation"
            broken = BREAK if top and relation else ""
            if after and (relation or self.line.is_between(found.end)):
                tex = f"{found.tex} {SIGNS.get(sign.text, sign.text)} {broken}{after.tex}"
                found = Found(tex, after.end, relation or found.telling or after.telling)
                continue
            if relation:
                found = Found(f"{found.tex} {SIGNS.get(sign.text, sign.text)}", found.end + 1, True)
            break
        return found

    def signed(self, place: int) -> Found | None:
        """A product, or one with a sign before it."""
        if self.line.at(place).text not in ("−", "+", "±"):
            return self.product(place)
        found = None if self.line.at(place + 1).gap else self.product(place + 1)
        if found is None:
            return None
        is_quantity = found.telling or not found.tex.replace(".", "").isdigit()
        return Found(SIGNS.get(self.line.at(place).text, "+") + found.tex, found.end, is_quantity)

    def product(self, place: int) -> Found | None:
        """Factors side by side, or between points and slashes."""
        found = self.factor(place)
        while found:
            sign = self.line.at(found.end)
            if sign.text in JOINING and self.line.is_between(found.end):
                after = self.factor(found.end + 1)
                joined = f"{found.tex} {SIGNS[sign.text]} "
            elif sign.text == "/" and self.line.is_between(found.end):
                after, joined = self.factor(found.end + 1), f"{found.tex} / "
                if sign.gap and (below := self.side_by_side(found.end + 1)):
                    found = Found(rf"\dfrac{{{bare(found.tex)}}}{{{bare(below.tex)}}}", below.end, True)
                    continue
            else:
                after, joined = self.beside(found.end), found.tex + (THIN if sign.text in SPACED else " ")
            if not after:
                break
            is_quantity = sign.text in JOINING and not (found.tex + after.tex).isdigit()
            found = Found(joined + after.tex, after.end, found.telling or after.telling or is_quantity)
        return found

    def side_by_side(self, place: int) -> Found | None:
        """Factors with nothing between them."""
        found = self.factor(place)
        while found and (after := self.beside(found.end)):
            found = Found(f"{found.tex} {after.tex}", after.end, found.telling or after.telling)
        return found

    def beside(self, place: int) -> Found | None:
        """A factor that follows another without a sign; a sum may be over something with a sign before it."""
        if self.line.at(place).text == "−" and self.line.is_under_sum(place):
            return self.signed(place)
        return self.factor(place)

    def factor(self, place: int) -> Found | None:
        """One number, name, bracket, root or sum, with its indices and its arguments."""
        sign = self.line.at(place)
        if sign.kind == "number":
            return self.scripted(sign.text.replace(",", "{,}"), place + 1, telling=False)
        if sign.kind == "letter" and not self.line.is_article(place) and not self.line.is_in_range(place):
            return self.scripted(letter(sign.text), place + 1, called=True)
        if sign.kind == "word":
            return self.word(place)
        if sign.kind == "big":
            return self.scripted(SIGNS[sign.text], place + 1)
        if sign.text == "…":
            listed = "," in (self.line.at(place - 1).text, self.line.at(place + 1).text)
            return Found(SIGNS["…"] if listed else rf"\,{SIGNS['…']}\,", place + 1, False)
        if sign.text in ("√", "#"):
            under = self.factor(place + 1)
            start, end = (r"\sqrt{", "}") if sign.text == "√" else (r"\text{#}", "")
            return under and Found(start + (bare(under.tex) if end else under.tex) + end, under.end, True)
        closing = self.open[-1:] == [sign.text] and sign.kind == "bar"
        return self.bracketed(place) if sign.kind in ("open", "bar") and not closing else None

    def word(self, place: int) -> Found | None:
        """A word that is mathematics where it stands."""
        text, after = self.line.at(place).text, self.line.at(place + 1)
        tight = not after.gap
        scripts = tight and (after.kind in ("sub", "sup") or after.text in ("_", "^"))
        called = tight and after.text in ("(", "[")
        if not (scripts or called or self.line.is_beside_sign(place) or self.line.is_applied(place)):
            return None
        tex = named(text, function=text in FUNCTIONS or called)
        found = self.scripted(tex, place + 1, called=True, telling=scripts or called or text in FUNCTIONS)
        return found._replace(tex=f"{found.tex} \\,") if self.line.is_applied(place) and not called else found

    def scripted(self, tex: str, place: int, *, called: bool = False, telling: bool = True) -> Found:
        """What was read, with the indices, powers and primes that touch it, and the arguments after them."""
        while not (sign := self.line.at(place)).gap:
            if sign.kind in ("sub", "sup"):
                tex, place, telling = tex + script(sign.text), place + 1, True
            elif sign.kind == "prime":
                tex, place = tex + "^{" + r"\prime" * len(sign.text) + "}", place + 1
            elif sign.text in ("_", "^") and (raised := self.raised(place)):
                tex, place, telling = f"{tex}{sign.text}{{{raised.tex}}}", raised.end, True
            elif called and sign.text in ("(", "[") and (inside := self.inside(place, words=True)):
                tex, place, telling = tex + inside.tex, inside.end, True
            else:
                break
        return Found(tex, place, telling)

    def raised(self, place: int) -> Found | None:
        """What follows `_` or `^`: a sign, a short index, a word, or anything in brackets."""
        sign = self.line.at(place + 1)
        if sign.gap or sign.kind == "end":
            return None
        if sign.text in ("{", "("):
            found = self.inside(place + 1, words=True)
            return found and found._replace(tex=bare(found.tex))
        if self.line.at(place).text == "^":
            return self.signed_power(place + 1)
        if sign.kind == "word":
            return Found(named(sign.text, function=False, index=True), place + 2, True)
        return Found(letter(sign.text) if sign.kind == "letter" else sign.text, place + 2, True)

    def signed_power(self, place: int) -> Found | None:
        """A factor, or one with a minus before it."""
        minus = self.line.at(place).text == "−"
        found = self.factor(place + minus)
        return found and found._replace(tex="-" * minus + found.tex)

    def bracketed(self, place: int) -> Found | None:
        """A bracket that holds mathematics alone, or words where it stands beside an operator."""
        before = self.line.at(place - 1)
        beside = before.kind in ("operator", "relation", "big") or before.text in ("/", "#")
        words = self.line.at(place).text in ("{", "|", "‖", "⌊", "⌈", "⟨")
        found = self.inside(place, words=False) or (self.inside(place, words=True) if beside or words else None)
        return found and self.scripted(found.tex, found.end, telling=found.telling)

    def inside(self, place: int, *, words: bool) -> Found | None:
        """From a bracket to the one that closes it: expressions between commas, with words as text where allowed."""
        opening = self.line.at(place).text
        if opening not in CLOSING:
            return None
        self.open.append(opening)
        found = self.contents(place + 1, CLOSING[opening], words=words)
        self.open.pop()
        start, end = BRACKETS[opening]
        if opening not in "([" or (found and r"\dfrac" in found.tex):
            start, end = rf"\left{start}", rf"\right{end}"
        return found and found._replace(tex=f"{start} {found.tex} {end}")

    def contents(self, place: int, closing: str, *, words: bool) -> Found | None:
        """What stands before the closing bracket."""
        parts: list[str] = []
        telling = expressions = words
        while (sign := self.line.at(place)).text != closing:
            if found := self.expression(place):
                parts, place, telling = [*parts, found.tex], found.end, telling or found.telling
                expressions = True
            elif sign.text in (",", ";", ":", "…"):
                parts, place = [*parts, SIGNS.get(sign.text, sign.text)], place + 1
            elif sign.kind != "end" and (words or (sign.kind == "word" and self.line.is_alone(place))):
                parts, place = self.with_word(parts, place), place + 1
            else:
                return None
        return Found(" ".join(parts), place + 1, telling) if expressions else None

    def with_word(self, parts: list[str], place: int) -> list[str]:
        """The parts with a word as text, which joins the words before it."""
        sign, after = self.line.at(place), self.line.at(place + 1)
        text = sign.text.strip("`").replace("_", r"\_") + (" " if after.gap else "")
        if parts and parts[-1].startswith(r"\text{") and parts[-1].endswith("}"):
            return [*parts[:-1], f"{parts[-1][:-1]}{text}}}"]
        return [*parts, rf"\text{{{' ' if sign.gap and parts and parts[-1] not in ',;:' else ''}{text}}}"]

    def listed(self, place: int) -> Found | None:
        """A comma with the next of a list of numbers that goes on: `, 1, …`."""
        numbers = place
        while self.line.at(numbers).text == "," and self.line.at(numbers + 1).kind == "number":
            numbers += 2
        if self.line.at(numbers).text != "," or self.line.at(numbers + 1).text != "…":
            return None
        tex = "".join(f"{SIGNS.get(each.text, each.text)} " for each in self.line.tokens[place : numbers + 2])
        return Found(tex, numbers + 2, True)


def bare(tex: str) -> str:
    """Without the brackets around all of it."""
    for opening in ("(", "{"):
        start, end = BRACKETS[opening]
        for before, after in ((start, end), (rf"\left{start}", rf"\right{end}")):
            inner = tex.removeprefix(f"{before} ").removesuffix(f" {after}")
            if tex == f"{before} {inner} {after}" and _is_whole(inner, opening, CLOSING[opening]):
                return inner
    return tex


def _is_whole(inner: str, opening: str, closing: str) -> bool:
    """Whether every bracket that is closed inside was opened inside."""
    depth = 0
    for sign in inner:
        depth += (sign == opening) - (sign == closing)
        if depth < 0:
            return False
    return True
