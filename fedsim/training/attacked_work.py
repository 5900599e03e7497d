"""The local work of a client whose adversary trains otherwise: always by autograd, one tensor for each parameter."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fedsim.registry import Bound
from fedsim.training.autograd import AutogradModel
from fedsim.training.client import ClientJob, Site, Stepper
from fedsim.training.examples import Located, Reader
from fedsim.training.local_model import Work
from fedsim.training.local_work import Loop, clip


def train_attacked(site: Site, job: ClientJob, attack: Bound) -> float:
    """Do the work of a client with a training attack, write its row, and give the mean loss of its steps."""
    training = site.training
    model = AutogradModel(site.kind, channels_last=training.kernel == "auto", smoothing=training.label_smoothing)
    own = _Attacker(model, site, job)
    items = {
        "clean": own.clean, "poisoned": own.poisoned, "success": own.success, "optimizer": own.optimizer,
        "previous": own.previous(),
    }  # fmt: skip
    return Loop(model, site, job, items).run(attack) + own.mean_loss


class _Attacker:
    """What only an attacker asks for, on the model that its steps change."""

    def __init__(self, model: AutogradModel, site: Site, job: ClientJob) -> None:
        self._model, self._site, self._job, self._tensors = model, site, job, list(model.tensors)
        self._honest: Work | None = None  # its batches, poisoned by nobody
        self._changed: Work | None = None  # examples that the data steps change, as one batch
        self._done, self._loss = 0, 0.0  # clean batches, and the losses of their examples

    @property
    def mean_loss(self) -> float:
        """Of the clean examples that were asked about."""
        return self._loss / max(1, len(self._honest)) if self._honest else 0.0

    def clean(self) -> list[Tensor] | None:
        """The gradient over the next batch of examples as they are."""
        if self._honest is None:
            self._honest = Work.of(self._site, self._job._replace(poisons=()))
        if self._done >= len(self._honest.bounds) - 1:
            return None
        loss, found = self._model.gradients(self._honest.batch(self._done))
        self._done, self._loss = self._done + 1, self._loss + loss
        return self._whole(found)

    def poisoned(self) -> tuple[float, list[Tensor]]:
        """Mean loss and gradient over the examples that the data steps change."""
        changed = self._poison()
        if not len(changed):
            return 0.0, self._whole([None] * len(self._tensors))
        loss, found = self._model.gradients(changed)
        return loss / len(changed), self._whole(found)

    def success(self) -> float:
        """Share of the examples that the data steps change that are answered as these want; 0 where there are none."""
        changed = self._poison()
        return self._model.agreement(changed) if len(changed) else 0.0

    def _poison(self) -> Work:
        if self._changed is None:
            self._changed = _changed(self._site, self._job)
        return self._changed

    def optimizer(self) -> Callable[[list[Tensor]], None]:
        """A step of the scenario's optimizer, with a memory of its own."""
        stepper = Stepper(self._site.optimizer, len(self._tensors), self._job.factor)

        def step(gradients: list[Tensor]) -> None:
            clip(gradients, self._site.training.clip_norm)
            stepper(self._tensors, gradients)

        return step

    def _whole(self, found: list[Tensor | None]) -> list[Tensor]:
        pairs = zip(self._tensors, found, strict=True)
        return [torch.zeros_like(tensor) if each is None else each.clone() for tensor, each in pairs]

    def previous(self) -> list[Tensor]:
        """The last aggregate, tensor by tensor."""
        if self._job.previous is None:
            raise TypeError("an attack on the training needs the last aggregate")
        vector = torch.from_numpy(self._job.previous.open())
        parts = torch.split(vector[: sum(map(torch.numel, self._tensors))], [t.numel() for t in self._tensors])
        return [part.view(tensor.shape) for part, tensor in zip(parts, self._tensors, strict=True)]


def _changed(site: Site, job: ClientJob) -> Work:
    """The first examples whose inputs or targets the poisons change, as many as a batch holds."""
    count = len(job.examples)
    before = Reader(site, job._replace(poisons=()), count).located(np.arange(count))
    inputs, rows, targets = Reader(site, job, count).located(np.arange(count))
    same = (targets == before.targets).reshape(count, -1).all(axis=1)
    alike = (inputs[rows] == before.inputs[before.rows]).reshape(count, -1).all(axis=1)
    chosen = np.flatnonzero(~(same & alike))[: site.training.batch_size]
    return Work(Located(inputs, rows[chosen], targets[chosen]), np.array([0, len(chosen)]), max(1, len(chosen)))
