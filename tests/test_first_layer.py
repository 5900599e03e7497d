"""The kernels of a first layer are the products that they stand for, and stand aside where they do not pay."""

import numpy as np
import pytest
import torch

from fedsim.first_layer import FirstLayer, turned
from fedsim.kernels import llvm
from fedsim.kernels.dense import MOST_ROWS, dense, padded
from fedsim.pool import single_threaded
from fedsim.scenario import Training
from fedsim.stacked import Stack, train_stacked

from .sites import Clients, choice, kind_of

pytestmark = pytest.mark.skipif(not llvm.available(), reason="no compiler")
SHAPES = [(784, 128, 32), (144, 70, 16), (64, 64, 8), (1024, 65, 24), (17, 200, 64)]


def drawn(*shape):
    return torch.from_numpy(np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize(("inputs", "outputs", "rows"), SHAPES)
def test_both_products_are_those_of_float64(inputs, outputs, rows):
    images, weight, delta = drawn(3, rows, inputs), drawn(outputs, inputs), drawn(3, rows, outputs)
    kernels = dense(inputs, outputs, rows)
    stack = turned(weight, kernels.outputs).expand(3, -1, -1).clone()
    layer = FirstLayer(kernels, images, stack, outputs)
    exact = images.double() @ weight.T.double()
    np.testing.assert_allclose(layer.forward(3), exact, atol=2e-6 * inputs)
    found = layer.gradients(delta, 3)
    wanted = images.double().transpose(1, 2) @ delta.double()
    np.testing.assert_allclose(found[:, :, :outputs], wanted, atol=1e-5 * rows)
    assert not found[:, :, outputs:].any()
    layer.descend(delta, 3, 0.5)
    np.testing.assert_array_equal(stack, turned(weight, kernels.outputs) - 0.5 * found)


def test_clients_that_are_done_are_left_alone():
    images, weight, delta = drawn(3, 8, 64), drawn(64, 64), drawn(3, 8, 64)
    stack = turned(weight, 64).expand(3, -1, -1).clone()
    layer = FirstLayer(dense(64, 64, 8), images, stack, 64)
    before = layer.forward(3).clone()
    layer.descend(delta, 2, 0.5)
    assert torch.equal(stack[2], turned(weight, 64))
    assert not torch.equal(stack[1], turned(weight, 64))
    assert not layer.gradients(delta, 2)[2].any()
    assert torch.equal(layer.forward(2)[2], before[2])


@pytest.mark.parametrize(
    ("inputs", "outputs", "rows"),
    [(784, 10, 32), (784, 128, MOST_ROWS + 8), (787, 128, 32)],
    ids=["few outputs", "many rows", "a prime number of inputs"],
)
def test_other_sizes_are_left_to_the_libraries(inputs, outputs, rows):
    assert dense(inputs, outputs, rows) is None


def test_without_a_compiler_there_are_no_kernels(monkeypatch):
    dense.cache_clear()
    monkeypatch.setattr(llvm, "available", lambda: False)
    assert dense(784, 128, 32) is None
    dense.cache_clear()


def test_outputs_fill_whole_vectors():
    assert [padded(n) for n in (1, 16, 17, 128)] == [16, 16, 32, 128]


def test_float64_is_left_to_the_libraries(monkeypatch):
    from fedsim.shared import Arena

    seen = []
    monkeypatch.setattr(Stack, "train", lambda stack: seen.append(stack.first))
    for kind, wanted in (("float32", FirstLayer), ("float64", type(None))):
        torch.set_default_dtype(getattr(torch, kind))
        try:
            arena = Arena()
            clients = Clients(arena, kind_of("mlp", hidden=70), Training(optimizer=choice("sgd")), dtype=kind)
            with single_threaded():
                train_stacked(clients.site, clients.jobs)
            arena.close()
        finally:
            torch.set_default_dtype(torch.float32)
        assert {type(first) for first in seen} == {wanted}
        seen.clear()
