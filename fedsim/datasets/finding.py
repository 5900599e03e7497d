"""Where the files of a known dataset may lie already, under the names that people and programs give them."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedsim.cache import cache_root
from fedsim.datasets.idx import parse_idx, read_idx
from fedsim.errors import DataUnavailable


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
    def state(self) -> tuple[int, int]:
        """Changes when the file does."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def read(self, dimensions: int) -> NDArray[np.uint8]:
        """The array in it."""
        if not self.member:
            return read_idx(self.path, dimensions)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                return parse_idx(file, archive.getinfo(self.member).file_size, self.name, dimensions)  # type: ignore[arg-type]
        except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise DataUnavailable(f"{self.name}: cannot be read: {error}") from error


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
            with zipfile.ZipFile(path) as opened:
                members = {Path(member).name.removesuffix(".gz"): member for member in opened.namelist()}
        except (OSError, zipfile.BadZipFile) as error:
            raise DataUnavailable(f"{path}: not a readable zip archive ({error}); fetch it again") from error
        if all(name in members for name in names):
            return [Found(path, members[name]) for name in names]
    return None


def _spelled(place: Path, name: str) -> Path | None:
    spellings = (name, f"{name}.gz", name.replace("-idx", ".idx"))
    return next((place / spelling for spelling in spellings if (place / spelling).is_file()), None)
