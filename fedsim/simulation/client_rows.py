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

NOWHERE = -1
"""The slot of who has none."""


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

    def known(self, clients: Integers) -> Integers:
        """(k,) the slots of these clients, all of whom are sorted in, NOWHERE for those without one."""
        if not len(self.clients):
            return np.full(len(clients), NOWHERE)
        places = np.minimum(np.searchsorted(self.clients, clients), len(self.clients) - 1)
        return np.where(self.clients[places] == clients, self.slots[places], NOWHERE)

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
        owners = np.asarray(clients, np.int64)
        befores = index.known(owners)
        afters = self._to_be_written(file, owners, befores)
        for before, slot in zip(befores.tolist(), afters.tolist(), strict=True):
            near = file.near(slot)
            row = np.empty(size, dtype) if near is None else near
            yield None if before == NOWHERE else file.seen(before), row
            if near is None:
                file.write(slot, row)

    def renewed_in_memory(self, clients: Sequence[int]) -> tuple[Integers, Integers] | None:
        """Where in memory each client's row lies and its next row is to be; None where one has none, or in the file."""
        index = self._index
        index.settle()
        file, owners = index.file, np.asarray(clients, np.int64)
        befores = index.known(owners)
        if file is None or not file.has_near(len(owners)) or (befores == NOWHERE).any():
            return None
        return file.addresses(befores), file.addresses(self._to_be_written(file, owners, befores))

    def _to_be_written(self, file: RowFile, clients: Integers, known: Integers) -> Integers:
        """(k,) a slot for each client's next row: its own where nobody else refers to it."""
        index, slots, held = self._index, known.copy(), known != NOWHERE
        leave = np.flatnonzero(held)
        leave = leave[file.shared(known[leave])]
        file.release(known[leave])  # another still refers to each, so what is in it stays
        slots[leave] = file.take(len(leave))
        index.slots[np.searchsorted(index.clients, clients[leave])] = slots[leave]
        if not held.all():
            slots[~held] = file.take(len(held) - int(held.sum()))
            index.new.update(zip(clients[~held].tolist(), slots[~held].tolist(), strict=True))
        return slots

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
