"""What every backend offers: a model at some parameters, and the gradient of its loss over a batch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fedsim.array_types import Array, Integers
from fedsim.training.client import ClientJob, Site
from fedsim.training.examples import Located, Reader
from fedsim.training.minibatches import Turn, batches


@dataclass(frozen=True)
class Work:
    """One client's batches, laid end to end."""

    examples: Located
    bounds: Integers  # where each batch begins, and where the last one ends
    most: int  # examples of the greatest batch

    @classmethod
    def of(cls, site: Site, job: ClientJob) -> "Work":
        """The batches that a client takes in a round: they are drawn first, and only they are read."""
        plan = list(batches(len(job.examples), site.training, job.turn))
        chosen = np.concatenate(plan) if plan else np.empty(0, np.int64)
        inputs, rows, targets = Reader(site, job, len(chosen)).located(chosen)
        rows, targets = rows.astype(np.int64, copy=False), targets.astype(np.int64, copy=False)
        lengths = [len(batch) for batch in plan]
        return cls(Located(inputs, rows, targets), np.array([0, *lengths]).cumsum(), max(lengths, default=1))

    @classmethod
    def untouched(cls, site: Site, jobs: Sequence[ClientJob]) -> "Work":
        """All batches of several clients whom no attack holds, one after another: each reads what it draws."""
        drawn = [job.examples[plan] for job in jobs for plan in batches(len(job.examples), site.training, job.turn)]
        rows = np.concatenate(drawn)
        targets = site.targets.open()[rows].astype(np.int64, copy=False)
        lengths = [len(batch) for batch in drawn]
        located = Located(site.inputs.open(), rows.astype(np.int64, copy=False), targets)
        return cls(located, np.array([0, *lengths]).cumsum(), max(lengths))

    @classmethod
    def joined(cls, works: Sequence["Work"]) -> "Work":
        """The batches of several, one after another, whose examples lie in one array."""
        if len(works) == 1:
            return works[0]
        rows, targets = (np.concatenate([work.examples[part] for work in works]) for part in (1, 2))
        lengths = np.concatenate([[0], *(np.diff(work.bounds) for work in works)])
        return cls(Located(works[0].examples.inputs, rows, targets), lengths.cumsum(), max(work.most for work in works))

    def batch(self, place: int) -> "Work":
        """One of the batches."""
        return self.between(place, place + 1)

    def between(self, first: int, last: int) -> "Work":
        """The batches from the first on, before the last."""
        bounds, (inputs, rows, targets) = self.bounds[first : last + 1], self.examples
        begin, end = bounds[0], bounds[-1]
        most = max(after - before for before, after in pairwise(bounds.tolist()))
        return Work(Located(inputs, rows[begin:end], targets[begin:end]), bounds - begin, most)

    def together(self, most: int) -> Iterator[tuple[int, int]]:
        """The batches in groups of at most so many examples, or of one batch, each as its first and the one behind."""
        first, ends = 0, self.bounds.tolist()
        for last in range(1, len(ends)):
            if last + 1 == len(ends) or ends[last + 1] - ends[first] > most:
                yield first, last
                first = last

    def __len__(self) -> int:
        """Number of examples in all batches together."""
        return len(self.examples.targets)


class LocalModel(Protocol):
    """A model as one backend keeps it; one instance serves clients that all begin at the same parameters."""

    @property
    def tensors(self) -> Sequence[Tensor]:
        """The parameters that are trained, as this backend keeps them; whoever takes a step changes them in place."""

    def load(self, vector: Tensor, work: Work, turn: Turn) -> None:
        """Begin a client's work at a flat (d,) vector; layers that draw, draw from the turn's address."""

    def placed(self, vector: Tensor) -> list[Tensor]:
        """A flat (d,) vector as tensors of its own that lie as `tensors` do; before `load`, which may undo this."""

    def gradients(self, batch: Work) -> tuple[float, list[Tensor | None]]:
        """The batch's summed loss, and the gradient of its mean by each tensor; None by one that it did not use."""

    def difference(self, start: Tensor, out: Tensor) -> None:
        """Write present minus given numbers, both flat (d,) vectors in the model's own order, buffers behind."""

    def write(self, tensors: Sequence[Tensor], out: Tensor) -> None:
        """Write numbers that lie as `tensors` do to the stretch of a flat vector that is trained."""

    def descend(self, work: Work, lr: float) -> float | None:
        """Take the steps w ← w − lr · gradient, batch after batch, in one call: their summed loss; None: it cannot."""


class ManyAtOnce(Protocol):
    """A backend that serves many clients in one pass where each sends one gradient."""

    def send_all(
        self, start: Array, work: Work, times: float, decay: float, rows: Array, which: Integers
    ) -> NDArray[np.float64]:
        """Set row which[c] of `rows` to times · (gradient over batch c + decay · start): the batches' mean losses."""


def serves_many(model: LocalModel) -> TypeGuard[ManyAtOnce]:
    """Whether a backend is one of those."""
    return hasattr(model, "send_all")
