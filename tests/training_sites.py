"""A handful of clients and their shared arrays, for the tests of local work, and a plain loop to hold it against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from fedsim.execution.shared_memory import Arena
from fedsim.inputs import InputSpec
from fedsim.randomness import Stream
from fedsim.scenario.sections import Choice, Training
from fedsim.training.client import ClientJob, Site
from fedsim.training.flat import Flat, initial
from fedsim.training.minibatches import Turn, batches, counted
from fedsim.training.torch_draws import drawing_from
from fedsim.training.torch_models import ModelKind, flat_model

STREAM = Stream.root(5)
SIZES = (40, 7, 23, 64, 1, 40, 16, 33)
SGD: dict[str, Any] = {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.0}
ADAM: dict[str, Any] = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weight_decay": 0.0}


FEDSGD = Choice("fedsgd", {"momentum": 0.0, "average": True, "rate": "client"})


def choice(name: str, **changes: Any) -> Choice:
    """An optimizer with all its settings."""
    return Choice(name, (SGD if name == "sgd" else ADAM) | changes)


def prox(mu: float) -> Choice:
    """FedProx with this penalty."""
    return Choice("fedprox", {"mu": mu})


def turn_of(client: int, before: int = 0) -> Turn:
    """A client's turn after so many rounds."""
    return Turn(STREAM.at("round", before, "client", client), STREAM.at("passes", client), before)


def kind_of(name: str, shape: tuple[int, int, int] = (1, 12, 12), classes: int = 5, **settings: Any) -> ModelKind:
    """A model for small inputs."""
    return ModelKind(Choice(name, settings), InputSpec("images", shape), classes)


@dataclass
class Clients:
    """Clients of these sizes over random inputs, in an arena that the test closes."""

    arena: Arena
    kind: ModelKind
    training: Training
    sizes: Sequence[int] = SIZES
    dtype: str = "float32"
    factor: float = 1.0  # of the optimizer's rate
    site: Site = field(init=False)
    rows: Any = field(init=False)

    def __post_init__(self) -> None:
        total, draw = sum(self.sizes), np.random.default_rng(3)
        inputs = draw.integers(0, 256, (total, *self.kind.shape), np.uint8)
        targets = draw.integers(0, self.kind.classes, total)
        start = initial(self.kind.build, STREAM.at("model"))
        parameters, array = self.arena.empty(start.shape, self.dtype)
        array[:] = start
        rows, self.rows = self.arena.empty((len(self.sizes), len(start)), self.dtype)
        shared = self.arena.of(inputs), self.arena.of(targets)
        self.site = Site(self.kind, self.training, *shared, parameters, rows)

    @property
    def jobs(self) -> list[ClientJob]:
        """One job a client, each with its own stretch of the examples."""
        edges = np.cumsum([0, *self.sizes])
        return [
            ClientJob(client, client, np.arange(edges[client], edges[client + 1]), turn_of(client), factor=self.factor)
            for client in range(len(self.sizes))
        ]

    def expected(self, job: ClientJob) -> tuple[np.ndarray, float]:
        """The row and the mean loss by a plain loop with torch's own optimizers."""
        site, training = self.site, self.training
        with drawing_from(self.kind.stream):  # what no vector carries is as the model was made
            module = self.kind.build()
        flat = Flat(module)
        start = torch.tensor(site.parameters.open())
        flat.load(start)
        optimizer, anchors = _optimizer(module, training, job.factor), [p.detach().clone() for p in module.parameters()]
        inputs = torch.tensor(site.inputs.open()[job.examples]).to(torch.get_default_dtype()) / 255
        targets, losses, seen = torch.tensor(site.targets.open()[job.examples]), 0.0, 0
        module.train()
        torch.manual_seed(job.turn.stream.at("module").seed)
        for chosen in batches(len(targets), counted(training), job.turn):
            optimizer.zero_grad()
            loss = cross_entropy(module(inputs[chosen]), targets[chosen], label_smoothing=training.label_smoothing)
            losses, seen = losses + loss.item() * len(chosen), seen + len(chosen)
            pull = sum(((p - a) ** 2).sum() for p, a in zip(module.parameters(), anchors, strict=True))
            (loss + training.algorithm.settings.get("mu", 0.0) / 2 * pull).backward()
            if training.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(module.parameters(), training.clip_norm)
            optimizer.step()
        row = torch.cat([t.detach().reshape(-1) for t in flat._tensors]) - start
        return row.numpy(), losses / max(seen, 1)


def _optimizer(module: torch.nn.Module, training: Training, factor: float) -> torch.optim.Optimizer:
    given = dict(training.optimizer.settings)
    given["lr"] *= factor
    if training.optimizer.name == "sgd":
        return torch.optim.SGD(module.parameters(), **given)
    betas, epsilon = (given.pop("beta1"), given.pop("beta2")), given.pop("epsilon")
    return torch.optim.Adam(module.parameters(), betas=betas, eps=epsilon, **given)


def forget_models() -> None:
    """Build models anew: the default type of numbers may have changed."""
    from fedsim.training import torch_models as modules

    modules._modules.flats.clear()


__all__ = ["SIZES", "STREAM", "Clients", "choice", "flat_model", "forget_models", "kind_of", "prox", "turn_of"]
