"""Where the files of a known dataset may lie already, under the names that people and programs give them."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedsim.datasets.bounded_files import digest_of, open_file
from fedsim.datasets.cache import cache_root
from fedsim.datasets.idx import MOST_BYTES, parse_idx, read_idx
from fedsim.errors import DataUnavailable

END = 22 + 65_535 + 20  # bytes at the end of a zip archive in which its last records lie
MOST_DIRECTORY = 1_000_000  # bytes of an archive's list of members, which is read whole
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Found:
    """An IDX file, or one within a zip archive."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def digest(self) -> str:
        """Changes when what is in the file does."""
        return digest_of(self.path, MOST_BYTES) + self.member

    def read(self, sides: tuple[int, ...], count: int | None = None) -> NDArray[np.uint8]:
        """The (m, *sides) array in it, m being `count` where that is known."""
        if not self.member:
            return read_idx(self.path, sides, count)
        try:
            with opened_archive(self.path) as archive, archive.open(self.member) as file:
                info = archive.getinfo(self.member)
                if info.compress_type not in PACKINGS:
                    raise DataUnavailable(f"{self.name}: neither stored nor deflated")
                return parse_idx(file, info.file_size, self.name, sides, count)  # type: ignore[arg-type]
        except (
            OSError,
            zipfile.BadZipFile,
            zlib.error,
            ValueError,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise DataUnavailable(f"{self.name}: cannot be read: {error}") from error


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive with a list of members of ordinary length."""
    with open_file(path, MOST_BYTES) as file:
        file.seek(max(0, path.stat().st_size - END))
        tail = file.read(END)
        at = tail.rfind(b"PK\5\6")
        directory = int.from_bytes(tail[at + 12 : at + 16], "little")
        if at >= 0 and (directory > MOST_DIRECTORY or b"PK\6\7" in tail):
            raise DataUnavailable(f"{path}: lists more members than the archive of a data set can have")
        with zipfile.ZipFile(file) as archive:
            yield archive


def places(name: str, folder: str | None, *usual: str) -> list[Path]:
    """Folders to look into, the one to fill last; `name` is what torchvision calls the dataset."""
    if folder is not None:
        given = Path(folder).expanduser().absolute()
        return [given / name / "raw", given / "raw", given / "gzip", given]
    return [
        *(Path(place) for place in usual),
        Path("data").absolute() / name / "raw",
        cache_root() / "downloads" / name,
    ]


def find_files(names: Sequence[str], where: Sequence[Path]) -> list[Found] | None:
    """All of these files in the first place that has them all, gzipped or not."""
    for place in where:
        paths = [_spelled(place, name) for name in names]
        if all(paths):
            return [Found(path) for path in paths if path]
    return None


def find_members(names: Sequence[str], archive: str, where: Sequence[Path]) -> list[Found] | None:
    """All of these files within the first zip archive of this name that has them all."""
    for path in (place / archive for place in where):
        if not path.is_file():
            continue
        try:
            with opened_archive(path) as opened:
                members = {Path(member).name.removesuffix(".gz"): member for member in opened.namelist()}
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise DataUnavailable(f"{path}: not a readable zip archive ({error}); fetch it again") from error
        if all(name in members for name in names):
            return [Found(path, members[name]) for name in names]
    return None


def _spelled(place: Path, name: str) -> Path | None:
    spellings = (name, f"{name}.gz", name.replace("-idx", ".idx"))
    return next((place / spelling for spelling in spellings if (place / spelling).is_file()), None)
