"""Populations larger than the data: a client's examples are drawn when somebody asks for them."""

from dataclasses import dataclass
from operator import index
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from fedsim.array_types import Integers
from fedsim.partitions.contract import DEFAULT_CLIENTS, Shares, partition
from fedsim.randomness import Stream


@dataclass(frozen=True)
class Draws:
    """Shares of any number of clients in the memory of one: each is drawn from the client's own address."""

    clients: int
    samples: int
    alpha: float | None
    order: Integers  # (m,) examples sorted by label
    ends: Integers  # (classes,) where each label's stretch of `order` ends
    stream: Stream

    def __len__(self) -> int:
        return self.clients

    def __getitem__(self, client: int) -> Integers:
        client = index(client)
        if not 0 <= client < self.clients:
            raise IndexError(f"client {client} of {self.clients}")
        generator = self.stream.at("client", client).numpy()
        if self.alpha is None:
            return generator.choice(len(self.order), self.samples, replace=False)
        return self._of_own_labels(generator, self.alpha)

    def _of_own_labels(self, generator: np.random.Generator, alpha: float) -> Integers:
        begins = np.concatenate([[0], self.ends[:-1]])
        held = self.ends - begins
        law = np.zeros(len(held))
        law[held > 0] = generator.dirichlet(np.full(np.count_nonzero(held), alpha))
        wanted = _no_more_than(held, generator.multinomial(self.samples, law), generator)
        picks = [generator.choice(n, k, replace=False) for n, k in zip(held, wanted, strict=True)]
        places = np.concatenate([pick + begin for pick, begin in zip(picks, begins, strict=True)])
        return np.asarray(self.order[places])


@partition(
    "virtual",
    breaks={"partition": "clients draw from one pool, so two of them may hold the same example"},
    by_class=lambda settings: settings["alpha"] is not None,
)
def virtual(
    targets: Integers,
    classes: int,
    clients: int | None,
    stream: Stream,
    *,
    samples: Annotated[int, Ge(1), "examples of each client"] = 100,
    alpha: Annotated[
        float | None, Ge(1e-6), Le(1e9), "concentration of each client's own label law; absent means iid"
    ] = None,
) -> Shares:
    """Any number of clients, each drawing its examples from the whole pool; a million cost what a hundred do.

    Formula:
        Client c draws, from its own address, `samples` different examples: uniformly, or with label counts ~
        Multinomial(samples, q_c), q_c ~ Dirichlet(alpha, …, alpha) over the classes present, and uniformly
        within a label. What a label cannot give is drawn from the others uniformly.
    Assumes:
        samples ≤ m, else ValueError.
    Differs:
        Not a partition: two clients may hold the same example, one client never holds it twice. With alpha
        this is the draw of Hsu et al., whose clients exhaust a common pool instead.
    Source:
        Hsu et al., Measuring the Effects of Non-Identical Data Distribution for Federated Visual
        Classification, 2019.
    """
    clients = DEFAULT_CLIENTS if clients is None else clients
    if clients < 1:
        raise ValueError(f"a partition needs clients ≥ 1: got {clients}")
    if samples > len(targets):
        raise ValueError(f"virtual has {len(targets)} examples to draw samples = {samples} from")
    if alpha is None:
        return Draws(clients, samples, alpha, np.arange(len(targets)), np.array([len(targets)]), stream)
    ends = np.cumsum(np.bincount(targets, minlength=classes))
    order = np.argsort(targets, kind="stable").astype(np.int64)
    return Draws(clients, samples, alpha, order, ends.astype(np.int64), stream)


def _no_more_than(held: Integers, wanted: Integers, generator: np.random.Generator) -> Integers:
    """The wanted counts, what exceeds a label's stock drawn from the stocks of the others instead."""
    given = np.minimum(wanted, held)
    missing = int(wanted.sum() - given.sum())
    return given if missing == 0 else given + generator.multivariate_hypergeometric(held - given, missing)
