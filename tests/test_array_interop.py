"""Numpy or torch, of whatever float, laid out however: the same numbers are read and the same kind comes back."""

import numpy as np
import pytest
import torch

import fedsim

ROWS = np.random.default_rng(4).normal(size=(7, 5)).astype(np.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_a_tensor_is_answered_with_a_tensor_of_its_type(dtype):
    rows = torch.tensor(ROWS).to(dtype).requires_grad_()
    answer = fedsim.aggregate("trimmed_mean", rows, f=2)
    assert isinstance(answer, torch.Tensor)
    assert answer.dtype == dtype
    assert not answer.requires_grad
    expected = np.sort(rows.detach().double().numpy(), axis=0)[2:-2].mean(axis=0)
    np.testing.assert_allclose(answer.double(), expected, rtol=2 * torch.finfo(dtype).eps, atol=1e-6)
    assert fedsim.attack("ipm", rows, count=2).dtype == dtype
    assert fedsim.preaggregate("nnm", rows, f=2).shape == rows.shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", ">f8"])
def test_an_array_is_answered_in_its_own_type(dtype):
    answer = fedsim.aggregate("mean", ROWS.astype(dtype))
    assert isinstance(answer, np.ndarray)
    assert answer.dtype == np.dtype(dtype)
    np.testing.assert_allclose(answer.astype(float), ROWS.mean(axis=0), atol=2e-3)


@pytest.mark.parametrize("rows", [np.arange(12).reshape(4, 3), torch.arange(12).reshape(4, 3)], ids=["numpy", "torch"])
def test_whole_numbers_become_64_bit_floats(rows):
    answer = fedsim.aggregate("median", rows)
    assert "float64" in str(answer.dtype)
    assert answer.tolist() == [4.5, 5.5, 6.5]


def test_columns_first_and_strided_matrices_are_read_right():
    np.testing.assert_array_equal(fedsim.aggregate("median", np.asfortranarray(ROWS)), np.median(ROWS, axis=0))
    np.testing.assert_array_equal(fedsim.aggregate("median", ROWS[::2, ::2]), np.median(ROWS[::2, ::2], axis=0))
    np.testing.assert_array_equal(fedsim.aggregate("median", torch.tensor(ROWS).T), np.median(ROWS.T, axis=0))
