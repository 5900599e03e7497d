import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets import glyphs as module
from fedsim.datasets import hands
from fedsim.datasets.glyphs import glyphs
from fedsim.errors import DataUnavailable
from fedsim.randomness import Stream

STREAM = Stream.root(11)
SMALL = {"writers": 4, "samples": 30, "test_writers": 3}


def by(examples, writer):
    rows = examples.owners == writer
    return np.array(examples.inputs[rows]), np.array(examples.targets[rows])


def test_a_writer_is_the_same_in_any_company():
    few, many = (glyphs(STREAM, silent, writers=writers, samples=30, test_writers=2) for writers in (3, 7))
    for writer in range(3):
        np.testing.assert_array_equal(by(few.train, writer)[0], by(many.train, writer)[0])
    np.testing.assert_array_equal(few.test.inputs, many.test.inputs)


def test_a_sample_depends_on_none_that_follow():
    few, many = (glyphs(STREAM, silent, writers=2, samples=samples, test_writers=1) for samples in (10, 40))
    np.testing.assert_array_equal(by(few.train, 1)[0], by(many.train, 1)[0][:10])
    np.testing.assert_array_equal(by(few.train, 1)[1], by(many.train, 1)[1][:10])


def test_test_writers_are_other_people():
    data = glyphs(STREAM, silent, **SMALL)
    assert set(data.train.owners) == {0, 1, 2, 3}
    assert set(data.test.owners) == {4, 5, 6}
    assert (len(data.train), len(data.test), data.classes, data.shape) == (120, 90, 62, (1, 28, 28))


def test_every_writer_has_a_hand_of_their_own_and_every_sample_its_own_occasion():
    label = np.full(6, 36, np.int64)
    images = [hands.write(hands.draw_hand(STREAM.at(k)), label, STREAM.at(k)).astype(float) for k in range(12)]
    within = np.mean([image.std(axis=0).mean() for image in images])
    between = np.stack([image.mean(axis=0) for image in images]).std(axis=0).mean()
    assert 0 < within < between


def test_small_letters_stay_small():
    taller = 0
    for k in range(20):
        hand = hands.draw_hand(STREAM.at(k))
        big, small = hands.write(hand, np.array([12, 38]), STREAM.at(k)).astype(float)  # C and c
        taller += (big.max(axis=1) > 100).sum() > (small.max(axis=1) > 100).sum()
    assert taller >= 18


@pytest.mark.parametrize("face", hands.FACES)
def test_every_face_draws_every_character_within_the_sheet(face):
    hand = hands.Hand(face, hands.EM, 1, 0.0, 0.0, 1.0, np.zeros((62, 2, 5, 5), np.float32), 0.0, 1.0, 0.0)
    images = hands.write(hand, np.arange(62), STREAM)
    assert len({image.tobytes() for image in images}) == 62
    assert images.max(axis=(1, 2)).min() > 100  # ink there is
    border = np.concatenate([images[:, [0, -1]].reshape(62, -1), images[:, :, [0, -1]].reshape(62, -1)], axis=1)
    assert np.mean(border.max(axis=1) > 100) <= 0.05  # a W or an m in the widest faces may touch the edge


def test_drawn_once_and_mapped_ever_after(monkeypatch):
    told = []
    first = glyphs(STREAM, lambda *facts: told.append(facts), **SMALL)
    assert told == [("drawing glyphs", k, 7) for k in range(1, 8)]
    monkeypatch.setattr(module, "write", None)
    again = glyphs(STREAM, silent, **SMALL)
    assert isinstance(again.train.inputs, np.memmap)
    assert not again.train.inputs.flags.writeable
    np.testing.assert_array_equal(first.train.inputs, again.train.inputs)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY garbage", None])
def test_a_damaged_copy_is_drawn_again(tmp_path, damage):
    first = np.array(glyphs(STREAM, silent, **SMALL, cache=str(tmp_path)).train.inputs)
    (kept,) = tmp_path.glob("glyphs/*/images.npy")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content if damage is None else damage)
    with pytest.warns(UserWarning, match="made anew"):
        again = glyphs(STREAM, silent, **SMALL, cache=str(tmp_path)).train.inputs
    np.testing.assert_array_equal(first, again)
    assert isinstance(again, np.memmap)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path):
    (tmp_path / "file").touch()
    data = glyphs(STREAM, silent, **SMALL, cache=str(tmp_path / "file"))
    assert len(data.train) == 120


def test_missing_faces_are_a_clear_refusal(monkeypatch, tmp_path):
    monkeypatch.setattr(hands, "_faces_folder", lambda: tmp_path)
    hands._font.cache_clear()
    with pytest.raises(DataUnavailable, match="faces that matplotlib ships"):
        glyphs(STREAM, silent, **SMALL)


@pytest.mark.slow
def test_a_small_network_reads_unseen_writers_and_a_line_does_not():
    torch = pytest.importorskip("torch")
    from torch import nn

    data = glyphs(Stream.root(1), silent)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 128), nn.ReLU(), nn.Linear(128, 62)),
    )
    line = nn.Sequential(nn.Flatten(), nn.Linear(784, 62))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        by_network, by_line = accuracy(torch, network, data, 0.03), accuracy(torch, line, data, 0.02)
    finally:
        torch.set_num_threads(threads)
    assert by_network > 0.85
    assert by_line < by_network - 0.15


def accuracy(torch, network, data, rate):
    (images, labels), (unseen, truth) = (
        (torch.tensor(np.array(part.inputs)).float() / 255, torch.tensor(np.array(part.targets)))
        for part in (data.train, data.test)
    )
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        bound = parameter[0].numel() ** -0.5
        torch.nn.init.uniform_(parameter, -bound, bound, generator=generator) if parameter.dim() > 1 else None
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9)
    for _ in range(4):
        for rows in torch.randperm(len(images), generator=generator).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((network(unseen).argmax(1) == truth).float().mean())
