import json
import os

import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets import femnist as module
from fedsim.datasets.cache import checksum
from fedsim.datasets.femnist import femnist
from fedsim.errors import DataUnavailable
from fedsim.randomness import Stream
from tests.datasets.files import examples, write_leaf

STREAM = Stream.root(2)
ANNA, BERT, CARL = examples(5, 1), examples(3, 2), examples(4, 3)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "femnist"


def load(root, **settings):
    return femnist(STREAM, silent, folder=str(root), **settings)


def by(part, writer):
    rows = part.owners == writer
    return part.inputs[rows].reshape(-1, 784), part.targets[rows]


def test_leafs_form_with_a_test_folder(root):
    write_leaf(root / "train" / "all_data_0.json", {"bert": BERT})
    write_leaf(root / "train" / "all_data_1.json", {"anna": ANNA})
    write_leaf(root / "test" / "all_data_0.json", {"anna": CARL})
    data = load(root)
    images, labels = by(data.train, 0)
    np.testing.assert_array_equal(images / 255, np.array(ANNA["x"]))
    np.testing.assert_array_equal(labels, ANNA["y"])
    np.testing.assert_array_equal(by(data.train, 1)[1], BERT["y"])
    np.testing.assert_array_equal(by(data.test, 0)[1], CARL["y"])
    assert data.train.inputs.dtype == np.uint8
    assert (data.classes, data.shape, len(data.train), len(data.test)) == (62, (1, 28, 28), 8, 4)


def test_one_file_for_each_writer(root):
    for part, name, content in (("train", "f01", ANNA), ("train", "f02", BERT), ("test", "f03", CARL)):
        (root / part).mkdir(parents=True, exist_ok=True)
        (root / part / f"{name}.json").write_text(json.dumps(content))
    data = load(root)
    np.testing.assert_array_equal(by(data.train, 1)[1], BERT["y"])
    assert set(data.test.owners) == {2}


def test_without_a_test_folder_whole_writers_are_held_out(root):
    write_leaf(root / "all.json", {f"w{k:02}": examples(2 + k % 3, k) for k in range(20)})
    data = load(root, test_share=0.25)
    assert len(set(data.test.owners)) == 5
    assert not set(data.test.owners) & set(data.train.owners)
    assert len(data.train) + len(data.test) == sum(2 + k % 3 for k in range(20))
    other = femnist(Stream.root(3), silent, folder=str(root), test_share=0.25)
    assert set(other.test.owners) != set(data.test.owners)


def test_one_writer_alone_cannot_be_held_out(root):
    write_leaf(root / "all.json", {"anna": ANNA})
    with pytest.raises(DataUnavailable, match="one writer alone"):
        load(root)


def test_what_bytes_cannot_tell_is_kept_in_floats(root):
    odd = examples(2, 9, grain=1000)
    write_leaf(root / "train" / "a.json", {"anna": ANNA, "odd": odd})
    write_leaf(root / "test" / "a.json", {"carl": CARL})
    data = load(root)
    assert data.train.inputs.dtype == np.float32
    np.testing.assert_array_equal(by(data.train, 2)[0], np.float32(odd["x"]))
    np.testing.assert_allclose(by(data.train, 0)[0], np.float32(ANNA["x"]), rtol=1e-6)


def test_parsed_once_and_mapped_ever_after(root, monkeypatch, home):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    write_leaf(root / "test" / "a.json", {"carl": CARL})
    load(root)
    assert list((home / "cache" / "fedsim" / "femnist").glob("*/manifest.json"))
    assert not (root / ".fedsim").exists()
    monkeypatch.setattr(module, "read_writings", None)
    assert isinstance(load(root).train.inputs, np.memmap)


def test_what_lies_beside_foreign_data_is_not_looked_at(root):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    write_leaf(root / "test" / "a.json", {"carl": CARL})
    (root / ".fedsim").mkdir()
    np.save(root / ".fedsim" / "images.npy", np.zeros((1, 1, 28, 28), np.uint8))
    np.save(root / ".fedsim" / "labels.npy", np.full(9, 10**9))
    assert len(load(root).train) == 5


