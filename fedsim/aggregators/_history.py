"""What a rule remembers of each client: tables by client, where clients come and go from round to round."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers

Memory = Mapping[str, Array] | None
Places = NDArray[np.intp]


def known(memory: Memory, clients: Integers) -> tuple[Integers, Places]:
    """All clients that were ever met, ascending, and the place of each row's client among them."""
    everyone = np.unique(clients) if memory is None else np.union1d(memory["clients"], clients)
    return everyone, np.searchsorted(everyone, clients)


def table(memory: Memory, name: str, everyone: Integers, blank: Any) -> NDArray[Any]:
    """(m, …) what is remembered of everyone under a name, to be written to; `blank` (…) of who is new."""
    start = np.asarray(blank)
    found = np.empty((len(everyone), *start.shape), start.dtype)
    found[:] = start
    if memory is not None:
        found[np.searchsorted(everyone, memory["clients"])] = memory[name]
    return found
