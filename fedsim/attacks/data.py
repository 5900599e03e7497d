"""Poisoned examples: the client trains honestly on them."""

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from fedsim.array_types import Integers
from fedsim.attacks.contract import data_attack
from fedsim.randomness import Stream


@data_attack("label_flip", aliases=("data",), apart=True)
def label_flip(
    targets: Integers,
    classes: int,
    stream: Stream,
    *,
    mode: Annotated[
        Literal["mirror", "pair", "random"],
        "mirror: y becomes C − 1 − y; pair: source becomes target; random: another class for each class",
    ] = "mirror",
    source: Annotated[int | None, Ge(0), "the class relabelled in mode pair"] = None,
    target: Annotated[int | None, Ge(0), "the class it is relabelled as in mode pair"] = None,
) -> Integers:
    """Train on wrong labels.

    Formula:
        mirror: y → C − 1 − y, C the number of classes (the middle class of an odd C keeps its label)
        pair: source → target, all other labels kept
        random: y → map(y) with map(y) uniform over the C − 1 other classes, one map for each client
        Where the next token is asked for, every place's target is relabelled so, C being the size of the vocabulary.
    Assumes:
        C ≥ 2 and labels in [0, C); pair has two different classes for source and target, which no other mode
        takes; else ValueError.
    Source:
        mirror: Fang, Cao, Jia and Gong, Local Model Poisoning Attacks to Byzantine-Robust Federated Learning,
        USENIX Security 2020.
        pair: Tolpegin et al., Data Poisoning Attacks Against Federated Learning Systems, ESORICS 2020.
    Example:
        >>> label_flip(np.array([0, 1, 9]), 10, None).tolist()
        [9, 8, 0]
    """
    _check_labels(targets, classes)
    if mode != "pair" and (source is not None or target is not None):
        raise ValueError(f"label_flip takes source and target in mode pair only: got mode = {mode}")
    mapping = np.arange(classes)
    if mode == "mirror":
        mapping = mapping[::-1]
    elif mode == "random":
        mapping = (mapping + stream.numpy().integers(1, classes, classes)) % classes
    else:
        origin, goal = _check_pair(source, target, classes)
        mapping[origin] = goal
    return mapping.astype(targets.dtype)[targets]


def _check_labels(targets: Integers, classes: int) -> None:
    if classes < 2:  # noqa: PLR2004 - one class leaves no wrong label
        raise ValueError(f"label_flip needs at least 2 classes: got {classes}")
    if len(targets) and not (targets.min() >= 0 and targets.max() < classes):
        raise ValueError(f"label_flip needs targets in 0 … {classes - 1}: got {targets.min()} … {targets.max()}")


def _check_pair(source: int | None, target: int | None, classes: int) -> tuple[int, int]:
    if source is None or target is None:
        raise ValueError(f"label_flip in mode pair needs source and target: got {source} and {target}")
    if source == target or max(source, target) >= classes:
        raise ValueError(f"label_flip needs two different classes below {classes}: got {source} and {target}")
    return source, target