def forged(entry, **arrays):
    """A kept entry with other arrays and a manifest that agrees with them."""
    for name, array in arrays.items():
        np.save(entry / f"{name}.npy", array)
    sums = {path.stem: checksum(path) for path in entry.glob("*.npy")}
    (entry / "manifest.json").write_text(json.dumps({"name": entry.name, "arrays": sums}))


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": np.zeros((3, 1, 28, 28), np.uint8)},
        {"images": np.zeros((9, 1, 2, 2), np.uint8)},
        {"images": np.zeros((9, 784), np.uint8)},
        {"images": np.zeros((9, 1, 28, 28), np.float64)},
        {"images": np.full((9, 1, 28, 28), np.nan, np.float32)},
        {"images": np.asfortranarray(np.ones((9, 1, 28, 28), np.uint8))},
        {"labels": np.full(9, 62)},
        {"labels": np.full(9, -1)},
        {"labels": np.zeros(9)},
        {"labels": np.zeros((9, 1), np.int64)},
        {"labels": np.zeros(8, np.int64)},
        {"writers": np.zeros(10, np.int64)},
        {"writers": np.full(9, -5)},
        {"border": np.array([10])},
        {"border": np.array([0])},
        {"border": np.array([-3])},
        {"border": np.array([], np.int64)},
        {"more": np.zeros(3)},
    ],
    ids=str,
)
def test_a_forged_copy_is_made_anew(root, home, arrays):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    write_leaf(root / "test" / "a.json", {"carl": CARL})
    load(root)
    (entry,) = (home / "cache" / "fedsim" / "femnist").iterdir()
    forged(entry, **arrays)
    if "more" in arrays:  # an array too many is nobody's harm
        assert len(load(root).train) == 5
        return
    with pytest.warns(UserWarning, match="made anew"):
        data = load(root)
    np.testing.assert_array_equal(by(data.train, 0)[1], ANNA["y"])
    np.testing.assert_array_equal(load(root).test.targets, CARL["y"])


def test_num_samples_are_believed_only_when_true(root):
    for numbers, complaint in (
        ([4], "'anna': num_samples says 4, and there are 5"),
        ([5, 5], "one number"),
        (5, "one number"),
    ):
        content = {"users": ["anna"], "num_samples": numbers, "user_data": {"anna": ANNA}}
        write_leaf(root / "test" / "a.json", {"carl": CARL})
        (root / "train").mkdir(exist_ok=True)
        (root / "train" / "a.json").write_text(json.dumps(content))
        with pytest.raises(DataUnavailable, match=complaint):
            load(root)


def test_a_writer_stands_in_one_file_and_once(root):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    write_leaf(root / "train" / "b.json", {"anna": BERT})
    with pytest.raises(DataUnavailable, match=r"b.json: writer 'anna' stands in .*a.json already"):
        load(root)
    (root / "train" / "b.json").write_text(f'{{"user_data": {{"b": {json.dumps(BERT)}, "b": {json.dumps(BERT)}}}}}')
    with pytest.raises(DataUnavailable, match="'b' is a key a second time"):
        load(root)
    (root / "train" / "b.json").write_text(f'{{"user_data": {{"b": {json.dumps(BERT)[:-1]}, "y": [1]}}}}}}')
    with pytest.raises(DataUnavailable, match="a key stands twice"):
        load(root)


def test_a_writer_without_examples_is_refused(root):
    write_leaf(root / "train" / "a.json", {"anna": ANNA, "bert": {"x": [], "y": []}})
    with pytest.raises(DataUnavailable, match="writer 'bert': has no examples"):
        load(root)


@pytest.mark.parametrize("name", ["anna", "someone else"])
def test_a_test_set_that_is_the_training_set_is_refused(root, name):
    write_leaf(root / "train" / "a.json", {"anna": ANNA, "bert": BERT})
    write_leaf(root / "test" / "a.json", {name: ANNA})
    with pytest.raises(DataUnavailable, match="test: 5 of its 5 test examples are among the training examples"):
        load(root)


def test_one_example_of_few_is_too_many_to_share(root):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    shared = {key: ANNA[key][:1] + CARL[key] for key in ("x", "y")}
    write_leaf(root / "test" / "a.json", {"carl": shared})
    with pytest.raises(DataUnavailable, match="1 of its 5 test examples"):
        load(root)


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"anna": CARL}, "other examples by the writers trained on"),
        ({"carl": CARL}, "other writers than those trained on"),
        ({"anna": CARL, "dora": examples(2, 8)}, "other examples by 2 writers, 1 of them trained on"),
        (None, "other writers than those trained on"),
    ],
)
def test_it_is_said_what_an_accuracy_means(root, test, words):
    write_leaf(root / "train" / "a.json", {"anna": ANNA, "bert": BERT})
    if test:
        write_leaf(root / "test" / "a.json", test)
    assert load(root).tested_on == words


