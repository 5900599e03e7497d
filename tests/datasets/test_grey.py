import gzip
import io
import os
import zipfile

import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets import fetching, grey
from fedsim.datasets.fetching import Remote
from fedsim.datasets.grey import PARTS, emnist, fashion_mnist, kmnist, mnist
from fedsim.errors import DataUnavailable
from tests.datasets.files import grey_arrays, idx, pictures, write_grey

EMNIST_NAMES = [f"emnist-byclass-{part}".replace("t10k", "test") for part in PARTS]


@pytest.mark.parametrize("load", [mnist, fashion_mnist, kmnist])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_filled_folder_is_read(tmp_path, load, zipped):
    arrays = grey_arrays()
    write_grey(tmp_path, arrays, PARTS, zipped)
    data = load(silent, folder=str(tmp_path))
    np.testing.assert_array_equal(data.train.inputs[:, 0], arrays[0])
    np.testing.assert_array_equal(data.train.targets, arrays[1])
    np.testing.assert_array_equal(data.test.inputs[:, 0], arrays[2])
    assert (data.classes, data.shape, data.train.targets.dtype) == (10, (1, 28, 28), np.int64)
    assert isinstance(data.train.inputs, np.memmap)


def test_torchvisions_folder_below_the_working_folder_is_found(home):
    write_grey(home / "here" / "data" / "MNIST" / "raw", grey_arrays(), PARTS, zipped=False)
    assert len(mnist(silent).train) == 30


def test_the_dotted_spelling_is_found(tmp_path):
    write_grey(tmp_path, grey_arrays(), [part.replace("-idx", ".idx") for part in PARTS], zipped=False)
    assert len(mnist(silent, folder=str(tmp_path)).train) == 30


def test_debians_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(grey, "DEBIAN_FASHION", str(tmp_path / "debian"))
    write_grey(tmp_path / "debian", grey_arrays(), PARTS)
    assert len(fashion_mnist(silent).train) == 30


@pytest.mark.skipif(not os.path.isdir(grey.DEBIAN_FASHION), reason="dataset-fashion-mnist is not installed")  # noqa: PTH112
def test_the_real_fashion_mnist():
    data = fashion_mnist(silent)
    np.testing.assert_array_equal(np.bincount(data.train.targets), [6000] * 10)
    np.testing.assert_array_equal(np.bincount(data.test.targets), [1000] * 10)
    assert data.train.inputs.mean() == pytest.approx(72.94, abs=0.01)  # 0.2860 of 255, the published mean


def test_a_download_fills_the_cache_folder(monkeypatch, home):
    arrays = grey_arrays()
    contents = {f"{part}.gz": gzip.compress(idx(array), mtime=0) for part, array in zip(PARTS, arrays, strict=True)}
    monkeypatch.setattr(grey, "_remotes", lambda sums, mirrors: [remote(name, contents[name]) for name in contents])
    monkeypatch.setattr(fetching, "open_url", lambda url: answer(contents[url]))
    np.testing.assert_array_equal(mnist(silent).test.inputs[:, 0], arrays[2])
    assert len(list((home / "cache" / "fedsim" / "downloads" / "MNIST").iterdir())) == 4


def test_changed_files_are_read_again(tmp_path):
    arrays = list(grey_arrays())
    write_grey(tmp_path, arrays, PARTS)
    mnist(silent, folder=str(tmp_path))
    arrays[0] = pictures(30, seed=9)
    write_grey(tmp_path, arrays, PARTS)
    os.utime(tmp_path / f"{PARTS[0]}.gz", ns=(1, 1))
    np.testing.assert_array_equal(mnist(silent, folder=str(tmp_path)).train.inputs[:, 0], arrays[0])


