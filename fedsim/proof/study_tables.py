"""Does a packed study agree with itself? Its tables follow from its runs, and its runs from its plan."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from fedsim.errors import FedsimError
from fedsim.proof.archive import Manifest
from fedsim.runs.consistency import ABSENT, Difference, same_bytes
from fedsim.scenario.load import parse_table
from fedsim.study.cells import cells_of
from fedsim.study.plan import plan_of
from fedsim.study.results import STUDY, Study, load_study

PHASE = "tables"
Labels = tuple[tuple[str, str], ...]


def study_differences(folder: Path, manifest: Manifest) -> tuple[list[Difference], list[str]]:
    """Where tables and labels are not what the runs say, and what could not be compared, in words."""
    study = load_study(folder)
    labels, left_out = _labels(folder, study, manifest)
    return [*_tables(folder, study), *_runs(study, manifest), *labels], left_out


def _tables(folder: Path, study: Study) -> Iterator[Difference]:
    for name, text in study.files().items():
        if not same_bytes(folder / name, text.encode()):
            yield Difference(0, PHASE, "", "other numbers", "what the runs come to", name)


def _runs(study: Study, manifest: Manifest) -> Iterator[Difference]:
    """Runs of the archive that are no finished cell of the study, or the other way."""
    cells = {str(record["folder"]) for record in study.records}
    for folder in sorted(cells ^ {run.folder for run in manifest.runs}):
        there, wanted = ("a cell", ABSENT) if folder in cells else (ABSENT, "a cell")
        yield Difference(0, PHASE, folder, there, wanted, STUDY)


def _labels(folder: Path, study: Study, manifest: Manifest) -> tuple[list[Difference], list[str]]:
    """Which scenario the plan gives to each cell, against the one that the study says it was."""
    words = "which scenario the plan gives to each cell"
    if manifest.needs:
        return [], [f"{words}: it names files that are not in the archive"]
    try:
        table = parse_table(study.source, STUDY)
        if not isinstance(table.get("base", {}), dict):
            return [], [f"{words}: its base is another file"]
        cells = cells_of(plan_of(study.source, folder / f"{Path(study.name).name}.toml"))
    except FedsimError as error:
        return [], [f"{words}: {str(error).splitlines()[-1].strip()}"]
    wanted = {tuple(cell.labels.items()): cell.digest for cell in cells}
    found = {tuple(place.labels.items()): place.scenario for place in study.places}
    apart = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
    return [_apart(key, found, wanted) for key in apart], []


def _apart(key: Labels, found: Mapping[Labels, str], wanted: Mapping[Labels, str]) -> Difference:
    name = " ".join(f"{axis}={label}" for axis, label in key)
    return Difference(0, PHASE, name, found.get(key, ABSENT), wanted.get(key, ABSENT), STUDY)
