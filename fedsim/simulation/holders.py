"""Shares of which attackers have none: the examples are dealt to the honest clients alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.partitions.contract import Shares, Split


def among_honest(shares: Shares, attacking: NDArray[np.bool_]) -> Shares:
    """Shares of all clients, from those of the honest ones in ascending order; `attacking` (population,) says who."""
    ranks = np.cumsum(~attacking) - 1
    if not isinstance(shares, Split):
        return HonestShares(shares, attacking, ranks)
    sizes = np.where(attacking, 0, np.diff(shares.offsets)[ranks])
    return Split(shares.order, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


@dataclass(frozen=True)
class HonestShares:
    """Examples that are drawn when they are asked for, by the honest alone."""

    shares: Shares
    attacking: NDArray[np.bool_]  # (population,)
    ranks: Integers  # (population,) place of each honest client among them

    def __len__(self) -> int:
        """Number of clients, attackers included."""
        return len(self.attacking)

    def __getitem__(self, client: int, /) -> Integers:
        """What the client draws; nothing of an attacker."""
        return np.empty(0, np.int64) if self.attacking[client] else self.shares[int(self.ranks[client])]
