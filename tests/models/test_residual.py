"""Residual networks: the sizes of the papers, what a block computes, and that they learn."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy

from fedsim.inputs import InputSpec
from fedsim.models.contract import models
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Choice
from fedsim.training.torch_models import ModelKind
from tests.small_runs import DIGITS, played, scenario


def built(name, shape=(3, 32, 32), classes=10, **settings):
    entry = models[name]
    chosen = {key: setting.default for key, setting in entry.settings.items()} | settings
    return ModelKind(Choice(name, chosen), InputSpec("images", shape), classes).build()


@pytest.mark.parametrize(
    ("name", "shape", "size"),
    [
        ("resnet20_gn", (3, 32, 32), 269_722),
        ("resnet20_gn", (1, 28, 28), 269_434),
        ("resnet18_gn", (3, 32, 32), 11_173_962),
        ("resnet18_gn", (1, 28, 28), 11_172_810),
    ],
)
def test_as_many_parameters_as_in_the_papers(name, shape, size):
    module = built(name, shape)
    assert sum(p.numel() for p in module.parameters()) == size
    assert list(module.buffers()) == []
    assert f"{size:,} " in models[name].sections["Cost"]


def kernels(module):
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


@pytest.mark.parametrize(("name", "layers"), [("resnet20_gn", 20), ("resnet18_gn", 18)])
def test_as_many_layers_as_it_is_named_for(name, layers):
    assert sum(conv.kernel_size == (3, 3) for conv in kernels(built(name))) + 1 == layers


def by_hand(module, x, projected):
    """Logits from the module's own numbers, by the formula."""
    norms = [part for part in module.modules() if isinstance(part, nn.GroupNorm)]
    convs, place = kernels(module), 0

    def step(x):
        nonlocal place
        place += 1
        return norms[place - 1](convs[place - 1](x))

    x = step(x).relu()
    while place < len(convs):
        conv = convs[place]
        y = step(step(x).relu())
        changed = conv.stride != (1, 1) or conv.in_channels != conv.out_channels
        if changed and projected:
            x = step(x)
        elif changed:
            zeros = torch.zeros_like(x[:, :, ::2, ::2])
            x = torch.cat([x[:, :, ::2, ::2], zeros], dim=1)
        x = (x + y).relu()
    return module[-1](avg_pool2d(x, x.shape[-1]).flatten(1))


@pytest.mark.parametrize(("name", "projected"), [("resnet20_gn", False), ("resnet18_gn", True)])
def test_a_block_is_what_the_formula_says(name, projected):
    module, x = built(name).double(), torch.rand(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(module(x), by_hand(module, x, projected))


def test_an_example_does_not_see_its_neighbours():
    module, x = built("resnet20_gn", (1, 8, 8)).double().train(), torch.rand(5, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(module(x)[:2], module(x[:2]))


@pytest.mark.parametrize(("name", "channels"), [("resnet20_gn", 16), ("resnet18_gn", 64)])
def test_groups_that_do_not_divide_the_channels_are_refused(name, channels):
    with pytest.raises(ValueError, match=f"^{name} cannot divide its {channels} channels among groups = 3$"):
        built(name, groups=3)


@pytest.mark.parametrize("name", ["resnet18_gn", "resnet20_gn", "mnist_cnn"])
def test_one_gradient_step_after_another_brings_the_loss_down(name):
    torch.manual_seed(1)
    module = built(name, (1, 16, 16), 4)
    x, y = torch.rand(16, 1, 16, 16), torch.arange(16) % 4
    x[:, 0, 0, :4] += 2 * torch.eye(4)[y]
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    losses = []
    for _ in range(14 if name == "resnet18_gn" else 28):
        optimizer.zero_grad()
        loss = cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_federation_learns_digits_with_it():
    given = scenario(
        DIGITS, "model=resnet20_gn", "rounds=5", "training.epochs=2", "training.optimizer={lr=0.05, momentum=0.9}"
    )
    events = played(given)
    assert events[-1].final > 0.6


def test_images_that_are_too_small_are_refused_before_data_are_read():
    with pytest.raises(Exception, match=r"mnist_cnn needs images of at least 16×16: those of digits are 8×8"):
        parse_scenario('data = "digits"\nmodel = "mnist_cnn"')
