"""Arrays as the bytes that safetensors itself would write, made one after another."""

import io

import numpy as np
import pytest
from safetensors.numpy import save

from fedsim.runs.arrays_file import KINDS, ArraysFile, Lazy, holds, sha256_of


def arrays():
    draw = np.random.default_rng(0)
    kinds = {f"of.{kind}": draw.integers(0, 2, (3, 2)).astype(kind) for kind in KINDS}
    rest = {"momenta.10": np.ones(3, np.float32), "momenta.9": np.zeros(3, np.float32), "a|ü": np.zeros((0, 4))}
    return kinds | rest | {"none": np.asarray(3), "turned": np.ones((2, 3))[:, ::-1].T}


def test_to_the_byte():
    plain = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays().items()}
    file = ArraysFile({name: Lazy.of(array) for name, array in arrays().items()})
    data = b"".join(file)
    assert data == save(plain)
    assert (file.size, file.sha256()) == (len(data), sha256_of(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("change", "same"), [(lambda d: d, True), (lambda d: d[:-1], False), (lambda d: d + b"0", False)]
)
def test_a_file_is_compared_piece_by_piece(change, same):
    file = ArraysFile({name: Lazy.of(array) for name, array in arrays().items()})
    assert holds(io.BytesIO(change(b"".join(file))), file) is same


def test_an_array_that_is_not_what_was_said_is_refused():
    with pytest.raises(ValueError, match="was said"):
        b"".join(ArraysFile({"a": Lazy(np.dtype("f4"), (3,), lambda: np.zeros(3))}))
