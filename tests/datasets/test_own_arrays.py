"""Arrays of one's own in .npz files: what is read from them, and each mistake in one line."""

import io
import zipfile

import numpy as np
import pytest

import fedsim
from fedsim.datasets.contract import check_dataset
from fedsim.datasets.npz import npz
from fedsim.errors import DataUnavailable, ScenarioError, WrongSetting
from fedsim.randomness import Stream
from fedsim.scenario.load import load_scenario

STREAM = Stream.root(2)
DRAW = np.random.default_rng(0)
FEATURES, LABELS = DRAW.standard_normal((40, 5)), np.arange(40) % 4
BYTES = DRAW.integers(0, 256, (40, 6, 7), np.uint8)
TOKENS = DRAW.integers(0, 9, (40, 6))


@pytest.fixture
def save(tmp_path):
    def made(**arrays):
        np.savez(tmp_path / "mine.npz", **arrays)
        return tmp_path / "mine.npz"

    return made


def read(path, **settings):
    return check_dataset(npz(STREAM, file=str(path), **settings))


def everything(data):
    """Both parts, in the order of their first numbers."""
    inputs = np.concatenate([data.train.inputs, data.test.inputs])
    targets = np.concatenate([data.train.targets, data.test.targets])
    order = np.lexsort(inputs.reshape(len(inputs), -1).T[::-1])
    return inputs[order], targets[order]


def test_features_are_kept_and_a_share_of_every_class_is_held_out(save):
    data = read(save(inputs=FEATURES, targets=LABELS), test_fraction=0.3)
    assert (data.kind, data.task, data.classes, data.shape) == ("features", "classification", 4, (5,))
    assert list(np.bincount(data.test.targets)) == [3] * 4
    inputs, targets = everything(data)
    order = np.lexsort(np.float32(FEATURES).T[::-1])
    np.testing.assert_array_equal(inputs, np.float32(FEATURES)[order])
    np.testing.assert_array_equal(targets, LABELS[order])


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (BYTES, (1, 6, 7)),
        (np.stack([BYTES] * 3, 1), (3, 6, 7)),
        (np.stack([BYTES] * 3, 3), (3, 6, 7)),
        (np.float64(np.stack([BYTES] * 3, 3)) / 255, (3, 6, 7)),
    ],
    ids=["grey", "channels first", "channels last", "floats"],
)
def test_images_are_turned_with_their_channels_first(save, images, shape):
    data = read(save(inputs=images, targets=LABELS))
    assert (data.kind, data.shape) == ("images", shape)
    for channel in range(shape[0]):
        inputs, _ = everything(data)
        expected = BYTES[np.lexsort(BYTES.reshape(40, -1).T[::-1])]
        found = inputs[:, channel] if inputs.dtype == np.uint8 else np.rint(inputs[:, channel] * 255)
        np.testing.assert_array_equal(found, expected)


def test_tokens_with_a_class_of_the_whole_or_a_target_at_every_place(save):
    whole = read(save(inputs=TOKENS, targets=LABELS), kind="tokens")
    assert (whole.task, whole.classes, whole.vocabulary) == ("classification", 4, 9)
    data = read(save(inputs=TOKENS[:, :-1], targets=TOKENS[:, 1:]), kind="tokens", vocabulary=12)
    assert (data.task, data.classes, data.vocabulary, data.shape) == ("next_token", 12, 12, (5,))
    assert len(data.test) == 8


def test_arrays_under_other_names_with_a_test_set_and_owners_by_name(save):
    names = np.array(["eva", "ben", "ada", "ben"] * 10)
    path = save(x=FEATURES[:30], y=LABELS[:30], who=names[:30], x_test=FEATURES[30:], y_test=LABELS[30:], w=names[30:])
    data = read(
        path, inputs="x", targets="y", owners="who", test_inputs="x_test", test_targets="y_test", test_owners="w"
    )
    np.testing.assert_array_equal(data.train.inputs, np.float32(FEATURES[:30]))
    np.testing.assert_array_equal(data.test.owners, np.unique(names, return_inverse=True)[1][30:])
    assert data.tested_on == "other examples by the owners trained on"


