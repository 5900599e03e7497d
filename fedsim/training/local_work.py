"""A client's local work: one loop over its batches, whatever the algorithm, the optimizer and the backend.

A local algorithm is given this loop as functions to call (`fedsim/local_algorithms/contract.py`); a backend gives it
gradients (`fedsim/training/backends.py`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fedsim.local_algorithms.contract import Correction
from fedsim.registry import Bound
from fedsim.training.client import ClientJob, Site, Stepper
from fedsim.training.local_model import LocalModel, Work, serves_many


def train_client(model: LocalModel, site: Site, job: ClientJob) -> float:
    """Do one client's work of a round, write its row, and give the mean loss of its steps; gradients are off."""
    return Loop(model, site, job).run(site.algorithm.thing)


def send_all(model: LocalModel, site: Site, jobs: Sequence[ClientJob]) -> dict[int, float]:
    """Serve all clients in one pass where each sends one gradient as it is and the backend can: row -> mean loss.

    Whoever is not served is left to `train_client`, which ends in the same numbers up to rounding.
    """
    if site.sends is None or not serves_many(model) or not jobs:
        return {}
    settings = site.optimizer.thing.settings
    sent: dict[int, float] = {}
    times = -jobs[0].factor * settings["lr"] if site.sends.step else -1.0
    decay, start, rows = settings.get("weight_decay", 0.0), site.parameters.open(), site.rows.open()
    for own, work in _side_by_side(site, jobs):
        losses = model.send_all(start, work, times, decay, rows, np.array(own))
        sent |= zip(own, losses.tolist(), strict=True)
    return sent


def _side_by_side(site: Site, jobs: Sequence[ClientJob]) -> Iterator[tuple[list[int], Work]]:
    """The batches of clients whose examples lie in one array, as one work, and these clients' rows."""
    groups: dict[int, list[tuple[list[int], Work]]] = {}
    for part in ([job for job in jobs if not job.poisons], *([job] for job in jobs if job.poisons)):
        working = [job for job in part if len(job.examples)]
        if working:
            work = Work.of(site, working[0]) if working[0].poisons else Work.untouched(site, working)
            groups.setdefault(id(work.examples.inputs), []).append(([job.row for job in working], work))
    for group in groups.values():
        yield [row for rows, _ in group for row in rows], Work.joined([work for _, work in group])


class Loop:
    """One client's steps, as the functions and tensors that a local algorithm may ask for."""

    def __init__(self, model: LocalModel, site: Site, job: ClientJob, more: Mapping[str, Any] | None = None) -> None:
        self._more = more or {}  # what else may be asked for
        self._model, self._site, self._work, self._factor = model, site, Work.of(site, job), job.factor
        self._begin, self._row = torch.from_numpy(site.parameters.open()), torch.from_numpy(site.rows.open()[job.row])
        self._variate = model.placed(torch.from_numpy(site.variates.open()[job.row])) if site.variates else []
        model.load(self._begin, self._work, job.turn)
        self._next, self._loss = 0, 0.0  # batches done, and the losses of their examples
        self._start: list[Tensor] | None = None
        self._sent: list[Tensor] | None = None

    def run(self, algorithm: Bound) -> float:
        """Call what decides where the steps go, write what it sends, and give the mean loss."""
        if algorithm(**{name: self._given(name) for name in algorithm.supplied}) is not None:
            raise TypeError(f"local algorithm `{algorithm.name}` returned something: clients keep no memory yet")
        self._model.difference(self._begin, self._row)
        if self._sent is not None:
            self._model.write(self._sent, self._row)
        return self._loss / max(1, len(self._work))

    def descend(self, correct: Correction | None = None) -> None:
        """Take the steps that are left; all at once where they are plain and the backend can."""
        site, model = self._site, self._model
        if site.plain and correct is None and self._next == 0:
            loss = model.descend(self._work, self._factor * site.optimizer.thing.settings["lr"])
            if loss is not None:
                self._next, self._loss = len(self._work.bounds) - 1, loss
                return
        start = self._anchors() if correct else []
        step, tensors = Stepper(site.optimizer, len(model.tensors), self._factor), list(model.tensors)
        while self._next < len(self._work.bounds) - 1:
            gradients = self._gradients()
            if correct:
                whole = [torch.zeros_like(t) if g is None else g for t, g in zip(tensors, gradients, strict=True)]
                correct(tensors, start, whole)
                gradients = [*whole]
            clip(gradients, site.training.clip_norm)
            step(tensors, gradients)

    def gradients(self) -> list[Tensor]:
        """The gradient over the next batch with weight decay, zeros where no batch is left."""
        tensors = list(self._model.tensors)
        left = self._next < len(self._work.bounds) - 1
        found: list[Tensor | None] = self._gradients() if left else [None] * len(tensors)
        clip(found, self._site.training.clip_norm)
        decay = self._site.optimizer.thing.settings.get("weight_decay", 0.0) if left else 0.0
        whole = [torch.zeros_like(t) if g is None else g.clone() for t, g in zip(tensors, found, strict=True)]
        return [g.add_(t, alpha=decay) if decay else g for t, g in zip(tensors, whole, strict=True)]

    def send(self, tensors: Iterable[Tensor]) -> None:
        """What the row is to hold of what is trained."""
        self._sent = list(tensors)

    def _given(self, name: str) -> Any:
        """What a local algorithm asks for by this name."""
        if name in {"start", "parameters"}:
            return self._anchors() if name == "start" else list(self._model.tensors)
        return {
            **self._more,
            "descend": self.descend,
            "gradients": self.gradients,
            "send": self.send,
            "variate": self._variate,
        }[name]

    def _gradients(self) -> list[Tensor | None]:
        loss, found = self._model.gradients(self._work.batch(self._next))
        self._next, self._loss = self._next + 1, self._loss + loss
        return found

    def _anchors(self) -> list[Tensor]:
        if self._start is None:
            self._start = [tensor.clone() for tensor in self._model.tensors]
        return self._start


def clip(gradients: Sequence[Tensor | None], longest: float | None) -> None:
    """Shorten the gradients together to this Euclidean norm where they are longer, as clip_grad_norm_ does."""
    known = [gradient for gradient in gradients if gradient is not None]
    if longest is None or not known:
        return
    length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in known]))
    share = (longest / (length + 1e-6)).clamp(max=1.0)
    for gradient in known:
        gradient.mul_(share)
