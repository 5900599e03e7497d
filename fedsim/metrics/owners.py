"""Scores in which every owner of examples counts the same: its writer, speaker or book."""

from math import ceil
from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Le
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.exact_fractions import portion
from fedsim.metrics.contract import metric


@metric("accuracy_of_owners", words="mean of owners")
def accuracy_of_owners(predictions: NDArray[Any], targets: Integers, owners: Integers) -> float:
    """Mean over the owners of the accuracy on each one's examples.

    Formula:
        mean over o of |{i : owner = o, prediction = target}| / |{i : owner = o}|.
    Assumes:
        A data set that knows whose each test example is (glyphs, femnist).
    Differs:
        The plain accuracy is the same mean with owners weighted by their numbers of examples, as LEAF reports it.
    Source:
        Li, Sanjabi, Beirami, Smith. Fair Resource Allocation in Federated Learning. ICLR 2020, table 1 (average
        over devices).
    Example:
        >>> accuracy_of_owners(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([7, 7, 9]))
        0.5
    """
    return float(_accuracies(predictions, targets, owners).mean())


@metric("accuracy_of_worst_owners", words="worst owners")
def accuracy_of_worst_owners(
    predictions: NDArray[Any],
    targets: Integers,
    owners: Integers,
    *,
    share: Annotated[float, Gt(0), Le(1), "the share of all owners that is looked at, rounded up"] = 0.1,
) -> float:
    """Mean accuracy of the owners who are served worst.

    Formula:
        1/w · (a_1 + … + a_w), with a_1 ≤ … ≤ a_k the accuracies on the examples of each of k owners and
        w = ⌈share · k⌉.
    Assumes:
        A data set that knows whose each test example is (glyphs, femnist), and a number of examples of each: with few
        of them the lowest accuracies are partly chance.
    Differs:
        Papers that report the accuracy at the 10th percentile give the best of these owners; this is their mean.
    Source:
        Li, Sanjabi, Beirami, Smith. Fair Resource Allocation in Federated Learning. ICLR 2020, table 1 (worst 10 % of
        devices).
    Example:
        >>> owners = np.repeat(np.arange(10), 2)
        >>> accuracy_of_worst_owners(np.array([1] * 3 + [0] * 17), np.zeros(20, int), owners, share=0.2)
        0.25
    """
    accuracies = np.sort(_accuracies(predictions, targets, owners))
    return float(accuracies[: ceil(portion(share, len(accuracies)))].mean())


def _accuracies(predictions: NDArray[Any], targets: Integers, owners: Integers) -> Array:
    """Share of each owner's examples that are classified rightly, by owner."""
    _, whose = np.unique(owners, return_inverse=True)
    accuracies: Array = np.bincount(whose, predictions == targets) / np.bincount(whose)
    return accuracies
