"""Any module of torch as a local model, by autograd: the reference that every faster backend is held against."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fedsim.training.local_model import Work
from fedsim.training.minibatches import Turn
from fedsim.training.torch_models import ModelKind, flat_model, own_draws

BATCH_OF_ONE = (
    "the model cannot learn from a batch of one example: leave short batches out with training.drop_last = true, or "
    "choose another training.batch_size or a partition whose clients hold more"
)
"""What batch normalisation says of it names no setting."""


class AutogradModel:
    """A module whose tensors are views of one vector."""

    def __init__(self, kind: ModelKind, *, channels_last: bool, smoothing: float = 0.0) -> None:
        self._kind, self._flat, self._smoothing = kind, flat_model(kind, channels_last=channels_last), smoothing
        self.tensors: Sequence[Tensor] = [parameter.data for parameter in self._flat.parameters]

    def placed(self, vector: Tensor) -> list[Tensor]:
        """The vector in the places of the parameters, copied from there."""
        self._flat.load(vector)
        return [tensor.clone() for tensor in self.tensors]

    def load(self, vector: Tensor, work: Work, turn: Turn) -> None:  # noqa: ARG002 - as in the other backends
        """Load the vector, and let layers that draw do so from their address."""
        self._flat.load(vector)
        self._draws = own_draws(self._kind, turn.stream.at("module"))
        self._flat.module.train()

    def gradients(self, batch: Work) -> tuple[float, list[Tensor | None]]:
        """Summed loss and gradients of a batch."""
        inputs, rows, targets = batch.examples
        given, labels = self._kind.spec.tensor(inputs[rows]), torch.from_numpy(targets)
        with torch.enable_grad():
            with self._draws:
                logits = outputs_of(self._flat.module, given)
            loss = self._kind.task.loss(logits, labels, self._smoothing)
            found = _gradients(loss, self._flat.parameters)
        return loss.item() * len(targets), found

    def agreement(self, batch: Work) -> float:
        """The share of a batch's targets that the model answers, by the statistics that its layers keep."""
        inputs, rows, targets = batch.examples
        given, labels = self._kind.spec.tensor(inputs[rows]), torch.from_numpy(targets)
        self._flat.module.eval()
        with torch.no_grad():
            answers, wanted = self._kind.task.flat(self._flat.module(given), labels)
        self._flat.module.train()
        return float((answers.argmax(dim=1) == wanted).double().mean())

    def descend(self, work: Work, lr: float) -> float | None:  # noqa: ARG002 - step by step
        """Not in one call."""
        return None

    def difference(self, start: Tensor, out: Tensor) -> None:
        """Present minus given numbers."""
        self._flat.minus(start, out)

    def write(self, tensors: Sequence[Tensor], out: Tensor) -> None:
        """The tensors end to end, each in the standard order."""
        places = torch.split(out, [tensor.numel() for tensor in tensors])
        for tensor, place in zip(tensors, places, strict=True):
            place.view(tensor.shape).copy_(tensor)


def outputs_of(module: nn.Module, inputs: Tensor) -> Tensor:
    """A training pass; ValueError in the scenario's own words where a layer cannot learn from one example."""
    try:
        logits: Tensor = module(inputs)
    except ValueError as error:
        if len(inputs) == 1:
            raise ValueError(f"{BATCH_OF_ONE} ({error})") from error
        raise
    return logits


def _gradients(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradient by each parameter; None by one that this batch did not use, as torch's own optimizers know it."""
    if not loss.requires_grad:
        return [None] * len(parameters)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [gradient.to_dense() if gradient is not None and gradient.is_sparse else gradient for gradient in found]
