"""The local work of a batch of clients: parameters in, one row of differences out for each client.

`train_batch` is pure in all but the rows it is told to write, so it may run in any process, and again after a crash.
A client's row depends on the client's own job alone, never on its neighbours in the batch.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fedsim.training.client import ClientJob, Site, Stepper, pull_back
from fedsim.training.convnet import train_convnets
from fedsim.training.examples import Reader
from fedsim.training.flat import Flat
from fedsim.training.minibatches import batches
from fedsim.training.mlp import train_linears
from fedsim.training.torch_models import flat_model, own_draws

ALONE = (
    "the model cannot learn from a batch of one example: leave short batches out with training.drop_last = true, or "
    "choose another training.batch_size or a partition whose clients hold more"
)
"""What batch normalisation says of it names no setting."""


@dataclass(frozen=True)
class ClientBatch:
    """The work of several clients, sent as one job."""

    site: Site
    jobs: tuple[ClientJob, ...]


@dataclass(frozen=True)
class BatchResult:
    """What came of a batch besides its rows."""

    clients: tuple[int, ...]
    losses: tuple[float, ...]  # mean over the client's own steps, weighted by their examples
    counts: tuple[int, ...]
    seconds: float


def train_batch(batch: ClientBatch) -> BatchResult:
    """Train each client from the global parameters and write its difference to its row."""
    begin = time.perf_counter()
    losses = train_linears(batch.site, batch.jobs)
    if losses is None:
        losses = train_convnets(batch.site, batch.jobs)
    if losses is None:
        losses = [train_client(batch.site, job) for job in batch.jobs]
    counts = tuple(len(job.examples) for job in batch.jobs)
    clients = tuple(job.client for job in batch.jobs)
    return BatchResult(clients, tuple(losses), counts, time.perf_counter() - begin)


def train_client(site: Site, job: ClientJob) -> float:
    """One client at a time, whatever the model: the reference that every faster way is held against."""
    flat = flat_model(site.kind, channels_last=site.training.kernel == "auto")
    start, row = torch.from_numpy(site.parameters.open()), torch.from_numpy(site.rows.open()[job.row])
    flat.load(start)
    loss = _descend(flat, site, job)
    flat.minus(start, row)
    return loss


def _descend(flat: Flat, site: Site, job: ClientJob) -> float:
    steps = list(batches(len(job.examples), site.training, job.turn))
    reader, total, seen = Reader(site, job, sum(map(len, steps))), 0.0, 0
    anchors = [p.detach().clone() for p in flat.parameters] if site.training.proximal else None
    step, draws = Stepper(site.optimizer, len(flat.parameters)), own_draws(site.kind, job.turn.stream.at("module"))
    flat.module.train()
    for chosen in steps:
        inputs, targets = reader.read(chosen)
        with draws:
            logits = outputs_of(flat.module, inputs)
        loss = site.kind.task.loss(logits, targets)
        gradients = _gradients(loss, flat.parameters)
        with torch.no_grad():
            pull_back(flat.parameters, gradients, anchors, site.training.proximal)
            step(flat.parameters, gradients)
        total, seen = total + loss.item() * len(chosen), seen + len(chosen)
    return total / seen if seen else 0.0


def outputs_of(module: nn.Module, inputs: Tensor) -> Tensor:
    """A training pass; ValueError in the scenario's own words where a layer cannot learn from one example."""
    try:
        logits: Tensor = module(inputs)
    except ValueError as error:
        if len(inputs) == 1:
            raise ValueError(f"{ALONE} ({error})") from error
        raise
    return logits


def _gradients(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradient by each parameter; None by one that this batch did not use, as torch's own optimizers know it."""
    if not loss.requires_grad:
        return [None] * len(parameters)
    return list(torch.autograd.grad(loss, parameters, allow_unused=True))
