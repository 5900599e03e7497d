"""Texts by owner: cut, held out and numbered as the page says, and every wrong folder named."""

import numpy as np
import pytest

import fedsim
from fedsim.array_types import silent
from fedsim.datasets.contract import check_dataset
from fedsim.datasets.sentences import sentences
from fedsim.datasets.text import text
from fedsim.errors import DataUnavailable, ScenarioError
from fedsim.execution.pool import Pool
from fedsim.randomness import Stream
from fedsim.scenario.load import load_scenario, parse_scenario

STREAM = Stream.root(1)
ANNA, BODO = "the cat sat on the mat and the dog sat by the door", "ÄÖ was it the car that sat by the cat? the dog! öé"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "plays"
    made.mkdir()
    (made / "anna.txt").write_text(ANNA, encoding="utf-8")
    (made / "bodo.txt").write_text(BODO, encoding="utf-8")
    return made


def read(where, **settings):
    return check_dataset(text(STREAM, silent, **{"folder": str(where), "length": 6, **settings}))


def spelled(tokens, alphabet):
    return "".join([*alphabet, "□"][token] for token in tokens)


def test_a_text_becomes_examples_whose_targets_are_the_next_characters(folder):
    data = read(folder, test_fraction=0.25)
    alphabet = sorted(set(ANNA[:37] + BODO[:37]))
    for owner, (words, whole) in enumerate([(ANNA, 8), (BODO, 8)]):
        for part, places in ((data.train, range(whole - 2)), (data.test, range(whole - 2, whole))):
            rows = np.flatnonzero(part.owners == owner)
            assert len(rows) == len(places)
            for row, place in zip(rows, places, strict=True):
                known = "".join(each if each in alphabet else "□" for each in words)
                assert spelled(part.inputs[row], alphabet) == known[place * 6 : place * 6 + 6]
                assert spelled(part.targets[row], alphabet) == known[place * 6 + 1 : place * 6 + 7]
    assert data.vocabulary == data.classes == len(alphabet) + 1
    assert (data.kind, data.task, data.shape, data.tested_on) == (
        "tokens", "next_token", (6,), "other examples by the files trained on",
    )  # fmt: skip


def test_a_character_that_is_not_in_the_training_text_is_the_last_token(folder):
    data = read(folder, test_fraction=0.1)
    assert data.test.targets[data.test.owners == 1].max() == data.vocabulary - 1  # é
    assert data.train.targets.max() < data.vocabulary - 1


def test_bytes_are_their_own_numbers(folder):
    data = read(folder, vocabulary="bytes")
    assert data.vocabulary == 256
    assert bytes(data.train.inputs[0].tolist()) == ANNA[:6].encode()


def test_whole_owners_can_be_held_out(folder):
    data = read(folder, held="owners", test_fraction=0.5)
    assert {len(set(part.owners)) for part in (data.train, data.test)} == {1}
    assert data.tested_on == "other files than those trained on"
    assert {len(data.train), len(data.test)} == {8}


def test_the_ends_of_lines_on_windows_and_a_mark_of_the_order_of_bytes_are_no_characters(folder):
    plain = read(folder)
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    np.testing.assert_array_equal(read(folder).train.inputs, plain.train.inputs)


@pytest.mark.parametrize(
    ("spoil", "settings", "message"),
    [
        (lambda f: None, {"folder": "{}x"}, r"playsx: there is no such folder; did you mean `plays`\?"),
        (lambda f: None, {"folder": "{}/anna.txt"}, "anna.txt: is a file, and a folder of text files is wanted"),
        (lambda f: None, {"files": "*.md"}, r"no file \*.md in this folder: it holds 2 other files, such as anna.txt"),
        (lambda f: [p.unlink() for p in f.iterdir()], {}, r"no file \*.txt in this folder, which is empty"),
        (lambda f: (f / "bodo.txt").write_bytes(b"caf\xe9" * 30), {}, "bodo.txt: is not UTF-8 text .byte 3"),
        (lambda f: (f / "bodo.txt").write_text("short"), {}, "13 characters or more, and bodo.txt holds fewer"),
        (lambda f: None, {"length": 60}, "needs files of 121 characters or more, and none is so long"),
    ],
)
def test_each_thing_that_can_be_wrong_with_a_folder_is_said(folder, spoil, settings, message):
    spoil(folder)
    given = {key: str(value).format(folder) if key == "folder" else value for key, value in settings.items()}
    with pytest.raises(DataUnavailable, match=message):
        read(folder, **given)


