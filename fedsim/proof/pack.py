"""One archive of a run or of a study that anybody can check without believing its maker.

    fedsim.pack("runs/mine", "mine.zip")
    fedsim.verify_archive("mine.zip", spot=20)

Packed is what can be checked: scenario, code, events, table, summary, checkpoints, model; of a study its plan, its
tables and every finished cell. Figures and recorded updates stay behind: the first show what the tables say, the second
are large and are made anew by whoever plays the rounds.
"""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from fedsim.array_types import Progress, silent
from fedsim.atomic_files import kind_of
from fedsim.errors import ResultsConflict
from fedsim.proof.archive import FORMAT, SUFFIX, Content, Kind, Manifest, PackedRun, member, write_archive
from fedsim.proof.signature import sign
from fedsim.runs.checkpoints import checkpoint_round, checkpoints
from fedsim.runs.code_record import recorded_code
from fedsim.runs.consistency import inconsistencies, is_finished, outline
from fedsim.runs.inventory import CHECKPOINTS, FIGURE, FOLDERS, ORIGIN, OURS, PLUGINS, REPORT
from fedsim.runs.reading import read_scenario
from fedsim.runs.summary_file import read_summary
from fedsim.scenario.load import parse_table, read_text, scenario_digest
from fedsim.scenario.locations import files_outside
from fedsim.scenario.sections import Scenario
from fedsim.scenario.shipped import find_study
from fedsim.study.plan import is_study
from fedsim.study.results import STUDY, Study, load_study

OF_A_RUN = tuple(name for name in OURS if name not in (*FOLDERS, FIGURE, REPORT))
"""Files of a run's folder that are packed: all but what a terminal draws."""


class Packed(NamedTuple):
    """An archive that was written."""

    path: Path
    manifest: Manifest
    bytes: int
    signed: bool
    left: int  # cells of the study that are not finished, and are not in it
    checkpoints: dict[str, list[int]]  # of each run: a spot check begins at the nearest of them


def pack(
    folder: str | PathLike[str],
    archive: str | PathLike[str] | None = None,
    *,
    key: str | PathLike[str] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Packed:
    """Write the archive of a finished run's folder, or of a study's folder or file; with `key` it is signed.

    ResultsConflict where nothing is finished, where a folder does not agree with itself, or where the archive is
    there already and `force` does not say that it may go.
    """
    source = Path(folder)
    study = _study(source)
    kind: Kind = "study" if study else "run"
    root = study.folder if study else source
    target = Path(archive) if archive is not None else Path(f"{root.resolve().name}{SUFFIX}")
    if kind_of(target) and not force:
        raise ResultsConflict(f"{target} is there already; choose another --out, or replace it with --force")
    folders = _cells(study) if study else [""]
    contents = {name: text.encode() for name, text in study.files().items()} if study else {}
    manifest, files = _manifest(kind, root, folders, contents, study, progress)
    signature = sign(manifest.text(), Path(key)) if key is not None else b""
    write_archive(target, manifest, files, signature)
    kept = {each: sorted(map(checkpoint_round, checkpoints(root / each / CHECKPOINTS))) for each in folders}
    left = len(study.places) - len(study.records) if study else 0
    return Packed(target, manifest, target.stat().st_size, bool(signature), left, kept)


def packed_run(root: Path, folder: str, scenario: Scenario) -> PackedRun:
    """A run as its record tells of it."""
    kept, code = outline(root / folder), recorded_code(root / folder)
    digest = kept.digests[-1] if kept.digests else ""
    return PackedRun(folder, scenario_digest(scenario), code.fingerprint if code else "", kept.done, digest)


def _manifest(
    kind: Kind, root: Path, folders: list[str], contents: dict[str, bytes], study: Study | None, progress: Progress
) -> tuple[Manifest, dict[str, Content]]:
    runs, needs, files = [], dict[str, None](), dict[str, Content](contents)
    for place, folder in enumerate(folders):
        progress("packing", place, len(folders))
        scenario = _whole(root / folder)
        runs.append(packed_run(root, folder, scenario))
        needs |= dict.fromkeys(files_outside(scenario))
        files |= {f"{folder}/{name}" if folder else name: root / folder / name for name in _names(root / folder)}
        name, question = scenario.name, scenario.question
    if study:
        name, question = study.name, study.question
    files = dict(sorted(files.items()))
    members = tuple(member(name, content) for name, content in files.items())
    return Manifest(FORMAT, kind, name, question, tuple(runs), tuple(needs), members), files


def _study(source: Path) -> Study | None:
    """The study that is meant; None where it is a run's folder."""
    if source.is_dir():
        return load_study(source) if kind_of(source / STUDY) else None
    file = find_study(source)
    if not file.exists():
        raise ResultsConflict(f"there is no {source}: give a run's results folder, or a study's folder or file")
    if file.suffix == ".toml" and is_study(parse_table(read_text(file), str(file))):
        return load_study(file)
    raise ResultsConflict(f"{source} is no study's file: give the results folder of its run")


def _cells(study: Study) -> list[str]:
    """The folders of the finished cells, each once."""
    found = list(dict.fromkeys(str(record["folder"]) for record in study.records))
    if not found:
        raise ResultsConflict(f"{study.folder}: no cell is finished; fedsim sweep plays them")
    return found


def _whole(folder: Path) -> Scenario:
    """The scenario of a finished run that agrees with itself."""
    scenario, kept = read_scenario(folder), outline(folder)
    if not is_finished(folder):
        done = read_summary(folder).get("rounds_done", kept.done)
        raise ResultsConflict(f"{folder} is not finished ({done} of {scenario.rounds} rounds): fedsim resume {folder}")
    for each in inconsistencies(folder, scenario, kept):
        what = f"{each.file}: {each.field or each.phase}"
        raise ResultsConflict(f"{folder} does not agree with itself, first in {what}; fedsim verify {folder} says more")
    return scenario


def _names(folder: Path) -> Iterator[str]:
    """What of a run's folder is packed; nothing that no run puts there."""
    yield from (name for name in OF_A_RUN if kind_of(folder / name))
    for checkpoint in checkpoints(folder / CHECKPOINTS):
        yield from (f"{CHECKPOINTS}/{checkpoint.name}/{file.name}" for file in checkpoint.iterdir())
    code = recorded_code(folder)
    yield from (f"{PLUGINS}/{name}" for name in (code.own if code else ()))
    if kind_of(folder / ORIGIN):
        yield from (f"{ORIGIN}/{name}" for name in _names(folder / ORIGIN))
