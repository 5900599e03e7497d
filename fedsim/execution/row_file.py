"""Rows of numbers in a file without a name: they take disk instead of memory, and are gone with the process."""

import os
import tempfile
import weakref
from collections.abc import Iterable

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.errors import RunFailed


class RowFile:
    """Rows of one length, each in a slot of the file; a slot that nobody refers to is used again."""

    def __init__(self, size: int, dtype: np.dtype[np.generic]) -> None:
        self.size, self.dtype = size, np.dtype(dtype)
        self._bytes = max(1, size * self.dtype.itemsize)
        self._free: list[int] = []
        self._references = np.zeros(0, np.int32)  # of each slot that was ever used
        self._used = 0
        with _words():
            self._file = tempfile.TemporaryFile(prefix="fedsim-rows-", buffering=0)  # noqa: SIM115 - lives as this does
        weakref.finalize(self, self._file.close)

    @property
    def slots(self) -> int:
        """Slots that the file has room for: what it takes of the disk."""
        return self._used

    def add(self, row: Array) -> int:
        """Write the row to a slot that is referred to once from now on."""
        slot = self._free.pop() if self._free else self._used
        if slot == self._used:
            self._used += 1
            if slot == len(self._references):
                self._references = np.concatenate([self._references, np.zeros(slot + 64, np.int32)])
        self.write(slot, row)
        self._references[slot] = 1
        return slot

    def write(self, slot: int, row: Array) -> None:
        """Write over a slot."""
        if row.shape != (self.size,) or row.dtype != self.dtype:
            raise ValueError(f"a row of {row.shape} {row.dtype}: this file holds ({self.size},) {self.dtype}")
        left, place = memoryview(row.tobytes()), 0
        with _words():
            while place < len(left):  # the system may write less than it is told to
                place += os.pwrite(self._file.fileno(), left[place:], slot * self._bytes + place)

    def read(self, slot: int) -> Array:
        """The row of a slot, in memory of its own."""
        data = bytearray(self.size * self.dtype.itemsize)
        left, place = memoryview(data), 0
        with _words():
            while place < len(left):
                count = os.preadv(self._file.fileno(), [left[place:]], slot * self._bytes + place)
                if not count:
                    raise OSError(0, "it is shorter than what was written")
                place += count
        row: Array = np.frombuffer(data, self.dtype)
        return row

    def shared(self, slot: int) -> bool:
        """Whether more than one refers to a slot, which must then be left as it is."""
        return bool(self._references[slot] > 1)

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
