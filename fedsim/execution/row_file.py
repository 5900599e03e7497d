"""Rows of numbers, the first of them in memory and all others in a file without a name, gone with the process."""

import os
import tempfile
import weakref
from collections.abc import Iterable
from io import FileIO

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.errors import RunFailed
from fedsim.kernels.llvm import at

NEAR_BYTES = 256 * 2**20
"""Of rows that are kept in memory: so much a run may take without asking, and a small one writes no file."""
CHUNK_BYTES = 4 * 2**20
"""That memory is asked for at a time."""


class RowFile:
    """Rows of one length, each in a slot; a slot that nobody refers to is used again, the lowest first in memory."""

    def __init__(self, size: int, dtype: np.dtype[np.generic]) -> None:
        self.size, self.dtype = size, np.dtype(dtype)
        self._bytes = max(1, size * self.dtype.itemsize)
        self._free: list[int] = []
        self._references = np.zeros(0, np.int32)  # of each slot that was ever used
        self._used = 0
        self._near, self._chunk = NEAR_BYTES // self._bytes, max(1, CHUNK_BYTES // self._bytes)
        self._chunks: list[Array] = []
        self._starts = np.zeros(0, np.int64)  # where each of them begins in memory
        self._opened: FileIO | None = None

    @property
    def slots(self) -> int:
        """Slots that there is room for: what it takes of memory and disk."""
        return self._used

    def add(self, row: Array) -> int:
        """Write the row to a slot that is referred to once from now on."""
        (slot,) = self.take(1)
        self.write(slot, row)
        return slot

    def take(self, count: int) -> list[int]:
        """So many slots that are referred to once from now on, whatever is in them."""
        free = [self._free.pop() for _ in range(min(count, len(self._free)))]
        slots = [*free, *range(self._used, self._used + count - len(free))]
        self._used += count - len(free)
        if self._used > len(self._references):
            self._references = np.concatenate([self._references, np.zeros(self._used + 64, np.int32)])
        self._references[slots] = 1
        return slots

    def near(self, slot: int) -> Array | None:
        """Where a slot lies in memory; None where it is in the file."""
        return self._at(slot) if slot < self._near else None

    def has_near(self, count: int) -> bool:
        """Whether all rows, and so many more, are in memory."""
        return self._used + count <= self._near

    def addresses(self, slots: Integers) -> Integers:
        """(k,) where slots that were taken begin in memory."""
        if len(slots):
            self._at(int(slots.max()))
        chunk, place = np.divmod(slots, self._chunk)
        found: Integers = self._starts[chunk] + place * self._bytes
        return found

    def write(self, slot: int, row: Array) -> None:
        """Write over a slot."""
        if row.shape != (self.size,) or row.dtype != self.dtype:
            raise ValueError(f"a row of {row.shape} {row.dtype}: this file holds ({self.size},) {self.dtype}")
        if slot < self._near:
            self._at(slot)[:] = row
            return
        left, place = memoryview(row.tobytes()), 0
        with _words():
            while place < len(left):  # the system may write less than it is told to
                place += os.pwrite(self._file().fileno(), left[place:], (slot - self._near) * self._bytes + place)

    def read(self, slot: int) -> Array:
        """The row of a slot, in memory of its own."""
        return self._at(slot).copy() if slot < self._near else self._from_disk(slot)

    def seen(self, slot: int) -> Array:
        """The row of a slot, to be looked at before anything is written."""
        return self._at(slot) if slot < self._near else self._from_disk(slot)

    def _at(self, slot: int) -> Array:
        """Where a slot lies in memory."""
        chunk, place = divmod(slot, self._chunk)
        while chunk >= len(self._chunks):
            self._chunks.append(np.empty((self._chunk, self.size), self.dtype))
            self._starts = np.append(self._starts, at(self._chunks[-1]))
        row: Array = self._chunks[chunk][place]
        return row

    def _file(self) -> FileIO:
        if self._opened is None:
            self._opened = tempfile.TemporaryFile(prefix="fedsim-rows-", buffering=0)  # noqa: SIM115 - lives as this does
            weakref.finalize(self, self._opened.close)
        return self._opened

    def _from_disk(self, slot: int) -> Array:
        data = bytearray(self.size * self.dtype.itemsize)
        left, place = memoryview(data), 0
        with _words():
            while place < len(left):
                where = (slot - self._near) * self._bytes + place
                count = os.preadv(self._file().fileno(), [left[place:]], where)
                if not count:
                    raise OSError(0, "it is shorter than what was written")
                place += count
        row: Array = np.frombuffer(data, self.dtype)
        return row

    def shared(self, slots: Integers) -> NDArray[np.bool_]:
        """Whether more than one refers to each slot, which must then be left as it is."""
        return np.asarray(self._references[slots] > 1)

    def refer(self, slots: Integers | Iterable[int]) -> None:
        """One more refers to each of these slots."""
        self._references[np.asarray(slots, np.int64)] += 1

    def release(self, slots: Integers | Iterable[int]) -> None:
        """One fewer refers to each of these slots."""
        which = np.asarray(slots, np.int64)
        self._references[which] -= 1
        self._free += which[self._references[which] == 0].tolist()


class _words:  # noqa: N801 - used as a function
    """Whatever the disk refuses inside is a RunFailed that says where and what would help."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            folder = tempfile.gettempdir()
            why = error.strerror or error
            message = f"cannot keep what clients remember in {folder}: {why}; TMPDIR names another folder"
            raise RunFailed(message) from error
