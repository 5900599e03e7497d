"""Files read within a bound and written whole or not at all, and failures of the disk in words.

Nothing here follows a link that stands in a folder of ours, and nothing opens what could block or never end: a named
pipe, a device, a file of more bytes than its reader has use for.
"""

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

from fedsim.errors import StorageFailed

UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}
"""What a system answers that cannot flush a folder at all, rather than one whose disk failed."""
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFREG: "a file",
}  # fmt: skip


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Whatever the disk refuses inside is a StorageFailed that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"cannot write {path}: {error.strerror or error}") from error


def kind_of(path: Path) -> str:
    """What stands at a path, in words, a link being a link; empty where nothing does."""
    try:
        return KINDS.get(stat.S_IFMT(path.lstat().st_mode), "something else")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def open_plain(path: Path, *, follow: bool = False) -> BinaryIO:
    """Open a regular file for reading; an OSError says what stands there in its place.

    It never waits, as opening a named pipe would. With `follow`, a link leads to its file: for paths that a person
    gave, not for names in a folder that may have come from anywhere.
    """
    mode = (path.stat() if follow else path.lstat()).st_mode
    if not stat.S_ISREG(mode):  # asked first too: opening some devices already does something
        raise _not_a_file(path, mode)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _not_a_file(path, mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_plain(path: Path, most: int, *, follow: bool = False) -> bytes:
    """The bytes of a regular file of at most so many; an OSError says what is wrong with any other.

    Everything that reads a whole file it did not just write goes through here: scenarios, results, data.
    """
    with open_plain(path, follow=follow) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"it is longer than {most:,} bytes", str(path))
        data = file.read(most + 1)
    if len(data) > most:  # files of the system that say they are empty, or one that grows
        raise OSError(errno.EFBIG, f"it is longer than {most:,} bytes", str(path))
    return data


def part_of(name: str) -> str:
    """The name under which a file or folder is written until it is whole."""
    return f".{name}.part"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside and rename it over; a reader meets the old file or the new one, never a part."""
    write_lines(path, (data,))


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """The same for a file that need not fit in memory, and may be made from the one that it replaces."""
    beside = path.with_name(part_of(path.name))
    with storing(path):
        beside.unlink(missing_ok=True)
        try:
            _write_flushed(beside, lines)
            beside.replace(path)
            flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into and move about in, which takes the place of the old one when all went well."""
    beside = path.with_name(part_of(path.name))
    with storing(path):
        beside.unlink(missing_ok=True)
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                flush_file(file)
            beside.replace(path)
            flush_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, bytes | Iterable[bytes]]) -> None:
    """Write a folder of files beside and rename it over; one that was there with these names gives way.

    A file that need not fit in memory is given piece by piece.
    """
    beside = path.with_name(part_of(path.name))
    with storing(path):
        remove(beside)
        try:
            beside.mkdir(parents=True)
            for name, data in files.items():
                _write_flushed(beside / name, (data,) if isinstance(data, bytes) else data)
            flush_folder(beside)
            remove_folder(path, files)
            beside.rename(path)
            flush_folder(path.parent)
        finally:
            remove(beside)


def remove(path: Path) -> None:
    """Remove a file, a folder with all in it, or a link (never what it leads to), if it is there."""
    if kind_of(path) == "a folder":
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_folder(path: Path, names: Mapping[str, object] | tuple[str, ...]) -> None:
    """Remove these files of a folder, and the folder where nothing else is in it."""
    if kind_of(path) != "a folder":
        return
    for name in names:
        (path / name).unlink(missing_ok=True)
    if not any(path.iterdir()):
        path.rmdir()


def sweep(folder: Path, name: str) -> None:
    """Remove what a killed process left half-written of the files or folders of this name, or pattern."""
    with storing(folder):
        for path in folder.glob(part_of(name)):
            remove(path)


def flush_folder(path: Path) -> bool:
    """Make renames in a folder survive a loss of power; False where the system cannot do that for a folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return False
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    finally:
        os.close(descriptor)
    return True


def append_to(path: Path) -> BinaryIO:
    """Open a file at its end for writing, made if need be; a link or a second name of another file is refused."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _not_a_file(path, found.st_mode)
        if found.st_nlink > 1:
            raise OSError(errno.EMLINK, "it has another name elsewhere", str(path))
        return os.fdopen(descriptor, "ab")
    except BaseException:
        os.close(descriptor)
        raise


def _write_flushed(path: Path, lines: Iterable[bytes]) -> None:
    """Write a new file; one that stands there, or a link, is an error rather than written through."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:
        file.writelines(lines)
        file.flush()
        flush_file(file)


def flush_file(file: IO[Any]) -> None:
    """Make what was written survive a loss of power, where the system can do that for this file."""
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise


def _not_a_file(path: Path, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(errno.EINVAL, f"it is {KINDS.get(stat.S_IFMT(mode), 'something else')}, not a file", str(path))
