"""Laws hold for everything that fedsim has, and are seen to be broken where they are."""

import json

import pytest

from fedsim.laws import check, check_file, laws_of
from fedsim.paths import path_settings
from fedsim.registry import registries
from tests.cli.recorded_run import ask
from tests.own_code import ATTACK, DATA, NET, RULE

EVERY = [entry for family, registry in registries().items() if family != "datasets" for entry in registry]
HOUSE = [entry for entry in EVERY if not path_settings(entry.settings)]  # no example of a file would be there
HEAD = """
import numpy as np
from fedsim.aggregators import Aggregate, aggregator
from fedsim.attacks import attack, data_attack
from fedsim.datasets import Dataset, Examples, dataset
from fedsim.latencies import latency
from fedsim.metrics import metric
from fedsim.models import model
from fedsim.optimizers import optimizer
from fedsim.partitions import Split, partition
from fedsim.schedules import schedule
from fedsim.server_optimizers import Direction, server_optimizer
"""
BREAKERS = {
    "permutation": ("the first row is the result", '@aggregator("bad")\ndef bad(updates):\n    w = np.zeros(len(updates)); w[0] = 1\n    return Aggregate(updates[0].copy(), w)'),
    "translation": ("half of the mean", '@aggregator("bad")\ndef bad(updates):\n    return Aggregate(updates.mean(axis=0) / 2, np.full(len(updates), 1 / len(updates)))'),
    "scaling": ("a step of fixed length", '@aggregator("bad")\ndef bad(updates):\n    m = updates.mean(axis=0)\n    return Aggregate(m / np.linalg.norm(m), np.full(len(updates), 1 / len(updates)))'),
    "unanimity": ("zero whatever is sent", '@aggregator("bad")\ndef bad(updates):\n    return Aggregate(0 * updates[0], np.full(len(updates), 1 / len(updates)))'),
    "form": ("float64 whatever is sent", '@aggregator("bad")\ndef bad(updates):\n    return Aggregate(updates.mean(axis=0, dtype=float), np.full(len(updates), 1 / len(updates)))'),
    "untouched": ("sorts its input", '@aggregator("bad")\ndef bad(updates):\n    updates.sort(axis=0)\n    return Aggregate(updates[0].copy(), np.full(len(updates), 1 / len(updates)))'),
    "repeatable": ("draws from nowhere", '@aggregator("bad")\ndef bad(updates):\n    return Aggregate((updates.mean(axis=0) + np.random.rand()).astype(updates.dtype), np.full(len(updates), 1 / len(updates)))'),
    "refusal": ("fails with few rows", '@aggregator("bad")\ndef bad(updates):\n    if len(updates) < 3:\n        raise ValueError("three at least")\n    return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))'),
    "shape": ("one row for all", '@attack("bad")\ndef bad(honest, count):\n    return honest[:1].copy()'),
    "finite": ("not a number", '@attack("bad")\ndef bad(own):\n    return own * np.nan'),
    "address": ("the first one differs", '@attack("bad")\ndef bad(own, clients):\n    rows = own.copy(); rows[0] = 0\n    return rows'),
    "seconds": ("whole numbers", '@latency("bad")\ndef bad(clients):\n    return np.ones(len(clients), int)'),
    "partition": ("loses the last example", '@partition("bad")\ndef bad(targets, clients):\n    return Split.of(np.array_split(np.arange(len(targets) - 1), clients))'),
    "logits": ("two numbers for each class", '@model("bad")\ndef bad(shape, classes):\n    from torch import nn\n    return nn.Sequential(nn.Flatten(), nn.LazyLinear(2 * classes))'),
    "company": ("the mean of its neighbours", '@model("bad")\ndef bad(shape, classes):\n    from torch import nn\n    class Bad(nn.Module):\n        def __init__(self):\n            super().__init__()\n            self.layer = nn.LazyLinear(classes)\n        def forward(self, x):\n            x = self.layer(x.flatten(1))\n            return x - x.mean(dim=0)\n    return Bad()'),
    "initial": ("first numbers from nowhere", '@model("bad")\ndef bad(shape, classes):\n    import torch\n    from torch import nn\n    layer = nn.Linear(shape[0] * shape[1] * shape[2], classes)\n    with torch.no_grad():\n        layer.bias += float(np.random.rand())\n    return nn.Sequential(nn.Flatten(), layer)'),
    "in_place": ("uphill", '@optimizer("bad")\ndef bad(parameters, gradient, state):\n    parameters.add_(gradient, alpha=0.1)'),
    "elementwise": ("by the length of all", '@optimizer("bad")\ndef bad(parameters, gradient, state):\n    parameters.sub_(gradient / gradient.norm(), alpha=0.1)'),
    "number": ("a percentage", '@metric("bad")\ndef bad(predictions, targets):\n    return 100.0 * float((predictions == targets).mean())'),
    "order": ("the first example counts twice", '@metric("bad")\ndef bad(predictions, targets):\n    right = predictions == targets\n    return float((right.sum() + right[0]) / (len(right) + 1))'),
    "best": ("the share that is wrong", '@metric("bad")\ndef bad(predictions, targets):\n    return float((predictions != targets).mean())'),
    "diverged": ("a half to whoever says nothing", '@metric("bad")\ndef bad(predictions, targets):\n    return float(np.where(predictions < 0, 0.5, predictions == targets).mean())'),
    "positive": ("the second half is still", '@schedule("bad")\ndef bad(round, rounds):\n    return float(2 * round < rounds)'),
    "downhill": ("away from the clients", '@server_optimizer("bad")\ndef bad(aggregate):\n    return Direction(-aggregate)'),
}  # fmt: skip
MORE_BREAKERS = {
    "form": '@server_optimizer("bad")\ndef bad(aggregate):\n    return Direction(aggregate.astype(float))',
    "repeatable": 'asked = []\n@schedule("bad")\ndef bad(round):\n    asked.append(round)\n    return 1 / len(asked)',
    "untouched": '@metric("bad")\ndef bad(losses):\n    losses.sort()\n    return float(losses[0] < 1)',
}
"""Laws of one name in several families."""


