"""What is measured: made-up images that a model can learn, and the three workloads of a whole round.

The data set and the model here exist while a benchmark runs and in no list: `register` enters them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedsim.array_types import Integers
from fedsim.datasets.contract import Dataset, Examples, datasets
from fedsim.models.contract import models
from fedsim.randomness import Stream
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Scenario

if TYPE_CHECKING:
    from torch import nn

DATA, BRANCHED = "patterns", "branched"


@dataclass(frozen=True)
class Workload:
    """A model, its clients and their work; every client takes part in every round."""

    model: str
    clients: int
    examples: int  # of each client
    classes: int
    lr: float
    momentum: float = 0.0
    tests: int = 2_000  # images scored after every round
    batch: int = 32
    steps: int | None = None  # of each client in a round, in place of one pass over its examples
    sends: bool = False  # whether each client sends the momentum of one gradient, and the server takes the step

    def scenario(self, rule: str = "mean", overrides: Sequence[str] = ()) -> Scenario:
        """The workload as a scenario of one process."""
        register()
        limits = [f"aggregator.f={self.f}"] if rule == "trimmed_mean" else []
        limits += [f"training.steps={self.steps}"] if self.steps else []
        limits += SENDING if self.sends else []
        text = TEXT.format(
            model=self.model, clients=self.clients, examples=self.clients * self.examples, classes=self.classes,
            tests=self.tests, lr=self.lr, momentum=self.momentum, batch=self.batch, rule=rule,
        )  # fmt: skip
        return parse_scenario(text, [*limits, *overrides], name="bench")

    @property
    def f(self) -> int:
        """What the robust rules are told: a fifth, or the three of thirteen of the benchmarks of D-SHB."""
        return 3 if self.sends else self.clients // 5


TEXT = """
rounds = 1000000
[data]
name = "patterns"
examples = {examples}
tests = {tests}
classes = {classes}
[partition]
name = "iid"
[model]
name = "{model}"
[clients]
population = {clients}
sampled = {clients}
[training]
batch_size = {batch}
[training.optimizer]
name = "sgd"
lr = {lr}
momentum = {momentum}
[aggregator]
name = "{rule}"
[root]
size = 0
[evaluation]
validation = 0
[execution]
backend = "serial"
"""

SENDING = [
    'training.algorithm={name="fedsgd", momentum=0.9, rate="server"}', 'training.optimizer={name="sgd"}',
    "server.lr=0.1", "evaluation.every=1000000",
]  # fmt: skip
"""D-SHB, and no scores on the way."""

WORKLOADS = {
    "mlp": Workload("mlp", 20, 200, 10, 0.05),
    "femnist_cnn": Workload("femnist_cnn", 10, 100, 62, 0.01, 0.9),
    "lenet5": Workload("lenet5", 20, 200, 10, 0.05),
}

STEPS = {
    f"step of {model}": Workload(model, 13, 4_600, 10, 0.1, 0.9, tests=500, batch=25, sends=True)
    for model in ("logistic", "mlp", "lenet5", "mnist_cnn")
}
"""Every client one gradient of a small batch, all from the same parameters: the shape of most Byzantine papers."""


def register() -> None:
    """Enter the data set and the model of the benchmarks, for this process."""
    if DATA not in datasets:
        datasets.register(DATA, patterns, offline=True)
        models.register(BRANCHED, branched)


def patterns(stream: Stream, *, examples: int, tests: int, classes: int) -> Dataset:
    """A pattern for each class and noise over it, bytes of 28×28."""
    generator = stream.numpy()
    kinds = generator.integers(0, 120, (classes, 1, 28, 28))
    return Dataset(_drawn(generator, kinds, examples), _drawn(generator, kinds, tests), classes)


def _drawn(generator: np.random.Generator, kinds: Integers, count: int) -> Examples:
    labels = generator.integers(0, len(kinds), count)
    noise = generator.integers(0, 136, (count, 1, 28, 28))
    return Examples((kinds[labels] + noise).astype(np.uint8), labels)


def branched(shape: tuple[int, int, int], classes: int) -> "nn.Module":
    """A module that no faster way knows: two branches, one of them tanh."""
    import torch
    from torch import Tensor, nn

    class Branched(nn.Module):
        """Its own forward pass, as users write them."""

        def __init__(self) -> None:
            super().__init__()
            inputs = int(np.prod(shape))
            self.first, self.side, self.last = nn.Linear(inputs, 64), nn.Linear(inputs, 64), nn.Linear(64, classes)

        def forward(self, images: Tensor) -> Tensor:
            flat = images.flatten(1)
            logits: Tensor = self.last(torch.tanh(self.first(flat)) + torch.relu(self.side(flat)))
            return logits

    return Branched()
