"""How fast it goes and how long it will take, and the line that says so."""

import time
from collections import deque
from collections.abc import Callable

from rich.text import Text

from cli.display.formatting import clock

WINDOW = 20
"""Rounds over which the time left is judged."""
LONGEST_BAR, SHORTEST_BAR = 40, 10


class Pace:
    """The moments at which the latest rounds ended."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._moments: deque[float] = deque(maxlen=WINDOW)

    def mark(self) -> None:
        """A round has ended, or the first has begun."""
        self._moments.append(self._now())

    def left(self, rounds: int) -> str:
        """How long this many rounds will take, in words."""
        if rounds == 0:
            return ""
        if len(self._moments) <= 1:
            return "… left"
        pace = (self._moments[-1] - self._moments[0]) / (len(self._moments) - 1)
        return f"{clock(max(0.0, pace * rounds - (self._now() - self._moments[-1])))} left"


def progress_line(done: int, total: int, left: str, doing: str, width: int) -> Text:
    """A bar, how many of how many, the time left, and what is being done, all in fixed places."""
    figures = f"  {done:>{len(str(total))}}/{total}  {done * 100 // total:>3} %  {left:>9}"
    room = width - len(figures) - 2 - 24 - 3
    bar = _bar(done / total, max(SHORTEST_BAR, min(LONGEST_BAR, room)))
    return Text.assemble(" ", bar, figures, "  ", (f"{doing:<24}", "dim"), no_wrap=True, overflow="crop")


def _bar(fraction: float, width: int) -> Text:
    full, half = divmod(int(fraction * width * 2), 2)
    done = "━" * full + "╸" * half
    return Text.assemble((done, "green"), ("━" * (width - len(done)), "dim"))
