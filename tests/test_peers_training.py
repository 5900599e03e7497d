"""Fifty rounds of D-SHB beside byzfl's own client and server: the same data, the same rates, the same parameters."""

import numpy as np
import pytest
import torch

from fedsim.datasets.contract import Dataset, Examples, dataset, datasets
from fedsim.engine import simulate
from fedsim.events import RoundEnded, RunStarted
from fedsim.execution.pool import Pool
from tests.small_runs import registered, scenario

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("default"),  # byzfl's own warnings are not ours to forbid
]
byzfl = pytest.importorskip("byzfl", reason="byzfl is not installed")

CLIENTS, ROUNDS, RATE, DECAY, BETA = 5, 50, 0.1, 1e-3, 0.9
TEXT = f"""
rounds = {ROUNDS}
data = "pictures"
model = {{name = "mlp", hidden = 100}}
aggregator = {{name = "trimmed_mean", f = 1}}
[clients]
population = {CLIENTS}
sampled = {CLIENTS}
[training]
algorithm = {{name = "fedsgd", momentum = {BETA}, rate = "server"}}
batch_size = 1000
[server]
lr = {RATE}
optimizer = {{name = "sgd", weight_decay = {DECAY}}}
schedule = {{name = "step", milestones = [20, 35], factor = 0.5}}
[root]
size = 0
[evaluation]
validation = 0
every = {ROUNDS}
"""


def pictures_of(count, draw):
    targets = draw.integers(0, 10, count)
    images = draw.integers(0, 256, (count, 1, 28, 28)) // 2 + 10 * targets[:, None, None, None]
    return Examples(images.astype(np.uint8), targets, None)


def loader(federation, client):
    own = federation.examples_of(client)
    inputs = torch.tensor(federation.train.inputs[own], dtype=torch.float32) / 255
    both = torch.utils.data.TensorDataset(inputs, torch.tensor(federation.train.targets[own]))
    return torch.utils.data.DataLoader(both, batch_size=1000, shuffle=True)


def theirs(federation):
    """The parameters of byzfl's server after each round."""
    common = {"model_name": "fc_mnist", "device": "cpu"}
    clients = [
        byzfl.Client(
            {**common, "loss_name": "NLLLoss", "LabelFlipping": False, "nb_labels": 10, "momentum": BETA,
             "training_dataloader": loader(federation, client), "store_per_client_metrics": False}
        )
        for client in range(CLIENTS)
    ]  # fmt: skip
    server = byzfl.Server(
        {**common, "test_loader": loader(federation, 0), "optimizer_name": "SGD", "learning_rate": RATE,
         "weight_decay": DECAY, "milestones": [20, 35], "learning_rate_decay": 0.5,
         "aggregator_info": {"name": "TrMean", "parameters": {"f": 1}}, "pre_agg_list": []}
    )  # fmt: skip
    server.set_parameters(torch.tensor(federation.parameters))
    found = []
    for _ in range(ROUNDS):
        for client in clients:
            client.set_model_state(server.get_dict_parameters())
            client.compute_gradients()
        server.update_model_with_gradients([client.get_flat_gradients_with_momentum() for client in clients])
        found.append(server.get_flat_parameters().numpy().copy())
    return found


def test_fifty_rounds_are_byzfls():
    with registered(datasets, "pictures"):

        @dataset("pictures")
        def pictures(stream):
            return Dataset(pictures_of(300, stream.numpy()), pictures_of(50, stream.at("test").numpy()), 10)

        ours = []
        with simulate(scenario(TEXT), Pool(1, "serial")) as run:
            for event in run:
                if isinstance(event, RunStarted):
                    federation = run.federation
                if isinstance(event, RoundEnded):
                    ours.append(run.state.parameters.copy())
    wanted = theirs(federation)
    moved = np.abs(wanted[-1] - federation.parameters).max()
    assert moved > 0.01
    np.testing.assert_allclose(ours[0], wanted[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours[-1], wanted[-1], rtol=0, atol=1e-3 * moved)
