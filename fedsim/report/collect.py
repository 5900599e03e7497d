"""A report of whatever a folder holds: one run, a comparison or a study."""

from pathlib import Path

from fedsim.array_types import Progress, silent
from fedsim.errors import ResultsConflict
from fedsim.report.document import Report
from fedsim.report.of_comparison import TABLE, is_comparison, report_of_comparison
from fedsim.report.of_run import report_of_run
from fedsim.report.of_study import report_of_study
from fedsim.runs.inventory import SCENARIO
from fedsim.study.results import STUDY

MOST_NAMED = 3


def report_of(folder: Path, progress: Progress = silent, *, kept_code: bool = False) -> Report:
    """The report; ResultsConflict where the folder holds no results. Own code is run as read_scenario says."""
    if (folder / SCENARIO).exists():
        return report_of_run(folder, kept_code=kept_code)
    if is_comparison(folder):
        return report_of_comparison(folder, kept_code=kept_code)
    if (folder / STUDY).is_file():
        return report_of_study(folder, progress, kept_code=kept_code)
    raise ResultsConflict(_none(folder))


def _none(folder: Path) -> str:
    """What is wrong with the folder, and what to name in its place."""
    if not folder.exists():
        return f"{folder} does not exist; fedsim runs lists the results folders there are"
    if not folder.is_dir():
        return f"{folder} is a file: a report is made of a results folder"
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and (path / SCENARIO).exists())
    text = f"{folder} holds no run ({SCENARIO}), comparison ({TABLE}) or study ({STUDY})"
    if not inside:
        return text
    more = f" and {len(inside) - MOST_NAMED} more" if len(inside) > MOST_NAMED else ""
    return f"{text}; in it are {', '.join(map(str, inside[:MOST_NAMED]))}{more}: name one of these"
