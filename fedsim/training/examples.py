"""A client's examples as its steps read them: only those drawn, as floats, poisoned where an attack holds the client.

Images stay where all clients' images lie until a batch takes its own. An attack that treats each example apart is
asked about the drawn ones alone; any other is shown the client's whole data first, since its answer may depend on it.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Integers
from fedsim.training.client import ClientJob, Poison, Site


class Located(NamedTuple):
    """Where some examples are found."""

    images: NDArray[Any]
    rows: Integers  # of `images`, one for each example
    labels: Integers


class Reader:
    """Reads the examples of one client."""

    def __init__(self, site: Site, job: ClientJob, drawn: int) -> None:
        """`drawn` is the number of examples that all steps take together."""
        self._images, self._labels = site.images.open(), site.labels.open()
        self._where, self._poisons, self._classes = np.asarray(job.examples), job.poisons, site.kind.classes
        count = len(self._where)
        apart = all(poison.apart for poison in job.poisons)
        all_at_once = bool(job.poisons) and (drawn >= count or not apart)
        self._whole = self._poisoned(np.arange(count)) if all_at_once else None

    def located(self, places: Integers) -> Located:
        """The client's examples of these places among its own."""
        if self._whole is None:
            return self._poisoned(places)
        images, rows, labels = self._whole
        return Located(images, rows[places], labels[places])

    def read(self, places: Integers) -> tuple[Tensor, Tensor]:
        """Their images as floats and their labels."""
        images, rows, labels = self.located(places)
        return as_floats(images[rows]), torch.from_numpy(labels)

    def _poisoned(self, places: Integers) -> Located:
        rows = self._where[places]
        found = Located(self._images, rows, self._labels[rows])
        for poison in self._poisons:
            found = _after(poison, found, places, self._classes)
        return found


def _after(poison: Poison, found: Located, places: Integers, classes: int) -> Located:
    """What an attack leaves of these examples; images that it does not ask for are left where they lie."""
    attack = poison.attack.thing
    given = {"labels": found.labels, "places": places, "classes": classes, "stream": poison.stream}
    if "images" in attack.supplied:
        given["images"] = found.images[found.rows]
    answer = attack(**given)
    images, labels = answer if isinstance(answer, tuple) else (None, answer)
    wanted = (len(places), *found.images.shape[1:])
    shape = wanted if images is None else images.shape
    if shape != wanted or labels.shape != wanted[:1]:
        raise ValueError(f"{attack.name} must leave images and labels their shapes: got {shape} and {labels.shape}")
    labels = np.ascontiguousarray(labels, np.int64)
    return found._replace(labels=labels) if images is None else Located(images, np.arange(len(places)), labels)


def as_floats(images: NDArray[Any]) -> Tensor:
    """Images as torch's default kind of float: bytes become value / 255, floats stay."""
    owned = np.array(images) if not images.flags.writeable else np.ascontiguousarray(images)
    tensor, kind = torch.from_numpy(owned), torch.get_default_dtype()
    return tensor.to(kind).div_(255) if tensor.dtype == torch.uint8 else tensor.to(kind)
