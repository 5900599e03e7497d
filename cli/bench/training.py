"""Local training: a batch of clients beside the loop that a researcher writes, in one process and on one core."""

import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cli.bench import usual
from cli.bench.effort import Effort, distance, must_agree
from cli.bench.machine import peak
from cli.bench.pairs import in_turn, ratio
from cli.bench.tables import Column, Row, Table, milliseconds, share, times, tiny
from cli.bench.workloads import BRANCHED, WORKLOADS, Workload
from fedsim.array_types import Array

if TYPE_CHECKING:
    from torch.utils.data import TensorDataset

SUBJECTS = {
    # name: the workload, and million floating-point operations of an example, forward and backward
    "logistic": (Workload("logistic", 20, 200, 10, 0.05), 0.031),
    "mlp": (WORKLOADS["mlp"], 0.409),
    "cnn": (Workload("cnn", 4, 100, 62, 0.05), 74.0),
    "lenet5": (WORKLOADS["lenet5"], 2.264),
    "femnist_cnn": (Workload("femnist_cnn", 3, 100, 62, 0.01, 0.9), 239.4),
    BRANCHED: (Workload(BRANCHED, 20, 200, 10, 0.05), 0.6),
}
COLUMNS = (
    Column("model", "model"),
    Column("clients", "clients × examples"),
    Column("plain", "plain loop, ms", milliseconds),
    Column("ours", "fedsim, ms", milliseconds),
    Column("ratio", "ratio", times),
    Column("share", "of a large product's speed", share),
    Column("difference", "difference", tiny),
)
ROUNDING = 1e-3
"""Relative distance of two updates that is rounding without further questions."""
CHECKED = 2
"""Steps after which the two sides are compared."""
NOTE = (
    "The plain loop is one module, a DataLoader and torch.optim.SGD for each client. Both sides start from the same "
    "numbers and take the same batches; `difference` is the distance of their updates after two steps, relative to "
    "their length. `branched` is a module that fedsim has no faster way for. Above 100 %: vectors wider than "
    "those of the library's product."
)


def section(effort: Effort) -> Iterator[Table]:
    """Every model."""
    rows: list[Row] = []
    for done, name in enumerate(SUBJECTS):
        effort.progress(f"training {name}", done, len(SUBJECTS))
        rows.append(measured(name, effort.repeats(3, 9)))
    effort.progress("training", len(SUBJECTS), len(SUBJECTS))
    yield Table("training", "Local training beside the plain loop, one core", COLUMNS, rows, (NOTE,))


def measured(name: str, repeats: int) -> Row:
    """One model: both sides once to see that they agree, then in turn."""
    workload, megaflops = SUBJECTS[name]
    difference = compared(workload)
    with Sides(workload) as sides:
        sides.ours(), sides.plain()
        spent = in_turn({"plain": sides.plain, "ours": sides.ours}, repeats)
    seconds = statistics.median(spent["ours"])
    return {
        "model": name, "clients": f"{workload.clients} × {workload.examples}",
        "plain": statistics.median(spent["plain"]), "ours": seconds, "ratio": ratio(spent["plain"], spent["ours"]),
        "share": workload.clients * workload.examples * megaflops * 1e6 / seconds / peak(), "difference": difference,
    }  # fmt: skip


def compared(workload: Workload) -> float:
    """The distance of the two sides' updates after a few steps, relative to their length.

    After many steps of a deep network rounding alone tells the two apart: every step multiplies it.
    """
    with Sides(replace(workload, steps=CHECKED)) as sides:
        ours, plain = sides.ours(), sides.plain()
        apart = distance(ours, plain)
        if not apart <= ROUNDING:  # a near-tie in a pooling moves one client's update, on either side
            must_be_as_exact(f"training {workload.model}", ours, plain, sides.plain(exact=True))
    return apart


def must_be_as_exact(what: str, ours: Array, plain: Array, exact: Array) -> None:
    """Refuse where fedsim's clients are, in the middle, farther from double precision than the plain loop's."""
    far, usual = (
        float(np.median([distance(*pair) for pair in zip(rows, exact, strict=True)])) for rows in (ours, plain)
    )
    must_agree(f"{what} (from double precision; the plain loop by {usual:.1e})", far, 3 * usual + ROUNDING / 10)


class Sides:
    """The same clients, examples and batches for both."""

    def __init__(self, workload: Workload) -> None:
        import torch
        from torch.utils.data import TensorDataset

        from fedsim.execution.pool import Pool
        from fedsim.execution.shared_memory import Arena
        from fedsim.inputs import as_floats
        from fedsim.simulation.dispatch import Dispatcher
        from fedsim.simulation.federation import build_federation

        self.workload, self.arena = workload, Arena()
        self.federation = build_federation(workload.scenario())
        self.dispatcher = Dispatcher(self.federation, Pool(1, "serial"), self.arena)
        self.dispatcher.broadcast(self.federation.parameters)
        self.parameters = torch.from_numpy(self.federation.parameters.copy())
        images, labels = as_floats(self.federation.train.inputs), torch.from_numpy(self.federation.train.targets)
        shares = [self.federation.examples_of(client) for client in range(workload.clients)]
        self.data = [TensorDataset(images[share], labels[share]) for share in shares]
        self.module = self.federation.kind.build()

    def __enter__(self) -> "Sides":
        return self

    def __exit__(self, *_: object) -> None:
        self.arena.close()

    def ours(self) -> Array:
        """Every client's update, (n, d)."""
        everyone = range(self.workload.clients)
        for _ in self.dispatcher.train(1, [(client, client, None) for client in everyone]):
            pass
        return self.dispatcher.rows[: len(everyone)].copy()

    def plain(self, exact: bool = False) -> Array:
        """The same by the plain loop, in double precision if it is to be exact."""
        return np.stack([self._trained(client, exact) for client in range(len(self.data))])

    def _trained(self, client: int, exact: bool) -> Array:
        from fedsim.training.minibatches import batches

        data, parameters = self.data[client], self.parameters
        turn = self.dispatcher.turn(1, client)
        order = [chosen.tolist() for chosen in batches(len(data), self.federation.scenario.training, turn)]
        if exact:
            self.module.double()
            data, parameters = _double(data), parameters.double()
        row = usual.train(self.module, parameters, data, order, self.workload.lr, self.workload.momentum)
        return np.asarray((row - parameters).numpy())


def _double(data: "TensorDataset") -> "TensorDataset":
    from torch.utils.data import TensorDataset

    images, labels = data.tensors
    return TensorDataset(images.double(), labels)
