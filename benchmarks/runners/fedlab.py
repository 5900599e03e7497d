"""FedLab: its serial trainer and its FedAvg server in the standalone pipeline."""

from typing import Any

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task, flat
from cli.bench import usual

PACKAGE = "fedlab"
RULES = ("mean",)


def run(task: Task, rule: str, gate: Gate) -> None:
    """The loop of its standalone pipeline, with the evaluation that it leaves to the user."""
    import torch
    from fedlab.contrib.algorithm.fedavg import FedAvgSerialClientTrainer, FedAvgServerHandler
    from fedlab.core.standalone import StandalonePipeline

    handler = FedAvgServerHandler(task.module(), 10**9, 1.0)
    trainer = FedAvgSerialClientTrainer(task.module(), len(task.clients))
    trainer.setup_optim(1, task.batch, task.workload.lr)
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), task.workload.lr, task.workload.momentum)
    trainer.setup_dataset(_Loaders(task, trainer))
    tests, pipeline = task.tests(), StandalonePipeline(handler, trainer)
    pipeline.evaluate = lambda: gate(flat(handler.model), usual.evaluate(handler.model, tests)[0])
    pipeline.main()


class _Loaders:
    """What FedLab asks for a client's batches."""

    def __init__(self, task: Task, trainer: Any) -> None:
        self._loaders, self._trainer = [task.loader(client) for client in task.clients], trainer

    def get_dataloader(self, client: int, batch_size: int) -> Any:
        """A client's batches; FedLab's one optimizer would carry its momentum over from the client before."""
        self._trainer.optimizer.state.clear()
        return self._loaders[client]
