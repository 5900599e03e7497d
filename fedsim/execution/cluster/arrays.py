"""Arrays of a run whose workers may be on other machines.

The process that owns the run keeps them where it would keep them for workers of its own. A worker finds under the same
name what it was sent: for good, as the data are, or with the job in whose course it is opened.
"""

import math
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from fedsim.execution.shared_memory import Arena

PAGE = 4096


@dataclass(frozen=True)
class Scattered:
    """The name of an array, with which each process finds its own copy."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def open(self) -> NDArray[Any]:
        """The owner's array in the owner; in a worker what the job under way was given."""
        return owned[self.name].array if _here.laid is None else _here.laid[self.name]

    def __reduce__(self) -> tuple[Any, tuple[str, str, tuple[int, ...]]]:
        if _here.noted is not None:
            _here.noted[self.name] = None
        return Scattered, (self.name, self.dtype, self.shape)


@dataclass(frozen=True)
class Owned:
    """An array of a run in the process that owns it."""

    array: NDArray[Any]
    fixed: bool  # whether it never changes


class _Here(threading.local):
    """What the job of this thread was given, and the names that are met while one is packed."""

    laid: Mapping[str, NDArray[Any]] | None = None
    noted: dict[str, None] | None = None


_here = _Here()
owned: dict[str, Owned] = {}
held: WeakValueDictionary[str, NDArray[Any]] = WeakValueDictionary()
"""What this worker was sent for good: Dask keeps it for as long as the owner wants it, and no longer."""


class ScatteredArena:
    """Makes arrays as an `Arena` does, for workers anywhere."""

    def __init__(self, forget: Callable[[Iterable[str]], None]) -> None:
        self._memory, self._token, self._forget = Arena(), uuid.uuid4().hex, forget
        self._names: list[str] = []
        self._parcels: dict[str, Scattered] = {}

    def empty(self, shape: tuple[int, ...], dtype: str = "float32") -> tuple[Scattered, NDArray[Any]]:
        """A zeroed array that jobs may read and write, and its name."""
        _, array = self._memory.empty(shape, dtype)
        return self._named(array, fixed=False), array

    def of(self, array: NDArray[Any]) -> Scattered:
        """The name of an array's contents, which stay as they are."""
        return self._named(self._memory.of(array).open(), fixed=True)

    def parcel(self, key: str, data: bytes) -> Scattered:
        """The name of bytes that many jobs need, sent to each worker once."""
        if key not in self._parcels:
            self._parcels[key] = self.of(np.frombuffer(data, np.uint8))
        return self._parcels[key]

    def close(self) -> None:
        """Forget the arrays, here and wherever they were sent."""
        self._forget(self._names)
        for name in self._names:
            owned.pop(name, None)
        self._names, self._parcels = [], {}
        self._memory.close()

    def _named(self, array: NDArray[Any], *, fixed: bool) -> Scattered:
        name = f"{self._token}-{len(self._names)}"
        self._names.append(name)
        owned[name] = Owned(array, fixed)
        return Scattered(name, array.dtype.str, array.shape)


class Sheets:
    """Arrays on their way to a worker, where each begins a page as in shared memory.

    What an arithmetic library makes of numbers may depend on where they lie.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.arrays = dict(arrays)

    def __reduce__(self) -> tuple[Any, tuple[dict[str, NDArray[Any]]]]:
        return _landed, (self.arrays,)

    def __sizeof__(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())


def _landed(arrays: dict[str, NDArray[Any]]) -> Sheets:
    return Sheets({name: _copied(array) for name, array in arrays.items()})


def _copied(array: NDArray[Any]) -> NDArray[Any]:
    own = zeros(array.shape, array.dtype.str)
    own[...] = array
    return own


def zeros(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """An array that begins a page."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.zeros(size + PAGE, np.uint8)
    begin = -room.ctypes.data % PAGE
    return room[begin : begin + size].view(dtype).reshape(shape)


def is_still(name: str, before: NDArray[Any]) -> bool:
    """Whether an array of the owner holds the very bits that it held before."""
    now = owned[name].array
    return np.array_equal(now.reshape(-1).view(np.uint8), before.reshape(-1).view(np.uint8))


@contextmanager
def laid_out(arrays: Mapping[str, NDArray[Any]]) -> Iterator[None]:
    """Let this thread's names stand for these arrays."""
    before, _here.laid = _here.laid, arrays
    try:
        yield
    finally:
        _here.laid = before


@contextmanager
def noting() -> Iterator[dict[str, None]]:
    """The names of the arrays that are pickled inside."""
    before, _here.noted = _here.noted, {}
    try:
        yield _here.noted
    finally:
        _here.noted = before
