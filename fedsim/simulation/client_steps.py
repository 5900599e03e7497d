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
    return training.epochs * (count // size if training.drop_last else -(-count // size))


def length_of(count: int, training: Training) -> float:
    """By what such a client's row is divided before it is sent; 1 where rows are not normalised."""
    length = local_algorithms[training.algorithm.name].traits["length"]
    steps = steps_of(count, training)
    return float(length(training.optimizer.settings, steps)) if length and steps else 1.0


def normalise(rows: Iterable[tuple[Array, int]], training: Training, trained: int) -> None:
    """Divide each client's row, in place, by the length that goes with its number of examples; buffers stay."""
    for row, count in rows:
        if (length := length_of(count, training)) != 1.0:
            row[:trained] /= np.float32(length)


def effective(weights: Array, counts: Iterable[int], training: Training) -> float:
    """τ_eff: by what the server multiplies the aggregate; 1 where rows are not normalised."""
    if not local_algorithms[training.algorithm.name].traits["length"]:
        return 1.0
    return float(sum(weight * length_of(int(count), training) for weight, count in zip(weights, counts, strict=True)))
