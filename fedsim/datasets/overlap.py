"""Whether a test set is one: its examples must not be those to train on."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.errors import DataUnavailable

TOLERATED = 0.01
"""Share of the test examples; some published sets repeat a few images by oversight."""

Images = NDArray[np.uint8] | NDArray[np.float32]


def refuse_overlap(train: tuple[Images, Integers], test: tuple[Images, Integers], where: str) -> None:
    """DataUnavailable when test examples are training examples over again, the same image with the same label."""
    seen = {_mark(image, label) for image, label in zip(*train, strict=True)}
    again = sum(_mark(image, label) in seen for image, label in zip(*test, strict=True))
    if again > TOLERATED * len(test[1]):
        raise DataUnavailable(
            f"{where}: {again:,} of its {len(test[1]):,} test examples are among the training examples: "
            "an accuracy over them would measure memory; split the data anew"
        )


def _mark(image: NDArray[np.uint8] | NDArray[np.float32], label: np.integer) -> bytes:
    return blake2b(image.tobytes() + int(label).to_bytes(8, "little"), digest_size=16).digest()
