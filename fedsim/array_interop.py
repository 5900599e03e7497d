"""A caller's numpy array or torch tensor as numpy, and the way back to the caller's kind."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array


class Reading(NamedTuple):
    """An array of the caller's in float32 or float64, and the way back."""

    array: Array
    answer: Callable[[Array], Any]  # an array in the kind, type and place of the caller's


def read(name: str, value: Any) -> Reading:
    """The caller's array; torch is only looked for where it is already loaded."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        kept = value.dtype if value.is_floating_point() else torch.float64
        array = _working(name, _array_of(value))
        return Reading(array, lambda answer: torch.from_numpy(_owned(answer, array)).to(value.device, kept))
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} must be a numpy array or a torch tensor: got {type(value).__name__}")
    dtype = value.dtype if value.dtype.kind == "f" else np.dtype(np.float64)
    array = _working(name, value)
    return Reading(array, lambda answer: _owned(answer, array).astype(dtype, copy=False))


def _array_of(tensor: Any) -> NDArray[Any]:
    """A tensor's numbers; numpy knows no bfloat16, so short floats are widened first."""
    short = tensor.is_floating_point() and tensor.element_size() < np.dtype(np.float32).itemsize
    array: NDArray[Any] = (tensor.detach().float() if short else tensor.detach()).cpu().numpy()
    return array


def _working(name: str, array: NDArray[Any]) -> Array:
    """A C-contiguous float32 or float64 array of these numbers: the very same one where it is that already."""
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers: got {array.dtype}")
    short = array.dtype.kind == "f" and array.dtype.itemsize <= np.dtype(np.float32).itemsize
    return np.ascontiguousarray(array, np.float32 if short else np.float64)


def _owned(answer: Array, given: Array) -> Array:
    """The answer, copied where it is a view of what the caller gave or cannot be written to."""
    return answer.copy() if np.may_share_memory(answer, given) or not answer.flags.writeable else answer
