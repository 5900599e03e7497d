"""The local work of a batch of clients: parameters in, one row of differences out for each client.

`train_batch` is pure in all but the rows it is told to write, so it may run in any process, and again after a crash.
A client's row depends on the client's own job alone, never on its neighbours in the batch.
"""

import time
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from fedsim.convnets import train_convnets
from fedsim.linears import train_linears
from fedsim.local import ClientJob, Site, Stepper, batches, client_examples, pull_back
from fedsim.modules import flat_model, own_draws
from fedsim.vectors import Flat


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
    images, labels = client_examples(site, job)
    anchors = [p.detach().clone() for p in flat.parameters] if site.training.proximal else None
    step = Stepper(site.optimizer, len(flat.parameters))
    total, seen = 0.0, 0
    flat.module.train()
    with own_draws(site.kind, job.stream.at("module")):
        for chosen in batches(len(labels), site.training, job.stream):
            picked = torch.from_numpy(chosen)
            loss = cross_entropy(flat.module(images[picked]), labels[picked])
            gradients = torch.autograd.grad(loss, flat.parameters)
            with torch.no_grad():
                pull_back(flat.parameters, gradients, anchors, site.training.proximal)
                step(flat.parameters, gradients)
            total, seen = total + loss.item() * len(chosen), seen + len(chosen)
    return total / seen if seen else 0.0
