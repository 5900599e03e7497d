"""Sentences of imaginary speakers, made on the spot: text that is learnt within a minute."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le

from fedsim.array_types import Progress
from fedsim.datasets.contract import Dataset, dataset
from fedsim.datasets.sequences import Corpus, Held, Length, TestFraction, Text, taught
from fedsim.randomness import Stream

WORDS = {
    "noun": "baker bear bird boat book bridge cat child city cloud cow dog door farmer field fire fish forest friend "
    "garden girl hill horse house island king lamp letter man moon mountain mouse night owl queen river road sailor "
    "sheep ship singer snow star stone storm sun teacher tree village wind window winter wolf woman",
    "verb": "calls carries crosses draws feeds finds follows forgets greets hears helps hides holds keeps knows leaves "
    "likes loses loves meets misses needs paints passes remembers saves sees sells sends takes trusts visits wakes "
    "wants watches",
    "adjective": "bold brave bright calm clever cold dark deep dry early empty fast gentle golden great green grey "
    "happy heavy honest late little lonely long old pale poor proud quick quiet rich sad slow small soft strange tall "
    "warm white wild wise young",
    "adverb": "again already always never often once rarely seldom soon still today twice",
    "place": "above after around before behind below beside beyond near outside past under",
}
PATTERNS = (
    "the noun verb the noun",
    "the adjective noun verb the noun",
    "the noun adverb verb the adjective noun",
    "place the noun the noun verb the noun",
    "a adjective noun verb a noun place the noun",
    "adverb the noun verb the noun and the noun verb the noun",
    "when the noun verb the noun the adjective noun verb a noun",
)
ENDS = (". ", "! ", "; ", "\n")


@dataset(
    "sentences",
    kind="tokens",
    task="next_token",
    offline=True,
    shape=lambda settings: (settings["length"],),
    examples=lambda settings: settings["speakers"] * settings["samples"],
    owners=lambda settings: taught(settings["speakers"], settings["held"], settings["test_fraction"]),
)
def sentences(
    stream: Stream,
    progress: Progress,
    *,
    speakers: Annotated[int, Ge(1), Le(10**6), "imaginary speakers, the owners of the examples"] = 50,
    samples: Annotated[int, Ge(2), Le(10**6), "examples of each speaker, tests included"] = 60,
    length: Length = 40,
    taste: Annotated[float, Gt(1e-3), Le(1e6), "how alike speakers choose their words: small is each their own"] = 1.0,
    held: Held = "ends",
    test_fraction: TestFraction = 0.2,
) -> Dataset:
    """Sentences from a small grammar by speakers with words of their own, for next-character prediction.

    Formula:
        Seven patterns of words of five kinds, about 150 words in all. A speaker prefers patterns, words and an ending
        of sentences, with probabilities ~ Dirichlet(taste, …, taste), and draws each sentence from them. The text is
        cut into examples of `length` characters; the target of each place is the character after it. The last
        test_fraction of every text are the test set, or all texts of that share of the speakers. The vocabulary is the
        characters of the training texts and one more token for any other.
    Differs:
        Real text by owner, as in LEAF's Shakespeare, is read from a folder by `text`. This one is made, needs no file
        and is far more regular.
    Source:
        The grammar is fedsim's own.
    """
    texts = []
    for speaker in range(speakers):
        texts.append(_speech(samples * length + 1, taste, stream.at("speaker", speaker)))
        progress("making sentences", speaker + 1, speakers)
    return Corpus(texts, length, "speaker").dataset(held, test_fraction, stream)


def _speech(characters: int, taste: float, stream: Stream) -> Text:
    """So many characters by one speaker."""
    habits, generator = stream.at("habits").numpy(), stream.at("speech").numpy()
    patterns = _liked(PATTERNS, taste, habits)
    words = {kind: _liked(tuple(found.split()), taste, habits) for kind, found in WORDS.items()}
    end = ENDS[habits.integers(len(ENDS))]
    text = ""
    while len(text) < characters:
        pattern = int(generator.choice(len(PATTERNS), p=patterns))
        text += " ".join(_word(each, words, generator) for each in PATTERNS[pattern].split()) + end
    return np.frombuffer(text[:characters].encode("utf-32-le"), "<u4").astype(np.uint32)


def _liked(choices: tuple[str, ...], taste: float, habits: np.random.Generator) -> np.ndarray:
    weights = habits.gamma(taste, size=len(choices)) + np.finfo(np.float64).tiny
    return np.asarray(weights / weights.sum())


def _word(word: str, liked: dict[str, np.ndarray], generator: np.random.Generator) -> str:
    """The word itself, or one of its kind."""
    if word not in WORDS:
        return word
    found = WORDS[word].split()
    return found[int(np.searchsorted(np.cumsum(liked[word]), generator.random()).clip(0, len(found) - 1))]