@pytest.mark.parametrize("change", ["content", "added", "removed"])
def test_a_stale_copy_is_parsed_again(root, change):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    write_leaf(root / "train" / "b.json", {"bert": BERT})
    write_leaf(root / "test" / "a.json", {"carl": CARL})
    before = len(load(root).train)
    if change == "content":
        write_leaf(root / "train" / "b.json", {"bert": examples(4, 7)})
        os.utime(root / "train" / "b.json", ns=(1, 1))
    elif change == "added":
        write_leaf(root / "train" / "c.json", {"dora": examples(4, 8)})
    else:
        (root / "train" / "b.json").unlink()
    assert len(load(root).train) - before == {"content": 1, "added": 4, "removed": -3}[change]


@pytest.mark.parametrize("missing", ["folder", "files"])
def test_no_files_is_one_clear_refusal(root, missing):
    if missing == "files":
        (root / "train").mkdir(parents=True)
    with pytest.raises(DataUnavailable, match=f"put LEAF's JSON files into {root}/train and {root}/test"):
        load(root)


def test_progress_is_told_file_by_file(root):
    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    write_leaf(root / "train" / "b.json", {"bert": BERT})
    told = []
    femnist(STREAM, lambda *facts: told.append(facts), folder=str(root))
    assert told == [("reading JSON", 1, 2), ("reading JSON", 2, 2)]


def leaf(**changes):
    return {"users": ["a"], "num_samples": [5], "user_data": {"a": ANNA}} | changes


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "holds no JSON object"),
        ("{", "no readable JSON"),
        ("[" * 100_000, "holds no JSON object"),
        ('{"x": ' + "[" * 100_000, "no readable JSON"),
        ('{"x": [[' + "9" * 90_000 + "]]}", "no readable JSON"),
        ('{"user_data": {}} {}', "more text after its end"),
        (b"\xff\xfe\x00", "no readable JSON"),
        ("[1, 2]", "holds no JSON object"),
        ("{}", "writer 'bad': needs x .images. and y .labels."),
        (leaf(user_data=[1]), "its user_data is no object"),
        (leaf(users=["a", "a"]), "its users are not those of its user_data"),
        (leaf(users=["a", "b"]), "its users are not those of its user_data"),
        (leaf(users=3), "its users are not those"),
        (leaf(user_data={"a": {"x": []}}), "writer 'a': needs x"),
        (leaf(user_data={"a": {"x": [[0.5] * 784], "y": [1, 2]}}), "writer 'a': x and y are not of one length"),
        (leaf(user_data={"a": {"x": [[0.5] * 783], "y": [1]}}), "an image has 783 values, not 784"),
        (leaf(user_data={"a": {"x": [[0.5] * 784, [0.5]], "y": [1, 1]}}), "an image has 1 values, not 784"),
        (leaf(user_data={"a": {"x": [["0"] * 784], "y": [1]}}), "x holds something other than numbers"),
        (leaf(user_data={"a": {"x": [[10**400] + [0] * 783], "y": [1]}}), "out of all bounds"),
        (leaf(user_data={"a": {"x": [[1.5] * 784], "y": [1]}}), "not all between 0 and 1"),
        (leaf(user_data={"a": {"x": [[float("nan")] * 784], "y": [1]}}), "not all between 0 and 1"),
        (leaf(user_data={"a": {"x": [[0.5] * 784], "y": [62]}}), "whole numbers from 0 to 61"),
        (leaf(user_data={"a": {"x": [[0.5] * 784], "y": [1.5]}}), "whole numbers from 0 to 61"),
        (leaf(user_data={"a": {"x": [[0.5] * 784], "y": [float("nan")]}}), "whole numbers from 0 to 61"),
        (leaf(user_data={"a": {"x": 3, "y": 4}}), "writer 'a': x and y are not of one length"),
        (leaf(users=[], num_samples=[], user_data={}), "hold no examples"),
    ],
)
def test_hostile_files_are_refused_by_name(root, content, complaint):
    (root / "train").mkdir(parents=True)
    text = json.dumps(content) if isinstance(content, dict) else content
    (root / "train" / "bad.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataUnavailable, match=complaint) as nonfinite:
        load(root)
    assert str(root / "train") in str(nonfinite.value)


def test_a_file_too_large_to_parse_is_refused(root, monkeypatch):
    from fedsim.datasets import leaf as reader

    write_leaf(root / "train" / "a.json", {"anna": ANNA})
    monkeypatch.setattr(reader, "MOST_FILE_BYTES", 100)
    with pytest.raises(DataUnavailable, match="at most 100 are read"):
        load(root)
