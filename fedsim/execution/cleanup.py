"""What must be undone where a process ends: its workers ended, its named files removed, its simulations closed.

A process that is told to end now cannot trust what it was in the middle of, so it does not unwind: it undoes what would
outlive it and is gone. Where all ends in its own time, each owner undoes its own.
"""

import atexit
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

_undoing: dict[int, tuple[int, Callable[[], None]]] = {}


def undo_when_left(owner: object, undo: Callable[[], None]) -> None:
    """Undo this of the owner's, should the process be left before the owner says that it is done."""
    _undoing[id(owner)] = os.getpid(), undo


def is_undone(owner: object) -> None:
    """The owner has undone it."""
    _undoing.pop(id(owner), None)


def undo_all() -> None:
    """Undo what is still to be undone in this process, the latest first, whatever any of it raises."""
    while _undoing:
        _, (process, undo) = _undoing.popitem()
        if process == os.getpid():  # a forked child has the list and not what stands in it
            with suppress(Exception):
                undo()


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def wait_for(process: int, seconds: float) -> None:
    """Wait for a child that is about to end, so that nobody meets it afterwards."""
    limit = time.monotonic() + seconds
    with suppress(ChildProcessError):
        while os.waitpid(process, os.WNOHANG)[0] == 0 and time.monotonic() < limit:
            time.sleep(0.002)


class Closable(Protocol):
    """What can be closed, and closed again."""

    def close(self) -> None:
        """Give back what it holds."""


_open: WeakSet[Closable] = WeakSet()


def close_at_exit(owner: Closable) -> None:
    """Close this, if it is still there, before the interpreter takes down the modules that closing needs."""
    _open.add(owner)


@atexit.register
def _close_all() -> None:
    for owner in list(_open):
        with suppress(Exception):  # another thread may be in the middle of it
            owner.close()
