"""Local training: fedsim's batch of clients beside the loop that a researcher writes, in one process.

    python benchmarks/training.py [logistic mlp lenet5 femnist_cnn unknown] [--rounds 7]

One core, one thread, float32, interleaved; the figure is the median of the ratios of neighbouring runs. Each pair is
checked: both sides must have computed the same update up to rounding.
"""

import argparse
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fedsim.models._family import model
from fedsim.pool import limit_threads
from fedsim.scenario import Choice, Training
from fedsim.shared import Arena
from fedsim.streams import Stream
from fedsim.training import ClientBatch, ClientJob, ModelKind, Site, batches, train_batch
from fedsim.vectors import initial

PEAK_GFLOPS_SIZE = 1024


@model("unknown")
def unknown(shape, classes):
    """A module that no faster way knows: a branch, tanh and dropout."""

    class Branched(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.side = nn.Linear(int(np.prod(shape)), 64), nn.Linear(int(np.prod(shape)), 64)
            self.last = nn.Linear(64, classes)

        def forward(self, images):
            flat = images.flatten(1)
            return self.last(torch.tanh(self.first(flat)) + torch.relu(self.side(flat)))

    return Branched()


WORKLOADS = {
    # name: (clients, examples of each, classes, MFLOP a sample forward and backward)
    "cnn": (4, 100, 62, 74.0),
    "logistic": (20, 200, 10, 0.031),
    "mlp": (20, 200, 10, 0.409),
    "lenet5": (20, 200, 10, 2.264),
    "femnist_cnn": (3, 100, 62, 239.4),
    "unknown": (20, 200, 10, 0.6),
}


class Workload:
    """The same clients, examples and batches for both sides."""

    def __init__(self, name, settings):
        clients, examples, classes, _ = WORKLOADS[name]
        generator = np.random.default_rng(1)
        images = generator.integers(0, 256, (clients * examples, 1, 28, 28), np.uint8)
        labels = generator.integers(0, classes, clients * examples)
        self.kind = ModelKind(Choice(name, {"hidden": 128, "layers": 1} if name == "mlp" else {}), (1, 28, 28), classes)
        self.training = Training(**settings)
        self.parameters = initial(self.kind.build, Stream.root(1))
        arena = Arena()
        parameters, vector = arena.empty(self.parameters.shape)
        vector[:] = self.parameters
        rows, self.rows = arena.empty((clients, len(vector)))
        site = Site(self.kind, self.training, arena.of(images), arena.of(labels), parameters, rows)
        self.jobs = [
            ClientJob(c, c, np.arange(c * examples, (c + 1) * examples), Stream.root(c)) for c in range(clients)
        ]
        self.site, self.arena = site, arena
        self.tensors = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)

    def ours(self):
        """One batch of all clients."""
        train_batch(ClientBatch(self.site, tuple(self.jobs)))
        return self.rows.copy()

    def plain(self):
        """DataLoader, optimizer, one client after another."""
        lr, momentum = (self.training.optimizer.settings[key] for key in ("lr", "momentum"))
        images, labels = self.tensors
        module, rows = self.kind.build(), np.empty_like(self.rows)
        for job in self.jobs:
            nn.utils.vector_to_parameters(torch.from_numpy(self.parameters.copy()), module.parameters())
            order = list(batches(len(job.examples), self.training, job.stream))
            mine = TensorDataset(images[job.examples], labels[job.examples])
            loader = DataLoader(mine, batch_sampler=order)
            optimizer = torch.optim.SGD(module.parameters(), lr=lr, momentum=momentum)
            for x, y in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(x), y).backward()
                optimizer.step()
            vector = nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
            rows[job.row] = vector - self.parameters
        return rows


def measure(name, rounds):
    """Ratios of plain to ours, seconds of ours, and the greatest relative difference of an update."""
    momentum = 0.9 if name == "femnist_cnn" else 0.0
    lr = 0.01 if name == "femnist_cnn" else 0.05
    sgd = Choice("sgd", {"lr": lr, "momentum": momentum, "weight_decay": 0.0})
    workload = Workload(name, {"batch_size": 32, "optimizer": sgd})
    difference = np.abs(workload.ours() - workload.plain()).max() / np.abs(workload.rows).max()
    ratios, seconds = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        workload.plain()
        middle = time.perf_counter()
        workload.ours()
        end = time.perf_counter()
        ratios.append((middle - begin) / (end - middle))
        seconds.append(end - middle)
    workload.arena.close()
    return statistics.median(ratios), statistics.median(seconds), difference


def peak():
    """GFLOP/s of a large product on this core, now."""
    a = torch.rand(PEAK_GFLOPS_SIZE, PEAK_GFLOPS_SIZE)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        torch.mm(a, a)
        times.append(time.perf_counter() - begin)
    return 2 * PEAK_GFLOPS_SIZE**3 / min(times) / 1e9


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(WORKLOADS), metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    limit_threads()
    print(f"{'model':<13}{'× plain loop':>13}{'ms a round':>12}{'of peak':>9}{'difference':>12}")
    for name in arguments.models:
        ratio, seconds, difference = measure(name, arguments.rounds)
        clients, examples, _, megaflops = WORKLOADS[name]
        share = clients * examples * megaflops / 1e3 / seconds / peak()
        print(f"{name:<13}{ratio:>12.2f}×{1e3 * seconds:>12.1f}{share:>9.0%}{difference:>12.1e}", flush=True)
        if difference > (0.05 if name == "femnist_cnn" else 1e-4):
            sys.exit(f"{name}: the two sides did not compute the same")


if __name__ == "__main__":
    main()
