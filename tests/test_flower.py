"""The strategy for Flower: with small stand-ins for what Flower hands over, and in Flower's own simulation."""

import importlib
import inspect
import json
import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

FLOWER = "flwr is not installed: pip install 'fedsim-byzantine[flower]'"


class Records(dict):
    """What stands for an ArrayRecord, a MetricRecord and a RecordDict: dictionaries."""

    @property
    def array_records(self):
        return {key: each for key, each in self.items() if isinstance(each, ArrayRecord)}

    @property
    def metric_records(self):
        return {key: each for key, each in self.items() if isinstance(each, MetricRecord)}


class ArrayRecord(dict):
    pass


class MetricRecord(dict):
    pass


class Array:
    def __init__(self, array):
        self.array = array

    def numpy(self):
        if self.array is None:
            raise EOFError("no data")
        return self.array


class Averaging:
    """What stands for FedAvg."""

    def __init__(self, fraction_train=1.0, weighted_by_key="num-examples", train_metrics_aggr_fn=None):
        self.fraction_train, self.weighted_by_key = fraction_train, weighted_by_key
        self.train_metrics_aggr_fn = train_metrics_aggr_fn or averaged

    def configure_train(self, server_round, arrays, config, grid):
        return [f"train {server_round}"]

    def summary(self):
        pass


def averaged(contents, key):
    metrics = [next(iter(each.metric_records.values())) for each in contents]
    total = sum(each[key] for each in metrics)
    return MetricRecord({"loss": sum(each["loss"] * each[key] for each in metrics) / total})


@pytest.fixture
def flower(monkeypatch):
    """The strategy's module over stand-ins, and what it logs."""
    said = []
    modules = {
        "flwr": {},
        "flwr.app": {
            "Array": Array, "ArrayRecord": ArrayRecord, "ConfigRecord": dict, "Message": object,
            "MetricRecord": MetricRecord, "RecordDict": Records,
        },
        "flwr.common": {},
        "flwr.common.logger": {"log": lambda _, words, *values: said.append(words % values)},
        "flwr.serverapp": {"Grid": object},
        "flwr.serverapp.strategy": {"FedAvg": Averaging},
    }  # fmt: skip
    for name, parts in modules.items():
        module = ModuleType(name)
        vars(module).update(parts)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "fedsim.integrations.flower", raising=False)
    module = importlib.import_module("fedsim.integrations.flower")
    yield SimpleNamespace(strategy=module.RobustStrategy, said=said)
    del sys.modules["fedsim.integrations.flower"]


MODEL = ArrayRecord({"w": Array(np.zeros(3, np.float32)), "n": Array(np.array(0))})


def reply(node, by, examples=10, loss=1.0, **parts):
    arrays = {"w": Array(np.full(3, by, np.float32)), "n": Array(np.array(node))} | parts.pop("arrays", {})
    metrics = {"num-examples": examples, "loss": loss} | parts.pop("metrics", {})
    content = Records(arrays=ArrayRecord(arrays), metrics=MetricRecord(metrics), **parts)
    return SimpleNamespace(content=content, metadata=SimpleNamespace(src_node_id=node), has_error=lambda: False)


def test_a_round_by_hand(flower):
    strategy = flower.strategy("trimmed_mean", f=1, fraction_train=0.5)
    assert strategy.fraction_train == 0.5
    assert strategy.configure_train(1, MODEL, {}, None) == ["train 1"]
    lost = reply(77, 9.0)
    lost.has_error, lost.error = lambda: True, SimpleNamespace(reason="out of memory")
    sent = [reply(5, 1.0), reply(3, 2.0), reply(9, 50.0, loss=7.0), reply(4, 3.0), lost]
    arrays, metrics = strategy.aggregate_train(1, sent)
    np.testing.assert_array_equal(arrays["w"].numpy(), [2.5] * 3)
    assert arrays["w"].numpy().dtype == np.float32
    assert arrays["n"].numpy() == 3  # between those of the two that counted
    assert metrics == {
        "loss": 2.5, "fedsim-clients": [3, 4, 5, 9], "fedsim-weights": [0.5, 0.5, 0.0, 0.0], "fedsim-kept": 2,
        "fedsim-refused": [], "fedsim-failed": 1, "fedsim-skipped": 0, "fedsim-f": 1,
    }  # fmt: skip
    assert strategy.outcomes[1].weights == (0.5, 0.5, 0.0, 0.0)
    assert "round 1: node 77 failed: out of memory" in flower.said


def test_what_a_client_sends_cannot_end_the_run(flower):
    strategy = flower.strategy("median")
    strategy.configure_train(1, MODEL, {}, None)
    nonsense = {
        1: reply(1, 1.0, examples=-3),
        2: reply(2, 1.0, examples=float("nan")),
        3: reply(3, 1.0, arrays={"w": Array(None)}),
        4: reply(4, 1.0, more=ArrayRecord()),
        5: reply(5, np.inf),
        6: reply(6, 1.0, examples=[1, 2]),
    }
    odd = reply(7, 4.0, metrics={"made": 1.0})
    arrays, metrics = strategy.aggregate_train(1, [*nonsense.values(), odd, reply(8, 1.0), reply(9, 2.0)])
    np.testing.assert_array_equal(arrays["w"].numpy(), [2.0] * 3)
    assert metrics["fedsim-refused"] == [1, 2, 3, 4, 6, 5]
    assert metrics["loss"] == 1.0  # of those who report what most do
    refused = dict(strategy.outcomes[1].refused)
    assert refused[1] == "it cannot be read: its `num-examples` is -3, not a number of examples"
    assert refused[3] == "it cannot be read: no data"
    assert refused[4] == "it cannot be read: it holds 2 ArrayRecords and 1 MetricRecords, not one of each"
    assert "round 1: the reply of node 5 is set aside: its numbers are not all finite" in flower.said


