"""Paths among the settings of a scenario, made absolute: those in its file from there, overrides from here."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedsim.paths import absolute, path_settings
from fedsim.plugins.named import is_address
from fedsim.plugins.places import is_file_name
from fedsim.scenario.build import families
from fedsim.scenario.overrides import Override
from fedsim.scenario.sections import Choice, Clients, Partition, Scenario, Tracking

PLACES = {"data": "datasets", "partition": "partitions", "model": "models", "aggregator": "aggregators"}
"""Keys of a scenario with an algorithm that may have paths among its settings, and its family."""


def located(scenario: Scenario, folder: Path, changes: Iterable[Override] = ()) -> Scenario:
    """The scenario with all its paths absolute; `folder` is that of its file."""
    given = {change.path for change in changes}
    found: dict[str, Any] = {key: _located(key, family, scenario, folder, given) for key, family in PLACES.items()}
    found["clients"] = _present(scenario.clients, folder, given)
    found["tracking"] = Tracking(to=tuple(_addressed(each, folder) for each in scenario.tracking.to))
    return replace(scenario, **found) if any(found[key] != getattr(scenario, key) for key in found) else scenario


def _present(clients: Clients, folder: Path, given: set[tuple[str | int, ...]]) -> Clients:
    """The clients with the files of their availability named from the root."""
    law, path = clients.availability, ("clients", "availability")
    if law is None or not law.name or law.name not in families()["availabilities"]:
        return clients
    names = [name for name in path_settings(families()["availabilities"][law.name].settings) if name in law.settings]
    overridden = {(path[0],), path, *((*path, name) for name in names)} & given
    paths = {name: absolute(law.settings[name], Path() if overridden else folder) for name in names}
    return replace(clients, availability=Choice(law.name, {**law.settings, **paths})) if paths else clients


def _addressed(choice: Choice, folder: Path) -> Choice:
    """A tracker in a file of one's own, with that file named from the root: a run that goes on finds it again."""
    file, _, thing = choice.name.rpartition(":")
    if not is_address(choice.name) or not is_file_name(file):
        return choice
    return Choice(f"{absolute(file, folder)}:{thing}", choice.settings)


def files_outside(scenario: Scenario) -> list[str]:
    """The files and folders that a scenario names, each once."""
    chosen = [getattr(scenario, key) for key in PLACES]
    choices = [each.choice if isinstance(each, Partition) else each for each in chosen]
    pairs = [*zip(choices, PLACES.values(), strict=True)]
    if scenario.clients.availability is not None:
        pairs.append((scenario.clients.availability, "availabilities"))
    found = [
        choice.settings.get(name)
        for choice, family in pairs
        if choice.name
        for name in path_settings(families()[family][choice.name].settings)
    ]
    return list(dict.fromkeys(path for path in found if isinstance(path, str) and path))


def _located(key: str, family: str, scenario: Scenario, folder: Path, given: set[tuple[str | int, ...]]) -> Any:
    chosen = getattr(scenario, key)
    choice: Choice = chosen.choice if isinstance(chosen, Partition) else chosen
    if not choice.name or choice.name not in families()[family]:
        return chosen
    names = path_settings(families()[family][choice.name].settings)
    where = {name: Path() if {(key,), (key, name)} & given else folder for name in names}
    paths = {name: absolute(choice.settings[name], where[name]) for name in names if name in choice.settings}
    found = Choice(choice.name, {**choice.settings, **paths})
    return replace(chosen, choice=found) if isinstance(chosen, Partition) else found
