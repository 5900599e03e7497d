"""Arrays that other processes see, and whose memory is given back."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from fedsim.errors import RunFailed
from fedsim.execution import shared_memory as shared_room
from fedsim.execution.pool import Pool
from fedsim.execution.shared_memory import Arena, Mapped


@pytest.fixture(params=["without a name", "in files"])
def arena(request, monkeypatch, tmp_path):
    """An arena, also as systems have it that know no memory without a name; nothing is left of either."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    if request.param == "in files":
        monkeypatch.setattr(shared_room, "ANONYMOUS", False)
    made = Arena()
    yield made
    made.close()
    assert not list((tmp_path / "temporary").iterdir())


def add_one(shared):
    shared.open()[...] += 1
    return shared.open().sum()


@pytest.mark.parametrize("shape", [(3,), (2, 5), (0, 4), (3, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_an_array_is_zeroed_and_found_again_at_its_address(arena, shape, dtype):
    shared, array = arena.empty(shape, dtype)
    assert (array.shape, array.dtype, array.any()) == (shape, np.dtype(dtype), False)
    array[...] = 3
    np.testing.assert_array_equal(shared.open(), array)


def test_another_process_writes_to_it(arena):
    shared, array = arena.empty((4,))
    with Pool(2, "loky") as pool:
        list(pool.map(add_one, [shared, shared]))
    assert array.tolist() == [2.0] * 4
    del array


def test_contents_are_copied_unless_they_are_a_file_already(arena, tmp_path):
    plain = np.arange(6).reshape(2, 3)
    shared = arena.of(plain)
    plain[0, 0] = 9
    assert shared.open()[0, 0] == 0
    path = tmp_path / "images.npy"
    np.save(path, np.arange(6, dtype=np.int64).reshape(2, 3))
    mapped = np.load(path, mmap_mode="r")
    assert arena.of(mapped).path == str(path)
    np.testing.assert_array_equal(arena.of(mapped).open(), mapped)
    for part in (mapped[1:], mapped[:, 1:], mapped.T):  # no whole map: copied
        found = arena.of(part)
        np.testing.assert_array_equal(found.open(), part)


def test_two_arenas_with_the_same_descriptor_are_told_apart():
    first = Arena()
    shared, array = first.empty((2,))
    array[:] = 1
    assert shared.open().tolist() == [1, 1]
    del array
    first.close()
    second = Arena()
    other, array = second.empty((2,))
    array[:] = 2
    try:
        assert other.path == shared.path
        assert other.open().tolist() == [2, 2]
    finally:
        second.close()


def test_an_address_is_small():
    import pickle

    shared = Mapped("/proc/123/fd/45", "float32", (1000, 1000), writable=True, token="x" * 32)
    assert len(pickle.dumps(shared)) < 300


def test_closing_twice_is_once(arena):
    arena.empty((2,))
    arena.close()
    arena.close()


def test_read_only_maps_stay_read_only(arena, tmp_path):
    path = tmp_path / "labels.npy"
    np.save(path, np.arange(3))
    array = arena.of(np.load(path, mmap_mode="r")).open()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no memory without a name")
def test_no_file_has_a_name():
    made = Arena()
    shared, _ = made.empty((8,))
    assert "memfd" in str(Path(shared.path).readlink())
    made.close()


def test_where_memory_without_a_name_is_refused_a_file_does(monkeypatch, tmp_path):
    def refuse(_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shared_room, "ANONYMOUS", True)
    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    made = Arena()
    shared, array = made.empty((3,))
    array[:] = 4
    assert shared.open().tolist() == [4, 4, 4]
    assert Path(shared.path).parent == tmp_path
    made.close()
    assert not list(tmp_path.iterdir())


def test_files_of_a_process_that_was_killed_are_removed_at_the_next_start(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(shared_room, "ANONYMOUS", False)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"fedsim-shared-{ended.pid}-x").touch()
    (tmp_path / f"fedsim-shared-{os.getppid()}-x").touch()
    made = Arena()
    made.empty((3,))
    made.close()
    assert [path.name for path in tmp_path.iterdir()] == [f"fedsim-shared-{os.getppid()}-x"]


def test_memory_that_is_not_to_be_had_is_words(arena):
    for size in (2**60, 2**70 // 4):
        with pytest.raises(RunFailed, match=r"cannot get [\d,]+ bytes of shared memory"):
            arena.empty((size,), "uint8")
