import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from fedsim.datasets.idx import read_idx
from fedsim.errors import DataUnavailable
from tests.datasets.files import idx, pictures

GOOD = idx(pictures(5))


@pytest.fixture(params=["plain", "gzipped"])
def written(request, tmp_path):
    def write(content):
        path = tmp_path / "images"
        path.write_bytes(gzip.compress(content) if request.param == "gzipped" else content)
        return path

    return write


def test_what_was_written_is_read(written):
    np.testing.assert_array_equal(read_idx(written(GOOD), (28, 28)), pictures(5))
    np.testing.assert_array_equal(read_idx(written(idx([3, 1, 4])), ()), [3, 1, 4])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no whole IDX header"),
        (GOOD[:10], "no whole IDX header"),
        (b"<html>404 not found</html>", "not an IDX file"),
        (bytes([0, 0, 0x0D, 3]) + GOOD[4:], "not an IDX file of bytes"),
        (idx([1, 2, 3]) + b"12345678", "in 3 dimensions"),
        (GOOD + b"\0", "longer than the 3920 bytes"),
    ],
)
def test_anything_else_is_refused(written, content, complaint):
    with pytest.raises(DataUnavailable, match=complaint):
        read_idx(written(content), (28, 28))


def test_truncated_content_is_refused(written):
    with pytest.raises(DataUnavailable, match="truncated: 3919 of 3920 bytes"):
        read_idx(written(GOOD[:-1]), (28, 28))


@pytest.mark.parametrize("cut", [3, 20, 1000, -1])
def test_truncated_gzip_data_is_refused(tmp_path, cut):
    (tmp_path / "images").write_bytes(gzip.compress(GOOD)[:cut])
    with pytest.raises(DataUnavailable, match="damaged gzip data"):
        read_idx(tmp_path / "images", (28, 28))


def test_a_flipped_byte_in_gzip_data_is_noticed(tmp_path):
    content = bytearray(gzip.compress(GOOD))
    content[len(content) // 2] ^= 255
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(DataUnavailable):
        read_idx(tmp_path / "images", (28, 28))


@pytest.mark.parametrize("count", [2**32 - 1, 10**6])
def test_a_boastful_header_gets_no_memory(written, count):
    path = written(bytes([0, 0, 8, 3]) + struct.pack(">3I", count, 28, 28) + b"x" * 100)
    tracemalloc.start()
    with pytest.raises(DataUnavailable, match=r"m from 1 to 1,000,000|more than the file can hold"):
        read_idx(path, (28, 28))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("shape", [(5, 28, 27), (0, 28, 28), (1, 784, 28)])
def test_other_sides_are_refused_before_anything_is_read(written, shape):
    with pytest.raises(DataUnavailable, match=r"not \(m, 28, 28\)"):
        read_idx(written(idx(np.zeros(shape))), (28, 28))


def test_labels_say_how_many_images_there_are(written):
    with pytest.raises(DataUnavailable, match="5 images for 6 labels"):
        read_idx(written(GOOD), (28, 28), 6)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataUnavailable, match="No such file"):
        read_idx(tmp_path / "nothing", (28, 28))
