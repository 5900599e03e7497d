"""Files that are there whole or not at all."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from fedsim.atomic_files import (
    append_to,
    flush_folder,
    kind_of,
    open_plain,
    read_plain,
    remove,
    storing,
    sweep,
    write_folder,
    write_whole,
)
from fedsim.errors import StorageFailed


@contextmanager
def small_disk():
    """No file may grow beyond 100 bytes inside; the test runner's own output may be one, so keep it short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.json"
    for text in (b"one", b"two"):
        write_whole(path, text)
        assert path.read_bytes() == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "a", b"old")
    with small_disk(), pytest.raises(StorageFailed, match=r"cannot write .*/a: File too large"):
        write_whole(tmp_path / "a", b"x" * 101)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "folder"
    write_folder(path, {"a": b"1", "b": b"2"})
    write_folder(path, {"a": b"3", "b": b"4"})
    assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == {"a": b"3", "b": b"4"}
    assert [entry.name for entry in path.parent.iterdir()] == ["folder"]


def test_a_disk_that_is_full_leaves_the_old_folder(tmp_path):
    path = tmp_path / "folder"
    write_folder(path, {"a": b"1"})
    with small_disk(), pytest.raises(StorageFailed, match="cannot write"):
        write_folder(path, {"a": b"2", "b": b"x" * 101})
    assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == {"a": b"1"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_refusals_are_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="Not a directory"):
        write_whole(tmp_path / "file" / "a", b"")
    with pytest.raises(StorageFailed, match="cannot write place: no luck"), storing("place"):
        raise OSError("no luck")


def strange(folder):
    """A name for each kind of thing that is no plain file, and a file of holes."""
    target = folder / "target"
    target.write_bytes(b"mine")
    (folder / "link").symlink_to(target)
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "directory").mkdir()
    os.mkfifo(folder / "pipe")
    with (folder / "holes").open("wb") as file:
        file.truncate(30 * 2**30)
    return target


@pytest.mark.parametrize(
    ("name", "reason"),
    [("link", "a link"), ("dangling", "a link"), ("directory", "Is a directory"), ("pipe", "a named pipe"),
     ("holes", "longer than 1,000 bytes"), ("absent", "No such file")],
)  # fmt: skip
def test_only_a_plain_file_within_the_bound_is_read(tmp_path, name, reason):
    strange(tmp_path)
    with pytest.raises(OSError, match=reason):
        read_plain(tmp_path / name, 1_000)
    assert read_plain(tmp_path / "target", 4) == b"mine"
    with pytest.raises(OSError, match="longer than 3 bytes"):
        read_plain(tmp_path / "target", 3)


def test_a_link_that_a_person_gave_is_followed_and_still_leads_to_a_plain_file_only(tmp_path):
    strange(tmp_path)
    assert read_plain(tmp_path / "link", 10, follow=True) == b"mine"
    for name, reason in (("pipe", "not a file"), ("directory", "Is a directory")):
        (tmp_path / "way").symlink_to(tmp_path / name)
        with pytest.raises(OSError, match=reason):
            open_plain(tmp_path / "way", follow=True)
        (tmp_path / "way").unlink()
    for device in ("/dev/zero", "/dev/full"):
        with pytest.raises(OSError, match="a device, not a file"):
            read_plain(Path(device), 10, follow=True)


def test_a_file_that_says_it_is_empty_is_read_within_the_bound_too():
    with pytest.raises(OSError, match="longer than 5 bytes"):
        read_plain(Path("/proc/self/status"), 5)


def test_nothing_is_written_through_a_link_or_a_second_name(tmp_path):
    target = strange(tmp_path)
    os.link(target, tmp_path / "second")
    for name in ("link", "second"):
        with pytest.raises(OSError, match=r"symbolic links|another name"):
            append_to(tmp_path / name)
        write_whole(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"
    for make in ("symlink_to", "hardlink_to"):  # under the name of the half-written file too
        getattr(tmp_path / ".a.part", make)(target)
        write_whole(tmp_path / "a", b"new")
        getattr(tmp_path / ".f.part", make)(target)
        write_folder(tmp_path / "f", {"a": b"new"})
    assert target.read_bytes() == b"mine"


def test_removing_takes_a_link_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    (tmp_path / ".link.part").symlink_to(tmp_path / "kept")
    sweep(tmp_path, "link")
    remove(tmp_path / "link")
    assert [kind_of(tmp_path / name) for name in ("kept", "link", ".link.part")] == ["a folder", "", ""]
    assert (tmp_path / "kept" / "a").exists()


def test_a_folder_with_a_file_of_somebody_else_is_not_replaced(tmp_path):
    write_folder(tmp_path / "f", {"a": b"1"})
    (tmp_path / "f" / "thesis.tex").write_bytes(b"mine")
    with pytest.raises(StorageFailed, match="cannot write"):
        write_folder(tmp_path / "f", {"a": b"2"})
    assert (tmp_path / "f" / "thesis.tex").read_bytes() == b"mine"


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_does_not_flush_is_written_to_all_the_same(tmp_path, monkeypatch, refusal):
    def fsync(_):
        raise OSError(refusal, "refused")

    assert flush_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", fsync)
    write_folder(tmp_path / "f", {"a": b"1"})
    write_whole(tmp_path / "b", b"2")
    assert not flush_folder(tmp_path)
    assert ((tmp_path / "f" / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"1", b"2")


def test_a_disk_that_fails_while_it_flushes_is_told(tmp_path, monkeypatch):
    def fsync(_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageFailed, match="Input/output error"):
        write_whole(tmp_path / "b", b"2")


def test_leftovers_are_swept_and_nothing_else(tmp_path):
    for name in (".a.part", ".ab.part", "a.part", "a", ".a"):
        (tmp_path / name).touch()
    (tmp_path / ".round-1.part").mkdir()
    (tmp_path / ".round-1.part" / "state").touch()
    sweep(tmp_path, "a")
    sweep(tmp_path, "round-*")
    sweep(tmp_path / "absent", "a")
    assert {entry.name for entry in tmp_path.iterdir()} == {".ab.part", "a.part", "a", ".a"}


WRITER = """
import sys
from pathlib import Path
from fedsim.atomic_files import write_folder, write_whole
for size in range(1, 1000000):
    data = (f"{size} " * 20000).encode()
    write_whole(Path(sys.argv[1]) / "file", data)
    write_folder(Path(sys.argv[1]) / "folder", {"a": data, "b": data})
"""


def test_a_process_that_is_killed_leaves_whole_files(tmp_path):
    for wait in (0.02, 0.05, 0.07):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) as process:
            while not (tmp_path / "folder").exists():
                time.sleep(0.01)
            time.sleep(wait)
            os.kill(process.pid, signal.SIGKILL)
        found = [tmp_path / "file", *tmp_path.glob("folder/*")]
        assert (tmp_path / "file").exists()
        for path in found:
            data = path.read_bytes().split()
            assert len(data) == 20_000
            assert len(set(data)) == 1
