"""Images of one's own in folders: what is read from them, and each mistake in one line."""

import numpy as np
import pytest
from PIL import Image

from fedsim.array_types import silent
from fedsim.datasets.contract import check_dataset
from fedsim.datasets.image_folder import image_folder
from fedsim.errors import DataUnavailable, WrongSetting
from fedsim.randomness import Stream

STREAM = Stream.root(2)
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 6, 8, 3), np.uint8)


def fill(folder, count=10, begin=0, classes=("cat", "dog", "emu")):
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            Image.fromarray(PIXELS[number * count + k + begin]).save(folder / name / f"{k}.png")
    return folder


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "animals")


def read(where, **settings):
    return check_dataset(image_folder(STREAM, silent, folder=str(where), **{"size": None, "colour": None, **settings}))


def test_a_folder_is_a_class_and_every_image_is_read(folder):
    data = read(folder, test_fraction=0.3)
    assert (data.classes, data.shape, len(data.train), len(data.test)) == (3, (3, 6, 8), 21, 9)
    assert list(np.bincount(data.test.targets)) == [3, 3, 3]
    for part in (data.train, data.test):
        for image, label in zip(part.inputs, part.targets, strict=True):
            places = [k for k in range(30) if np.array_equal(np.moveaxis(PIXELS[k], 2, 0), image)]
            assert [place // 10 for place in places] == [label]


def test_two_sets_in_folders_of_their_own(tmp_path):
    fill(tmp_path / "both" / "train", 7)
    fill(tmp_path / "both" / "test", 2, 21, ("cat", "emu"))
    data = read(tmp_path / "both")
    assert (data.classes, len(data.train), len(data.test)) == (3, 21, 4)
    assert data.test.targets.tolist() == [0, 0, 2, 2]
    with pytest.raises(WrongSetting, match="the data bring examples to test on"):
        read(tmp_path / "both", test_fraction=0.1)


def test_resized_and_grey(folder):
    Image.fromarray(PIXELS[0, :4, :4]).save(folder / "cat" / "0.png")
    Image.fromarray(PIXELS[0, :, :, 0]).save(folder / "dog" / "0.png")
    data = read(folder, size=5, colour="grey")
    assert data.shape == (1, 5, 5)
    expected = np.asarray(Image.fromarray(PIXELS[11]).convert("L").resize((5, 5), Image.Resampling.BILINEAR))
    assert any(np.array_equal(expected, image[0]) for image in [*data.train.inputs, *data.test.inputs])


def test_hidden_files_and_files_beside_the_folders_are_passed_over(folder):
    (folder / "README.txt").write_text("animals")
    (folder / "cat" / ".DS_Store").write_bytes(b"x")
    (folder / ".git").mkdir()
    assert len(read(folder).train) == 24


def shallow(folder):
    for name in ("cat", "dog", "emu"):
        for path in (folder / name).iterdir():
            path.rename(folder / f"{name}{path.name}")
        (folder / name).rmdir()


def empty(folder):
    (folder / "fox").mkdir()


def nested(folder):
    (folder / "fox" / "red").mkdir(parents=True)


def alone(folder):
    for name in ("dog", "emu"):
        for path in (folder / name).iterdir():
            path.unlink()
        (folder / name).rmdir()


def deep(folder):
    Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 999).save(folder / "dog" / "3.png")


def cut(folder):
    path = folder / "emu" / "4.png"
    path.write_bytes(path.read_bytes()[:60])


MISTAKES = {
    "no folder": (lambda f: f.rename(f.with_name("animal")), {}, r"there is no such folder; did you mean `animal`\?"),
    "no classes": (shallow, {}, "a folder for each class is wanted, and it holds 30 files and no folder"),
    "nothing": (lambda f: (shallow(f), [p.unlink() for p in f.iterdir()]), {}, "is wanted, and it is empty"),
    "an empty class": (empty, {}, "fox: this class folder holds no image$"),
    "a class of folders": (nested, {}, "holds no image; images in folders below it are not looked for"),
    "one class": (alone, {}, "one folder alone, cat: there is but one class, two are needed"),
    "no image": (
        lambda f: (f / "cat" / "notes.txt").write_text("hi"),
        {},
        r"notes.txt: is no image .*of no known form",
    ),
    "a cut image": (cut, {}, "4.png: is no image that can be read"),
    "sizes": (
        lambda f: Image.fromarray(PIXELS[0, :4]).save(f / "dog" / "2.png"),
        {},
        "dog/2.png is 4×8 and cat/0.png 6×8: say size = 8",
    ),
    "sorts": (
        lambda f: Image.fromarray(PIXELS[0, :, :, 0]).save(f / "dog" / "2.png"),
        {},
        'dog/2.png is grey and cat/0.png rgb: say colour = "rgb" or "grey"',
    ),
    "deep": (deep, {}, "3.png: holds more than eight bits a pixel .mode I;16.; save it with eight"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one_clear_line(folder, mistake):
    spoil, settings, message = MISTAKES[mistake]
    spoil(folder)
    with pytest.raises(DataUnavailable, match=message) as raised:
        read(folder, **settings)
    assert "\n" not in str(raised.value)


def test_a_test_class_without_training_images_is_named(tmp_path):
    fill(tmp_path / "both" / "train", 2)
    fill(tmp_path / "both" / "test", 1, 20, ("cow",))
    with pytest.raises(DataUnavailable, match="class cow has no training images: no folder train/cow"):
        read(tmp_path / "both")


def test_a_picture_of_too_many_pixels_is_not_unpacked(folder, monkeypatch):
    from fedsim.datasets import image_files

    monkeypatch.setattr(image_files, "MOST_PIXELS", 47)
    with pytest.raises(DataUnavailable, match="8 × 6 pixels are too many; at most 47 are read"):
        read(folder)


def test_more_images_than_can_be_kept_are_refused(folder, monkeypatch):
    from fedsim.datasets import image_folder as module

    monkeypatch.setattr(module, "MOST_BYTES", 30 * 144 - 1)
    with pytest.raises(DataUnavailable, match="30 images of 6×8 are 4,320 bytes, at most 4,319 are kept"):
        read(folder)
