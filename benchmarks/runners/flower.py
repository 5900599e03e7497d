"""Flower: its simulation on Ray with one actor, and its trimmed mean."""

from functools import cache
from typing import Any

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task, flat
from cli.bench import usual

PACKAGE = "flwr"
RULES = ("trimmed_mean",)


def run(task: Task, rule: str, gate: Gate) -> None:
    """Its own server loop; the evaluation is the strategy's."""
    from flwr.client import ClientApp
    from flwr.common import ndarrays_to_parameters
    from flwr.server import ServerApp, ServerAppComponents, ServerConfig
    from flwr.server.strategy import FedTrimmedAvg
    from flwr.simulation import run_simulation

    name, whole, count = task.workload.model, task.batch == task.workload.examples, len(task.clients)
    strategy = FedTrimmedAvg(
        fraction_evaluate=0.0, min_fit_clients=count, min_available_clients=count,
        evaluate_fn=_evaluation(task, gate), beta=(task.workload.f + 0.5) / count,
        initial_parameters=ndarrays_to_parameters(_arrays(task.module())),
    )  # fmt: skip
    run_simulation(
        ServerApp(server_fn=lambda context: ServerAppComponents(strategy=strategy, config=ServerConfig(10**6))),
        ClientApp(client_fn=lambda context: _client(name, whole, int(context.node_config["partition-id"]))),
        count,
        backend_config={"client_resources": {"num_cpus": 1}, "init_args": {"num_cpus": 1, "include_dashboard": False}},
    )


def _evaluation(task: Task, gate: Gate) -> Any:
    module, tests = task.module(), task.tests()

    def evaluate(round: int, arrays: list[Any], config: Any) -> Any:
        _load(module, arrays)
        accuracy, loss = usual.evaluate(module, tests)
        if round:
            gate(flat(module), accuracy)
        return loss, {}

    return evaluate


@cache
def _there(name: str, whole: bool) -> Task:
    """The task in an actor, made once."""
    from fedsim.execution.arithmetic import settle

    settle()
    return Task.of(name, whole)


def _client(name: str, whole: bool, client: int) -> Any:
    from flwr.client import NumPyClient

    class Client(NumPyClient):  # type: ignore[misc, unused-ignore] # Flower is not always there
        """One client's local work."""

        def fit(self, parameters: list[Any], config: Any) -> Any:
            """The usual loop from the global numbers."""
            import torch

            task, module = _there(name, whole), _module(name, whole)
            _load(module, parameters)
            start = torch.from_numpy(flat(module)).clone()
            usual.fit(module, start, _loader(name, whole, client), task.workload.lr, task.workload.momentum)
            return _arrays(module), task.workload.examples, {}

    return Client().to_client()


@cache
def _module(name: str, whole: bool) -> Any:
    return _there(name, whole).module()


@cache
def _loader(name: str, whole: bool, client: int) -> Any:
    return _there(name, whole).loader(client)


def _arrays(module: Any) -> list[Any]:
    return [parameter.detach().numpy().copy() for parameter in module.parameters()]


def _load(module: Any, arrays: list[Any]) -> None:
    import torch

    with torch.no_grad():
        for parameter, array in zip(module.parameters(), arrays, strict=True):
            parameter.copy_(torch.from_numpy(array))
