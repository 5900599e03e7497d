"""How long a study will take and how much it will keep, judged by the cells that are finished."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedsim.runs.summary_file import read_summary
from fedsim.study.cells import CELLS, Cell
from fedsim.study.state import State


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def folder_bytes(folder: Path) -> int:
    """What a results folder takes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def effort_of_a_cell(folder: Path) -> tuple[float, float] | None:
    """Mean seconds and bytes of the finished runs in a study's folder, stale ones too; None where there are none."""
    found = []
    for path in sorted((folder / CELLS).iterdir()) if (folder / CELLS).is_dir() else ():
        wall = read_summary(path).get("wall")
        if isinstance(wall, dict) and isinstance(wall.get("seconds"), int | float):
            found.append((float(wall["seconds"]), folder_bytes(path)))
    if not found:
        return None
    return sum(took for took, _ in found) / len(found), sum(size for _, size in found) / len(found)


def runs_to_play(cells: Sequence[Cell], states: Mapping[Path, State]) -> int:
    """How many runs are not finished: cells that come to the same scenario are one run."""
    return len({cell.folder for cell in cells if states[cell.folder].waits})
