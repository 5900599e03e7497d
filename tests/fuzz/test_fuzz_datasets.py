"""Published files that lie: the data or a refusal in words, soon, and in little memory."""

import gzip
import json
import tracemalloc

import numpy as np
import pytest

from fedsim.arrays import silent
from fedsim.datasets.femnist import femnist
from fedsim.datasets.idx import read_idx
from fedsim.errors import DataUnavailable
from fedsim.streams import Stream
from tests.datasets.files import examples, idx, pictures

from .mutations import mutated_bytes, mutated_json, mutated_text, seeded, watched


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
                array = read_idx(path, 3)
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
                assert np.isfinite(data.train.images).all()
                assert ((data.train.labels >= 0) & (data.train.labels < data.classes)).all()
            except DataUnavailable as error:
                assert str(error)
    assert 0 < good < 280
