"""Is a folder's record of this scenario? A file can be edited after the run began; what was written cannot follow."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from fedsim.errors import ResultsConflict
from fedsim.events import RunStarted
from fedsim.runs.code_record import other_code
from fedsim.runs.event_json import recorded
from fedsim.runs.inventory import EVENTS, SCENARIO
from fedsim.runs.summary_file import read_summary, recorded_settings
from fedsim.scenario.load import scenario_digest
from fedsim.scenario.sections import Scenario
from fedsim.scenario.validation import shown

MOST_SETTINGS_TOLD = 2
"""Settings that the first event tells, where the summary is lost."""
MOST_KEYS = 4
"""Differing settings that a message names."""


def check_record(path: Path, scenario: Scenario) -> None:
    """ResultsConflict where the folder's record is of another scenario than this one, as after its file was edited."""
    before, kept = _on_record(path)
    settings = recorded_settings(scenario)
    different = apart(
        kept, {key: value for key, value in settings.items() if key in kept or len(kept) > MOST_SETTINGS_TOLD}
    )
    if not different and before in ("", scenario_digest(scenario)):
        return
    if words := other_code(path, scenario):
        raise ResultsConflict(f"{path}: {words}; under it the scenario is another: {different or 'by its digest'}")
    raise ResultsConflict(
        f"{path}: {SCENARIO} was changed after the run began: {different or f'the record is of scenario {before}'}; "
        "undo the change to go on, or start a run of its own with "
        f"`fedsim run {quote(str(path / SCENARIO))} --out FOLDER` "
        "(rounds that both have come out the same where only `rounds` differs)"
    )


def check_data(path: Path, started: RunStarted) -> None:
    """ResultsConflict where a run that is gone on with began with other examples: its files were changed since."""
    before = next((event for _, event in recorded(path / EVENTS)), None)
    if isinstance(before, RunStarted) and before.data != started.data:
        raise ResultsConflict(
            f"{path}: the data files were changed after the run began (their digest was {before.data}, it is "
            f"{started.data}); put them back to go on, or start over"
        )


def _on_record(path: Path) -> tuple[str, dict[str, Any]]:
    """The digest of the scenario that the record is of, and its settings as far as they stand anywhere."""
    started, summary = next((event for _, event in recorded(path / EVENTS)), None), read_summary(path)
    digest, settings = summary.get("scenario", ""), summary.get("settings")
    if isinstance(started, RunStarted):
        digest, settings = started.scenario, settings if digest == started.scenario else None
        return digest, settings if isinstance(settings, dict) else {"name": started.name, "rounds": started.rounds}
    return (digest, settings) if isinstance(digest, str) and isinstance(settings, dict) else ("", {})


def apart(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The settings that differ, in words; empty where none does."""
    keys = [key for key in dict.fromkeys([*there, *here]) if there.get(key) != here.get(key)]
    words = [f"{key} is {_word(there, key)} on record and {_word(here, key)} here" for key in keys[:MOST_KEYS]]
    return ", ".join([*words, f"and {len(keys) - MOST_KEYS} more"] if len(keys) > MOST_KEYS else words)


def _word(settings: Mapping[str, Any], key: str) -> str:
    return shown(settings[key]) if key in settings else "not set"