def test_short_files_can_be_left_out(folder):
    (folder / "bodo.txt").write_text("short")
    assert set(read(folder, short="leave_out").train.owners) == {0}
    with pytest.raises(ValueError, match="there is one"):
        read(folder, short="leave_out", held="owners")


def test_speakers_have_words_of_their_own_and_the_same_address_gives_the_same_text():
    data = sentences(STREAM, silent, speakers=4, samples=200, length=30)
    counts = [np.bincount(data.train.targets[data.train.owners == k].ravel(), minlength=40) for k in range(4)]
    shares = [count / count.sum() for count in counts]
    assert all(np.abs(shares[0] - other).max() > 0.01 for other in shares[1:])
    few = sentences(STREAM, silent, speakers=2, samples=200, length=30)
    np.testing.assert_array_equal(few.train.inputs[:160].shape, (160, 30))
    assert data.tested_on == "other examples by the speakers trained on"


SMALL = """
rounds = 2
data = {name = "sentences", speakers = 8, samples = 30, length = 20}
model = {name = "gru", hidden = 32, embedding = 8}
partition = "by_owner"
clients.sampled = 6
root.size = 7
evaluation.validation = 10
training.batch_size = 8
training.epochs = 3
training.optimizer = {name = "adam", lr = 0.02}
"""


@pytest.fixture(scope="module")
def processes():
    with Pool(2, "loky") as pool:
        yield pool


@pytest.mark.parametrize(
    "extra",
    [
        'aggregator = "fedavg"',
        'aggregator = "agmami"',
        'aggregator = "fltrust"',
        'aggregator = "fedavg"\n[[attacks]]\nname = "label_flip"\ncount = 2',
        'aggregator = "median"\n[[attacks]]\nname = "sign_flip"\ncount = 2',
    ],
)
def test_text_has_the_same_bits_on_two_workers(extra, processes):
    given = parse_scenario(SMALL + extra, ["execution.workers=1"])
    assert list(fedsim.simulate(given)) == list(fedsim.simulate(given, processes))


def test_text_is_learnt():
    *_, last = fedsim.simulate(parse_scenario(SMALL, ["rounds=12", "execution.workers=1"]))
    assert last.final > 0.4  # the most frequent character makes up a fifth


def test_an_accuracy_is_a_share_of_all_places():
    events = fedsim.simulate(parse_scenario(SMALL, ["rounds=3", "execution.workers=1"]))
    found = [event.accuracy for event in events if isinstance(event, fedsim.events.RoundEnded)]
    examples, length = 8 * 6, 20
    assert all(accuracy * examples * length == pytest.approx(round(accuracy * examples * length)) for accuracy in found)
    assert any((accuracy * examples) % 1 for accuracy in found)  # of examples it is no whole number


@pytest.mark.parametrize(
    ("override", "where", "message"),
    [
        ('model="cnn"', "model", "sentences has tokens; cnn takes images only: gru takes tokens"),
        ('partition={name="shards"}', "partition", "use by_writer, iid, quantity, virtual"),
        ('partition={name="virtual", alpha=1.0}', "partition", "virtual goes by the class of an example"),
        ("data.length=0", "data.length", "must be ≥ 1"),
    ],
)
def test_what_does_not_suit_text_is_refused_before_any_is_read(override, where, message):
    with pytest.raises(ScenarioError, match=message) as raised:
        parse_scenario(SMALL, [override])
    assert raised.value.problems[0].where == where


def test_a_folder_is_looked_for_beside_the_scenario_and_that_of_an_override_here(folder, monkeypatch):
    file = folder.parent / "own.toml"
    file.write_text('model = "gru"\n[data]\nname = "text"\nfolder = "plays"\n')
    (folder.parent / "elsewhere").mkdir()
    monkeypatch.chdir(folder.parent / "elsewhere")
    assert load_scenario(file).data.settings["folder"] == str(folder)
    changed = load_scenario(file, ['data.folder="mine"'])
    assert changed.data.settings["folder"] == str(folder.parent / "elsewhere" / "mine")
    again = parse_scenario(fedsim.scenario.load.dump_scenario(load_scenario(file)))
    assert again.data == load_scenario(file).data
