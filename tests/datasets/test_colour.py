import os

import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets.colour import cifar10
from fedsim.errors import DataUnavailable
from tests.datasets.files import cifar_files, cifar_records, tar_bytes


def fill(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture(params=["batches", "nested", "archive"])
def filled(request, tmp_path):
    """Put these files into a folder in one of the ways people do."""

    def put(files):
        if request.param == "archive":
            (tmp_path / "cifar-10-binary.tar.gz").write_bytes(tar_bytes(files))
        else:
            fill(tmp_path / "cifar-10-batches-bin" if request.param == "nested" else tmp_path, files)
        return str(tmp_path)

    return put


def test_batches_are_read_in_order(filled):
    data = cifar10(silent, folder=filled(cifar_files()))
    first, last = cifar_records(20, 0), cifar_records(20, 5)
    np.testing.assert_array_equal(data.train.inputs[:20], first[:, 1:].reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(data.test.inputs, last[:, 1:].reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(data.test.targets, np.arange(20) % 10)
    assert (len(data.train), data.classes, data.shape) == (100, 10, (3, 32, 32))
    assert isinstance(data.train.inputs, np.memmap)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "data_batch_3.bin: not 1 to 10000 whole records"),
        (cifar_records(20, 0).tobytes()[:-1], "whole records of 3073 bytes"),
        (bytes(3073 * 10_001), "whole records of 3073 bytes|at most 30,730,000 are read"),
        (bytes([10]) + bytes(3072), "data_batch_3.bin: label 10; 0 to 9 are possible"),
    ],
)
def test_damaged_batches_are_refused(filled, content, complaint):
    with pytest.raises(DataUnavailable, match=complaint):
        cifar10(silent, folder=filled(cifar_files() | {"data_batch_3.bin": content}))


@pytest.mark.parametrize("cut", [0, 5, 500, -100])
def test_a_damaged_archive_is_refused(tmp_path, cut):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(tar_bytes(cifar_files())[:cut])
    with pytest.raises(DataUnavailable, match=r"cifar-10-binary.tar.gz"):
        cifar10(silent, folder=str(tmp_path))


def test_an_archive_of_something_else_is_refused(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(tar_bytes({"data_batch_1": b"pickle"}))
    with pytest.raises(DataUnavailable, match=r"holds no data_batch_1.bin; is it the binary version"):
        cifar10(silent, folder=str(tmp_path))


def test_the_python_version_is_not_unpickled_but_explained(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(DataUnavailable, match=r"Python version of CIFAR-10.*put cifar-10-binary.tar.gz into"):
        cifar10(silent, folder=str(tmp_path))


def test_changed_files_are_read_again(tmp_path):
    fill(tmp_path, cifar_files())
    cifar10(silent, folder=str(tmp_path))
    fill(tmp_path, {"test_batch.bin": cifar_records(20, 77).tobytes()})
    os.utime(tmp_path / "test_batch.bin", ns=(1, 1))
    images = cifar10(silent, folder=str(tmp_path)).test.inputs
    np.testing.assert_array_equal(images.reshape(20, -1), cifar_records(20, 77)[:, 1:])
