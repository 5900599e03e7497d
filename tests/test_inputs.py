"""What a model is told of its inputs, and how they become tensors."""

import numpy as np
import pytest
import torch

from fedsim.inputs import InputSpec, as_floats


@pytest.mark.parametrize(
    ("spec", "words", "size"),
    [
        (InputSpec("images", (1, 28, 28)), "images of 1×28×28", 784),
        (InputSpec("features", (30,), "float32"), "30 features", 30),
        (InputSpec("features", (3, 4), "float32"), "features of 3×4", 12),
        (InputSpec("tokens", (40,), "uint8", 61), "40 tokens out of 61", 40),
    ],
)
def test_a_spec_describes_itself_and_makes_a_sample(spec, words, size):
    sample = spec.sample(3)
    assert (spec.words, spec.size) == (words, size)
    assert (sample.shape, sample.dtype.name) == ((3, *spec.shape), spec.dtype)
    assert spec.tensor(sample).shape == sample.shape


def test_bytes_of_images_become_shares_of_255_and_tokens_stay_whole():
    numbers = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_array_equal(InputSpec("images", (1, 1, 3)).tensor(numbers).numpy(), np.float32([[0, 0.2, 1]]))
    tokens = InputSpec("tokens", (3,), "uint8", 256).tensor(numbers)
    assert tokens.dtype == torch.int64
    assert tokens.tolist() == [[0, 51, 255]]


def test_what_cannot_be_written_to_is_copied_first():
    numbers = np.ones((2, 2), np.float32)
    numbers.flags.writeable = False
    as_floats(numbers).zero_()
    assert numbers.all()
