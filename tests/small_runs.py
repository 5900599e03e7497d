"""Small scenarios and whole runs for the tests of the engine rooms."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fedsim.aggregators.contract import Aggregate, aggregator, aggregators
from fedsim.engine import simulate
from fedsim.events import Aggregated, BatchTrained, Event, RoundEnded, RoundStarted, UpdatesForged
from fedsim.execution.pool import Pool
from fedsim.registry import Registry
from fedsim.runs.checkpoints import load_checkpoint, save_checkpoint
from fedsim.runs.event_json import event_record
from fedsim.runs.folder import FIGURE, claim
from fedsim.runs.recorder import Recorder
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Scenario

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
EVERYONE = ["clients.population=6", "clients.sampled=6"]
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


def must_go_on(given: Scenario, straight: Iterable[dict[str, Any]], folder: Path, after: int) -> None:
    """AssertionError where a run that goes on from its checkpoint of that round is not the rest of the straight one."""
    with simulate(given, Pool(1, "serial")) as first:
        next(event for event in first if isinstance(event, RoundEnded) and event.round == after)
        state = load_checkpoint(save_checkpoint(folder, first.state))
    tail = [event for event in same(simulate(given, Pool(1, "serial"), resume=state)) if "round" in event]
    assert tail == [event for event in straight if event.get("round", 0) > after]


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
        recorder = Recorder(claimed, simulation)
        with simulation:
            for event in simulation:
                recorder(event)
        recorder.close()
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


def held(*ids: int, name: str = "spy", **more: object) -> str:
    """An attack that holds these clients, as TOML."""
    lines = "".join(f"{key} = {value!r}\n".replace("'", '"') for key, value in more.items())
    return f'\n[[attacks]]\nname = "{name}"\nids = {list(ids)}\n{lines}'


@contextmanager
def witness() -> Iterator[list[dict[str, Any]]]:
    """A rule named witness that takes the mean and notes everything that the engine can supply."""
    with registered(aggregators, "witness"):
        seen: list[dict[str, Any]] = []

        @aggregator("witness")
        def witness(updates, counts, previous, parameters, trusted, root_logits, memory, clients, stream):
            given = {"updates": updates, "counts": counts, "previous": previous, "parameters": parameters,
                     "trusted": trusted, "root_logits": root_logits, "memory": memory, "clients": clients,
                     "stream": stream}  # fmt: skip
            seen.append({k: v.copy() if isinstance(v, np.ndarray) else v for k, v in given.items()})
            past = 0 if memory is None else memory["past"]
            weights = np.full(len(updates), 1 / len(updates))
            return Aggregate(updates.mean(axis=0), weights, {"past": np.asarray(past + 1)})

        yield seen


def seen_by(seen: list[dict[str, Any]], given: Scenario) -> list[Event]:
    """The events of a run, and in `seen` its rounds only: the rehearsal's call is forgotten."""
    seen.clear()
    return played(given)


def content(folder: Path) -> dict[str, Any]:
    """What must be the same in two results folders: everything but the wall clock."""
    return {
        str(path.relative_to(folder)): _without_clock(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FIGURE
    }


def _without_clock(path: Path) -> Any:
    if path.name == "metrics.csv":
        return [line.rpartition(",")[0] for line in path.read_text().splitlines()]
    if path.name == "events.jsonl":
        return [line.partition(b',"wall":')[0] for line in path.read_bytes().splitlines()]
    if path.name == "summary.json":
        return {key: value for key, value in json.loads(path.read_text()).items() if key != "wall"}
    return path.read_bytes()
