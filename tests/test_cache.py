import json
from pathlib import Path

import numpy as np
import pytest

from fedsim import cache
from fedsim.cache import cache_root, fingerprint, load_arrays, remember, save_arrays

ARRAYS = {"images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "labels": np.arange(5)}


def never():
    raise AssertionError("made again")


def test_made_once(tmp_path):
    remember(tmp_path / "a" / "b", lambda: ARRAYS)
    kept = remember(tmp_path / "a" / "b", never)
    assert list(kept) == ["images", "labels"]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(kept[name], array)
        assert isinstance(kept[name], np.memmap)
        assert not kept[name].flags.writeable


def test_nothing_but_the_entry_is_left(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS)
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]
    assert sorted(path.name for path in (tmp_path / "entry").iterdir()) == ["images.npy", "labels.npy", "manifest.json"]


def test_other_facts_are_stale(tmp_path):
    remember(tmp_path / "entry", lambda: ARRAYS, "monday")
    assert load_arrays(tmp_path / "entry", "tuesday") is None
    kept = remember(tmp_path / "entry", lambda: {"labels": np.arange(3)}, "tuesday")
    assert list(kept) == ["labels"]
    assert remember(tmp_path / "entry", never, "tuesday")


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "images.npy").unlink(),
        lambda entry: (entry / "images.npy").write_bytes(b""),
        lambda entry: (entry / "images.npy").write_bytes((entry / "images.npy").read_bytes()[:-1]),
        lambda entry: (entry / "images.npy").write_bytes((entry / "images.npy").read_bytes()[:-1] + b"\xaa"),
        lambda entry: (entry / "manifest.json").unlink(),
        lambda entry: (entry / "manifest.json").write_text("{"),
        lambda entry: (entry / "manifest.json").write_text("[]"),
        lambda entry: (entry / "manifest.json").write_text("null"),
        lambda entry: (entry / "manifest.json").write_text('{"facts": "", "arrays": {}}'),
        lambda entry: (entry / "manifest.json").write_text('{"facts": "", "arrays": 3}'),
        lambda entry: (entry / "manifest.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_any_damage_is_noticed_and_mended(tmp_path, damage):
    save_arrays(tmp_path / "entry", ARRAYS)
    damage(tmp_path / "entry")
    assert load_arrays(tmp_path / "entry") is None
    kept = remember(tmp_path / "entry", lambda: ARRAYS)
    np.testing.assert_array_equal(kept["images"], ARRAYS["images"])
    assert remember(tmp_path / "entry", never)


def test_a_pickle_in_the_cache_is_not_unpickled(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS)
    with (tmp_path / "entry" / "images.npy").open("wb") as file:
        np.save(file, np.array([{"an": "object"}], dtype=object), allow_pickle=True)
    sums = {name: cache.checksum(tmp_path / "entry" / f"{name}.npy") for name in ARRAYS}
    (tmp_path / "entry" / "manifest.json").write_text(json.dumps({"facts": "", "arrays": sums}))
    assert load_arrays(tmp_path / "entry") is None


def test_a_file_in_the_place_of_the_folder_gives_way(tmp_path):
    (tmp_path / "entry").write_text("in the way")
    assert remember(tmp_path / "entry", lambda: ARRAYS)
    assert remember(tmp_path / "entry", never)


def test_a_full_disk_costs_time_and_nothing_else(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "save", full)
    np.testing.assert_array_equal(remember(tmp_path / "entry", lambda: ARRAYS)["labels"], ARRAYS["labels"])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_arrays(tmp_path / "entry", ARRAYS)
    assert list(tmp_path.iterdir()) == []


def test_who_comes_second_keeps_the_first(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS)
    first = (tmp_path / "entry").stat().st_ino
    save_arrays(tmp_path / "entry", ARRAYS)
    assert (tmp_path / "entry").stat().st_ino == first
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "fedsim"
    assert cache_root("~/mine") == Path.home() / "mine"
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_root() == Path.home() / ".cache" / "fedsim"


def test_names_follow_the_facts():
    assert fingerprint(a=1, b="x") == fingerprint(b="x", a=1)
    assert len({fingerprint(a=1), fingerprint(a=2), fingerprint(b=1), fingerprint(a="1")}) == 4
