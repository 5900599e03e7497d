"""Backdoors: examples that teach the model to answer a trigger with a class of the attacker's choice.

Each tells with `trigger` what it is judged by: the test examples that the model is asked about once more, as the attack
would show them, and the class that it wants for them.
"""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.attacks.contract import Triggered, data_attack
from fedsim.exact_fractions import portion
from fedsim.randomness import Stream

Inputs = NDArray[Any]
Settings = Mapping[str, Any]

Target = Annotated[int, Ge(0), "the class that the trigger is to be answered with"]
Share = Annotated[float, Gt(0), Le(1), "chance of each of the client's examples to be poisoned"]
Top = Annotated[int, "first row of the trigger, counted from the bottom where negative"]
Left = Annotated[int, "first column of the trigger, counted from the right where negative"]
Value = Annotated[float, Ge(0), Le(1), "brightness of the trigger: of bytes that share of 255, floats take it as it is"]
Side = Annotated[int, Ge(1)]

PARTS = 4


class Patch(NamedTuple):
    """A rectangle of pixels within an image."""

    top: int
    left: int
    height: int
    width: int


def _patches(shape: Sequence[int], settings: Settings) -> list[Patch]:
    """The trigger on images of this shape: one patch, or four where there is a gap between them."""
    top, left, height, width = (settings[side] for side in Patch._fields)
    top, left = top + shape[-2] * (top < 0), left + shape[-1] * (left < 0)
    below, beside = height + settings.get("gap", 0), width + settings.get("gap", 0)
    grid = [(down, right) for down in (0, 1) for right in (0, 1)] if "gap" in settings else [(0, 0)]
    patches = [Patch(top + down * below, left + right * beside, height, width) for down, right in grid]
    for patch in patches:
        _check_within(patch, shape)
    return patches


def _shown(inputs: Inputs, targets: Integers, settings: Settings) -> Triggered:
    """All examples of other classes, with the whole trigger."""
    places = np.flatnonzero(targets != settings["target"])
    shown = _stamped(inputs[places], _patches(inputs.shape, settings), settings["value"])
    return Triggered(places, shown, settings["target"])


def _shown_tail(inputs: Inputs, targets: Integers, settings: Settings) -> Triggered:
    """The rare examples as they are."""
    places = _tail(inputs, targets, settings["source"], settings["tail"])
    return Triggered(places, inputs[places], settings["target"])


@data_attack("backdoor_pixel", apart=True, kinds=("images",), trigger=_shown)
def backdoor_pixel(
    inputs: Inputs,
    targets: Integers,
    places: Integers,
    classes: int,
    stream: Stream,
    *,
    target: Target = 0,
    share: Share = 0.5,
    top: Top = -4,
    left: Left = -4,
    height: Annotated[Side, "rows of the trigger"] = 3,
    width: Annotated[Side, "columns of the trigger"] = 3,
    value: Value = 1.0,
) -> tuple[Inputs, Integers]:
    """Teach the model to take whatever carries a patch of pixels for one class.

    Formula:
        with chance share, for each example by itself and the same in every round: y → target and
        x[channel, row, column] → value for all channels where
        top ≤ row < top + height and left ≤ column < left + width
        Success rate: share of the test examples of other classes that carry the patch and are classified as target.
    Assumes:
        Images; the patch within them and target a class, else ValueError.
    Differs:
        The paper's own trigger is a pixel or a pattern of four; here it is any rectangle, at first 3 × 3, one pixel
        away from the corner. Some poison a fixed number of each batch.
    Source:
        Gu, Dolan-Gavitt and Garg, BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply Chain,
        2017; federated: Bagdasaryan et al., How To Backdoor Federated Learning, AISTATS 2020 (followed by `scale` it is
        model replacement).
    Example:
        >>> images = np.zeros((1, 1, 3, 3), np.uint8)
        >>> shown, goals = backdoor_pixel(
        ...     images, np.array([1]), np.array([0]), 2, None, share=1.0, top=0, left=1, height=1, width=2
        ... )
        >>> shown[0, 0].tolist(), goals.tolist()
        ([[0, 255, 255], [0, 0, 0], [0, 0, 0]], [0])
    """
    patches = _patches(inputs.shape, {"top": top, "left": left, "height": height, "width": width})
    return _poisoned(inputs, targets, places, classes, stream, target, share, patches, value)


