import copy

import pytest
import torch
from torch import nn

from fedsim.models.convolutional import cnn, lenet5
from fedsim.training.pooling import pool_first


def gradients(module, images, labels):
    loss = nn.functional.cross_entropy(module(images), labels)
    return [loss, *torch.autograd.grad(loss, list(module.parameters()))]


@pytest.mark.parametrize("build", [lenet5, cnn])
def test_pooling_first_changes_no_bit(build):
    torch.manual_seed(1)
    module = build((1, 28, 28), 62)
    rewritten = copy.deepcopy(module)
    pool_first(rewritten)
    images, labels = torch.rand(8, 1, 28, 28), torch.randint(0, 62, (8,))
    images[0] = 0  # ties in every window
    before, after = gradients(module, images, labels), gradients(rewritten, images, labels)
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_only_relu_before_pooling_is_moved():
    module = nn.Sequential(nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), nn.ReLU(inplace=True), nn.Tanh(), nn.MaxPool2d(2))
    pool_first(module)
    kinds = [type(part).__name__ for part in module.modules()]
    assert kinds == ["Sequential", "Sequential", "MaxPool2d", "ReLU", "ReLU", "Tanh", "MaxPool2d"]


def test_a_sequential_with_a_mind_of_its_own_is_left_alone():
    class Doubling(nn.Sequential):
        def forward(self, images):
            first, second = self
            return second(2 * first(images) - 1)

    module = Doubling(nn.ReLU(), nn.MaxPool2d(2))
    pool_first(module)
    assert type(module[0]) is nn.ReLU
