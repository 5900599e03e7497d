"""Arrays that are cheaper to keep than to make again, as many as a bound of memory lets be kept."""

import threading
from collections.abc import Callable, Hashable

from fedsim.array_types import Integers


class Recent:
    """The arrays last asked for, by key; those not asked for the longest go first. A key always means one array."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0  # bytes
        self._kept: dict[Hashable, Integers] = {}
        self._lock = threading.Lock()

    def of(self, key: Hashable, make: Callable[[], Integers]) -> Integers:
        """The array of this key, read-only; made where it is not at hand."""
        with self._lock:
            found = self._kept.get(key)
            array = make() if found is None else self._kept.pop(key)
            self._kept[key] = array
            if found is None:
                array.flags.writeable = False
                self._held += array.nbytes
                self._make_room()
        return array

    def _make_room(self) -> None:
        while self._held > self._most and len(self._kept) > 1:
            self._held -= self._kept.pop(next(iter(self._kept))).nbytes
