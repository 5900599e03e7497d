"""Arrays that every process of this machine sees without a copy and without a pickle.

An arena's arrays live in anonymous memory that has no name in any folder: workers open it through the parent's own
file descriptors, and the system frees it when the last process is gone, however it went.
"""

import math
import mmap
import os
import sys
import tempfile
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.errors import RunFailed


@dataclass(frozen=True)
class Shared:
    """Where an array lies; small enough to send with every job."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    offset: int = 0
    writable: bool = False
    token: str = ""  # tells arenas apart whose descriptors have the same number

    def open(self) -> NDArray[Any]:
        """The array itself, mapped once in each process."""
        return _map(self)


class Arena:
    """Makes shared arrays and gives their memory back when closed."""

    def __init__(self) -> None:
        self._token = uuid.uuid4().hex
        self._descriptors: list[int] = []
        self._files: list[Path] = []

    def empty(self, shape: tuple[int, ...], dtype: str = "float32") -> tuple[Shared, NDArray[Any]]:
        """A zeroed array that any process may write, and its address."""
        size = max(1, math.prod(shape) * np.dtype(dtype).itemsize)
        try:
            descriptor, path = self._anonymous(size)
            memory = mmap.mmap(descriptor, size)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "more than there can be"
            raise RunFailed(f"cannot get {size:,} bytes of shared memory: {reason}") from error
        array = np.frombuffer(memory, dtype=dtype, count=math.prod(shape)).reshape(shape)
        return Shared(path, dtype, shape, writable=True, token=self._token), array

    def of(self, array: NDArray[Any]) -> Shared:
        """The address of an array's contents: its own file where it is a whole memory map, else a copy."""
        if type(array) is np.memmap and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous:
            return Shared(str(array.filename), array.dtype.str, array.shape, int(array.offset))
        shared, copy = self.empty(array.shape, array.dtype.str)
        copy[...] = array
        return shared

    def close(self) -> None:
        """Free the memory once nobody maps it any more."""
        _map.cache_clear()
        while self._descriptors:
            os.close(self._descriptors.pop())
        while self._files:
            self._files.pop().unlink(missing_ok=True)

    def _anonymous(self, size: int) -> tuple[int, str]:
        if sys.platform == "linux":
            descriptor = os.memfd_create("fedsim")
            path = f"/proc/{os.getpid()}/fd/{descriptor}"
        else:  # no anonymous files on this system: a named one, removed when the arena closes
            descriptor, path = tempfile.mkstemp(prefix="fedsim-")
            self._files.append(Path(path))
        self._descriptors.append(descriptor)
        os.ftruncate(descriptor, size)
        return descriptor, path


@lru_cache(maxsize=16)
def _map(shared: Shared) -> NDArray[Any]:
    mode: Any = "r+" if shared.writable else "r"
    return np.asarray(np.memmap(shared.path, dtype=shared.dtype, mode=mode, offset=shared.offset, shape=shared.shape))
