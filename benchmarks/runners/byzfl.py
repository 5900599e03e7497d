"""byzfl: its clients and its server, weights aggregated by its trimmed mean."""

from typing import Any

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task, flat

PACKAGE = "byzfl"
RULES = ("trimmed_mean",)


def run(task: Task, rule: str, gate: Gate) -> None:
    """Every client's local steps, then the server's aggregate of their weights."""
    import torch
    from byzfl import Client, Server
    from byzfl.fed_framework import models
    from torch.utils.data import DataLoader

    models.Task = task.module  # byzfl looks models up here by name
    if task.workload.sends:
        return _steps(task, gate)
    shared = {"model_name": "Task", "device": "cpu", **_optimizer(task)}
    server = Server(
        shared
        | {
            "test_loader": DataLoader(task.tests(), batch_size=250),
            "aggregator_info": {"name": "TrMean", "parameters": {"f": task.workload.f}},
            "pre_agg_list": [],
        }
    )
    clients = [Client(shared | _client(task, client)) for client in task.clients]
    steps = -(-task.workload.examples // task.batch)
    while True:
        for client in clients:
            client.set_model_state(server.get_dict_parameters())
            client.compute_model_update(steps)
        server.update_model_with_weights([client.get_flat_parameters() for client in clients])
        with torch.no_grad():
            accuracy = server.compute_test_accuracy()
        gate(flat(server.model), accuracy)


def _optimizer(task: Task) -> dict[str, Any]:
    return {
        "optimizer_name": "SGD",
        "learning_rate": task.workload.lr,
        "weight_decay": 0.0,
        "milestones": [],
        "learning_rate_decay": 1.0,
        "optimizer_params": {"momentum": task.workload.momentum},
    }


def _client(task: Task, client: int) -> dict[str, Any]:
    return {
        "loss_name": "CrossEntropyLoss",
        "LabelFlipping": False,
        "nb_labels": task.workload.classes,
        "momentum": 0.0,
        "training_dataloader": task.loader(client),
        "store_per_client_metrics": False,
    }


def _steps(task: Task, gate: Gate) -> None:
    """D-SHB as byzfl's own benchmark runs it: gradients with momentum, mixed and trimmed, the server's step."""
    from byzfl import Client, Server
    from torch.utils.data import DataLoader

    f, shared = task.workload.f, {"model_name": "Task", "device": "cpu", **_optimizer(task), "optimizer_params": {}}
    rules = {
        "test_loader": DataLoader(task.tests(), batch_size=250),
        "aggregator_info": {"name": "TrMean", "parameters": {"f": f}},
        "pre_agg_list": [{"name": "NNM", "parameters": {"f": f}}],
    }
    server = Server(shared | rules)
    clients = [Client(shared | _client(task, client) | {"momentum": 0.9}) for client in task.clients]
    while True:
        for client in clients:
            client.compute_gradients()
        server.update_model_with_gradients([client.get_flat_gradients_with_momentum() for client in clients])
        for client in clients:
            client.set_model_state(server.get_dict_parameters())
        gate(flat(server.model))
