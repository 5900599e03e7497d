"""Arrays that every process of this machine sees without a copy and without a pickle.

Where the system has it, an arena's arrays live in memory without a name in any folder: workers open it through the
parent's own file descriptors, and it is freed when the last process is gone, however it went. Anywhere else they live
in files of the folder for temporary files, removed when the arena closes, when the process is left at once, and
at the next start where a process was killed.
"""

import errno
import math
import mmap
import os
import tempfile
import uuid
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fedsim.errors import RunFailed
from fedsim.execution.cleanup import is_alive, is_undone, undo_when_left

ANONYMOUS = hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir()
"""Whether this system has memory without a name that other processes can open."""
REFUSALS = (errno.ENOSYS, errno.EPERM, errno.EACCES)
"""How a system answers that has it and does not give it."""
PREFIX = "fedsim-shared-"


class Shared(Protocol):
    """An array that every process of a run can be told of: small enough to send with every job."""

    @property
    def dtype(self) -> str:
        """Of its numbers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""

    def open(self) -> NDArray[Any]:
        """The array itself, wherever this is called."""


class Arrays(Protocol):
    """Makes the arrays of a run."""

    def empty(self, shape: tuple[int, ...], dtype: str = "float32") -> tuple[Shared, NDArray[Any]]:
        """A zeroed array that jobs may write, and its address."""

    def of(self, array: NDArray[Any]) -> Shared:
        """The address of an array's contents."""

    def close(self) -> None:
        """Give the memory back."""


_own: dict["Mapped", NDArray[Any]] = {}
"""Arrays that this process has made itself, which need no second mapping."""


class Mapped(NamedTuple):
    """Where an array lies that all processes of this machine see."""

    path: str
    dtype: str
    shape: tuple[int, ...]
    offset: int = 0
    writable: bool = False
    token: str = ""  # tells arenas apart whose descriptors have the same number

    def open(self) -> NDArray[Any]:
        """The array itself, mapped once in each process."""
        own = _own.get(self)
        return _map(self) if own is None else own


class Arena:
    """Makes shared arrays and gives their memory back when closed."""

    def __init__(self) -> None:
        self._token = uuid.uuid4().hex
        self._descriptors: list[int] = []
        self._files: list[Path] = []
        self._made: list[Mapped] = []

    def empty(self, shape: tuple[int, ...], dtype: str = "float32") -> tuple[Mapped, NDArray[Any]]:
        """A zeroed array that any process may write, and its address."""
        size = max(1, math.prod(shape) * np.dtype(dtype).itemsize)
        try:
            descriptor, path = self._memory(size)
            memory = mmap.mmap(descriptor, size)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "more than there can be"
            raise RunFailed(f"cannot get {size:,} bytes of shared memory: {reason}") from error
        array = np.frombuffer(memory, dtype=dtype, count=math.prod(shape)).reshape(shape)
        shared = Mapped(path, dtype, shape, writable=True, token=self._token)
        _own[shared] = array
        self._made.append(shared)
        return shared, array

    def of(self, array: NDArray[Any]) -> Mapped:
        """The address of an array's contents: its own file where it is a whole memory map, else a copy."""
        if type(array) is np.memmap and isinstance(array.base, mmap.mmap) and array.flags.c_contiguous:
            return Mapped(str(array.filename), array.dtype.str, array.shape, int(array.offset))
        shared, copy = self.empty(array.shape, array.dtype.str)
        copy[...] = array
        return shared

    def close(self) -> None:
        """Free the memory once nobody maps it any more."""
        _map.cache_clear()
        while self._made:
            _own.pop(self._made.pop(), None)
        while self._descriptors:
            os.close(self._descriptors.pop())
        self._remove()
        is_undone(self)

    def _memory(self, size: int) -> tuple[int, str]:
        """An open file of this many zeros, and where other processes find it."""
        found = _anonymous() if ANONYMOUS else None
        descriptor, path = found or self._named()
        self._descriptors.append(descriptor)
        if found is None:
            _reserve(descriptor, size)
        else:
            os.ftruncate(descriptor, size)
        return descriptor, path

    def _named(self) -> tuple[int, str]:
        _remove_files_of_the_dead()
        descriptor, path = tempfile.mkstemp(prefix=f"{PREFIX}{os.getpid()}-")
        self._files.append(Path(path))
        undo_when_left(self, self._remove)
        return descriptor, path

    def _remove(self) -> None:
        while self._files:
            with suppress(OSError):  # a system may keep what somebody maps: then the next start removes it
                self._files.pop().unlink()


def _anonymous() -> tuple[int, str] | None:
    """A file without a name; None where the system knows it and refuses, as some containers do."""
    try:
        descriptor = os.memfd_create("fedsim")
    except OSError as error:
        if error.errno in REFUSALS:
            return None
        raise
    return descriptor, f"/proc/{os.getpid()}/fd/{descriptor}"


def _reserve(descriptor: int, size: int) -> None:
    """Take the room on the disk now: a full disk found later would end the process without a word."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    zeros = bytes(1 << 20)
    for begin in range(0, size, len(zeros)):
        os.write(descriptor, zeros[: size - begin])


def _remove_files_of_the_dead() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        with suppress(OSError):
            if owner.isdigit() and not is_alive(int(owner)):
                path.unlink()


@lru_cache(maxsize=16)
def _map(shared: Mapped) -> NDArray[Any]:
    mode: Any = "r+" if shared.writable else "r"
    return np.asarray(np.memmap(shared.path, dtype=shared.dtype, mode=mode, offset=shared.offset, shape=shared.shape))
