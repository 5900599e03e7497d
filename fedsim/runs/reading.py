"""What stands in a results folder, read: its scenario and its events."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fedsim.atomic_files import read_plain
from fedsim.errors import ResultsConflict, ScenarioError
from fedsim.events import Event
from fedsim.plugins.places import beside
from fedsim.runs.code_record import known_places, recorded_code
from fedsim.runs.event_json import recorded
from fedsim.runs.inventory import EVENTS, SCENARIO, check_kinds
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.overrides import Overrides
from fedsim.scenario.sections import Scenario

MOST_SCENARIO = 2**25
"""Bytes of a resolved scenario: longer than one written by hand, as every default and every client stands in it."""
KEPT_CODE = "the copies of its own code, in plugins/, are run with --kept-code: look at them first"


def changed_scenario(
    path: Path, overrides: Overrides, *, plugins: Sequence[str] = (), kept_code: bool = False
) -> Scenario:
    """The same with these keys changed; ScenarioError with what is wrong with them."""
    text = read_plain(path / SCENARIO, MOST_SCENARIO).decode()
    with beside(path, known_places(path, kept=kept_code)):
        return parse_scenario(text, overrides, source=str(path / SCENARIO), plugins=plugins, tracked=False)


def read_scenario(path: Path, *, kept_code: bool = False, tracked: bool = False) -> Scenario:
    """The scenario of a results folder, without its trackers unless `tracked`; ResultsConflict where none can be read.

    Own code is run from where it was when the run was made, or, with `kept_code`, from the copies in the folder.
    """
    check_kinds(path)
    if not (path / SCENARIO).is_file():
        raise ResultsConflict(f"{path} is no results folder: it has no {SCENARIO}")
    try:
        text = read_plain(path / SCENARIO, MOST_SCENARIO).decode()
        with beside(path, known_places(path, kept=kept_code)):
            return parse_scenario(text, source=str(path / SCENARIO), tracked=tracked)
    except OSError as error:
        raise ResultsConflict(f"the scenario of {path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, ScenarioError) as error:
        hint = "" if kept_code else _where_own_code_is(path)
        raise ResultsConflict(f"the scenario of {path} cannot be read: {error}{hint}") from error


def read_tracked(path: Path, *, kept_code: bool) -> tuple[Scenario, str]:
    """The folder's scenario with its trackers, or without them and why: a run goes on where they are not to be had."""
    scenario = read_scenario(path, kept_code=kept_code)
    try:
        return read_scenario(path, kept_code=kept_code, tracked=True), ""
    except ResultsConflict as error:
        reason = getattr(error.__cause__, "problems", ())
        return scenario, f"not tracked: {'; '.join(each.message for each in reason) or error}"


def _where_own_code_is(path: Path) -> str:
    """A line on what to do where the names of a folder's own code are not known here."""
    code = recorded_code(path)
    if code is None or not code.own:
        return ""
    cells = [name.removesuffix(".py") for name in code.own if name not in code.kept.values()]
    if not code.kept and cells:
        way_out = "go on and verify there, or name its file with --plugin"
        return f"\n{', '.join(cells)}: defined in a script or a notebook; {way_out}"
    return f"\n{KEPT_CODE}"


def read_events(path: Path) -> list[Event]:
    """The events of a results folder, up to the first line that is not whole."""
    return list(events_of(path))


def events_of(path: Path) -> Iterator[Event]:
    """The same, one after another: a long record need not fit in memory."""
    return (event for _, event in recorded(path / EVENTS))
