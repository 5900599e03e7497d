"""Files that are there whole or not at all."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from fedsim.errors import StorageFailed
from fedsim.files import storing, sweep, write_folder, write_whole


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
    write_folder(path, {"c": b"3"})
    assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == {"c": b"3"}
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
from fedsim.files import write_folder, write_whole
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
