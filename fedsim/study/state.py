"""How far a study has come: which cells are finished, under way or stale, and why; nothing is played to find out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fedsim.array_types import Progress, silent
from fedsim.atomic_files import read_plain
from fedsim.errors import ResultsConflict
from fedsim.provenance import versions
from fedsim.runs.code_record import present_code, recorded_code
from fedsim.runs.consistency import outline, whole_ending
from fedsim.runs.inventory import SCENARIO, check_kinds
from fedsim.runs.reading import MOST_SCENARIO
from fedsim.runs.summary_file import ADDED_FIELDS, read_summary, recorded_settings
from fedsim.scenario.load import describes
from fedsim.scenario.toml_values import NOTHING, toml
from fedsim.study.cells import CELLS, Cell
from fedsim.study.code import library_versions, relevant_code

Status = Literal["finished", "partial", "new", "stale", "damaged"]
MOST_KEYS = 4
"""Results that differ in more settings than this are another experiment, not an older one of the same cell."""


@dataclass(frozen=True)
class State:
    """What is known of a cell before it is played."""

    status: Status
    reason: str = ""  # of what is stale or damaged
    rounds_done: int = 0
    summary: Mapping[str, Any] | None = None  # of a finished cell

    @property
    def waits(self) -> bool:
        """Whether there is something to play."""
        return self.status not in ("finished", "damaged")


@dataclass(frozen=True)
class Other:
    """A results folder in the study's that belongs to none of its cells as they are now."""

    folder: Path
    summary: Mapping[str, Any]


def states_of(cells: Sequence[Cell], progress: Progress = silent) -> dict[Path, State]:
    """The state of each cell by its folder."""
    found: dict[Path, State] = {}
    for cell in cells:
        if cell.folder not in found:
            progress("looking at cells", len(found), len(cells))
            found[cell.folder] = _own_state(cell)
    progress("looking at cells", len(cells), len(cells))
    new = [cell for cell in cells if found[cell.folder].status == "new"]
    others = list(_others(cells, set(found))) if new else []
    for cell in new:
        reason = why_stale(cell, others)
        if reason:
            found[cell.folder] = State("stale", reason)
    return found


def _own_state(cell: Cell) -> State:
    folder = cell.folder
    if not folder.is_dir() or not any(folder.iterdir()):
        return State("new")
    if not (folder / SCENARIO).exists():
        return State("new")  # a run that was killed before it had written anything
    try:
        check_kinds(folder)
        text = read_plain(folder / SCENARIO, MOST_SCENARIO).decode()
    except (ResultsConflict, OSError, UnicodeDecodeError) as error:
        return State("damaged", str(error))
    summary, code = read_summary(folder), recorded_code(folder)
    if not describes(text, cell.scenario):
        return State("damaged", f"{SCENARIO} is not this cell's: somebody edited it")
    if code is None:
        return State("damaged", "it has no record of the code that made it") if summary else State("new")
    apart = relevant_code(code, cell.scenario).apart(relevant_code(present_code(cell.scenario), cell.scenario))
    if apart:
        return State("damaged", f"{apart}, against its folder's name")
    if summary.get("status") == "finished":
        settings = summary.get("settings")
        if settings != _as_json(recorded_settings(cell.scenario)):
            return State("damaged", "summary.json tells of other settings: somebody edited it")
        return _finished(cell, summary)
    done = summary.get("rounds_done", 0)
    return State("partial", rounds_done=done if isinstance(done, int) else 0)


def _finished(cell: Cell, summary: Mapping[str, Any]) -> State:
    """A whole run, if its summary is what its events come to."""
    kept = outline(cell.folder)
    if kept.started is None or kept.ended is None:
        return State("damaged", "its events do not reach the end that summary.json tells of")
    told = json.loads(json.dumps(whole_ending(cell.folder, cell.scenario, kept.started, kept.ended)))
    wrong = [key for key, value in told.items() if summary.get(key, value if key in ADDED_FIELDS else None) != value]
    if wrong:
        return State("damaged", f"summary.json does not follow from its events: {', '.join(wrong)}")
    return State("finished", summary=summary)


def _as_json(value: Any) -> Any:
    """As it comes back from a file of JSON: lists for tuples."""
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, tuple | list) else value


def _others(cells: Sequence[Cell], own: set[Path]) -> Iterator[Other]:
    folder = cells[0].folder.parent
    for path in sorted(folder.iterdir()) if folder.name == CELLS and folder.is_dir() else ():
        if path not in own and (summary := read_summary(path)):
            yield Other(path, summary)


def why_stale(cell: Cell, others: Sequence[Other]) -> str:
    """What is different now from the nearest results that this cell once had; nothing where it never had any."""
    settings = _as_json(recorded_settings(cell.scenario))
    nearest: tuple[int, Other, list[str]] | None = None
    for other in others:
        recorded = other.summary.get("settings")
        if not isinstance(recorded, Mapping) or recorded.get("seed") != cell.seed:
            continue
        keys = [key for key in {**settings, **recorded} if settings.get(key) != recorded.get(key)]
        if nearest is None or len(keys) < nearest[0]:
            nearest = len(keys), other, keys
    if nearest is None or nearest[0] > MOST_KEYS:
        return ""
    _, other, keys = nearest
    if keys:
        recorded = other.summary["settings"]
        if not _was_this_cell(cell, keys):
            return ""
        return ", ".join(f"{key} was {_told(recorded.get(key))}, is {_told(settings.get(key))}" for key in keys)
    return _other_code(cell, other)


def _was_this_cell(cell: Cell, keys: Sequence[str]) -> bool:
    """Whether what differs is the base's alone: results that differ along an axis are another cell's."""
    varied = [key.split(".")[0].split("[")[0] for key in cell.varied]
    return not any(key.split(".")[0].split("[")[0] in varied for key in keys)


def _other_code(cell: Cell, other: Other) -> str:
    code = recorded_code(other.folder)
    if code is None:
        return "made by code that is not on record"
    now = relevant_code(present_code(cell.scenario), cell.scenario)
    if apart := relevant_code(code, cell.scenario).apart(now):
        return apart
    before, here = other.summary.get("versions"), library_versions(versions())
    before = before if isinstance(before, dict) else {}
    found = [
        f"{name} {before.get(name, '?')} before, {here[name]} now" for name in here if before.get(name) != here[name]
    ]
    return f"made with other versions: {', '.join(found)}" if found else "made by code that is not on record"


def _told(value: Any) -> str:
    return NOTHING if value is None else toml(value)
