"""Is a packed proof what it claims? It is unpacked, held against its manifest, and rounds of it are played again.

Three things are told apart. An archive whose bytes are not those of its manifest was changed on its way. One whose
signature is of somebody else is not from whom it claims. And one that is whole, whoever signed it, may still tell of
numbers that its scenario does not give: only playing rounds again can find that, and the chance is stated with which
a single wrong round would have been found.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import accumulate
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from fedsim.array_types import Progress, silent
from fedsim.errors import FedsimError, ResultsConflict
from fedsim.plugins.permission import permit, permitted
from fedsim.proof.archive import Archive, Manifest, opened
from fedsim.proof.pack import packed_run
from fedsim.proof.signature import Signer, check_signature
from fedsim.proof.study_tables import study_differences
from fedsim.runs.consistency import Difference, is_finished
from fedsim.runs.inventory import PLUGINS
from fedsim.runs.reading import read_scenario
from fedsim.runs.spot_checks import Spots, draw
from fedsim.runs.verify import Verdict, reaches, verify, verify_spans

if TYPE_CHECKING:
    from fedsim.execution.pool import Pool

MOST_SHOWN = 3


class ArchiveVerdict(NamedTuple):
    """What the check of an archive found."""

    manifest: Manifest
    signer: Signer | None  # None of an archive that nobody has signed
    runs: Mapping[str, Verdict]  # by their folders in the archive
    played: int  # rounds that were played again
    done: int  # rounds on record, of all runs
    spots: Spots | None  # of a spot check, over the rounds of all runs one after another
    differences: tuple[Difference, ...]
    not_compared: tuple[str, ...]

    @property
    def difference(self) -> Difference | None:
        """The first difference, or None where all that was compared is the same."""
        return self.differences[0] if self.differences else None


def verify_archive(
    archive: str | PathLike[str],
    rounds: tuple[int, int] | None = None,
    pool: "Pool | None" = None,
    progress: Progress = silent,
    *,
    spot: int | None = None,
    seed: int | None = None,
    kept_code: bool = False,
    allowed_signers: str | PathLike[str] | None = None,
) -> ArchiveVerdict:
    """Check an archive: all of its rounds, or `spot` of them drawn at random, or of a run those from `rounds`.

    Its own code is run only with `kept_code`. With `allowed_signers`, a file in the form of ssh-keygen, one that none
    of them has signed is refused. ResultsConflict where there is nothing to check because the archive was changed.
    """
    with unpacked(Path(archive), allowed_signers, kept_code=kept_code) as content:
        return content.verify(rounds, pool, progress, spot=spot, seed=seed)


class Unpacked(NamedTuple):
    """What an archive holds, for as long as it is looked at."""

    path: Path
    folder: Path
    manifest: Manifest
    signer: Signer | None
    kept_code: bool

    def verify(
        self,
        rounds: tuple[int, int] | None = None,
        pool: "Pool | None" = None,
        progress: Progress = silent,
        *,
        spot: int | None = None,
        seed: int | None = None,
    ) -> ArchiveVerdict:
        """Hold it against itself, and play rounds again."""
        if self.manifest.kind == "study":
            if rounds is not None:
                raise ResultsConflict(f"{self.path} is of a study, each of whose runs has its rounds: give --spot")
            return _study(self, pool, progress, spot, seed)
        _check_finished(self.folder)
        verdict = verify(self.folder, rounds, pool, progress, spot=spot, seed=seed, kept_code=self.kept_code)
        return ArchiveVerdict(
            self.manifest, self.signer, {"": verdict}, verdict.played, self.manifest.runs[0].rounds, verdict.spots,
            (*_claims(self), *verdict.differences), (*_needed(self.manifest), *verdict.not_compared),
        )  # fmt: skip


@contextmanager
def unpacked(
    path: Path, allowed_signers: str | PathLike[str] | None = None, *, kept_code: bool = False
) -> Iterator[Unpacked]:
    """An archive's content in a folder for as long as it is looked at; its path stands in whatever goes wrong."""
    with opened(path) as archive, TemporaryDirectory(prefix="fedsim-") as beside:
        signer = _signer(archive, Path(allowed_signers) if allowed_signers is not None else None)
        _check_own_code(archive, kept_code)
        archive.unpack(Path(beside))
        before = permitted()
        permit(before and kept_code)
        try:
            yield Unpacked(path, Path(beside), archive.manifest, signer, kept_code)
        except FedsimError as error:
            if beside in str(error):
                raise ResultsConflict(str(error).replace(beside, str(path))) from error
            raise
        finally:
            permit(before)