@pytest.mark.parametrize("law", MORE_BREAKERS)
def test_a_law_of_another_family_is_seen_to_be_broken(own, law):
    own("bad.py", HEAD + MORE_BREAKERS[law])
    assert law in {verdict.law for verdict in check_file("bad.py") if verdict.fails}


@pytest.mark.parametrize("entry", HOUSE, ids=lambda entry: f"{entry.family}-{entry.name}")
def test_everything_that_fedsim_has_keeps_its_laws_or_confesses(entry):
    assert [str(verdict) for verdict in check(entry) if verdict.outcome in ("broken", "not tried")] == []


@pytest.mark.parametrize("law", BREAKERS)
def test_a_law_that_is_broken_is_seen_with_the_input_that_broke_it(own, law):
    own("bad.py", HEAD + BREAKERS[law][1])
    broken = {verdict.law: verdict for verdict in check_file("bad.py") if verdict.fails}
    assert law in broken
    assert broken[law].words
    assert "seed" in broken[law].case


def test_a_confession_is_believed_only_where_it_is_true(own):
    text = HEAD + BREAKERS["translation"][1]
    own("bad.py", text.replace('("bad")', '("bad", breaks={"translation": "it halves", "permutation": "so they say"})'))
    found = {verdict.law: verdict for verdict in check_file("bad.py")}
    assert found["translation"].outcome == "confessed"
    assert found["permutation"].outcome == "broken"
    assert "keeps it in 12 cases: so they say" in found["permutation"].words
    own("bad.py", text.replace('("bad")', '("bad", breaks={"gravity": "it falls"})'))
    assert any("confesses a law that there is not" in verdict.words for verdict in check_file("bad.py"))


def test_good_own_code_keeps_every_law(own, capsys):
    own("good.py", RULE + ATTACK + DATA)
    answer = ask(capsys, "laws", "good.py")
    assert answer.code == 0
    assert "3 algorithms · laws: 16 kept" in answer.out
    assert all(len(line) <= 80 for line in answer.out.splitlines())
    found = json.loads(ask(capsys, "laws", "good.py", "--json").out)
    assert {record["outcome"] for record in found} == {"kept"}


def test_what_is_broken_is_said_and_the_exit_code_says_so(own, capsys):
    own("bad.py", HEAD + BREAKERS["translation"][1])
    answer = ask(capsys, "laws", "bad.py")
    assert answer.code == 1
    text = " ".join(answer.out.split())
    assert "✗ bad · translation: broken results of rows moved by one vector: " in text
    assert "with 6 rows of 17, seed 0" in text


def test_a_setting_without_an_example_is_not_tried_and_says_why(own):
    own("asks.py", RULE.replace("def mine(updates)", "def mine(updates, *, where: str)"))
    assert {verdict.outcome for verdict in check_file("asks.py")} == {"not tried"}
    assert "no example of a str for the setting `where`: give it a default" in check_file("asks.py")[0].words


def test_a_model_that_takes_none_of_the_inputs_is_not_tried(own):
    own(
        "net.py",
        NET.replace(
            "class Net",
            'from fedsim.models import model\n\n@model("net")\ndef net(in_channels=1):\n    return Net(9, 7)\n\nclass Net',
        ).replace("(in_channels=1)", "(shape, classes)"),
    )
    assert {verdict.outcome for verdict in check_file("net.py")} == {"not tried"}


def test_every_law_has_a_sentence():
    for entry in HOUSE:
        for name, law in laws_of(entry).items():
            assert (law.__doc__ or "").strip().endswith("."), name
