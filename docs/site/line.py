"""A line of tokens, and what a token is by its neighbours."""

from collections.abc import Sequence

from docs.site.tokens import END, FUNCTIONS, PROSE, Token

SPACED = FUNCTIONS - {"mean", "median", "std", "var", "relu", "softmax", "round"}
"""Functions whose argument may follow without brackets."""


class Line:
    """Tokens, of which each can be asked for by its place."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens

    def at(self, place: int) -> Token:
        """The token there, or the end."""
        return self.tokens[place] if 0 <= place < len(self.tokens) else END

    def is_under_sum(self, place: int) -> bool:
        """Whether the last factor is a sum's sign with its index."""
        before = self.at(place - 1)
        return before.kind == "big" or (before.kind == "sub" and self.at(place - 2).kind == "big")

    def is_between(self, place: int) -> bool:
        """Whether the sign there has space on both sides or on neither."""
        return bool(self.at(place).gap) == bool(self.at(place + 1).gap)

    def is_beside_sign(self, place: int) -> bool:
        """Whether an operator stands before or after a word that may be a quantity."""
        if self.at(place).text.lower() in PROSE:
            return False
        before, after = self.at(place - 1), self.at(place + 1)
        ahead = after.kind in ("operator", "relation") or after.text == "/"
        behind = before.kind in ("operator", "relation") or before.text == "/"
        return (ahead and (after.kind == "relation" or self.is_between(place + 1))) or behind

    def is_applied(self, place: int) -> bool:
        """Whether it is a function with its argument after a space."""
        after = self.at(place + 1)
        return (
            self.at(place).text in SPACED
            and (after.kind in ("letter", "bar", "big") or (after.kind == "word" and self.at(place + 2).kind == "sub"))
            and not self.is_article(place + 1)
        )

    def is_article(self, place: int) -> bool:
        """Whether the letter is the English word `a`."""
        before, after = self.at(place - 1), self.at(place + 1)
        if self.at(place).text not in ("a", "A", "I"):
            return False
        signs = ("operator", "relation", "sub", "sup", "prime", "close", "bar")
        beside = after.kind in signs or after.text in ("/", "_", "^") or (after.kind == "open" and not after.gap)
        return not (beside or before.kind in ("operator", "relation", "open") or before.text == "/")

    def is_in_range(self, place: int) -> bool:
        """Whether it is the first or the last of `a–z`."""
        before, after = self.at(place - 1), self.at(place + 1)
        return (before.text == "–" and not self.at(place).gap) or (after.text == "–" and not after.gap)

    def is_alone(self, place: int) -> bool:
        """Whether a word is all that stands between two commas."""
        separators = (",", "(", "[", ")", "]")
        return self.at(place - 1).text in separators and self.at(place + 1).text in separators