def test_whole_owners_can_be_held_out(save):
    data = read(save(inputs=FEATURES, targets=LABELS, owners=np.arange(40) // 4), held="owners", test_fraction=0.2)
    assert len(set(data.test.owners)) == 2
    assert not set(data.test.owners) & set(data.train.owners)


def test_standardised_by_the_training_set(save):
    data = read(save(inputs=FEATURES * 7 + 3, targets=LABELS), standardise=True)
    np.testing.assert_allclose(data.train.inputs.mean(axis=0), 0, atol=1e-6)
    assert np.abs(data.test.inputs.mean(axis=0)).max() > 1e-3


def with_nan():
    spoilt = FEATURES.copy()
    spoilt[7, 2] = np.nan
    return spoilt


MISTAKES = {
    "no inputs": ({"inputz": FEATURES, "targets": LABELS}, {}, r"no array `inputs`; did you mean `inputz`\?"),
    "no targets": ({"inputs": FEATURES, "y": LABELS}, {}, "no array `targets`; it holds inputs, y"),
    "a name of one's own": (
        {"inputs": FEATURES, "targets": LABELS},
        {"owners": "who"},
        "no array `who`; it holds inputs, targets",
    ),
    "lengths": ({"inputs": FEATURES, "targets": LABELS[:39]}, {}, "40 inputs and 39 targets: as many are wanted"),
    "a lone number": ({"inputs": FEATURES, "targets": np.int64(3)}, {}, "40 inputs and one number as targets"),
    "owners' length": (
        {"inputs": FEATURES, "targets": LABELS, "owners": LABELS[1:]},
        {},
        "40 inputs and 39 owners: as many are wanted",
    ),
    "owners' type": (
        {"inputs": FEATURES, "targets": LABELS, "owners": FEATURES[:, 0]},
        {},
        "whole numbers or texts: got float64",
    ),
    "nan": (
        {"inputs": with_nan(), "targets": LABELS},
        {},
        "1 examples hold NaN .*, the first nan in example 7, number 2",
    ),
    "too large": ({"inputs": FEATURES * 1e300, "targets": LABELS}, {}, "more than four bytes hold; scale them"),
    "objects": (
        {"inputs": np.array([FEATURES[0], "a"], dtype=object), "targets": LABELS[:2]},
        {},
        "mine.npz:inputs: holds Python",
    ),
    "texts": ({"inputs": np.array([["a", "b"]] * 40), "targets": LABELS}, {}, "inputs are numbers: got <U1"),
    "which kind": (
        {"inputs": TOKENS, "targets": LABELS},
        {},
        'may be images, features or tokens: say kind = "features"',
    ),
    "empty": ({"inputs": FEATURES[:0], "targets": LABELS[:0]}, {}, "inputs is empty"),
    "one column": (
        {"inputs": FEATURES[:, 0], "targets": LABELS},
        {"kind": "features"},
        r"one column is array\[:, None\]",
    ),
    "image shape": ({"inputs": FEATURES, "targets": LABELS}, {"kind": "images"}, r"images are .*: got \(40, 5\)"),
    "image range": (
        {"inputs": np.int64(BYTES) + 300, "targets": LABELS},
        {"kind": "images"},
        "bytes, 0 to 255: got 300 to 555",
    ),
    "tokens of floats": ({"inputs": FEATURES, "targets": LABELS}, {"kind": "tokens"}, "tokens are .m, length. whole"),
    "negative tokens": ({"inputs": TOKENS - 1, "targets": LABELS}, {"kind": "tokens"}, "tokens count from 0"),
    "small vocabulary": (
        {"inputs": TOKENS, "targets": LABELS},
        {"kind": "tokens", "vocabulary": 5},
        "token 8 stands in .* 9 or more, got 5",
    ),
    "negative": ({"inputs": FEATURES, "targets": LABELS - 1}, {}, r"target -1 among them \(example 0\); classes count"),
    "gaps": (
        {"inputs": FEATURES, "targets": LABELS * 2},
        {},
        "classes 0 to 6 have gaps: no example of 1, 3, 5; number",
    ),
    "a huge gap": ({"inputs": FEATURES, "targets": LABELS * 10**12}, {}, "have gaps: no example of 1, 2, 3, 4, …"),
    "fractions": ({"inputs": FEATURES, "targets": FEATURES[:, 0]}, {}, "classes as whole numbers from 0: got float64"),
    "words": ({"inputs": FEATURES, "targets": LABELS.astype(str)}, {}, "classes as whole numbers from 0: got <U"),
    "one-hot": ({"inputs": FEATURES, "targets": np.eye(4)[LABELS]}, {}, "for one-hot rows save their argmax"),
    "one class": ({"inputs": FEATURES, "targets": LABELS * 0}, {}, "every target is 0: there is but one class"),
    "too many classes": (
        {"inputs": FEATURES, "targets": np.arange(40)},
        {},
        "40 different targets in 40 examples are too",
    ),
    "few classes": (
        {"inputs": FEATURES, "targets": LABELS},
        {"classes": 3},
        "target 3 stands in the file: there are 4",
    ),
    "half a test": ({"inputs": FEATURES, "targets": LABELS, "test_inputs": FEATURES}, {}, "no array `test_targets`"),
    "test again": (
        {"inputs": FEATURES, "targets": LABELS, "test_inputs": FEATURES, "test_targets": LABELS},
        {},
        "40 of its 40 test examples are among the training examples",
    ),
    "test and fraction": (
        {"inputs": FEATURES, "targets": LABELS, "test_inputs": -FEATURES, "test_targets": LABELS},
        {"test_fraction": 0.1},
        "the data bring examples to test on: leave this out",
    ),
    "no owners": ({"inputs": FEATURES, "targets": LABELS}, {"held": "owners"}, "nothing says whose the examples are"),
    "one owner": (
        {"inputs": FEATURES, "targets": LABELS, "owners": LABELS * 0},
        {"held": "owners"},
        "all examples have the same owner",
    ),
    "standardised images": ({"inputs": BYTES, "targets": LABELS}, {"standardise": True}, "columns of features are"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one_clear_line(save, mistake):
    arrays, settings, message = MISTAKES[mistake]
    with pytest.raises((DataUnavailable, WrongSetting), match=message) as raised:
        read(save(**arrays), **settings)
    assert "\n" not in str(raised.value)
    assert "mine.npz" in str(raised.value) or isinstance(raised.value, WrongSetting)


def boasting(path):
    """An array whose header promises more than its member holds."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 10)})
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("inputs", "targets"):
            archive.writestr(f"{name}.npy", header.getvalue() + b"\0" * 64)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), r"mine.npz: there is no such file"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder, and a file of numpy.savez is wanted"),
        (lambda path: path.write_bytes(b"inputs"), "is no readable .npz file"),
        (lambda path: path.write_bytes(b""), "is no readable .npz file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-300]), "is no readable .npz file"),
        (boasting, "its header promises 80,000,000,000,128 bytes, and it holds 192"),
    ],
)
def test_a_file_that_is_none_is_refused(save, spoil, message):
    path = save(inputs=FEATURES, targets=LABELS)
    spoil(path)
    with pytest.raises(DataUnavailable, match=message):
        read(path)


def test_a_name_that_is_nearly_right_is_suggested(save):
    path = save(inputs=FEATURES, targets=LABELS)
    with pytest.raises(DataUnavailable, match=r"mime.npz: there is no such file; did you mean `mine.npz`\?"):
        read(path.with_name("mime.npz"))


def test_a_run_on_ones_own_arrays_beside_the_scenario(save, monkeypatch):
    path = save(inputs=FEATURES + 3 * np.eye(5)[LABELS], targets=LABELS, owners=np.arange(40) % 8)
    scenario = path.with_name("own.toml")
    scenario.write_text(
        'rounds = 2\npartition = "by_owner"\nmodel = "mlp"\nclients.sampled = 4\nroot.size = 2\n'
        "evaluation.validation = 3\n"
        '[data]\nname = "npz"\nfile = "mine.npz"\n'
    )
    (path.parent / "elsewhere").mkdir()
    monkeypatch.chdir(path.parent / "elsewhere")
    one, two = (list(fedsim.simulate(load_scenario(scenario, [f"execution.workers={n}"]))) for n in (1, 2))
    assert one == two
    with pytest.raises(ScenarioError, match=r"data.targets: mine.npz holds no array `label`"):
        list(fedsim.simulate(load_scenario(scenario, ["data.targets=label"])))
