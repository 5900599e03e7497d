"""What a job that works on rows of its own says of them, for workers that do not see the array they lie in."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from fedsim.execution.shared_memory import Shared


@dataclass(frozen=True)
class Rows:
    """The rows that one job reads and writes, and no other job beside it."""

    which: tuple[int, ...]
    reads: tuple[Shared, ...]
    writes: tuple[Shared, ...]
    job: Any  # the same job where the arrays hold these rows alone: they are counted from nought


@runtime_checkable
class WithRows(Protocol):
    """A job that names its rows; of all other arrays that a job knows it reads the whole and writes nothing."""

    def rows(self) -> Rows:
        """Its rows, in one place."""
