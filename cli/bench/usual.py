"""The loop that a researcher writes: a DataLoader, an optimizer of torch, one client after another."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.data import DataLoader, Dataset

SCORED = 250
"""Images in one batch of the evaluation."""


def train(
    module: "nn.Module",
    parameters: "Tensor",
    data: "Dataset[tuple[Tensor, ...]]",
    order: Iterable[Sequence[int]],
    lr: float,
    momentum: float,
) -> "Tensor":
    """One client's parameters after its local work, its batches in this order."""
    from torch.utils.data import DataLoader

    batches: Any = list(order)
    return fit(module, parameters, DataLoader(data, batch_sampler=batches), lr, momentum)


def fit(
    module: "nn.Module", parameters: "Tensor", loader: "DataLoader[tuple[Tensor, ...]]", lr: float, momentum: float
) -> "Tensor":
    """One client's parameters after a pass over its batches."""
    import torch
    from torch import nn

    nn.utils.vector_to_parameters(parameters.clone(), module.parameters())
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=lr, momentum=momentum)
    for images, labels in loader:
        optimizer.zero_grad()
        loss: Any = nn.functional.cross_entropy(module(images), labels)
        loss.backward()
        optimizer.step()
    return nn.utils.parameters_to_vector(module.parameters()).detach()


def evaluate(module: "nn.Module", data: "Dataset[tuple[Tensor, ...]]", batch: int = SCORED) -> tuple[float, float]:
    """Accuracy and mean loss."""
    import torch
    from torch import nn
    from torch.utils.data import DataLoader

    module.eval()
    right, loss, seen = 0, 0.0, 0
    with torch.no_grad():
        for images, labels in DataLoader(data, batch_size=batch):
            logits = module(images)
            right += int((logits.argmax(1) == labels).sum())
            loss += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            seen += len(labels)
    return right / seen, loss / seen
