"""Partitioners of flwr-datasets, and whatever has their two methods: a class that deals a table of examples.

    [partition]
    name = "flwr_datasets.partitioner:DirichletPartitioner"
    partition_by = "label"
    alpha = 0.3

The table has the columns `label` (where each example has one class), `owner` (where it is known) and `index`. What a
partitioner calls `num_partitions` is the number of clients, its `seed` is drawn from the partition's own stream.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fedsim.array_types import Integers
from fedsim.partitions.contract import DEALERS, Split

LABEL, OWNER, INDEX = "label", "owner", "index"


def dealt(function: Callable[..., Any]) -> Callable[..., Split] | None:
    """The partition that such a class makes of labels and owners; None of anything else."""
    made = inspect.unwrap(function)
    if not (isinstance(made, type) and hasattr(made, "load_partition") and hasattr(made, "num_partitions")):
        return None
    return _partition(function)


DEALERS.append(dealt)


def _partition(function: Callable[..., Any]) -> Callable[..., Split]:
    parameters = [*inspect.signature(function).parameters.values()]
    items = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    asked = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("targets", "owners")]

    @functools.wraps(function, updated=())
    def partition(*given: Any, **settings: Any) -> Split:
        known = dict(zip(("targets", "owners", *(each.name for each in items)), given, strict=True))
        made = function(*(known[each.name] for each in items), **settings)
        return _split(made, known["targets"], known["owners"])

    settings = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    partition.__signature__ = inspect.Signature([*asked, *items, *settings])  # type: ignore[attr-defined]
    return partition


def _split(partitioner: Any, targets: Integers, owners: Integers | None) -> Split:
    """Who holds what, read from the column that numbers the examples."""
    partitioner.dataset = _table(targets, owners)
    count = int(partitioner.num_partitions)
    parts = [np.asarray(partitioner.load_partition(place)[INDEX], np.int64) for place in range(count)]
    if empty := [place for place, part in enumerate(parts) if not len(part)]:
        raise ValueError(f"its partition {empty[0]} of {count} is empty: every client needs an example")
    return Split.of(parts)


def _table(targets: Integers, owners: Integers | None) -> Any:
    try:
        from datasets import Dataset
    except ImportError as error:
        raise ValueError("partitioners deal a datasets.Dataset: pip install flwr-datasets") from error
    columns: dict[str, Integers] = {INDEX: np.arange(len(targets))}
    if targets.ndim == 1:
        columns[LABEL] = targets
    if owners is not None:
        columns[OWNER] = owners
    return Dataset.from_dict({name: np.asarray(column).tolist() for name, column in columns.items()})
