"""Scores in which every class counts the same, or only the worst one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.metrics.contract import metric


@metric("balanced_accuracy", words="balanced accuracy")
def balanced_accuracy(predictions: NDArray[Any], targets: Integers) -> float:
    """Mean recall over the classes that are present.

    Formula:
        mean over c of |{i : prediction = target = c}| / |{i : target = c}|, over the classes c among the targets.
    Assumes:
        Nothing. With as many examples of every class it is the accuracy; a model that always answers with one
        of k classes has 1/k, however common that class is.
    Differs:
        That of balanced_accuracy_score in scikit-learn with adjusted=False. A class that was only predicted does not
        count.
    Source:
        Brodersen, Ong, Stephan, Buhmann. The Balanced Accuracy and Its Posterior Distribution. ICPR 2010; for more than
        two classes: Kelleher, Mac Namee, D'Arcy. Fundamentals of Machine Learning for Predictive Data Analytics. MIT
        Press 2015.
    Example:
        >>> balanced_accuracy(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 1]))
        0.5
    """
    return float(_recalls(predictions, targets).mean())


@metric("worst_class_accuracy", words="worst class")
def worst_class_accuracy(predictions: NDArray[Any], targets: Integers) -> float:
    """Recall of the class that is recognised worst.

    Formula:
        min over c of |{i : prediction = target = c}| / |{i : target = c}|, over the classes c among the targets.
    Assumes:
        Enough examples of each class: with few of them the least of many recalls is mostly chance.
    Differs:
        Papers on group robustness take the worst group, such as a class together with a background; here a group is a
        class.
    Source:
        Sagawa, Koh, Hashimoto, Liang. Distributionally Robust Neural Networks for Group Shifts. ICLR 2020
        (worst-group accuracy).
    Example:
        >>> round(worst_class_accuracy(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])), 2)
        0.67
    """
    return float(_recalls(predictions, targets).min())


def _recalls(predictions: NDArray[Any], targets: Integers) -> Array:
    """Share of the examples of each class present that are recognised, by class."""
    present = np.bincount(targets)
    right = np.bincount(targets[predictions == targets], minlength=len(present))
    recalls: Array = right[present > 0] / present[present > 0]
    return recalls
