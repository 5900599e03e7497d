"""The local work of a batch of clients: parameters in, one row of differences out for each client.

`train_batch` is pure in all but the rows it is told to write, so it may run in any process, and again after a crash.
A client's row depends on the client's own job alone, never on its neighbours in the batch.
"""

import time
from dataclasses import dataclass, replace

import torch

from fedsim.execution.own_rows import Rows
from fedsim.training.attacked_work import train_attacked
from fedsim.training.backends import local_model
from fedsim.training.client import ClientJob, Site
from fedsim.training.local_model import LocalModel
from fedsim.training.local_work import send_all, train_client


@dataclass(frozen=True)
class ClientBatch:
    """The work of several clients, sent as one job."""

    site: Site
    jobs: tuple[ClientJob, ...]

    def rows(self) -> Rows:
        """Each client reads its variate and writes its difference."""
        own = tuple(job._replace(row=place) for place, job in enumerate(self.jobs))
        reads = (self.site.variates,) if self.site.variates else ()
        return Rows(tuple(job.row for job in self.jobs), reads, (self.site.rows,), replace(self, jobs=own))


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
    with torch.no_grad():
        model = local_model(batch.site)
        sent = send_all(model, batch.site, [job for job in batch.jobs if job.attack is None])
        losses = tuple(sent[job.row] if job.row in sent else _trained(model, batch.site, job) for job in batch.jobs)
    counts = tuple(len(job.examples) for job in batch.jobs)
    clients = tuple(job.client for job in batch.jobs)
    return BatchResult(clients, losses, counts, time.perf_counter() - begin)


def _trained(model: LocalModel, site: Site, job: ClientJob) -> float:
    return train_attacked(site, job, job.attack.thing) if job.attack else train_client(model, site, job)
