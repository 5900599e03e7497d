"""Published files that lie: the data or a refusal in words, soon, and in little memory."""

import gzip
import io
import json
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets import colour
from fedsim.datasets.colour import cifar10
from fedsim.datasets.femnist import femnist
from fedsim.datasets.grey import emnist
from fedsim.datasets.idx import read_idx
from fedsim.errors import DataUnavailable
from fedsim.randomness import Stream
from tests.datasets.files import examples, idx, pictures
from tests.fuzz.mutations import mutated_bytes, mutated_json, mutated_text, seeded, watched


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "zipped"])
def test_idx_files(zipped, tmp_path):
    draw, path = seeded(int(zipped)), tmp_path / "images"
    plain = idx(pictures(3))
    good = 0
    tracemalloc.start()
    for number in range(800):
        data = mutated_bytes(plain[:40] if number % 2 else plain, draw) + (plain[40:] if number % 2 else b"")
        if zipped:
            data = mutated_bytes(gzip.compress(data), draw) if number % 3 else gzip.compress(data)
        path.write_bytes(data)
        with watched(data[:100]):
            try:
                array = read_idx(path, (28, 28))
                good += 1
                assert array.ndim == 3
            except DataUnavailable as error:
                assert "images" in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert good < 400
    assert peak < 20_000_000


def test_leaf_files(tmp_path):
    draw, path = seeded(2), tmp_path / "data" / "all.json"
    path.parent.mkdir()
    users = {name: examples(2, seed, grain=3) for seed, name in enumerate(("anna", "bert", "carl", "dora"))}
    whole = {"users": list(users), "num_samples": [2] * 4, "user_data": users}
    text = json.dumps(whole)
    good = 0
    for number in range(300):
        changed = json.dumps(mutated_json(whole, draw)) if number % 2 else mutated_text(text, draw)
        path.write_bytes(changed.encode("utf-8", "surrogatepass"))
        with watched(changed[:500]):
            try:
                data = femnist(Stream.root(1), silent, folder=str(path.parent))
                good += 1
                assert data.shape == (1, 28, 28)
                assert np.isfinite(data.train.inputs).all()
                assert ((data.train.targets >= 0) & (data.train.targets < data.classes)).all()
            except DataUnavailable as error:
                assert str(error)
    assert 0 < good < 280


NUMBERS = ", ".join(["0.5"] * 783)


@pytest.mark.parametrize(
    "text",
    [
        '{"x": [["' + "a" * 95_000 + '", ' + NUMBERS + ']], "y": [1]}',
        '{"x": "' + "a" * 95_000 + '", "y": [1]}',
        '{"x": [[' + "9" * 95_000 + ", " + NUMBERS + ']], "y": [1]}',
        '{"x": [[' + "9" * 4_000 + ", " + NUMBERS + ']], "y": [1]}',
        '{"x": [' + "[], " * 30_000 + '[]], "y": [' + "1, " * 30_000 + "1]}",
        '{"x": [' + "[" * 50_000 + "]" * 50_000 + '], "y": [1]}',
        '{"x": ' + "[" * 900 + "]" * 900 + ', "y": [1]}',
        '{"x": [' + '["", ' * 1 + NUMBERS + ']], "y": ["' + "1" * 90_000 + '"]}',
        '{"user_data": {"' + "w" * 95_000 + '": {}}}',
        '{"users": [' + "0, " * 30_000 + '0], "user_data": {}}',
    ],
    ids=range(10),
)
def test_a_small_json_file_gets_little_memory(tmp_path, text):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "all.json").write_text(text)
    tracemalloc.start()
    with watched(text[:100]), pytest.raises(DataUnavailable) as nonfinite:
        femnist(Stream.root(1), silent, folder=str(folder))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert len(str(nonfinite.value)) < 600


def test_what_is_no_regular_file_or_too_large_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(30 * 10**9)
    for name, complaint in (
        ("pipe", "not a file"),
        ("holes", "30,000,000,000 bytes"),
        ("/dev/zero", "not a file"),
    ):
        with watched(name), pytest.raises(DataUnavailable, match=complaint):
            read_idx(tmp_path / name, (28, 28))
        folder = tmp_path / f"leaf-{Path(name).name}"
        folder.mkdir()
        (folder / "all.json").symlink_to(tmp_path / name)
        with watched(name), pytest.raises(DataUnavailable, match=complaint):
            femnist(Stream.root(1), silent, folder=str(folder))


def tar_of(*members):
    """A gzipped tar archive of (header, what follows it)."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for header, content, zeros in members:
            file.write(header.tobuf(tarfile.GNU_FORMAT))
            file.write(content)
            for _ in range(zeros // 10**6):
                file.write(bytes(10**6))
    return packed.getvalue()


def header(name, size, kind=tarfile.REGTYPE):
    found = tarfile.TarInfo(name)
    found.size, found.type = size, kind
    return found


@pytest.mark.parametrize(
    "member",
    [
        (header("first", 20 * 10**6), b"", 20 * 10**6),
        (header("data_batch_1.bin", 20 * 10**6), b"", 20 * 10**6),
        (header("long", 20 * 10**6, tarfile.GNUTYPE_LONGNAME), b"", 20 * 10**6),
        (header("pax", 20 * 10**6, tarfile.XHDTYPE), b"", 20 * 10**6),
        (header("pax", 10**10, tarfile.XHDTYPE), b"9" * 1000, 0),
        (header("first", 10**10), b"", 10**6),
    ],
    ids=["first", "batch", "long name", "pax", "boast", "promise"],
)
def test_a_small_archive_gets_no_more_than_the_true_one(tmp_path, member, monkeypatch):
    monkeypatch.setattr(colour, "MOST_BYTES", 10**7)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(tar_of(member))
    tracemalloc.start()
    with watched(member[0].name), pytest.raises(DataUnavailable, match=r"fetch it again|holds no data_batch"):
        cifar10(silent, folder=str(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_archive_that_boasts_is_refused(tmp_path, packing):
    names = [f"emnist-byclass-{part}" for part in ("train-images", "train-labels", "test-images", "test-labels")]
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w", packing) as archive:
        for name in names:
            kind = "idx3" if "images" in name else "idx1"
            archive.writestr(f"{name}-{kind}-ubyte.gz", bytes([0, 0, 8, 1]) + b"\xff" * 10**6)
    tracemalloc.start()
    with watched(packing), pytest.raises(DataUnavailable, match=r"gzip\.zip"):
        emnist(silent, folder=str(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_an_archive_of_very_many_members_is_not_listed(tmp_path):
    with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number:020}", b"")
    tracemalloc.start()
    with watched("members"), pytest.raises(DataUnavailable, match="more members than"):
        emnist(silent, folder=str(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
