"""Arrays from elsewhere as examples: as long as each other, targets whole numbers from 0."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.datasets.contract import Examples
from fedsim.datasets.own_data import MOST_CLASSES, Part, classes_of
from fedsim.datasets.own_inputs import as_kind
from fedsim.errors import DataUnavailable, WrongSetting


def part_of(arrays: Mapping[str, NDArray[Any]], names: Mapping[str, str], lead: str, where: str) -> Part | None:
    """The arrays of the training part (lead "") or the test part (lead "test_"), as long as each other."""
    inputs, targets, owners = (arrays.get(f"{lead}{key}") for key in ("inputs", "targets", "owners"))
    if inputs is None or targets is None:
        return None
    for key, array in (("targets", targets), ("owners", owners)):
        if array is not None and (array.ndim < 1 or inputs.ndim < 1 or len(array) != len(inputs)):
            first, second = (f"{len(each) if each.ndim else 'one number as'}" for each in (inputs, array))
            raise DataUnavailable(
                f"{where}: {first} {names[f'{lead}inputs']} and {second} {names[f'{lead}{key}']}: as many are wanted"
            )
    if not len(inputs):
        raise DataUnavailable(f"{where}: {names[f'{lead}inputs']} is empty")
    if owners is not None and (owners.ndim != 1 or owners.dtype.kind not in "iuUS"):
        raise DataUnavailable(f"{where}: {names[f'{lead}owners']} are (m,) whole numbers or texts: got {_what(owners)}")
    return Part(inputs, targets, owners)


def examples_of(part: Part, kind: str, owners: Integers | None, where: str) -> Examples:
    """The examples of a part, its inputs of this kind."""
    inputs = as_kind(part.inputs, kind, where)
    return Examples(inputs, _targets(part.targets, inputs, kind, where), owners)


def _targets(targets: NDArray[Any], inputs: NDArray[Any], kind: str, where: str) -> Integers:
    """Whole numbers from 0, one for each example or for each token."""
    shapes = [inputs.shape[:1]] + ([inputs.shape] if kind == "tokens" else [])
    if targets.ndim == 2 and targets.shape[1] == 1 and kind != "tokens":  # noqa: PLR2004 - a column
        targets = targets[:, 0]
    if targets.shape not in shapes:
        hint = "; for one-hot rows save their argmax" if targets.ndim == 2 else ""  # noqa: PLR2004 - rows
        raise DataUnavailable(f"{where}: targets have shape {targets.shape}, not {' or '.join(map(str, shapes))}{hint}")
    whole = targets.dtype.kind in "iub" or (targets.dtype.kind == "f" and bool((targets == np.rint(targets)).all()))
    if not whole:
        raise DataUnavailable(f"{where}: targets are classes as whole numbers from 0: got {_what(targets)}")
    if targets.size and targets.min() < 0:
        row = int((targets.reshape(len(targets), -1) < 0).any(axis=1).argmax())
        raise DataUnavailable(f"{where}: target {targets.min():g} among them (example {row}); classes count from 0")
    return targets.astype(np.int64)


def count_classes(targets: Sequence[Integers], given: int | None, where: str) -> int:
    """How many classes there are; DataUnavailable where there are gaps between them."""
    seen = classes_of(np.concatenate(targets), where)
    count = int(seen[-1]) + 1
    if given is not None:
        if count > given:
            raise WrongSetting(
                "classes", f"target {count - 1} stands in the file: there are {count} or more, got {given}"
            )
        return given
    if len(seen) < count:
        absent = np.setdiff1d(np.arange(min(count, MOST_CLASSES + 1)), seen)
        few = ", ".join(map(str, absent[:4])) + (", …" if len(absent) > 4 else "")  # noqa: PLR2004
        raise DataUnavailable(
            f"{where}: classes 0 to {count - 1:,} have gaps: no example of {few}; number them 0, 1, 2, … "
            "(np.unique with return_inverse does), or say how many classes there are"
        )
    return count


def count_tokens(parts: Sequence[Examples], given: int | None, where: str) -> int:
    """How many tokens there are."""
    arrays = [each.inputs for each in parts] + [each.targets for each in parts if each.targets.ndim > 1]
    last = max(int(array.max()) for array in arrays)
    if given is not None and last >= given:
        raise WrongSetting("vocabulary", f"token {last} stands in {where}: there are {last + 1} or more, got {given}")
    return last + 1 if given is None else given


def _what(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