def _signer(archive: Archive, allowed: Path | None) -> Signer | None:
    if not archive.signature:
        if allowed is not None:
            raise ResultsConflict(f"{archive.path} is not signed by anybody")
        return None
    try:
        return check_signature(archive.manifest.text(), archive.signature, allowed)
    except ResultsConflict as error:
        raise ResultsConflict(f"{archive.path}: {error}") from error


def _check_own_code(archive: Archive, kept_code: bool) -> None:
    """ResultsConflict where other people's code would be run that nobody has agreed to."""
    own = [each.name for each in archive.manifest.files if PLUGINS in each.name.split("/")[:-1]]
    if own and not kept_code:
        more = f" and {len(own) - MOST_SHOWN} more" if len(own) > MOST_SHOWN else ""
        raise ResultsConflict(
            f"{archive.path} holds own code ({', '.join(own[:MOST_SHOWN])}{more}), which would run with your rights: "
            f"look at it first (unzip -p {archive.path} {own[0]}), then give --kept-code"
        )


def _check_finished(folder: Path) -> None:
    if not is_finished(folder):
        raise ResultsConflict(f"{folder} holds a run that is not finished")


def _study(
    content: Unpacked, pool: "Pool | None", progress: Progress, spot: int | None, seed: int | None
) -> ArchiveVerdict:
    """Of a study: its tables made anew, each run held against its own record, and rounds of all of them played."""
    folder, manifest = content.folder, content.manifest
    ways = [reaches(folder / run.folder, run.rounds) for run in manifest.runs]
    spots = draw(spot, [way for run in ways for way in run], seed) if spot is not None else None
    found: list[Difference] = list(_claims(content))
    differences, left_out = study_differences(folder, manifest)
    found += differences
    verdicts: dict[str, Verdict] = {}
    for place, (run, spans) in enumerate(zip(manifest.runs, _spans(ways, spots), strict=True)):
        progress("verifying runs", place, len(ways))
        _check_finished(folder / run.folder)
        verdict = verify_spans(folder / run.folder, spans, pool, kept_code=content.kept_code)
        found += [each._replace(file=f"{run.folder}/{each.file}") for each in verdict.differences]
        verdicts[run.folder] = verdict
    played, done = sum(each.played for each in verdicts.values()), sum(map(len, ways))
    return ArchiveVerdict(
        manifest, content.signer, verdicts, played, done, spots, tuple(found),
        (*_needed(manifest), *left_out, *_left_out(played, done)),
    )  # fmt: skip


def _spans(ways: Sequence[Sequence[int]], spots: Spots | None) -> Iterator[list[tuple[int, int]] | None]:
    """The rounds to be played of each run; the drawn ones are counted through all runs."""
    ends = list(accumulate(map(len, ways)))
    for end, way in zip(ends, ways, strict=True):
        first = end - len(way)
        own = [round - first for round in spots.rounds if first < round <= end] if spots else []
        yield [(round, round) for round in own] if spots else None


def _claims(content: Unpacked) -> Iterator[Difference]:
    """Where the manifest tells of other runs than the archive holds."""
    for told in content.manifest.runs:
        scenario = read_scenario(content.folder / told.folder, kept_code=content.kept_code)
        there = packed_run(content.folder, told.folder, scenario)
        for name, value in asdict(told).items() if told != there else ():
            if (now := getattr(there, name)) != value:
                yield Difference(0, "manifest", f"{told.folder or 'run'}: {name}", value, now, "manifest.json")


def _needed(manifest: Manifest) -> Iterator[str]:
    if manifest.needs:
        yield f"files that it reads and does not hold: {', '.join(manifest.needs)} (their digest is in the events)"


def _left_out(played: int, done: int) -> Iterator[str]:
    if played < done:
        yield f"{done - played:,} of {done:,} rounds, which were not played again"
    yield "the wall clock, versions and host"
