"""Networks on images that lie side by side compute what torch computes, to rounding, and keep clients apart."""

import hashlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fedsim.kernels.networks import images, images_source
from fedsim.models.convolutional import lenet5
from fedsim.training.convnet import ROOMS, Network, Numbers, Own
from fedsim.training.convnet_layout import parse
from fedsim.training.examples import Located
from fedsim.training.pooling import pool_first


def conv(into, out, side, padding=0, pooled=True):
    return [nn.Conv2d(into, out, side, padding=padding), nn.ReLU(), *([nn.MaxPool2d(2)] if pooled else [])]


NETWORKS = {
    "lenet5": ((1, 28, 28), lambda: lenet5((1, 28, 28), 62)),
    "colour": ((3, 11, 9), lambda: nn.Sequential(*conv(3, 7, 3, 1), nn.Flatten(), nn.Linear(7 * 5 * 4, 5))),
    "no pooling": (
        (2, 9, 9),
        lambda: nn.Sequential(
            *conv(2, 5, 3, 0, False),
            *conv(5, 13, 3, 2, False),
            nn.Flatten(),
            nn.Linear(13 * 81, 8),
            nn.ReLU(),
            nn.Linear(8, 4),
        ),
    ),
    "deep": (
        (1, 20, 20),
        lambda: nn.Sequential(
            *conv(1, 16, 5, 2), *conv(16, 16, 3, 1), *conv(16, 9, 1, 0), nn.Flatten(), nn.Linear(9 * 4, 10)
        ),
    ),
}


def networks(name, room):
    shape, build = NETWORKS[name]
    torch.manual_seed(3)
    module = build()
    rewritten = nn.Sequential(*module)
    pool_first(rewritten)
    plan = parse(rewritten, shape)
    assert plan is not None
    return shape, module, plan, Network(plan, room)


def seen(pictures, labels=None):
    return Located(pictures.numpy(), np.arange(len(pictures)), None if labels is None else np.asarray(labels))


def gradient(network, numbers, pictures, labels, row, base=None, times=1.0):
    """The loss of one client's images, whose gradient is written to `row`."""
    own = Own(np.array([0, len(labels)]), np.zeros(1, np.int64))
    (loss,) = network.send(numbers, seen(pictures, labels), own, row[None], base, times)
    return loss


def vector_of(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy()


def exact(module, pictures, labels):
    """Loss and gradients in float64."""
    double = module.double()
    loss = cross_entropy(double(pictures.double()), labels)
    gradients = torch.autograd.grad(loss, list(double.parameters()))
    module.float()
    return loss.item(), gradients


@pytest.mark.parametrize("processor", [images_source.AVX2, images_source.AVX512])
@pytest.mark.parametrize(("room", "count"), [(16, 8), (48, 11), (48, 33), (112, 40)])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_float64(name, room, count, processor, monkeypatch):
    monkeypatch.setattr(images, "registers", lambda: processor)
    shape, module, plan, network = networks(name, room)
    generator = torch.Generator().manual_seed(count)
    pictures = torch.rand(count, *shape, generator=generator)
    pictures[:, :, :4] = 0  # ties in the pooling windows
    labels = torch.randint(0, 4, (count,), generator=generator)
    vector = vector_of(module)
    row = np.full(len(vector) + 16, 7, np.float32)
    loss = gradient(network, Numbers(plan, vector), pictures, labels, row[:-16])
    wanted_loss, wanted = exact(module, pictures, labels)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    for ours, right in zip(torch.split(torch.from_numpy(row), [*map(torch.numel, wanted), 16]), wanted, strict=False):
        scale = right.abs().max().item()
        np.testing.assert_allclose(ours.numpy(), right.numpy().ravel(), rtol=0, atol=1e-5 * scale)
    assert (row[-16:] == 7).all()  # nothing is written beyond the row


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_torch(name):
    shape, module, plan, network = networks(name, 16)
    pictures = torch.rand(13, *shape)
    with torch.no_grad():
        ours, theirs = network.outputs(seen(pictures), Numbers(plan, vector_of(module))), module(pictures)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5)


