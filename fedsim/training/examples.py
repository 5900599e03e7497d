"""A client's examples as its steps read them: only those drawn, as tensors, poisoned where an attack holds the client.

Inputs stay where all clients' inputs lie until a batch takes its own. An attack that treats each example apart is
asked about the drawn ones alone; any other is shown the client's whole data first, since its answer may depend on it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.inputs import as_floats
from fedsim.training.client import ClientJob, Poison, Site


class Located(NamedTuple):
    """Where some examples are found."""

    inputs: NDArray[Any]
    rows: Integers  # of `inputs`, one for each example
    targets: Integers

    def for_kernels(self) -> "Located":
        """The same in an array that compiled kernels read: bytes or float32, side by side."""
        if readable(self.inputs):
            return self
        return Located(for_kernels(self.inputs[self.rows]), np.arange(len(self.rows)), self.targets)


def readable(inputs: NDArray[Any]) -> bool:
    """Whether compiled kernels know inputs of this kind."""
    return inputs.dtype in (np.uint8, np.float32) and inputs.flags.c_contiguous


def for_kernels(inputs: NDArray[Any]) -> NDArray[Any]:
    """Inputs as compiled kernels read them."""
    return inputs if readable(inputs) else as_floats(inputs).numpy()


class Reader:
    """Reads the examples of one client."""

    def __init__(self, site: Site, job: ClientJob, drawn: int) -> None:
        """`drawn` is the number of examples that all steps take together."""
        self._images, self._labels = site.inputs.open(), site.targets.open()
        self._where, self._poisons, self._classes = np.asarray(job.examples), job.poisons, site.kind.classes
        count, poisons = len(self._where), job.poisons
        all_at_once = poisons and (drawn >= count or not all(poison.apart for poison in poisons))
        self._whole = self._poisoned(np.arange(count)) if all_at_once else None

    def located(self, places: Integers) -> Located:
        """The client's examples of these places among its own."""
        if self._whole is None:
            return self._poisoned(places)
        inputs, rows, targets = self._whole
        return Located(inputs, rows[places], targets[places])

    def _poisoned(self, places: Integers) -> Located:
        rows = self._where[places]
        found = Located(self._images, rows, self._labels[rows])
        for poison in self._poisons:
            found = _after(poison, found, places, self._classes)
        return found


def _after(poison: Poison, found: Located, places: Integers, classes: int) -> Located:
    """What an attack leaves of these examples; inputs that it does not ask for are left where they lie."""
    attack = poison.attack.thing
    given = {"targets": found.targets, "places": places, "classes": classes, "stream": poison.stream}
    given |= {"round": poison.round, "index": poison.index, "colluders": poison.colluders}
    if "inputs" in attack.supplied:
        given["inputs"] = found.inputs[found.rows]
    answer = attack(**given)
    inputs, targets = answer if isinstance(answer, tuple) else (None, answer)
    wanted = (len(places), *found.inputs.shape[1:])
    shape = wanted if inputs is None else inputs.shape
    if shape != wanted or targets.shape != found.targets.shape:
        raise ValueError(f"{attack.name} must leave inputs and targets their shapes: got {shape} and {targets.shape}")
    targets = np.ascontiguousarray(targets, np.int64)
    return found._replace(targets=targets) if inputs is None else Located(inputs, np.arange(len(places)), targets)
