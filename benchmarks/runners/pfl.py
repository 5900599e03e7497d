"""pfl: its federated averaging on the simulated backend."""

from typing import Any

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task, flat
from cli.bench import usual

PACKAGE = "pfl"
RULES = ("mean",)


def run(task: Task, rule: str, gate: Gate) -> None:
    """Its own loop; the evaluation is a callback at the end of each round."""
    import torch
    from pfl.aggregate.simulate import SimulatedBackend
    from pfl.algorithm.base import NNAlgorithmParams
    from pfl.algorithm.federated_averaging import FederatedAveraging
    from pfl.hyperparam.base import NNEvalHyperParams, NNTrainHyperParams
    from pfl.model.pytorch import PyTorchModel

    module: Any = task.module()
    module.loss = lambda images, labels, eval=False: torch.nn.functional.cross_entropy(module(images), labels)
    module.metrics = lambda images, labels, eval=True: {}
    central = torch.optim.SGD(module.parameters(), 1.0)
    model = PyTorchModel(module, lambda p, lr: torch.optim.SGD(p, lr, task.workload.momentum), central)
    data, count = _federation(task), len(task.clients)
    FederatedAveraging().run(
        NNAlgorithmParams(10**9, 10**9, count, None),
        SimulatedBackend(data, data),
        model,
        NNTrainHyperParams(task.batch, 1, task.workload.lr),
        NNEvalHyperParams(None),
        [_Round(task, gate)],
        send_metrics_to_platform=False,
    )


def _federation(task: Task) -> Any:
    import torch
    from pfl.data.dataset import Dataset
    from pfl.data.federated_dataset import FederatedDataset
    from pfl.data.sampling import MinimizeReuseUserSampler

    def shuffled(client: int) -> Any:
        order = torch.randperm(len(owned[client][1]))
        return Dataset([part[order] for part in owned[client]], user_id=client)

    owned = [task.data(client).tensors for client in task.clients]
    return FederatedDataset(shuffled, MinimizeReuseUserSampler(list(task.clients)))


class _Round:
    """What pfl calls around its rounds."""

    def __init__(self, task: Task, gate: Gate) -> None:
        self._tests, self._gate = task.tests(), gate

    def on_train_begin(self, *, model: Any) -> Any:
        """Nothing to measure before the first round."""
        from pfl.metrics import Metrics

        return Metrics()

    def after_central_iteration(self, metrics: Any, model: Any, *, central_iteration: int) -> Any:
        """Score the round and wait."""
        from pfl.metrics import Metrics

        module = model.pytorch_model
        self._gate(flat(module), usual.evaluate(module, self._tests)[0])
        module.train()
        return False, Metrics()
