"""Modules and their vectors, there and back, in both layouts."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fedsim.randomness import Stream
from fedsim.training.flat import Flat, digest, initial, named


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4))


@pytest.mark.parametrize("layout", [False, True])
def test_the_order_is_the_modules_own_whatever_the_layout(layout):
    module = network()
    tensors = [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]
    expected = torch.cat([tensor.detach().reshape(-1) for tensor in tensors]).numpy()
    images = torch.rand(5, 2, 8, 8)
    output = network().eval()(images)
    flat = Flat(module, channels_last=layout)
    np.testing.assert_array_equal(flat.numpy(), expected)
    np.testing.assert_allclose(flat.module.eval()(images).detach(), output.detach(), atol=1e-6)


@pytest.mark.parametrize("layout", [False, True])
def test_load_and_minus(layout):
    flat = Flat(network(), channels_last=layout)
    vector, other = torch.rand(flat.size), torch.rand(flat.size)
    flat.load(vector)
    np.testing.assert_array_equal(flat.numpy(), vector)
    out = torch.empty(flat.size)
    flat.minus(other, out)
    np.testing.assert_array_equal(out, vector - other)
    flat.module[0].weight.data[0, 1, 2, 0] = 7  # parameters are views: a step is seen in the vector
    assert flat.numpy()[1 * 9 + 2 * 3 + 0] == 7


def test_what_is_not_in_the_vector_is_made_anew():
    flat = Flat(network())
    vector = torch.from_numpy(flat.numpy())
    flat.module.train()(torch.rand(5, 2, 8, 8))
    assert flat.module[1].num_batches_tracked == 1
    flat.load(vector)
    assert flat.module[1].num_batches_tracked == 0


def test_names_and_shapes_are_the_modules():
    flat = Flat(network())
    found, state = named(flat, flat.numpy()), network().state_dict()
    assert sorted(found) == sorted(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(found[name], tensor)


def test_initial_numbers_come_from_the_address_alone():
    torch.manual_seed(1)
    first = initial(lambda: nn.Linear(3, 2), Stream.root(1))
    torch.manual_seed(2)
    np.testing.assert_array_equal(first, initial(lambda: nn.Linear(3, 2), Stream.root(1)))


@given(st.lists(st.floats(width=32), min_size=1, max_size=20), st.integers(0, 19), st.integers(0, 31))
def test_a_digest_tells_every_bit(numbers, place, bit):
    vector = np.array(numbers, np.float32)
    name = digest(vector)
    assert len(name) == 16
    assert int(name, 16) >= 0
    assert digest(np.stack([vector, vector], axis=1)[:, 0]) == name  # however it lies in memory
    vector.view(np.uint32)[place % len(vector)] ^= np.uint32(1 << bit)
    assert digest(vector) != name
