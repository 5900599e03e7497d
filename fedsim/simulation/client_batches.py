"""How a round's clients are put together to jobs: by their number and their work alone, never by the workers.

So events are the same on every machine.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fedsim.training.client import ClientJob, Site

LEAST_PRODUCTS = 2.6e6
"""Multiplications forward, of examples by parameters, below which a job takes longer to send than to do."""


def grouped(jobs: Sequence[ClientJob], most: int, worth: int = 0) -> list[tuple[ClientJob, ...]]:
    """Jobs in batches of nearly equal size, an even number of them where there are several.

    Fewer clients than are worth the sending make no batch of their own.
    """
    if len(jobs) <= max(1, worth):
        return [tuple(jobs)] if jobs else []
    count = -(-len(jobs) // max(most, worth))
    edges = np.linspace(0, len(jobs), min(len(jobs), count + count % 2) + 1).astype(int)
    return [tuple(jobs[begin:end]) for begin, end in pairwise(edges)]


def worth_sending(site: Site) -> int:
    """Clients whose gradients together are worth a job, where each sends one gradient; 0 where they do more."""
    if site.sends is None:
        return 0
    return int(LEAST_PRODUCTS / (site.training.batch_size * max(1, site.parameters.shape[0])))
