"""What a rule may ask for besides the rows: losses and answers on root data, the layers, how stale rows are."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.datasets.contract import Examples
from fedsim.execution.pool import Pool
from fedsim.inputs import as_floats
from fedsim.simulation.federation import build_federation
from fedsim.training.flat import Flat
from tests.small_runs import DIGITS, EVERYONE, GLYPHS, played, registered, same, scenario

SLOW = ["clients.deadline=1.0", 'clients.late="keep"', 'clients.latency={name="uniform", low=0.1, high=3.0}']


@pytest.fixture
def asked():
    """A rule that asks for everything, and what it was given."""
    seen = []
    with registered(aggregators, "asker"):

        @aggregator("asker")
        def asker(updates, root_losses, root_loss, layers, outputs, staleness, round, clients):
            seen.append(
                {
                    "updates": updates.copy(), "losses": root_losses, "means": root_loss(updates[:2] / 2),
                    "layers": layers, "outputs": outputs, "staleness": staleness, "round": round, "clients": clients,
                }
            )  # fmt: skip
            inputs = outputs.draw(np.random.default_rng(0), 5)
            seen[-1] |= {"inputs": inputs, "answers": outputs(updates[0])(inputs)}
            return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))

        yield seen


def test_losses_and_answers_are_those_of_the_models(asked):
    given = scenario(DIGITS, *EVERYONE, 'aggregator="asker"', "rounds=1", "root.size=7")
    asked.clear()  # what the dry run showed it
    played(given)
    (seen,), federation = asked, build_federation(given)
    root = Examples(federation.train.inputs[federation.root], federation.train.targets[federation.root], None)

    def loss(row):
        vector = federation.parameters + row
        weight, bias = vector[:640].reshape(10, 64), vector[640:]
        logits = as_floats(root.inputs).flatten(1).numpy() @ weight.T + bias
        return cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(root.targets.astype(np.int64))).item()

    np.testing.assert_allclose(seen["losses"], [loss(row) for row in seen["updates"]], rtol=1e-5)
    np.testing.assert_allclose(seen["means"], [loss(row / 2) for row in seen["updates"][:2]], rtol=1e-5)
    assert seen["inputs"].shape == (5, 1, 8, 8)
    assert 0 <= seen["inputs"].min() < seen["inputs"].max() <= 1
    vector = federation.parameters + seen["updates"][0]
    expected = seen["inputs"].reshape(5, 64) @ vector[:640].reshape(10, 64).T + vector[640:]
    np.testing.assert_allclose(seen["answers"], expected, atol=1e-5)
    assert [layer[1:4] for layer in seen["layers"]] == [(0, 640, (10, 64)), (640, 650, (10,))]
    assert seen["round"] == 1
    assert not seen["staleness"].any()


def test_layers_are_the_modules_tensors_by_name():
    layers = [torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3)]
    module = torch.nn.Sequential(*layers)
    module[0].weight.requires_grad_(False)
    flat = Flat(module)
    state = module.state_dict()
    assert [layer.name for layer in flat.layout.layers] == [
        "0.bias", "1.weight", "1.bias", "3.weight", "3.bias", "1.running_mean", "1.running_var",
    ]  # fmt: skip
    vector = flat.numpy()
    for layer in flat.layout.layers:
        np.testing.assert_array_equal(vector[layer.stretch].reshape(layer.shape), state[layer.name].numpy())
        assert layer.buffer == layer.name.startswith("1.running")
    assert flat.layout.layers[-1].end == flat.size


def test_rows_that_were_on_their_way_are_stale(asked):
    given = scenario(DIGITS, *EVERYONE, *SLOW, 'aggregator="asker"', "rounds=6", "root.size=3")
    asked.clear()
    played(given)
    ages = np.concatenate([seen["staleness"] for seen in asked])
    assert set(ages.tolist()) >= {0, 1}
    assert all((seen["staleness"] < seen["round"]).all() for seen in asked)


@pytest.fixture(scope="module")
def processes():
    with Pool(2, "loky") as pool:
        yield pool


@pytest.mark.parametrize("rule", ["zeno", "fedgreed", "lasa", "lfighter", "auror", "layerwise", "deepsight"])
@pytest.mark.parametrize("text", [DIGITS, GLYPHS], ids=["logistic", "lenet5"])
def test_a_rule_is_the_same_with_workers(rule, text, processes):
    settings = {"zeno": "f=2", "deepsight": "inputs=30"}.get(rule, "")
    changes = [f'aggregator={{name="{rule}"{", " if settings else ""}{settings}}}', "rounds=2", "root.size=9"]
    given = scenario(text, *changes)
    assert same(played(given)) == same(played(given, processes))
