"""The trackers that a scenario names, told after a run's own files: nothing that they do can change or end it."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from fedsim.blame import place_of
from fedsim.events import Event, RunStarted
from fedsim.registry import Entry
from fedsim.scenario.build import settings_of
from fedsim.scenario.load import scenario_digest
from fedsim.scenario.sections import Choice, Scenario
from fedsim.trackers.contract import Listener, trackers

Say = Callable[[str], None]


def warn(text: str) -> None:
    """Say it as Python says such things."""
    warnings.warn(text, RuntimeWarning, stacklevel=2)


class Tracking:
    """A sink that passes events on; a tracker that fails is left out from then on, and that is said once."""

    def __init__(self, scenario: Scenario, folder: Path | None, say: Say = warn) -> None:
        self._scenario, self._folder, self._say = scenario, folder, say
        self._listeners: dict[int, Listener] = {}  # by place in the scenario

    def __call__(self, event: Event) -> None:
        """Tell every tracker that is still there."""
        if isinstance(event, RunStarted):
            for place, choice in enumerate(self._scenario.tracking.to):
                self._try(place, partial(self._open, place, choice))
        for place, listener in list(self._listeners.items()):
            self._try(place, partial(listener, event))

    def close(self) -> None:
        """Let every tracker end its work."""
        for place, listener in list(self._listeners.items()):
            self._try(place, getattr(listener, "close", lambda: None))
        self._listeners.clear()

    def _open(self, place: int, choice: Choice) -> None:
        entry, scenario = trackers[choice.name], self._scenario
        known = {
            "name": f"{scenario.name}-{scenario_digest(scenario)[:8]}",
            "folder": self._folder,
            "settings": settings_of(scenario),
        }
        if "event" in entry.supplied:
            self._listeners[place] = lambda event: entry.call(known | {"event": event}, choice.settings)
            return
        listener: Any = entry.call(known, choice.settings)
        if not callable(listener):
            raise TypeError(f"must return a function of an event, or take `event` itself: {_returned(listener, entry)}")
        self._listeners[place] = listener

    def _try(self, place: int, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            self._listeners.pop(place, None)
            name = self._scenario.tracking.to[place].name
            words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            self._say(f"tracking by {name} failed and is left out; the run goes on: {words}{place_of(error)}")


def _returned(listener: object, entry: Entry) -> str:
    return f"{entry.name} returned {type(listener).__name__}"
