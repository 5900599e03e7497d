"""Ctrl-C and SIGTERM: once means finish cleanly, twice means now.

A round that ends within the grace is let end; after it the work is broken off, but only the engine's, never the writing
of a file. The second time breaks off whatever is being done, and what was done is still kept; a third is the last.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar

from fedsim.events import RoundEnded, RunEnded
from fedsim.execution.cleanup import undo_all

GRACE_SECONDS = 1.0
"""Seconds that a round gets to end by itself."""
PATIENCE = 2
"""Times that a person asks before even the cleaning up is left undone."""
INTERRUPTED = 130
SHOW_CURSOR = "\x1b[?25h\n"


Item = TypeVar("Item")


def is_end(event: object) -> bool:
    """Whether everything that was begun is whole after this event."""
    return isinstance(event, RoundEnded | RunEnded)


class Interrupted(BaseException):
    """Somebody wants the work to end; no handler of ordinary errors should swallow it."""


class Stopping:
    """While it is entered, Ctrl-C and SIGTERM first ask for the end, and raise Interrupted when asked again."""

    def __init__(self, asked: Callable[[], None] = lambda: None, grace: float = GRACE_SECONDS) -> None:
        self.requested = False
        self._asked, self._grace = asked, grace
        self._interruptible = False
        self._over = False  # only the cleaning up is left, and that is let end
        self._times = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Stopping":
        if threading.current_thread() is threading.main_thread():
            handlers = {signal.SIGINT: self._ask, signal.SIGTERM: self._ask, signal.SIGALRM: self._break_off}
            self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def following(self, events: Iterator[Item], ends: Callable[[Item], bool] = is_end) -> Iterator[Item]:
        """The events up to the first end of a round after the end was asked for; Interrupted where none comes."""
        try:
            for event in iter(lambda: self._next(events), None):
                yield event
                if self.requested and ends(event):
                    return
        finally:
            self._over = True

    def _next(self, events: Iterator[Item]) -> Item | None:
        if self.requested and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            raise Interrupted
        self._interruptible = True
        try:
            return next(events, None)
        finally:
            self._interruptible = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._times += 1
        if self._times > PATIENCE:
            sys.stdout.write(SHOW_CURSOR if sys.stdout.isatty() else "")
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        if self._over:
            return
        if self.requested:
            raise Interrupted
        self.requested = True
        self._asked()
        signal.setitimer(signal.ITIMER_REAL, self._grace)

    def _break_off(self, _number: int, _frame: FrameType | None) -> None:
        if self._interruptible:
            raise Interrupted


def leave_when_told() -> None:
    """From now on SIGTERM and SIGHUP end the process at once, without leaving anything of its own behind."""
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    undo_all()
    os._exit(128 + number)