@pytest.mark.parametrize(
    ("place", "array", "complaint"),
    [
        (0, np.zeros((30, 28, 27)), r"train-images-.*shape \(30, 28, 27\)"),
        (0, np.zeros((0, 28, 28)), r"shape \(0, 28, 28\)"),
        (1, np.zeros(29), "train-images-.*30 images for 29 labels"),
        (3, np.full(12, 10), "t10k-labels-.*labels 10 to 10; 0 to 9 are possible"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, place, array, complaint):
    arrays = list(grey_arrays())
    arrays[place] = array
    write_grey(tmp_path, arrays, PARTS)
    with pytest.raises(DataUnavailable, match=complaint):
        mnist(silent, folder=str(tmp_path))


@pytest.mark.parametrize("where", ["folder", "archive"])
def test_emnist_stands_upright(tmp_path, where):
    arrays = grey_arrays(62)
    if where == "folder":
        write_grey(tmp_path / "gzip", arrays, EMNIST_NAMES)
    else:
        write_archive(tmp_path / "gzip.zip", arrays, EMNIST_NAMES)
    data = emnist(silent, folder=str(tmp_path))
    np.testing.assert_array_equal(data.train.inputs[:, 0], arrays[0].swapaxes(1, 2))
    assert data.classes == 62


def test_the_labels_of_emnist_letters_begin_at_zero(tmp_path):
    names = [name.replace("byclass", "letters") for name in EMNIST_NAMES]
    write_grey(tmp_path, grey_arrays(26, first=1), names)
    data = emnist(silent, split="letters", folder=str(tmp_path))
    assert (data.train.targets.min(), data.train.targets.max(), data.classes) == (0, 25, 26)


def test_letters_that_begin_at_zero_in_the_file_are_refused(tmp_path):
    names = [name.replace("byclass", "letters") for name in EMNIST_NAMES]
    write_grey(tmp_path, grey_arrays(26), names)
    with pytest.raises(DataUnavailable, match="labels 0 to 25; 1 to 26 are possible"):
        emnist(silent, split="letters", folder=str(tmp_path))


def test_emnists_archive_is_fetched(monkeypatch, tmp_path):
    write_archive(tmp_path / "made.zip", grey_arrays(62), EMNIST_NAMES)
    content = (tmp_path / "made.zip").read_bytes()
    monkeypatch.setattr(grey, "EMNIST_ARCHIVE", remote("gzip.zip", content))
    monkeypatch.setattr(fetching, "open_url", lambda url: answer(content))
    assert len(emnist(silent).train) == 30
    with pytest.raises(DataUnavailable, match="holds no split digits"):
        emnist(silent, split="digits")


@pytest.mark.parametrize("cut", [10, -10])
def test_a_damaged_archive_is_refused(tmp_path, cut):
    write_archive(tmp_path / "gzip.zip", grey_arrays(62), EMNIST_NAMES)
    content = (tmp_path / "gzip.zip").read_bytes()
    (tmp_path / "gzip.zip").write_bytes(content[:cut])
    with pytest.raises(DataUnavailable, match="not a readable zip archive"):
        emnist(silent, folder=str(tmp_path))


def test_a_damaged_member_is_refused(tmp_path):
    write_archive(tmp_path / "gzip.zip", grey_arrays(62), EMNIST_NAMES)
    content = bytearray((tmp_path / "gzip.zip").read_bytes())
    content[2000:2100] = bytes(100)
    (tmp_path / "gzip.zip").write_bytes(content)
    with pytest.raises(DataUnavailable, match=r"gzip.zip:gzip/emnist-byclass-train-images"):
        emnist(silent, folder=str(tmp_path))


def write_archive(path, arrays, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in zip(names, arrays, strict=True):
            archive.writestr(f"gzip/{name}.gz", gzip.compress(idx(array)))


def remote(name, content):
    import hashlib

    return Remote(name, hashlib.md5(content).hexdigest(), (name,))  # noqa: S324


def answer(content):
    response = io.BytesIO(content)
    response.headers = {}
    return response


def test_a_test_set_that_is_the_training_set_is_refused(tmp_path):
    images, labels, _, _ = grey_arrays()
    write_grey(tmp_path, (images, labels, images, labels), PARTS)
    with pytest.raises(DataUnavailable, match="30 of its 30 test examples are among the training examples"):
        mnist(silent, folder=str(tmp_path))


def test_other_content_of_the_same_size_and_time_is_seen(tmp_path):
    states = []
    for seed in (0, 5):
        arrays = (pictures(30, seed), *grey_arrays()[1:])
        write_grey(tmp_path, arrays, PARTS, zipped=False)
        for path in tmp_path.iterdir():
            os.utime(path, ns=(1, 1))
        states.append([(path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(tmp_path.iterdir())])
        np.testing.assert_array_equal(mnist(silent, folder=str(tmp_path)).train.inputs[:, 0], arrays[0])
    assert states[0] == states[1]
