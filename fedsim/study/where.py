"""Where the cells of a study are played: in processes of this machine, or on a cluster."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from fedsim.runs.code_record import own_files
from fedsim.study.cells import Cell

if TYPE_CHECKING:
    from fedsim.execution.cluster.cells import ClusterHands
    from fedsim.execution.hands import Hands
    from fedsim.execution.pool import Pool

Backend = Literal["loky", "threading", "serial", "dask"]
DASK: Backend = "dask"


class Where(NamedTuple):
    """Who plays the cells."""

    workers: int
    backend: Backend = "loky"
    address: str | None = None

    @property
    def place(self) -> str:
        """Of a cluster, in words."""
        return f"at {self.address}" if self.address else f"on this machine: {self.workers} started here"

    def plays_side_by_side(self, cells: int) -> bool:
        """Whether each worker has a cell of its own; else the cells come one after another, each played by all."""
        return cells > 1 if self.backend == DASK else 1 < self.workers <= cells

    def hands(self, cells: Sequence[Cell]) -> "Hands | ClusterHands":
        """Those who play these cells, once it is known that they can."""
        from fedsim.execution.hands import Hands

        if self.backend != DASK or not self.plays_side_by_side(len(cells)):
            return Hands(self.workers)
        from fedsim.execution.cluster.cells import ClusterHands

        hands = ClusterHands(self.address, self.workers)
        try:
            files = {file: digest for cell in cells for file, digest in own_files(cell.scenario).items()}
            hands.check(cells[0].folder.parent, files)
        except BaseException:
            hands.close()
            raise
        return hands

    def pool(self) -> "Pool":
        """Those who play the rounds of one cell."""
        from fedsim.execution.pool import Pool

        if self.backend == DASK:
            return Pool(self.workers, DASK, self.address)
        return Pool(self.workers) if self.workers > 1 else Pool(1, "serial")


def where_of(cells: Sequence[Cell], workers: int, backend: Backend | None = None, address: str | None = None) -> Where:
    """What is asked for, or else what the base scenario says; an address alone means Dask."""
    if backend is None and address is None:
        said = [(cell.scenario.execution.backend, cell.scenario.execution.address) for cell in cells[:1]]
        return Where(workers, *said[0]) if said else Where(workers)
    if address is not None and backend not in (None, DASK):
        raise ValueError(f"an address is that of a scheduler of Dask: it does not go with the backend {backend}")
    return Where(workers, backend or DASK, address)
