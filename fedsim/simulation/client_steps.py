"""How many steps clients take, and what follows from it: normalised rows, and the server's step over them."""

from collections.abc import Iterable

import numpy as np

from fedsim.array_types import Array
from fedsim.local_algorithms.contract import local_algorithms
from fedsim.scenario.sections import Training
from fedsim.training.minibatches import counted


def steps_of(count: int, given: Training) -> int:
    """The steps of a client that holds so many examples."""
    training = counted(given)
    size = min(training.batch_size, count)
    if size == 0 or training.steps is not None:
        return 0 if size == 0 else training.steps or 0
    if not isinstance(training.epochs, int):
        raise TypeError(f"epochs by {training.epochs.name} are a client's own: ask with its own training")
    return training.epochs * (count // size if training.drop_last else -(-count // size))


def length_of(count: int, training: Training) -> float:
    """By what such a client's row is divided before it is sent; 1 where rows are not normalised."""
    length = local_algorithms[training.algorithm.name].traits["length"]
    steps = steps_of(count, training)
    return float(length(training.optimizer.settings, steps)) if length and steps else 1.0


def normalise(rows: Iterable[tuple[Array, int, Training]], trained: int) -> None:
    """Divide each client's row, in place, by the length that goes with its examples and its work; buffers stay."""
    for row, count, training in rows:
        if (length := length_of(count, training)) != 1.0:
            row[:trained] /= np.float32(length)


def normalises(training: Training) -> bool:
    """Whether clients divide their rows by the length of their work."""
    return bool(local_algorithms[training.algorithm.name].traits["length"])


def effective(weights: Array, work: Iterable[tuple[int, Training]]) -> float:
    """τ_eff: by what the server multiplies the aggregate of rows of so many examples and such work."""
    return float(sum(weight * length_of(*each) for weight, each in zip(weights, work, strict=True)))
