"""Texts cut into examples of one length, each place of which asks for the character after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.datasets.contract import Dataset, Examples
from fedsim.datasets.splitting import kept_owners, owners_held_out
from fedsim.exact_fractions import portion
from fedsim.randomness import Stream

Text = NDArray[np.uint32]
"""The code points of a text, one after another."""

Length = Annotated[int, Ge(1), Le(10_000), "characters in an example"]
TestFraction = Annotated[float, Gt(0), Lt(1), "share that is held out for the test"]
Held = Annotated[
    Literal["ends", "owners"], "what is held out: the end of every owner's text, or all that some owners wrote"
]
MOST_CHARACTERS = 20_000
"""Different ones in a text; the output layer has a row for each."""


@dataclass(frozen=True)
class Corpus:
    """Texts by owner, and how they become examples."""

    texts: Sequence[Text]
    length: int
    owner: str  # what an owner is called

    def samples(self, text: Text) -> int:
        """Whole examples in a text: each place but the last has a next character."""
        return max(len(text) - 1, 0) // self.length

    def dataset(self, held: str, fraction: float, stream: Stream, *, as_bytes: bool = False) -> Dataset:
        """The examples of all texts, those held out apart; ValueError where nothing is left of either part."""
        train, test = _ends(self, fraction) if held == "ends" else _owners(self, fraction, stream)
        alphabet = None if as_bytes else _alphabet([self.texts[each.owner][each.begin : each.end] for each in train])
        vocabulary = 256 if alphabet is None else len(alphabet) + 1
        learnt, tested = (self._examples(stretches, alphabet, vocabulary) for stretches in (train, test))
        return Dataset(learnt, tested, vocabulary, "tokens", "next_token", vocabulary, self.owner)

    def _examples(self, stretches: Sequence["Stretch"], alphabet: Text | None, vocabulary: int) -> Examples:
        kind = np.uint8 if vocabulary <= 2**8 else np.uint16
        inputs, targets, owners = [], [], []
        for owner, begin, end in ((each.owner, each.begin, each.end) for each in stretches):
            tokens = _tokens(self.texts[owner][begin:end], alphabet)
            inputs.append(tokens[:-1].reshape(-1, self.length).astype(kind))
            targets.append(tokens[1:].reshape(-1, self.length))
            owners.append(np.full(len(inputs[-1]), owner, np.int64))
        return Examples(np.concatenate(inputs), np.concatenate(targets), np.concatenate(owners))


@dataclass(frozen=True)
class Stretch:
    """A stretch of an owner's text: whole examples and the one character after them."""

    owner: int
    begin: int
    end: int


def taught(owners: int, held: str, fraction: float) -> int:
    """How many owners there are texts of to train on: where whole owners are held out, at least one is, never all."""
    return owners if held == "ends" else kept_owners(owners, fraction)


def _ends(corpus: Corpus, fraction: float) -> tuple[list[Stretch], list[Stretch]]:
    """All but the last examples of every text, and the last: at least one, never all."""
    train, test = [], []
    for owner, text in enumerate(corpus.texts):
        whole = corpus.samples(text)
        border = (whole - min(max(round(portion(fraction, whole)), 1), whole - 1)) * corpus.length
        train.append(Stretch(owner, 0, border + 1))
        test.append(Stretch(owner, border, whole * corpus.length + 1))
    return train, test


def _owners(corpus: Corpus, fraction: float, stream: Stream) -> tuple[list[Stretch], list[Stretch]]:
    """The texts of most owners, and of those drawn for the test: at least one, never all."""
    count = len(corpus.texts)
    if count < 2:  # noqa: PLR2004 - one to train on and one to test on
        raise ValueError("whole owners can be held out where there are two or more: there is one")
    tested = set(owners_held_out(np.arange(count), fraction, stream).tolist())
    whole = [Stretch(owner, 0, corpus.samples(text) * corpus.length + 1) for owner, text in enumerate(corpus.texts)]
    return [each for each in whole if each.owner not in tested], [each for each in whole if each.owner in tested]


def _alphabet(texts: Sequence[Text]) -> Text:
    """The characters of the training text in ascending order; ValueError where there are too many."""
    found: Text = np.unique(np.concatenate([np.unique(text) for text in texts]))
    if len(found) > MOST_CHARACTERS:
        message = f"the text has {len(found):,} different characters, at most {MOST_CHARACTERS:,} are told apart"
        raise ValueError(f'{message}: say vocabulary = "bytes"')
    return found


def _tokens(text: Text, alphabet: Text | None) -> Integers:
    """The place of each character in the alphabet, behind the last one where it is none of them."""
    if alphabet is None:
        return text.astype(np.int64)
    places: NDArray[Any] = np.searchsorted(alphabet, text)
    known = alphabet[np.minimum(places, len(alphabet) - 1)] == text
    return np.where(known, places, len(alphabet)).astype(np.int64)
