"""A folder of text files, each of one owner."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import MaxLen

from fedsim.array_types import Progress
from fedsim.datasets.bounded_files import read_file
from fedsim.datasets.contract import Dataset, dataset
from fedsim.datasets.own_paths import folder_named, listed
from fedsim.datasets.sequences import Corpus, Held, Length, TestFraction, Text
from fedsim.errors import DataUnavailable
from fedsim.paths import BESIDE
from fedsim.randomness import Stream

MOST_FILE_BYTES = 2**28  # bytes of one file
MOST_BYTES = 2**30  # of all files together
MOST_FILES = 100_000


@dataset("text", kind="tokens", task="next_token", shape=lambda settings: (settings["length"],))
def text(
    stream: Stream,
    progress: Progress,
    *,
    folder: Annotated[str, MaxLen(4_096), BESIDE, "folder of the text files, relative to the scenario file"],
    files: Annotated[str, MaxLen(255), "which files of the folder are read; * stands for any letters"] = "*.txt",
    length: Length = 40,
    vocabulary: Annotated[
        Literal["characters", "bytes"], "what a token is: a character of the training text, or one of 256 bytes"
    ] = "characters",
    held: Held = "ends",
    test_fraction: TestFraction = 0.2,
    short: Annotated[
        Literal["refuse", "leave_out"], "what is done with a file too short for an example to learn and one to test"
    ] = "refuse",
) -> Dataset:
    """Text files of your own for next-character prediction: one file, one owner.

    Formula:
        Files are taken in the order of their names; file k is the text of owner k. A text is cut into examples of
        `length` characters, a rest that fills none left out; the target of each place is the character after it. The
        last test_fraction of every text are the test set, or all texts of that share of the files, chosen at random.
        The vocabulary is the characters of the training texts and one more token for any other, or all bytes.
    Assumes:
        Files are UTF-8 (with vocabulary = "bytes": anything); a line may end as on Windows.
    Differs:
        LEAF gives Shakespeare's plays by role as JSON and predicts one character from the 80 before it; here every
        place of an example is asked. Write each role to a file to have its clients.
    Source:
        McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017.
    """
    found = _files(folder_named(folder, "text files"), files)
    texts, size = [], 0
    for done, path in enumerate(found, start=1):
        data = read_file(path, MOST_FILE_BYTES)
        size += len(data)
        if size > MOST_BYTES:
            raise DataUnavailable(f"{folder}: its files hold more than {MOST_BYTES:,} bytes in all")
        texts.append(_bytes(data) if vocabulary == "bytes" else _characters(data, path))
        progress("reading text", done, len(found))
    corpus = Corpus(texts, length, "file")
    kept = _long_enough(corpus, found, 2 if held == "ends" else 1, short)
    return Corpus(kept, length, "file").dataset(held, test_fraction, stream, as_bytes=vocabulary == "bytes")


def _files(folder: Path, pattern: str) -> list[Path]:
    names = listed(folder, MOST_FILES)
    found = sorted(name for name in names if fnmatch(name, pattern))
    if not found:
        others = f": it holds {len(names)} other files, such as {min(names)}" if names else ", which is empty"
        raise DataUnavailable(f"{folder}: no file {pattern} in this folder{others}")
    return [folder / name for name in found]


def _bytes(data: bytes) -> Text:
    return np.frombuffer(data, np.uint8).astype(np.uint32)


def _characters(data: bytes, path: Path) -> Text:
    try:
        words = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataUnavailable(
            f'{path}: is not UTF-8 text (byte {error.start:,}); save it as UTF-8, or say vocabulary = "bytes"'
        ) from error
    return np.frombuffer(words.encode("utf-32-le"), "<u4").astype(np.uint32)


def _long_enough(corpus: Corpus, paths: Sequence[Path], least: int, short: str) -> list[Text]:
    """The texts of so many examples or more; the others are refused or left out, as the scenario has it."""
    samples = [corpus.samples(each) for each in corpus.texts]
    few = [path.name for path, count in zip(paths, samples, strict=True) if count < least]
    needed = f"length = {corpus.length} needs files of {least * corpus.length + 1:,} characters or more"
    if len(few) == len(paths):
        raise DataUnavailable(f"{paths[0].parent}: {needed}, and none is so long; choose a smaller length")
    if few and short == "refuse":
        names = ", ".join(few[:3]) + (f" and {len(few) - 3} others" if len(few) > 3 else "")  # noqa: PLR2004
        words = f'{names} hold{"s" * (len(few) == 1)} fewer; choose a smaller length, or say short = "leave_out"'
        raise DataUnavailable(f"{paths[0].parent}: {needed}, and {words}")
    return [text for text, count in zip(corpus.texts, samples, strict=True) if count >= least]
