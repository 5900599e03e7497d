"""Randomness by address: the only seeding in the program.

A draw belongs to a path of names and never to a turn. `root.at("round", 12, "client", 3)` is the same stream
whoever asks for it, in whatever order, in whatever process; so workers, resumption and an added rule change no draw.
"""

from dataclasses import dataclass
from hashlib import blake2b
from operator import index
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Name = str | int


@dataclass(frozen=True, slots=True)
class Stream:
    """An address of randomness; `key` is the 128-bit hash of the path that led here."""

    key: bytes

    @classmethod
    def root(cls, seed: int) -> "Stream":
        """The stream at the top, one for each seed."""
        return cls(b"").at("seed", seed)

    def at(self, *names: Name) -> "Stream":
        """The stream at this path below; `at("a", 1)` equals `at("a").at(1)`, and `1` differs from `"1"`."""
        key = self.key
        for name in names:
            # numpy's own integers and strings print otherwise than Python's, and not alike in all its versions
            word = repr(str(name) if isinstance(name, str) else index(name))
            key = blake2b(key + word.encode(), digest_size=16).digest()
        return Stream(key)

    def numpy(self) -> np.random.Generator:
        """A fresh numpy generator that starts at this address; each call starts over."""
        return np.random.Generator(np.random.Philox(key=int.from_bytes(self.key, "little")))

    def torch(self) -> "torch.Generator":
        """A fresh CPU torch generator; torch keeps only 32 bits of a seed, so prefer `numpy` for many streams."""
        import torch

        return torch.Generator().manual_seed(self.seed)

    @property
    def seed(self) -> int:
        """The low 32 bits of the key, for what takes an integer seed."""
        return int.from_bytes(self.key[:4], "little")
