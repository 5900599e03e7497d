import json
import os
from pathlib import Path

import numpy as np
import pytest

from fedsim.datasets import cache
from fedsim.datasets.cache import cache_root, fingerprint, load_arrays, remember, save_arrays

ARRAYS = {"images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "labels": np.arange(5)}


def never():
    raise AssertionError("made again")


def sound(arrays):
    """A dataset's own eyes: both arrays are there, as they should be."""
    if arrays["images"].shape != (2, 3, 4) or arrays["labels"].max() > 4:
        raise ValueError("not these arrays")


def forge(entry, **arrays):
    """Other arrays in the place of the kept ones, and a manifest that agrees with them."""
    for name, array in arrays.items():
        with (entry / f"{name}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=True)
    sums = {path.stem: cache.checksum(path) for path in entry.glob("*.npy")}
    (entry / "manifest.json").write_text(json.dumps({"name": entry.name, "arrays": sums}))


def test_made_once(tmp_path):
    remember(tmp_path / "a" / "b", lambda: ARRAYS, sound)
    kept = remember(tmp_path / "a" / "b", never, sound)
    assert list(kept) == ["images", "labels"]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(kept[name], array)
        assert isinstance(kept[name], np.memmap)
        assert not kept[name].flags.writeable


def test_nothing_but_the_entry_is_left(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS, sound)
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]
    assert sorted(path.name for path in (tmp_path / "entry").iterdir()) == ["images.npy", "labels.npy", "manifest.json"]


def made_anew(entry):
    """The arrays are made again, with a word about it, and are as good as new."""
    assert load_arrays(entry, sound) is None
    with pytest.warns(UserWarning, match="made anew"):
        kept = remember(entry, lambda: ARRAYS, sound)
    np.testing.assert_array_equal(kept["images"], ARRAYS["images"])


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
        lambda entry: (entry / "manifest.json").write_text('{"name": "entry", "arrays": {}}'),
        lambda entry: (entry / "manifest.json").write_text('{"name": "entry", "arrays": 3}'),
        lambda entry: (entry / "manifest.json").write_text("[" * 100_000),
        lambda entry: (entry / "manifest.json").write_text("1" * 10_000),
        lambda entry: (entry / "manifest.json").write_text('"' + "x" * 200_000 + '"'),
        lambda entry: [(entry / "images.npy").unlink(), os.mkfifo(entry / "images.npy")],
        lambda entry: [(entry / "manifest.json").unlink(), os.mkfifo(entry / "manifest.json")],
        lambda entry: [(entry / "images.npy").unlink(), (entry / "images.npy").symlink_to("/dev/zero")],
        lambda entry: [(entry / "images.npy").rename(entry.parent / "x"), (entry / "images.npy").symlink_to("../x")],
        lambda entry: forge(entry, images=np.zeros((3, 3, 4), np.uint8)),
        lambda entry: forge(entry, labels=np.full(5, 9)),
        lambda entry: forge(entry, labels=np.array([{"an": "object"}], dtype=object)),
        lambda entry: forge(entry, images=np.asfortranarray(ARRAYS["images"])),
        lambda entry: forge(entry, images=np.zeros((2, 3, 4), "U4")),
        lambda entry: entry.chmod(0o777),
        lambda entry: entry.chmod(0o770),
        lambda entry: entry.parent.chmod(0o777),
        lambda entry: (entry / "manifest.json").write_bytes(b"\xff\xfe"),
    ],
)
def test_any_damage_is_noticed_and_mended(tmp_path, damage):
    save_arrays(tmp_path / "entry", ARRAYS, sound)
    damage(tmp_path / "entry")
    made_anew(tmp_path / "entry")
    tmp_path.chmod(0o700)
    assert remember(tmp_path / "entry", never, sound)


def test_a_file_or_a_link_in_the_place_of_the_folder_gives_way(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    for number, place in enumerate(["file", "link"]):
        entry = tmp_path / place
        entry.symlink_to(tmp_path / "elsewhere") if number else entry.write_text("in the way")
        made_anew(entry)
        assert remember(entry, never, sound)
    assert (tmp_path / "elsewhere" / "kept").exists()


def test_an_entry_under_another_name_is_not_believed(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS, sound)
    (tmp_path / "entry").rename(tmp_path / "other")
    assert load_arrays(tmp_path / "other", sound) is None


def test_a_name_in_the_manifest_leads_nowhere_else(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS, sound)
    np.save(tmp_path / "images.npy", ARRAYS["images"])
    (tmp_path / "entry" / "images.npy").unlink()
    sums = {"../images": cache.checksum(tmp_path / "images.npy")}
    (tmp_path / "entry" / "manifest.json").write_text(json.dumps({"name": "entry", "arrays": sums}))
    assert load_arrays(tmp_path / "entry", dict) == {}


def test_a_full_disk_costs_time_and_nothing_else(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "save", full)
    np.testing.assert_array_equal(remember(tmp_path / "entry", lambda: ARRAYS, sound)["labels"], ARRAYS["labels"])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_arrays(tmp_path / "entry", ARRAYS, sound)
    assert list(tmp_path.iterdir()) == []


def test_who_comes_second_keeps_the_first(tmp_path):
    save_arrays(tmp_path / "entry", ARRAYS, sound)
    first = (tmp_path / "entry").stat().st_ino
    save_arrays(tmp_path / "entry", ARRAYS, sound)
    assert (tmp_path / "entry").stat().st_ino == first
    assert [path.name for path in tmp_path.iterdir()] == ["entry"]


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "fedsim"
    assert cache_root("~/mine") == Path.home() / "mine"
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_root() == Path.home() / ".cache" / "fedsim"


def test_a_user_without_a_home_has_a_cache_of_their_own_all_the_same(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_root().name == f"fedsim-{os.geteuid()}"


def test_names_follow_the_facts():
    assert fingerprint(a=1, b="x") == fingerprint(b="x", a=1)
    assert len({fingerprint(a=1), fingerprint(a=2), fingerprint(b=1), fingerprint(a="1")}) == 4
