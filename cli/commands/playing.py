"""Runs that a command plays on its way to an answer: shown while they are, told a line each in a pipe."""

from collections.abc import Callable, Iterator
from typing import Protocol

from rich.text import Text

from cli.display.consoles import messages, output
from cli.display.waiting import Waiting
from cli.signals import Interrupted, Stopping
from fedsim.clean_text import one_line
from fedsim.scenario.toml_values import NOTHING
from fedsim.study.perform import CellEvent

GRACE_SECONDS = 3.0
"""That the rounds under way get to end when the end is asked for."""
Progress = Callable[[int], tuple[str, int, int]]
"""From the runs ended so far to what is being done, how much of it is done, and of how much."""


class Search(Protocol):
    """Something that plays runs until it has its answer."""

    def __iter__(self) -> Iterator[CellEvent]:
        """What happens to its runs."""

    def stop(self) -> None:
        """End after the rounds under way."""


def is_interrupted(search: Search, key: str, progress: Progress, *, quiet: bool) -> bool:
    """Play what is wanted and tell this score of each run; whether it was broken off."""
    console, done = output(), 0
    with Waiting(messages()) as waiting, Stopping(search.stop, GRACE_SECONDS) as stopping:
        try:
            for event in stopping.following(iter(search), lambda _: False):
                done += event.kind != "started"
                waiting(*progress(done))
                if not quiet and not console.is_terminal and event.kind != "started":
                    console.print(_told(event, key), soft_wrap=True)
                    console.file.flush()
        except Interrupted:
            return True
        return stopping.requested


def _told(event: CellEvent, key: str) -> Text:
    number = (event.summary or {}).get("scores", {}).get(key)
    told = f"{key} {number:.3f}" if isinstance(number, int | float) else one_line(event.message) or NOTHING
    return Text(f"{event.kind}  {event.cell.name}  {told}")
