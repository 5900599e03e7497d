"""Whether an algorithm keeps a law, and if not, with what it was broken."""

from typing import Any, Literal, NamedTuple

import numpy as np

from fedsim.array_types import Array

Outcome = Literal["kept", "broken", "confessed", "not tried"]


class Broken(AssertionError):
    """A law that does not hold, in words."""


class NotTried(Exception):
    """A law that cannot be tried on this algorithm, and why."""


class Verdict(NamedTuple):
    """One law of one algorithm."""

    family: str
    name: str
    law: str
    outcome: Outcome
    words: str = ""  # what was wrong, why it is confessed, or why it was not tried
    case: str = ""  # the input that broke it
    seed: int | None = None  # of the case

    @property
    def fails(self) -> bool:
        """Whether a law is broken that nobody confessed."""
        return self.outcome == "broken"

    def __str__(self) -> str:
        more = f": {self.words}{f' ({self.case})' if self.case else ''}" if self.words else ""
        return f"{self.name} · {self.law}: {self.outcome}{more}"


def require(holds: bool, words: str) -> None:
    """Broken, in these words, unless it holds."""
    if not holds:
        raise Broken(words)


def same(what: str, found: Array, wanted: Array, scale: float = 1.0, tolerance: float = 2e-6) -> None:
    """Broken unless these are equal to what rounding and an iteration's tolerance leave."""
    if found.shape != wanted.shape:
        raise Broken(f"{what} have shape {found.shape}, not {wanted.shape}")
    gap = np.abs(np.asarray(found, np.float64) - np.asarray(wanted, np.float64))
    wrong = ~(gap <= tolerance * scale + tolerance * np.abs(wanted))
    if wrong.any():
        place = np.unravel_index(np.argmax(np.where(wrong, gap, -1)), gap.shape)
        raise Broken(
            f"{what}: {_shown(found[place])} where {_shown(wanted[place])} is due, at {tuple(map(int, place))}"
        )


def identical(what: str, found: Any, wanted: Any) -> None:
    """Broken unless two arrays are equal to the last bit."""
    one, other = np.asarray(found), np.asarray(wanted)
    if one.shape != other.shape or one.dtype != other.dtype or one.tobytes() != other.tobytes():
        raise Broken(f"{what} differ")


def _shown(value: Any) -> str:
    return f"{float(value):.6g}"
