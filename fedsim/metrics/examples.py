"""Scores in which every example counts the same."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.metrics.contract import metric


@metric("accuracy", words="accuracy")
def accuracy(predictions: NDArray[Any], targets: Integers) -> float:
    """Share of the examples classified rightly.

    Formula:
        1/m · |{i : predicted class of i = target of i}|.
    Assumes:
        The examples stand for those that matter: where a class or an owner has few of them, its mistakes hardly
        count (see balanced_accuracy and accuracy_of_owners).
    Differs:
        An example with an output that is not a number is classified wrongly, whatever its largest output; others take
        class 0 or the class of the NaN.
    Source:
        Sokolova, Lapalme. A systematic analysis of performance measures for classification tasks. Information
        Processing & Management 45(4), 2009, table 2 (one minus the error rate).
    Example:
        >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
        0.75
    """
    return np.count_nonzero(predictions == targets) / len(targets)


@metric("loss", words="loss", better="down", form="magnitude", most=np.inf)
def loss(losses: Array, loss_sum: float) -> float:
    """Mean cross-entropy of an example, in nats.

    Formula:
        1/m Σᵢ −log pᵢ, with pᵢ the softmax of the outputs at the target of i.
    Assumes:
        Nothing. It is NaN where the model's outputs are.
    Differs:
        Outputs are float32 and their softmax float64. The sum is taken in pieces of 500 examples, in their order.
    Source:
        Goodfellow, Bengio, Courville. Deep Learning. MIT Press 2016, section 6.2.2.
    Example:
        >>> loss(np.array([0.5, 1.5]), 2.0)
        1.0
    """
    return loss_sum / len(losses)
