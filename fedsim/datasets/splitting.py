"""Which examples are held out for the test."""

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.exact_fractions import portion
from fedsim.randomness import Stream


def held_out(labels: Integers, fraction: float, stream: Stream) -> NDArray[np.bool_]:
    """(m,) whether each example is held out: the same share of every class, never none of it, never all."""
    held = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = stream.at("class", int(label)).numpy().permutation(np.flatnonzero(labels == label))
        count = min(max(round(portion(fraction, len(members))), 1), len(members) - 1)
        held[members[:count]] = True
    return held
