"""The script that a researcher writes: one module, DataLoaders, an optimizer for each client, a stack of updates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task, flat
from cli.bench import usual

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader

PACKAGE = "torch"
RULES = ("trimmed_mean", "mean")


def run(task: Task, rule: str, gate: Gate) -> None:
    """Train each client, sort the updates coordinate by coordinate, score."""
    import torch

    if task.workload.sends:
        return _steps(task, gate)
    module, workload, tests = task.module(), task.workload, task.tests()
    loaders = [task.loader(client) for client in task.clients]
    while True:
        start = torch.from_numpy(flat(module)).clone()
        rows = [usual.fit(module, start, loader, workload.lr, workload.momentum) - start for loader in loaders]
        updates = torch.stack(rows)
        if rule == "trimmed_mean":
            updates = torch.sort(updates, dim=0).values[workload.f : len(rows) - workload.f]
        torch.nn.utils.vector_to_parameters(start + updates.mean(0), module.parameters())
        gate(flat(module), usual.evaluate(module, tests)[0])


def _steps(task: Task, gate: Gate) -> None:
    """Every client the momentum of one gradient; nearest-neighbour mixing, then the trimmed mean of the columns."""
    import torch
    from torch.nn.functional import cross_entropy

    module, f = task.module(), task.workload.f
    endless = [_again(task.loader(client)) for client in task.clients]
    momenta = [torch.zeros(sum(p.numel() for p in module.parameters())) for _ in task.clients]
    while True:
        for momentum, batches in zip(momenta, endless, strict=True):
            images, labels = next(batches)
            module.zero_grad()
            cross_entropy(module(images), labels).backward()
            gradient = torch.cat([p.grad.view(-1) for p in module.parameters()])
            momentum.mul_(0.9).add_(gradient, alpha=0.1)
        rows = torch.stack(momenta)
        nearest = torch.cdist(rows, rows).topk(len(rows) - f, largest=False).indices
        mixed = torch.stack([rows[near].mean(0) for near in nearest])
        update = torch.sort(mixed, dim=0).values[f : len(rows) - f].mean(0)
        with torch.no_grad():
            vector = torch.nn.utils.parameters_to_vector(module.parameters()) - task.workload.lr * update
            torch.nn.utils.vector_to_parameters(vector, module.parameters())
        gate(flat(module))


def _again(loader: "DataLoader[tuple[Tensor, ...]]") -> "Iterator[tuple[Tensor, ...]]":
    while True:
        yield from loader
