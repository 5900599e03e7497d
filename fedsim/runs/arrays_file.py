"""Arrays as the bytes of a safetensors file, made one after another: a file may hold more than memory does."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import BinaryIO

import numpy as np

from fedsim.array_types import Array

KINDS = {
    "b1": "BOOL", "u1": "U8", "i1": "I8", "i2": "I16", "u2": "U16", "f2": "F16", "i4": "I32", "u4": "U32",
    "f4": "F32", "c8": "C64", "f8": "F64", "i8": "I64", "u8": "U64",
}  # fmt: skip
"""safetensors' word for each type of number, in its own order: the file has the last of them first."""
CHUNK = 1 << 22
"""Bytes read at once."""


@dataclass(frozen=True)
class Lazy:
    """An array that is made when its bytes are wanted."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    make: Callable[[], Array]

    @classmethod
    def of(cls, array: Array) -> "Lazy":
        """One that is there."""
        return cls(array.dtype, array.shape, lambda: array)

    @property
    def size(self) -> int:
        """Bytes of it."""
        return prod(self.shape) * self.dtype.itemsize

    def data(self) -> bytes:
        """Its bytes in the order of C."""
        array = np.asarray(self.make())
        if (array.dtype, array.shape) != (self.dtype, self.shape):
            raise ValueError(f"an array of {array.shape} {array.dtype} where {self.shape} {self.dtype} was said")
        return array.tobytes()


class ArraysFile:
    """The bytes of a file of named arrays; to iterate again is to make them again."""

    def __init__(self, arrays: Mapping[str, Lazy]) -> None:
        order = list(KINDS)
        self._arrays = sorted(arrays.items(), key=lambda each: (-order.index(each[1].dtype.str[1:]), each[0].encode()))
        ends = list(accumulate((array.size for _, array in self._arrays), initial=0))
        table = {
            name: {"dtype": KINDS[array.dtype.str[1:]], "shape": list(array.shape), "data_offsets": list(bounds)}
            for (name, array), bounds in zip(self._arrays, pairwise(ends), strict=True)
        }
        text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        self._head = len(text).to_bytes(8, "little") + text
        self.size = len(self._head) + ends[-1]

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        for _, array in self._arrays:
            yield array.data()

    def sha256(self) -> str:
        """Of all the bytes."""
        digest = hashlib.sha256()
        for part in self:
            digest.update(part)
        return digest.hexdigest()


def sha256_of(file: BinaryIO) -> str:
    """Of an open file's bytes, read piece by piece."""
    digest = hashlib.sha256()
    while part := file.read(CHUNK):
        digest.update(part)
    return digest.hexdigest()


def holds(file: BinaryIO, wanted: ArraysFile) -> bool:
    """Whether an open file holds just these bytes."""
    with suppress(OSError):
        return all(file.read(len(part)) == part for part in wanted) and not file.read(1)
    return False
