"""Steps against torch's own optimizers."""

import numpy as np
import pytest
import torch

from fedsim.optimizers.contract import optimizers
from fedsim.optimizers.descent import adam, sgd


def ours(step, start, gradients, **settings):
    parameters, state = start.clone(), {}
    for gradient in gradients:
        step(parameters, gradient.clone(), state, **settings)
    return parameters


def theirs(made, start, gradients, **settings):
    parameters = torch.nn.Parameter(start.clone())
    optimizer = made([parameters], **settings)
    for gradient in gradients:
        parameters.grad = gradient.clone()
        optimizer.step()
    return parameters.detach()


@pytest.fixture(params=[torch.float32, torch.float64], ids=["single", "double"])
def descent(request):
    draw = torch.Generator().manual_seed(1)
    start, *gradients = (torch.randn(4, 33, generator=draw, dtype=request.param) for _ in range(9))
    return start, gradients


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_sgd_is_torchs_to_the_bit(descent, momentum, weight_decay):
    settings = {"lr": 0.07, "momentum": momentum, "weight_decay": weight_decay}
    assert torch.equal(ours(sgd, *descent, **settings), theirs(torch.optim.SGD, *descent, **settings))


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_adam_is_torchs_up_to_rounding(descent, weight_decay):
    mine = ours(adam, *descent, lr=0.02, beta1=0.8, beta2=0.95, epsilon=1e-6, weight_decay=weight_decay)
    other = theirs(torch.optim.Adam, *descent, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=weight_decay)
    close = 1e-6 if mine.dtype == torch.float32 else 1e-14
    np.testing.assert_allclose(mine, other, rtol=10 * close, atol=close)


def test_defaults_are_the_signatures():
    assert {name: s.default for name, s in optimizers["adam"].settings.items()} == {
        "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("entry", list(optimizers), ids=lambda entry: entry.name)
def test_each_coordinate_is_treated_alone(entry, descent):
    """A client's step in a stack is the step it would take alone: to the bit, at every place."""
    start, gradients = descent
    settings = {name: setting.default for name, setting in entry.settings.items()}
    settings |= {key: 0.3 for key in ("momentum", "weight_decay") if key in settings}
    whole = ours(entry.function, start, gradients, **settings)
    for row in range(len(start)):
        alone = ours(entry.function, start[row], [g[row] for g in gradients], **settings)
        assert torch.equal(whole[row], alone)


@pytest.mark.parametrize("entry", list(optimizers), ids=lambda entry: entry.name)
def test_steps_go_downhill(entry):
    settings = {name: setting.default for name, setting in entry.settings.items()} | {"lr": 0.05}
    place, state = torch.tensor([3.0, -2.0]), {}
    for _ in range(200):
        entry.function(place, 2 * place, state, **settings)
    assert place.abs().max() < 0.1