def test_a_batch_leaves_nothing_behind_for_the_next():
    shape, module, plan, network = networks("lenet5", 48)
    numbers, row = Numbers(plan, vector_of(module)), np.empty_like(vector_of(module))
    pictures, labels = torch.rand(20, *shape), np.arange(20)

    def digest():
        loss = gradient(network, numbers, pictures, labels, row)
        return loss, hashlib.sha256(row.tobytes()).hexdigest()

    first = digest()
    gradient(network, numbers, torch.full((32, *shape), torch.inf), np.zeros(32, np.int64), row)
    assert digest() == first


def test_a_row_is_a_multiple_of_the_gradient_and_what_weight_decay_adds():
    shape, module, plan, network = networks("colour", 16)
    vector, pictures, labels = vector_of(module), torch.rand(11, *shape), np.arange(11) % 5
    numbers, plain, row = Numbers(plan, vector), np.empty_like(vector), np.empty_like(vector)
    loss = gradient(network, numbers, pictures, labels, plain)
    assert gradient(network, numbers, pictures, labels, row, np.float32(-0.3) * vector, -3.0) == loss
    np.testing.assert_allclose(row, -0.3 * vector - 3 * plain, atol=1e-6)


@pytest.mark.parametrize("processor", [images_source.AVX2, images_source.AVX512])
@pytest.mark.parametrize("lengths", [(7, 16, 1, 25), (25, 25, 25, 25), (40, 3)])
@pytest.mark.parametrize("name", NETWORKS)
def test_side_by_side_a_client_sends_the_bits_that_it_sends_alone(name, lengths, processor, monkeypatch):
    monkeypatch.setattr(images, "registers", lambda: processor)
    shape, module, plan, network = networks(name, 112)
    numbers, bounds = Numbers(plan, vector_of(module)), np.array([0, *lengths]).cumsum()
    pictures, labels = torch.rand(bounds[-1], *shape), np.arange(bounds[-1]) % 4
    which = np.arange(len(lengths))[::-1].copy()
    rows = np.full((len(lengths) + 1, len(vector_of(module))), 7, np.float32)
    losses = network.send(numbers, seen(pictures, labels), Own(bounds, which), rows, None, -0.5)
    for client, (first, last) in enumerate(pairwise(bounds)):
        alone, row = Network(plan, ROOMS[1]), np.empty_like(rows[0])
        loss = gradient(alone, numbers, pictures[first:last], labels[first:last], row, None, -0.5)
        assert loss == losses[client]
        np.testing.assert_array_equal(rows[which[client]], row)
    assert (rows[-1] == 7).all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_one_client_sees_never_touches_another(bad):
    shape, module, plan, network = networks("lenet5", 48)
    numbers, bounds = Numbers(plan, vector_of(module)), np.array([0, 9, 18, 27])
    pictures, labels, rows = torch.rand(27, *shape), np.arange(27), np.empty((3, len(vector_of(module))), np.float32)
    own = Own(bounds, np.arange(3))
    network.send(numbers, seen(pictures, labels), own, rows)
    right = rows.copy()
    pictures[9:18] = bad
    network.send(numbers, seen(pictures, labels), own, rows)
    np.testing.assert_array_equal(rows[[0, 2]], right[[0, 2]])
    assert not np.isfinite(rows[1]).all()


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_number_that_is_none_is_never_lost(poison):
    shape, module, plan, network = networks("lenet5", 16)
    vector = vector_of(module)
    vector[2 * 25 + 6] = poison
    ours = network.outputs(seen(torch.rand(5, *shape)), Numbers(plan, vector))
    assert not ours.isfinite().all(dim=1).any()


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3, padding="same"), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, (3, 5)), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3), nn.MaxPool2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 40, 3), nn.ReLU(), nn.Conv2d(40, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(9, 4)],
        [nn.Conv2d(1, 4, 3), nn.ReLU()],
        [nn.Flatten(), nn.Linear(9, 4)],
    ],
    ids=str,
)
def test_other_networks_are_left_to_torch(layers):
    assert (
        parse(nn.Sequential(*layers), (layers[0].in_channels if hasattr(layers[0], "in_channels") else 1, 9, 9)) is None
    )