def test_a_round_that_cannot_be_judged_leaves_the_model(flower):
    strategy = flower.strategy("krum", f=1)
    strategy.configure_train(1, MODEL, {}, None)
    arrays, metrics = strategy.aggregate_train(1, [reply(1, 1.0), reply(2, 2.0)])
    assert arrays is None
    assert metrics["fedsim-skipped"] == 1
    assert "round 1: the model stays as it is: krum needs n ≥ 2f + 3: got n = 2, f = 1" in flower.said
    assert strategy.aggregate_train(2, []) == (None, None)


def test_keywords_are_the_rules_or_flowers(flower):
    strategy = flower.strategy("centered_clip", radius=2.0, preaggregators=[("bucketing", {"s": 2})])
    strategy.summary()
    assert "\t├──> fedsim: bucketing → centered_clip, f = None" in flower.said
    with pytest.raises(
        ValueError, match=r"centered_clip does not take `fraction_trian`; did you mean `fraction_train`"
    ):
        flower.strategy("centered_clip", radius=2.0, fraction_trian=0.5)


SIMULATION = """
import json, os, sys
import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation
from fedsim.integrations.flower import RobustStrategy

BAD, TRUTH = {0, 3}, np.arange(6, dtype=np.float32)
client = ClientApp()

@client.train()
def train(message: Message, context: Context):
    mine = context.node_config["partition-id"]
    arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
    step = 0.5 * (TRUTH - arrays["w"]) + 0.01 * np.random.default_rng(mine).normal(size=6).astype(np.float32)
    moved = {"w": -40 * step if mine in BAD else arrays["w"] + step, "n": arrays["n"] + 1}
    record = ArrayRecord({name: Array(np.asarray(each)) for name, each in moved.items()})
    metrics = MetricRecord({"num-examples": 10 + mine, "partition": mine})
    return Message(content=RecordDict({"arrays": record, "metrics": metrics}), reply_to=message)

server, found = ServerApp(), {}

@server.main()
def main(grid: Grid, context: Context):
    strategy = RobustStrategy("multi_krum", f=2, preaggregators=[("nnm", {})], fraction_evaluate=0.0,
                              min_available_nodes=8, min_train_nodes=8)
    start = ArrayRecord({"w": Array(np.zeros(6, np.float32)), "n": Array(np.array(0, np.int64))})
    result = strategy.start(grid=grid, initial_arrays=start, num_rounds=5)
    w, n = (result.arrays[name].numpy() for name in ("w", "n"))
    metrics = dict(result.train_metrics_clientapp[5])
    json.dump({"w": w.tolist(), "kinds": [str(w.dtype), str(n.dtype)], "n": int(n),
               "metrics": metrics, "rounds": [*strategy.outcomes]}, open(sys.argv[1], "w"))

run_simulation(server, client, num_supernodes=8,
               backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}, "init_args": {"num_cpus": 2}})
"""


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("flwr") and find_spec("ray")), reason=f"{FLOWER}, with ray")
def test_it_passes_through_flowers_own_simulation(tmp_path):
    script, answer = tmp_path / "simulation.py", tmp_path / "answer.json"
    script.write_text(SIMULATION)
    done = subprocess.run([sys.executable, script, answer], capture_output=True, text=True, check=False, timeout=280)
    assert answer.exists(), done.stderr[-3000:]
    told = json.loads(answer.read_text())
    np.testing.assert_allclose(told["w"], np.arange(6) * (1 - 0.5**5), atol=0.05)
    assert told["kinds"] == ["float32", "int64"]
    assert told["n"] == 5
    assert told["rounds"] == [1, 2, 3, 4, 5]
    metrics = told["metrics"]
    assert len(metrics["fedsim-clients"]) == len(metrics["fedsim-weights"]) == 8
    assert metrics["fedsim-f"] == 2
    assert metrics["fedsim-skipped"] == metrics["fedsim-failed"] == 0
    assert sum(metrics["fedsim-weights"]) == pytest.approx(1)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # of what flwr imports
@pytest.mark.skipif(not find_spec("flwr"), reason=FLOWER)
def test_the_stand_ins_have_what_flowers_own_have():
    from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
    from flwr.serverapp.strategy import FedAvg

    assert {"fraction_train", "weighted_by_key", "train_metrics_aggr_fn"} <= {*inspect.signature(FedAvg).parameters}
    content = RecordDict({"a": ArrayRecord(), "m": MetricRecord({"num-examples": 3})})
    assert (len(content.array_records), len(content.metric_records)) == (1, 1)
    assert all(hasattr(Message, name) for name in ("metadata", "content", "has_error", "error"))
