"""Partitions with one thing uneven: the labels a client sees, or how many examples it holds."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from fedsim.array_types import Integers
from fedsim.exact_fractions import portion
from fedsim.partitions.contract import Split, partition
from fedsim.partitions.dealing import offsets, population
from fedsim.randomness import Stream


@partition("shards", by_class=True)
def shards(
    targets: Integers,
    clients: int | None,
    stream: Stream,
    *,
    per_client: Annotated[int, Ge(1), "shards, so mostly classes, that each client holds"] = 2,
) -> Split:
    """Examples sorted by label, cut into equal shards, a few shards for each client.

    Formula:
        Shuffle, sort by label (stable), cut into clients · per_client stretches whose sizes differ by at most
        one, and deal them out at random, per_client to each client.
    Assumes:
        clients · per_client ≤ m, else ValueError.
    Differs:
        McMahan et al. need equal shards (200 of 300 digits); here a remainder makes some one example longer.
    Source:
        McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017.
    """
    clients = population(clients, len(targets))
    count = clients * per_client
    if count > len(targets):
        most = len(targets) // clients
        raise ValueError(f"per_client = {per_client} for {clients} clients of {len(targets)} examples: at most {most}")
    pieces = np.array_split(_by_label(targets, stream.at("shuffle")), count)
    hands = stream.at("deal").numpy().permutation(count).reshape(clients, per_client)
    return Split.of([np.concatenate([pieces[piece] for piece in hand]) for hand in hands])


@partition("gamma", by_class=True)
def gamma(
    targets: Integers,
    clients: int | None,
    stream: Stream,
    *,
    similarity: Annotated[float, Ge(0), Le(1), "share of the examples that is dealt iid: 1 is iid, 0 is sorted"],
) -> Split:
    """A share of the examples dealt at random, the rest sorted by label and cut into stretches.

    Formula:
        round(similarity · m) examples, chosen at random, are cut into stretches whose sizes differ by at most one;
        the rest is sorted by label and cut likewise; client c holds the c-th stretch of both. The longer
        stretches of the two are on opposite ends, so that no client lacks what there is enough of.
    Assumes:
        clients ≤ m, else ValueError.
    Differs:
        byzfl (gamma_similarity_niid) takes the iid share from the front of the data instead of at random.
    Source:
        Karimireddy et al., SCAFFOLD: Stochastic Controlled Averaging for Federated Learning, ICML 2020.
    """
    clients = population(clients, len(targets))
    order = stream.at("choose").numpy().permutation(len(targets))
    border = round(portion(similarity, len(targets)))
    alike, rest = order[:border], order[border:]
    rest = rest[np.argsort(targets[rest], kind="stable")]
    mixed, apart = np.array_split(alike, clients), np.array_split(rest[::-1], clients)[::-1]
    return Split.of([np.concatenate(pair) for pair in zip(mixed, apart, strict=True)])


@partition("quantity")
def quantity(
    targets: Integers,
    clients: int | None,
    stream: Stream,
    *,
    exponent: Annotated[float, Ge(0), Le(10), "how fast sizes fall with rank: 0 is equal sizes"] = 1.0,
    min_size: Annotated[int, Ge(1), "examples that every client holds at least"] = 1,
) -> Split:
    """The same world for all, but a few clients hold most of it: sizes follow a power law.

    Formula:
        Client at rank k = 1 … n gets min_size examples and of the others a share ∝ k^(−exponent), rounded so
        that the sum is m; ranks are dealt at random, and the examples are dealt iid.
    Assumes:
        clients · min_size ≤ m, else ValueError.
    """
    clients = population(clients, len(targets), min_size)
    weights = np.arange(1, clients + 1, dtype=np.float64) ** -exponent
    spare = len(targets) - clients * min_size
    ends = np.rint(np.cumsum(weights) / weights.sum() * spare).astype(np.int64)
    sizes = min_size + np.diff(ends, prepend=0)
    ranked = stream.at("ranks").numpy().permutation(sizes)
    return Split(stream.at("deal").numpy().permutation(len(targets)), offsets(ranked))


def _by_label(targets: Integers, stream: Stream) -> Integers:
    """Every example once, sorted by label, in random order within a label."""
    order = stream.numpy().permutation(len(targets))
    return order[np.argsort(targets[order], kind="stable")]
