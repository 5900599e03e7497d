"""Every model: the numbers it promises, its shapes, and what it says of images it cannot take."""

import re

import numpy as np
import pytest
import torch

from fedsim.inputs import KINDS, InputSpec
from fedsim.models.contract import models
from fedsim.randomness import Stream
from fedsim.scenario.sections import Choice
from fedsim.tasks import CLASSIFICATION, NEXT_TOKEN
from fedsim.training.flat import Flat, initial
from fedsim.training.torch_models import ModelKind, flat_model

NAMES = [entry.name for entry in models if "images" in entry.traits["kinds"]]
SIZES = {
    ("logistic", 10): 7_850, ("mlp", 10): 101_770, ("lenet5", 10): 61_706, ("femnist_cnn", 62): 981_118,
    ("cnn", 62): 6_603_710, ("mnist_cnn", 10): 431_080,
}  # fmt: skip


def built(name, shape=(1, 28, 28), classes=10, **settings):
    entry = models[name]
    chosen = {key: setting.default for key, setting in entry.settings.items()} | settings
    return ModelKind(Choice(name, chosen), InputSpec("images", shape), classes)


@pytest.mark.parametrize(("which", "size"), SIZES.items(), ids=[name for name, _ in SIZES])
def test_as_many_parameters_as_it_promises(which, size):
    name, classes = which
    assert sum(p.numel() for p in built(name, classes=classes).build().parameters()) == size
    cost = models[name].sections["Cost"].replace(",", "")
    promised = re.match(r"([\d.]+)( M)?", cost)
    number = float(promised[1]) * (1e6 if promised[2] else 1)
    assert size == pytest.approx(number, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)], ids=["grey", "colour"])
def test_logits_for_every_class(name, shape):
    module = built(name, shape, 7).build().eval()
    with torch.inference_mode():
        assert module(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", ["cnn", "femnist_cnn", "lenet5", "mnist_cnn", "resnet18_gn", "resnet20_gn"])
def test_images_that_are_too_small_are_refused_in_words(name):
    with pytest.raises(ValueError, match=rf"^{name} needs images of at least \d+×\d+: got 1×3×3$"):
        built(name, (1, 3, 3)).build()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_address_gives_the_same_numbers_and_keeps_the_callers_generator(name):
    kind, before = built(name), torch.get_rng_state()
    first, again, other = (initial(kind.build, Stream.root(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_for_convolutions_changes_rounding_only(name):
    kind = built(name, classes=5)
    start, images = torch.from_numpy(initial(kind.build, Stream.root(1))), torch.rand(3, 1, 28, 28)
    outputs = []
    for layout in (False, True):
        flat = flat_model(kind, channels_last=layout)
        flat.load(start)
        np.testing.assert_array_equal(flat.numpy(), start.numpy())
        with torch.inference_mode():
            outputs.append(flat.module.eval()(images))
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-5)


@pytest.mark.parametrize("name", ["logistic", "mlp"])
@pytest.mark.parametrize("shape", [(30,), (3, 4)], ids=["columns", "series"])
def test_features_of_any_shape(name, shape):
    chosen = {key: setting.default for key, setting in models[name].settings.items()}
    kind = ModelKind(Choice(name, chosen), InputSpec("features", shape, "float32"), 7)
    assert kind.build()(kind.sample(2)).shape == kind.answers(2) == (2, 7)


@pytest.mark.parametrize("task", [CLASSIFICATION, NEXT_TOKEN], ids=lambda task: task.name)
def test_a_recurrent_network_answers_once_or_everywhere_and_looks_only_back(task):
    chosen = {key: setting.default for key, setting in models["gru"].settings.items()}
    kind = ModelKind(Choice("gru", chosen), InputSpec("tokens", (9,), "uint8", 61), 61, task=task)
    module, tokens = kind.build().eval(), torch.randint(0, 61, (2, 9))
    assert sum(p.numel() for p in module.parameters()) == 72_029
    assert module(tokens).shape == kind.answers(2)
    later = tokens.clone()
    later[:, 6:] = (later[:, 6:] + 1) % 61
    before, after = module(tokens), module(later)
    if task.everywhere:
        torch.testing.assert_close(before[:, :6], after[:, :6])
        before, after = before[:, 6:], after[:, 6:]
    assert (before != after).all()


def test_every_model_says_which_inputs_it_takes():
    ours = [entry for entry in models if entry.function.__module__.startswith("fedsim.")]
    assert ours
    assert all(set(entry.traits["kinds"]) <= set(KINDS) for entry in ours)


def test_depth_and_width_of_an_mlp():
    kind = built("mlp", (1, 8, 8), 3, hidden=5, layers=3)
    shapes = [tuple(p.shape) for p in Flat(kind.build()).parameters]
    assert shapes == [(5, 64), (5,), (5, 5), (5,), (5, 5), (5,), (3, 5), (3,)]
