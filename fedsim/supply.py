"""What an algorithm may ask for by naming a parameter: one entry for each item, read by everyone who supplies it.

The engine makes an item when a rule or an attack asks for it; the dry run, `fedsim.functional`, `fedsim explain` and
the tests of laws make their stand-ins from the same entry. Whoever lets algorithms ask for something new adds one entry
here, and says in the engine how it is made.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedsim.layers import as_layers
from fedsim.stand_ins import Linear, Make, Sample, anywhere, layers, logits, loss, losses, near_the_mean, zeros


@dataclass(frozen=True)
class Item:
    """One thing that may be asked for."""

    name: str
    meaning: str  # a sentence, its shape first
    shape: tuple[str, ...] | None = None  # of n rows, d coordinates and others; None where it is no array
    sample: Make | None = None  # a small stand-in
    default: Make | None = None  # its value in a first round of a model of zeros; None: whoever calls has to give it
    whole: bool = False  # whether its numbers are whole
    read: Callable[[Any, int], Any] | None = None  # a caller's value and d -> what the engine would hand over
    root: bool = False  # whether the server needs root data for it

    @property
    def per_row(self) -> bool:
        """Whether it has an entry for each row, which is set aside with the row."""
        return self.shape is not None and self.shape[:1] == ("n",)

    @property
    def in_update_space(self) -> bool:
        """Whether it has the unit of an update and moves with them."""
        return self.shape is not None and self.shape[-1:] == ("d",) and self.name != "parameters"


Table = dict[str, Item]
Synonyms = dict[str, tuple[str, Callable[[Any], Any]]]
"""Other names of items in code that was not written for fedsim: the item, and what is made of it."""


def table(*items: Item) -> Table:
    """Items by name."""
    return {item.name: item for item in items}


def samples(items: Table, wanted: Iterable[str], around: Sample) -> dict[str, Any]:
    """Stand-ins for these items."""
    return {name: make(around) for name in wanted if (make := items[name].sample) is not None}


MEMORY = Item("memory", "what it returned as memory in its last round, or None", None, lambda _: None, lambda _: None)
ROUND = Item("round", "number of the round, from 1", None, lambda _: 1, lambda _: 1)
STREAM = Item("stream", "the algorithm's own randomness for this round", None, lambda around: around.stream)

RULES = table(
    Item("updates", "(n, d) client updates, local minus global parameters", ("n", "d"), lambda around: around.rows),
    Item(
        "counts",
        "(n,) training examples behind each row",
        ("n",),
        lambda around: around.draw("counts").integers(1, 30, len(around.rows)),
        lambda around: np.ones(len(around.rows), np.int64),
    ),
    Item(
        "previous",
        "(d,) the last round's aggregate, zeros in the first round",
        ("d",),
        near_the_mean("previous"),
        zeros,
    ),
    Item("parameters", "(d,) the global parameters before this round", ("d",), anywhere, zeros),
    Item(
        "trusted",
        "(d,) the server's own update, trained on the root data",
        ("d",),
        near_the_mean("trusted"),
        root=True,
    ),
    Item(
        "root_logits",
        "(n, r, classes) outputs of the model with each row applied, on the r root examples or all their places",
        ("n", "r", "classes"),
        logits,
        root=True,
    ),
    Item(
        "root_losses",
        "(n,) mean loss on the root data of the model with each row applied",
        ("n",),
        losses,
        root=True,
    ),
    Item(
        "root_loss",
        "(m, d) -> (m,): mean loss on the root data of the model with any row applied",
        None,
        loss,
        root=True,
    ),
    Item(
        "layers",
        "the model's tensors in the order of a row: name, begin, end, shape, and whether it is a buffer",
        None,
        layers,
        read=as_layers,
    ),
    Item(
        "outputs",
        "(d,) -> (inputs -> (k, classes)): the model with a row applied; its `draw` makes uniform random inputs",
        None,
        lambda _: Linear(),
    ),
    Item(
        "staleness",
        "(n,) rounds that went by while the row was on its way, 0 of a row of this round",
        ("n",),
        lambda around: around.draw("staleness").integers(0, 3, len(around.rows)),
        lambda around: np.zeros(len(around.rows), np.int64),
    ),
    ROUND,
    MEMORY,
    Item(
        "clients",
        "(n,) identity of each row's client",
        ("n",),
        lambda around: around.draw("clients").permutation(1000 + len(around.rows))[: len(around.rows)],
        lambda around: np.arange(len(around.rows)),
        whole=True,
    ),
    STREAM,
)
"""What a rule may ask for."""

MIXERS = table(RULES["updates"], RULES["staleness"], RULES["clients"], MEMORY, STREAM)
"""What a pre-aggregator may ask for."""

UPDATE_ATTACKS = table(
    Item(
        "honest",
        "(h, d) honest updates the attackers know of, by the entry's `knowledge`",
        ("h", "d"),
        lambda around: around.rows,
    ),
    Item(
        "honest_clients",
        "(h,) identity of the client behind each row of `honest`",
        ("h",),
        lambda around: np.arange(len(around.rows)),
        lambda around: np.arange(len(around.rows)),
        whole=True,
    ),
    Item(
        "knowledge",
        "whose rows `honest` holds: all honest clients' (all), those of the colluders (colluders) or one's own (own)",
        None,
        lambda _: "all",
        lambda _: "all",
    ),
    Item(
        "own",
        "(count, d) what the attackers would have sent had they trained honestly; the mean of the honest updates for "
        "attackers that hold no examples",
        ("n", "d"),
        lambda around: around.rows[: around.count],
    ),
    Item("count", "number of rows to forge", None, lambda around: around.count),
    Item("parameters", "(d,) the global parameters before this round", ("d",), anywhere, zeros),
    RULES["previous"],
    Item(
        "defence",
        "(n, d) -> (d,): what the server would make of these rows",
        None,
        lambda _: lambda matrix: matrix.mean(axis=0),
    ),
    Item(
        "clients",
        "(count,) identity of each attacker",
        ("n",),
        lambda around: np.arange(around.count),
        lambda around: np.arange(around.count),
        whole=True,
    ),
    ROUND,
    MEMORY,
    Item(
        "stream",
        "the attack's own randomness for this round; address each client below it",
        None,
        lambda around: around.stream,
    ),
)
"""What an attack on the updates may ask for."""

DATA_ATTACKS = table(
    Item(
        "inputs",
        "(m, *shape) the client's inputs as stored: (m, channels, height, width) of images",
        ("m", "channels", "height", "width"),
        lambda around: np.zeros((4, *around.shape), around.dtype),
    ),
    Item(
        "targets",
        "(m,) the client's targets; (m, length) where each place has one",
        ("m",),
        lambda around: np.arange(4) % around.classes,
    ),
    Item(
        "places",
        "(m,) the place of each example among the client's own, from 0: address its draws below the stream by it",
        ("m",),
        lambda _: np.arange(4),
    ),
    Item("classes", "number of classes", None, lambda around: around.classes),
    ROUND,
    Item("index", "the client's number among the clients of its adversary, from 0", None, lambda _: 1),
    Item("colluders", "number of clients that its adversary holds", None, lambda _: 4),
    Item(
        "stream",
        "the client's own randomness for this attack, the same every round",
        None,
        lambda around: around.stream,
    ),
)
"""What an attack on the data may ask for."""

TRAINING_ATTACKS = table(
    Item(
        "descend", "(correct=None) -> None: takes the client's steps; correct(parameters, start, gradients) before each"
    ),
    Item("parameters", "list of tensors: the client's parameters, which the steps change in place"),
    Item("start", "list of tensors: the same before the first step, the global parameters"),
    Item("previous", "list of tensors: the last round's aggregate, zeros in the first round"),
    Item("send", "(tensors) -> None: sends these in place of local minus global parameters; buffers go as they are"),
    Item(
        "clean", "() -> list of tensors: gradient over the next batch of unpoisoned examples; None where none is left"
    ),
    Item(
        "poisoned", "() -> (loss, list of tensors): mean over the examples that the data steps change, a batch at most"
    ),
    Item("success", "() -> float: share of those examples whose poisoned targets the client's parameters now answer"),
    Item("optimizer", "() -> step: a fresh optimizer; step(gradients) takes a step of it"),
)
"""What an attack on the training may ask for, which takes the place of the local algorithm."""
