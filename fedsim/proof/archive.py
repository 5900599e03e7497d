"""The file of a packed proof: a zip whose members are stored as they are, and a manifest that names every one of them.

    manifest.json      what it is of, and of each other member its bytes and their SHA-256
    manifest.json.sig  where somebody has signed it: the manifest, and with it all that it names
    ...                a results folder, or a study's folder with those of its cells

The same content gives the same bytes. Nothing is compressed, so an archive unpacks to no more than its own size, and
whatever no pack of ours would write (a link, a way out of the folder, a name twice) is refused before a byte of it is
written.
"""

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from fedsim.atomic_files import open_plain, replacing, storing
from fedsim.clean_text import one_line
from fedsim.errors import ResultsConflict
from fedsim.runs.event_json import built

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"
SUFFIX = ".zip"
BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)
"""The only time that a zip of ours knows."""
PLAIN_FILE = 0o100644
KIND_OF_FILE, REGULAR = 0o170000, 0o100000
UNIX = 3
MOST_MEMBERS = 1_000_000
MOST_MANIFEST = 2**28
MOST_SIGNATURE = 2**16
CHUNK = 1 << 20
PART = re.compile(r"[^\\/:\x00-\x1f\x7f]{1,255}")
MOST_SHOWN = 3
"""Changed members that a message names."""

Kind = Literal["run", "study"]
Content = Path | bytes


@dataclass(frozen=True)
class Member:
    """One file of an archive."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PackedRun:
    """One run of an archive, as its record tells."""

    folder: str  # within the archive; empty where it is of one run
    scenario: str  # the digest of the resolved scenario
    code: str  # the fingerprint of all code that made it
    rounds: int
    digest: str  # of the final parameters


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself."""

    format: int
    kind: str
    name: str
    question: str
    runs: tuple[PackedRun, ...]
    needs: tuple[str, ...]  # files that the runs read and that are not in the archive
    files: tuple[Member, ...]

    def text(self) -> bytes:
        """The member itself."""
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()

    @property
    def sha256(self) -> str:
        """Names the archive: everything in it follows from its manifest, but for the signature."""
        return hashlib.sha256(self.text()).hexdigest()


def member(name: str, content: Content) -> Member:
    """A file to be packed, by its digest."""
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(content):
        digest.update(chunk)
        size += len(chunk)
    return Member(name, size, digest.hexdigest())


def write_archive(path: Path, manifest: Manifest, contents: Mapping[str, Content], signature: bytes = b"") -> None:
    """Write the archive whole or not at all; ResultsConflict where a file has changed since the manifest was made."""
    first: dict[str, Content] = {MANIFEST: manifest.text(), **({SIGNATURE: signature} if signature else {})}
    known = {each.name: each for each in manifest.files}
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**first, **contents}.items():
            written = member(name, content)
            if known.get(name, written) != written:
                raise ResultsConflict(f"{name} changed while it was packed")
            with archive.open(_info(name, written.bytes), "w") as target:
                for chunk in _chunks(content):
                    target.write(chunk)


@contextmanager
def opened(path: Path) -> Iterator["Archive"]:
    """An archive to read; ResultsConflict where it is none that a pack of ours would write."""
    try:
        with open_plain(path, follow=True) as file, zipfile.ZipFile(file) as archive:
            yield Archive(path, file, archive)
    except OSError as error:
        raise ResultsConflict(f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, UnicodeDecodeError) as error:
        raise ResultsConflict(f"{path} is no archive of fedsim, or was cut short or changed: {error}") from error


