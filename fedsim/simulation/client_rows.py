"""A row that each client keeps from round to round, as of a momentum: a mapping from client to row.

Only clients that have a row take room: sixteen bytes, and a slot in memory or, where they are very many, in a file. A
copy shares the slots; what is changed after that takes a slot of its own, so that a state of an earlier round stays as
it was.
"""

import weakref
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.execution.row_file import RowFile


@dataclass
class _Index:
    """Which slot of the file is whose."""

    file: RowFile | None = None
    clients: Integers = field(default_factory=lambda: np.empty(0, np.int64))  # ascending
    slots: Integers = field(default_factory=lambda: np.empty(0, np.int64))  # of each of them
    new: dict[int, int] = field(default_factory=dict)  # client -> slot, until they are sorted in

    def settle(self) -> None:
        """Sort in the clients that came since."""
        if self.new:
            clients = np.concatenate([self.clients, np.fromiter(self.new.keys(), np.int64, len(self.new))])
            slots = np.concatenate([self.slots, np.fromiter(self.new.values(), np.int64, len(self.new))])
            order = np.argsort(clients)
            self.clients, self.slots = clients[order], slots[order]
            self.new.clear()

    def place(self, client: int) -> int | None:
        """Where among the sorted a client stands."""
        place = int(np.searchsorted(self.clients, client))
        return place if place < len(self.clients) and self.clients[place] == client else None

    def known(self, clients: Sequence[int]) -> list[int | None]:
        """The slots of these clients, all of whom are sorted in, None for those without one."""
        if not len(self.clients):
            return [None] * len(clients)
        places = np.minimum(np.searchsorted(self.clients, clients), len(self.clients) - 1)
        held = zip(self.clients[places].tolist(), self.slots[places].tolist(), clients, strict=True)
        return [slot if owner == client else None for owner, slot, client in held]

    def release(self) -> None:
        """Nobody asks here any more."""
        self.settle()
        if self.file:
            self.file.release(self.slots)


class ClientRows(MutableMapping[int, Array]):
    """Client -> row; what is read is a copy, and what is written is copied."""

    def __init__(self, index: _Index | None = None) -> None:
        self._index = index or _Index()
        weakref.finalize(self, self._index.release).atexit = False

    def copy(self) -> "ClientRows":
        """The same rows, to be changed apart."""
        index = self._index
        index.settle()
        if index.file:
            index.file.refer(index.slots)
        return ClientRows(_Index(index.file, index.clients, index.slots.copy()))

    def __getitem__(self, client: int) -> Array:
        index, slot = self._index, self._slot(client)
        if slot is None or index.file is None:
            raise KeyError(client)
        return index.file.read(slot)

    def seen(self, client: int) -> Array | None:
        """A client's row, to be looked at before anything is written; None where it has none."""
        index, slot = self._index, self._slot(client)
        return None if slot is None or index.file is None else index.file.seen(slot)

    def __setitem__(self, client: int, row: Array) -> None:
        index, slot = self._index, self._slot(client)
        file = index.file = index.file or RowFile(row.size, row.dtype)
        if slot is not None and not file.shared(np.array(slot)):
            file.write(slot, row)
            return
        added = file.add(row)
        if slot is None:
            index.new[client] = added
            return
        file.release([slot])
        place = index.place(client)
        if place is None:
            index.new[client] = added
        else:
            index.slots[place] = added

    def renewed(self, clients: Sequence[int], size: int, dtype: np.dtype[Any]) -> Iterator[tuple[Array | None, Array]]:
        """Each client's row, None where it has none, and where its next row is to be before one asks for the next.

        Both may be the same numbers, where nobody else refers to them.
        """
        index = self._index
        index.settle()
        if not clients:  # nor is there a size, of which a file would be made
            return
        file = index.file = index.file or RowFile(size, dtype)
        befores = index.known(clients)
        for before, slot in zip(befores, self._to_be_written(clients, befores), strict=True):
            near = file.near(slot)
            row = np.empty(size, dtype) if near is None else near
            yield None if before is None else file.seen(before), row
            if near is None:
                file.write(slot, row)

    def renewed_in_memory(self, clients: Sequence[int]) -> tuple[Integers, Integers] | None:
        """Where in memory each client's row lies and its next row is to be; None where one has none, or in the file."""
        index = self._index
        index.settle()
        file, befores = index.file, index.known(clients)
        if file is None or None in befores or not file.has_near(len(clients)):
            return None
        return file.addresses(befores), file.addresses(self._to_be_written(clients, befores))

    def _to_be_written(self, clients: Sequence[int], known: Sequence[int | None]) -> list[int]:
        """A slot for each client's next row: its own where nobody else refers to it."""
        index, file = self._index, self._index.file
        slots = np.array([-1 if slot is None else slot for slot in known], np.int64)
        if file is None or not len(slots):
            return []
        held = slots >= 0
        leave = held & file.shared(np.maximum(slots, 0)) if held.any() else held
        fresh = np.flatnonzero(leave | ~held)
        file.release(slots[leave])  # another still refers to each, so what is in it stays
        slots[fresh] = file.take(len(fresh))
        owners = np.asarray(clients, np.int64)
        index.slots[np.searchsorted(index.clients, owners[leave])] = slots[leave]
        index.new.update(zip(owners[~held].tolist(), slots[~held].tolist(), strict=True))
        found: list[int] = slots.tolist()
        return found

    def __delitem__(self, client: int) -> None:
        index, slot = self._index, self._slot(client)
        if slot is None or index.file is None:
            raise KeyError(client)
        index.settle()
        stays = index.clients != client
        index.clients, index.slots = index.clients[stays], index.slots[stays]
        index.file.release([slot])

    def __contains__(self, client: object) -> bool:
        return isinstance(client, int | np.integer) and self._slot(int(client)) is not None

    def __iter__(self) -> Iterator[int]:
        self._index.settle()
        return iter(self._index.clients.tolist())

    def __len__(self) -> int:
        return len(self._index.clients) + len(self._index.new)

    def _slot(self, client: int) -> int | None:
        index = self._index
        if client in index.new:
            return index.new[client]
        place = index.place(client)
        return None if place is None else int(index.slots[place])
