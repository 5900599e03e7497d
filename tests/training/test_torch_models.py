"""Which modules are known by their layers alone: a faster way may stand in for no others."""

import pytest
import torch
from torch import nn

from fedsim.training.torch_models import flat_model, linear_layers, parts_in_line
from tests.training_sites import kind_of


def layers():
    return [nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)]


def test_a_plain_sequential_is_its_layers():
    module = nn.Sequential(*layers())
    assert parts_in_line(module) == list(module)
    assert linear_layers(parts_in_line(module)) == [module[1], module[3], module[5]]


class Halving(nn.Sequential):
    """Its own forward pass."""

    def forward(self, images):
        return super().forward(images) / 2


def tied():
    first, one, relu, _, _, last = layers()
    square = nn.Linear(6, 6)
    return nn.Sequential(first, one, relu, square, relu, square, relu, last)


def tied_weight():
    module = nn.Sequential(*layers(), nn.ReLU(), nn.Linear(3, 3))
    module[-1].weight = nn.Parameter(torch.ones(3, 3))
    module.append(nn.Linear(3, 3))
    module[-1].weight = module[-2].weight
    return module


def frozen():
    module = nn.Sequential(*layers())
    module[1].weight.requires_grad_(False)
    return module


def hooked():
    module = nn.Sequential(*layers())
    module[1].register_forward_hook(lambda layer, given, answer: answer + 1)
    return module


def computed():
    module = nn.Sequential(*layers())
    nn.utils.parametrizations.weight_norm(module[1])
    return module


def with_a_number_beside():
    module = nn.Sequential(*layers())
    module.register_parameter("scale", nn.Parameter(torch.ones(1)))
    return module


def with_a_buffer():
    module = nn.Sequential(*layers())
    module.register_buffer("seen", torch.zeros(3))
    return module


@pytest.mark.parametrize(
    "build",
    [
        lambda: Halving(*layers()),
        lambda: layers()[1],
        lambda: nn.Sequential(*layers()).double(),
        tied,
        tied_weight,
        frozen,
        hooked,
        computed,
        with_a_number_beside,
        with_a_buffer,
    ],
)
def test_other_modules_are_not_taken_for_their_layers(build):
    assert parts_in_line(build()) == []


def test_group_normalisation_keeps_channels_first_and_nothing_else_does():
    layouts = {
        name: [p for p in flat_model(kind_of(name, (1, 16, 16)), channels_last=True).parameters if p.dim() == 4][-1]
        for name in ("resnet20_gn", "mnist_cnn")
    }
    assert layouts["resnet20_gn"].is_contiguous()
    assert not layouts["mnist_cnn"].is_contiguous()