class Archive:
    """An archive whose members have been looked at, and whose manifest has been read."""

    def __init__(self, path: Path, file: BinaryIO, archive: zipfile.ZipFile) -> None:
        self.path, self._archive = path, archive
        self._size = file.seek(0, 2)
        self._members = self._checked(archive.infolist())
        if MANIFEST not in self._members:
            raise ResultsConflict(f"{path} is no archive of fedsim: it has no {MANIFEST}")
        self.manifest = self._read_manifest()
        self.signature = self._read(SIGNATURE, MOST_SIGNATURE) if SIGNATURE in self._members else b""

    def unpack(self, folder: Path) -> None:
        """Write every member into an empty folder; ResultsConflict where one is not what the manifest names."""
        need, free = sum(each.file_size for each in self._members.values()), shutil.disk_usage(folder).free
        if need > free:
            raise ResultsConflict(f"{self.path} unpacks to {need:,} bytes, and {free:,} are free in {folder}")
        if changed := [each.name for each in self.manifest.files if self._written(each, folder) != each]:
            more = f" and {len(changed) - MOST_SHOWN} more" if len(changed) > MOST_SHOWN else ""
            names = ", ".join(map(one_line, changed[:MOST_SHOWN]))
            raise ResultsConflict(f"{self.path} was changed: {names}{more} not as its manifest has it")

    def _written(self, wanted: Member, folder: Path) -> Member | None:
        place, digest, size = folder / wanted.name, hashlib.sha256(), 0
        with storing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            with self._archive.open(wanted.name) as source, place.open("xb") as target:
                try:
                    while chunk := source.read(CHUNK):
                        target.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                except zipfile.BadZipFile:  # its own check sum says so already
                    return None
        return Member(wanted.name, size, digest.hexdigest())

    def _checked(self, found: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        """The members by name, each of a kind that is written and all of them no larger than the archive."""
        if len(found) > MOST_MEMBERS:
            raise self._refused(f"it has {len(found):,} members")
        seen: set[str] = set()
        for each in found:
            if words := _unlike_ours(each) or ("it stands there twice" if each.filename.casefold() in seen else ""):
                raise self._refused(f"{one_line(each.filename)[:100]}: {words}")
            seen.add(each.filename.casefold())
        if sum(each.file_size for each in found) > self._size:
            raise self._refused("its members are larger than itself")
        return {each.filename: each for each in found}

    def _read_manifest(self) -> Manifest:
        text = self._read(MANIFEST, MOST_MANIFEST)
        try:
            manifest: Manifest = built(Manifest, json.loads(text))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ResultsConflict(f"{self.path}: {MANIFEST} cannot be read: {one_line(str(error))}") from error
        if manifest.format != FORMAT or manifest.kind not in ("run", "study"):
            raise self._refused(f"it is of format {manifest.format} ({manifest.kind}), not {FORMAT}")
        if manifest.text() != text:
            raise self._refused(f"{MANIFEST} is not written as it writes it")
        named = {each.name for each in manifest.files}
        if apart := sorted(named ^ (set(self._members) - {MANIFEST, SIGNATURE})):
            what = "is missing" if apart[0] in named else "is not named in its manifest"
            raise ResultsConflict(f"{self.path} was changed: {one_line(apart[0])} {what}")
        return manifest

    def _read(self, name: str, most: int) -> bytes:
        if self._members[name].file_size > most:
            raise self._refused(f"{name} is longer than {most:,} bytes")
        return self._archive.read(name)

    def _refused(self, words: str) -> ResultsConflict:
        return ResultsConflict(f"{self.path} is no archive that fedsim pack has written: {words}")


def _unlike_ours(info: zipfile.ZipInfo) -> str:
    """What no member of ours is; empty of one that may be unpacked."""
    parts = info.filename.split("/")
    if any(part in (".", "..") or not PART.fullmatch(part) for part in parts) or info.orig_filename != info.filename:
        return "its name leads out of the archive, or is none that a run gives"
    if (info.external_attr >> 16) & KIND_OF_FILE not in (0, REGULAR) or info.is_dir():
        return "it is a link or something else that is no plain file"
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
        return "it is compressed or encrypted"
    return ""


def _info(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, BEGINNING_OF_TIME)
    info.create_system, info.external_attr, info.file_size = UNIX, PLAIN_FILE << 16, size
    return info


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    try:
        with open_plain(content) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise ResultsConflict(f"{content} cannot be read: {error.strerror or error}") from error