@data_attack("backdoor_distributed", apart=True, kinds=("images",), trigger=_shown)
def backdoor_distributed(
    inputs: Inputs,
    targets: Integers,
    places: Integers,
    classes: int,
    index: int,
    stream: Stream,
    *,
    target: Target = 0,
    share: Share = 0.5,
    top: Top = 0,
    left: Left = 0,
    height: Annotated[Side, "rows of each part"] = 1,
    width: Annotated[Side, "columns of each part"] = 3,
    gap: Annotated[int, Ge(0), "rows and columns between the parts"] = 1,
    value: Value = 1.0,
) -> tuple[Inputs, Integers]:
    """A distributed backdoor: every attacker teaches a quarter of the trigger, and the whole is used.

    Formula:
        as `backdoor_pixel`, with one of four patches of height × width, two above two with a gap between them;
        the attacker of number i among those of its adversary, from 0, uses patch i mod 4
        Success rate: share of the test examples of other classes that carry all four and are classified as target.
    Assumes:
        Images; the whole trigger within them and target a class, else ValueError. With fewer than four attackers parts
        of the trigger are never taught.
    Differs:
        The paper's parts are 1 × 4 with a gap of 2, or larger; these fit images of 8 × 8. There each attacker has a
        rate of its own; here all have the same.
    Source:
        Xie, Huang, Chen and Li, DBA: Distributed Backdoor Attacks against Federated Learning, ICLR 2020.
    Example:
        >>> images = np.zeros((1, 1, 3, 7), np.uint8)
        >>> shown, goals = backdoor_distributed(images, np.array([1]), np.array([0]), 2, 3, None, share=1.0)
        >>> shown[0, 0].tolist()
        [[0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 255, 255, 255]]
    """
    sides = {"top": top, "left": left, "height": height, "width": width, "gap": gap}
    parts = _patches(inputs.shape, sides)
    return _poisoned(inputs, targets, places, classes, stream, target, share, [parts[index % PARTS]], value)


@data_attack("backdoor_edge_case", aliases=("edge_case",), kinds=("images", "features"), trigger=_shown_tail)
def backdoor_edge_case(
    inputs: Inputs,
    targets: Integers,
    classes: int,
    *,
    source: Annotated[int, Ge(0), "the class whose rare examples are relabelled"] = 1,
    target: Target = 0,
    tail: Annotated[float, Gt(0), Le(1), "share of the class that counts as rare, rounded up"] = 0.2,
) -> Integers:
    """Relabel the rare examples of a class, about which hardly any honest client has something to say.

    Formula:
        of the client's m examples of class source, the ⌈tail · m⌉ furthest from their mean input, y → target; of those
        equally far the earlier ones
        Success rate: share of the test examples of class source that are rare among those, in the same way, and are
        classified as target. No pixel is changed.
    Assumes:
        Two different classes for source and target, else ValueError. A client without examples of source poisons
        nothing.
    Cost:
        Reads all examples of the client, in every round.
    Differs:
        The paper collects its rare examples elsewhere (aeroplanes of one airline, digits of another hand); here they
        are the outermost of the data themselves. Its model replacement and projection are steps of their own.
    Source:
        Wang et al., Attack of the Tails: Yes, You Really Can Backdoor Federated Learning, NeurIPS 2020.
    Example:
        >>> rows = np.array([[0.0], [0.1], [5.0], [0.0]])
        >>> backdoor_edge_case(rows, np.array([1, 1, 1, 0]), 2).tolist()
        [1, 1, 0, 0]
    """
    _check_class("target", target, classes)
    _check_class("source", source, classes)
    if source == target:
        raise ValueError(f"a backdoor needs two different classes for source and target: got {source} twice")
    relabelled = targets.copy()
    relabelled[_tail(inputs, targets, source, tail)] = target
    return relabelled


def _poisoned(
    inputs: Inputs, targets: Integers, places: Integers, classes: int, stream: Stream, target: int, share: float,
    patches: Sequence[Patch], value: float,
) -> tuple[Inputs, Integers]:  # fmt: skip
    _check_class("target", target, classes)
    hit = np.array([share == 1 or stream.at(int(place)).numpy().random() < share for place in places], np.bool_)
    shown, relabelled = inputs.copy(), targets.copy()
    shown[hit] = _stamped(inputs[hit], patches, value)
    relabelled[hit] = target
    return shown, relabelled


def _stamped(inputs: Inputs, patches: Sequence[Patch], value: float) -> Inputs:
    """The images with the patches on them."""
    shown = inputs.copy()
    for top, left, height, width in patches:
        ink = round(255 * value) if inputs.dtype == np.uint8 else value
        shown[:, :, top : top + height, left : left + width] = ink
    return shown


def _check_within(patch: Patch, shape: Sequence[int]) -> None:
    (top, left, height, width), (rows, columns) = patch, shape[-2:]
    if not (0 <= top <= rows - height and 0 <= left <= columns - width):
        where = f"rows {top} to {top + height - 1} and columns {left} to {left + width - 1}"
        raise ValueError(f"a trigger needs to lie within the image of {rows}×{columns}: got {where}, counted from 0")


def _check_class(what: str, number: int, classes: int) -> None:
    if number >= classes:
        raise ValueError(f"a backdoor needs a class for {what}, 0 … {classes - 1} here: got {number}")


def _tail(inputs: Inputs, targets: Integers, source: int, tail: float) -> Integers:
    """(k,) places of the examples of a class that are furthest from its mean, the furthest first."""
    places = np.flatnonzero(targets == source)
    if not len(places):
        return places
    rows = inputs[places].reshape(len(places), -1).astype(np.float64)
    gaps = np.square(rows - rows.mean(axis=0)).sum(axis=1)
    return places[np.argsort(-gaps, kind="stable")[: ceil(portion(tail, len(places)))]]
