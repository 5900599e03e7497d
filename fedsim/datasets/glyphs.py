"""Letters and digits by imaginary writers, drawn on the spot."""

from importlib.metadata import version
from typing import Annotated

import numpy as np
from annotated_types import Ge

from fedsim.array_types import Progress
from fedsim.datasets.cache import Arrays, cache_root, fingerprint, remember
from fedsim.datasets.contract import Dataset, Examples, check_examples, dataset
from fedsim.datasets.hands import CHARACTERS, SIDE, draw_hand, write
from fedsim.randomness import Stream

EDITION = 2  # of the drawing: to be raised whenever the same stream draws something else


@dataset(
    "glyphs",
    kind="images",
    offline=True,
    shape=(1, SIDE, SIDE),
    classes=len(CHARACTERS),
    examples=lambda settings: settings["samples"] * (settings["writers"] + settings["test_writers"]),
    owners=lambda settings: settings["writers"],
)
def glyphs(
    stream: Stream,
    progress: Progress,
    *,
    writers: Annotated[int, Ge(1), "writers of the training set"] = 100,
    samples: Annotated[int, Ge(1), "samples each writer draws"] = 120,
    test_writers: Annotated[int, Ge(1), "writers of the test set, none of them in the training set"] = 20,
    cache: Annotated[str | None, "folder to keep the drawings in; the user's cache folder when absent"] = None,
) -> Dataset:
    """Letters and digits in 62 classes, every writer with a hand of their own; needs no download.

    Formula:
        One writer: face, weight, size, slant, turn, width, a bend for every character, unrest, ink and grain.
        One sample: a character drawn uniformly from 0–9 A–Z a–z; the writer's shape of it, shifted, turned,
        slanted, scaled and bent a little anew, on 28 × 28 pixels, bright ink on black.
    Differs:
        FEMNIST's writers are real and its images dark on white. As there, some pairs (I and l, O and 0) look
        alike in some hands; small letters keep their size and their place on the line.
    Source:
        The faces are DejaVu, STIX and Computer Modern as matplotlib ships them.
    """
    addresses = [stream.at("writer", k) for k in range(writers)]
    addresses += [stream.at("test writer", k) for k in range(test_writers)]
    facts = {
        "edition": EDITION,
        "pillow": version("pillow"),
        "matplotlib": version("matplotlib"),
        "key": stream.key.hex(),
    }
    name = fingerprint(**facts, writers=writers, samples=samples, test_writers=test_writers)
    entry = cache_root(cache) / "glyphs" / name
    drawn = remember(
        entry, lambda: _draw(addresses, samples, progress), lambda kept: _check(kept, writers + test_writers, samples)
    )
    border = writers * samples
    train, test = (
        Examples(drawn["images"][rows], drawn["labels"][rows], drawn["writers"][rows])
        for rows in (slice(0, border), slice(border, None))
    )
    return Dataset(train, test, classes=len(CHARACTERS))


def _check(arrays: Arrays, writers: int, samples: int) -> None:
    """The kept arrays are drawings by so many writers."""
    drawn = check_examples(Examples(arrays["images"], arrays["labels"], arrays["writers"]), len(CHARACTERS), "glyphs")
    expected = np.repeat(np.arange(writers), samples)
    if drawn.inputs.shape != (writers * samples, 1, SIDE, SIDE) or not np.array_equal(arrays["writers"], expected):
        raise ValueError("not the arrays of this dataset")


def _draw(addresses: list[Stream], samples: int, progress: Progress) -> Arrays:
    images = np.empty((len(addresses), samples, 1, SIDE, SIDE), np.uint8)
    labels = np.empty((len(addresses), samples), np.int64)
    for k, address in enumerate(addresses):
        labels[k] = address.at("labels").numpy().integers(0, len(CHARACTERS), samples)
        images[k, :, 0] = write(draw_hand(address.at("hand")), labels[k], address.at("samples"))
        progress("drawing glyphs", k + 1, len(addresses))
    writers = np.repeat(np.arange(len(addresses)), samples)
    return {"images": images.reshape(-1, 1, SIDE, SIDE), "labels": labels.ravel(), "writers": writers}
