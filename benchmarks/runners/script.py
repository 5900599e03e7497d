"""The script that a researcher writes: one module, DataLoaders, an optimizer for each client, a stack of updates."""

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task, flat
from cli.bench import usual

PACKAGE = "torch"
RULES = ("trimmed_mean", "mean")


def run(task: Task, rule: str, gate: Gate) -> None:
    """Train each client, sort the updates coordinate by coordinate, score."""
    import torch

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
