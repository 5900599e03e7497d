"""What a dataset returns is checked before anything reads it, in the words of its kind."""

from dataclasses import replace

import numpy as np
import pytest

from fedsim.datasets.contract import Dataset, Examples, check_dataset, dataset, datasets
from fedsim.errors import ScenarioError
from fedsim.scenario.load import parse_scenario
from fedsim.simulation.federation import build_federation
from tests.small_runs import registered

TARGETS = np.arange(6) % 3
IMAGES = np.zeros((6, 1, 4, 4), np.uint8)
FEATURES = np.zeros((6, 5), np.float32)
TOKENS = np.tile(np.arange(4, dtype=np.uint8), (6, 1))


def whole(inputs, kind, targets=TARGETS, classes=3, **more):
    part = Examples(inputs, targets)
    return Dataset(part, part, classes, kind, **more)


def next_token(**changes):
    data = whole(TOKENS, "tokens", np.tile(np.arange(4), (6, 1)), 4, task="next_token", vocabulary=4)
    return replace(data, **changes)


@pytest.mark.parametrize(
    "data",
    [
        whole(IMAGES, "images"),
        whole(IMAGES.astype(np.float32), "images"),
        whole(FEATURES, "features"),
        whole(np.zeros((6, 3, 5), np.float32), "features"),
        whole(TOKENS, "tokens", vocabulary=4),
        next_token(),
    ],
)
def test_every_kind_goes_through_and_tells_a_model_what_it_is(data):
    found = check_dataset(data)
    np.testing.assert_array_equal(found.train.inputs, data.train.inputs)
    assert found.train.targets.dtype == np.int64
    assert (found.spec.kind, found.spec.shape, found.spec.dtype, found.spec.vocabulary) == (
        data.kind, data.train.inputs.shape[1:], data.train.inputs.dtype.name, data.vocabulary,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (5, "a dataset returns a Dataset, not a int"),
        (whole(IMAGES, "image"), "the kind of a dataset is one of images, features, tokens: got 'image'; did you mean"),
        (next_token(task="next_tokens"), "the task .* got 'next_tokens'; did you mean `next_token`"),
        (whole(IMAGES, "images", classes=0), "classes ≥ 1"),
        (whole(FEATURES, "images"), r'images have a shape \(m, channels, height, width\).*kind = "features"'),
        (whole(FEATURES.astype(np.float64), "features"), "train features are an array of float32: got float64"),
        (whole(FEATURES[:, 0], "features"), r"train features have a shape \(m, features\) or longer"),
        (whole(FEATURES + np.nan, "features"), "train features hold numbers that are not finite"),
        (whole(FEATURES, "features", vocabulary=3), "a vocabulary and next tokens belong to tokens"),
        (whole(FEATURES, "features", task="next_token"), "a vocabulary and next tokens belong to tokens"),
        (whole(TOKENS, "tokens"), "tokens need a vocabulary ≥ 1"),
        (whole(FEATURES, "tokens", vocabulary=3), "train tokens are an array of whole numbers: got float32"),
        (whole(TOKENS[:, 0], "tokens", vocabulary=4), r"train tokens have a shape \(m, length\)"),
        (whole(TOKENS, "tokens", vocabulary=3), "train tokens: 0 to 3; 0 to 2 are possible"),
        (next_token(classes=5), "the next token is one of the vocabulary of 4, and classes = 5"),
        (replace(next_token(), train=Examples(TOKENS, TARGETS)), r"train targets are .*, of shape \(6, 4\): got int64"),
        (whole(IMAGES, "images", TARGETS[:5]), "train labels are an array of whole numbers, one for each of 6 images"),
        (whole(FEATURES, "features", TARGETS + 1), "train labels: 3 among them; 0 to 2 are possible"),
        (replace(whole(FEATURES, "features"), test=Examples(FEATURES[:, :4], TARGETS)), "different shapes: 5 and 4"),
        (replace(whole(IMAGES, "images"), test=Examples(np.float32(IMAGES), TARGETS)), "types: uint8 and float32"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(data, message):
    with pytest.raises(ValueError, match=message) as raised:
        check_dataset(data)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "overrides", "where", "message"),
    [
        (whole(FEATURES, "features"), ['model="lenet5"'], "model", "the data are 5 features; lenet5 takes images only"),
        (
            next_token(),
            ['partition={name="dirichlet", alpha=1.0}', 'model="mlp"'],
            "partition",
            "goes by the class of an example, and here every place has a target: use by_writer, iid, quantity, virtual",
        ),
    ],
)
def test_parts_that_do_not_take_what_the_data_turn_out_to_be_are_refused_before_a_model_is_built(
    data, overrides, where, message
):
    with registered(datasets, "own"):
        dataset("own")(lambda: data)
        scenario = parse_scenario('data = "own"\nroot.size = 1\nevaluation.validation = 1\n', overrides)
        with pytest.raises(ScenarioError) as raised:
            build_federation(scenario)
    assert {problem.where: problem.message for problem in raised.value.problems}[where].count(message.split(":")[0])
