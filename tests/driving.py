"""Small scenarios and whole runs for the tests of the engine rooms."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.keeping import Keeper
from fedsim.engine import simulate
from fedsim.events import Aggregated, BatchTrained, Event, RoundEnded, RoundStarted, UpdatesForged
from fedsim.loading import parse_scenario
from fedsim.pool import Pool
from fedsim.records import event_record
from fedsim.registry import Registry
from fedsim.results import claim
from fedsim.scenario import Scenario

DIGITS = """
rounds = 3
data = "digits"
model = "logistic"
[clients]
population = 12
sampled = 6
[root]
size = 20
[evaluation]
validation = 30
limit = 100
"""
GLYPHS = DIGITS.replace('"digits"', '{name = "glyphs", writers = 4, samples = 62}').replace("logistic", "lenet5")
SERIAL = 'execution.backend="serial"'


def scenario(text: str = DIGITS, *overrides: str, rest: str = "") -> Scenario:
    """A small scenario, changed."""
    return parse_scenario(text + rest, [SERIAL, *overrides])


def played(given: Scenario, pool: Pool | None = None) -> list[Event]:
    """All events of a run, here in this process unless a pool is given."""
    return list(simulate(given, pool or Pool(1, "serial")))


def same(events: Iterable[Event]) -> list[dict[str, Any]]:
    """What must be equal between two runs; NaN is a word here and so equal to itself."""
    return [{k: v for k, v in event_record(event).items() if k != "wall"} for event in events]


def starts(events: Iterable[Event]) -> list[RoundStarted]:
    """How each round began."""
    return [event for event in events if isinstance(event, RoundStarted)]


def verdicts(events: Iterable[Event]) -> list[Aggregated]:
    """What the rule said in each round."""
    return [event for event in events if isinstance(event, Aggregated)]


def ends(events: Iterable[Event]) -> list[RoundEnded]:
    """How each round ended."""
    return [event for event in events if isinstance(event, RoundEnded)]


def trained(events: Iterable[Event], round: int) -> set[int]:
    """Clients that did local work in a round."""
    found = [e.clients for e in events if isinstance(e, BatchTrained) and e.round == round]
    return {client for clients in found for client in clients}


def forged(events: Iterable[Event]) -> list[tuple[int, str, tuple[int, ...]]]:
    """Which attack replaced whose rows in which round."""
    return [(e.round, e.attack, e.clients) for e in events if isinstance(e, UpdatesForged)]


def run_in(folder: Path, given: Scenario, pool: Pool | None = None) -> list[str]:
    """Run or go on in a results folder to the end, and give the folder's notes."""
    with claim(given, folder) as claimed:
        simulation = simulate(given, pool or Pool(1, "serial"), resume=claimed.begin())
        keeper = Keeper(claimed, simulation)
        with simulation:
            for event in simulation:
                keeper(event)
        keeper.close()
        return claimed.notes


@contextmanager
def registered(registry: Registry, *names: str) -> Iterator[None]:
    """Forget these algorithms of a test afterwards."""
    registry.names()  # everything of the house is loaded before a test adds to it
    try:
        yield
    finally:
        for name in names:
            registry._entries.pop(name, None)
