"""Backdoors: which pixels, which labels, and what each is judged by."""

import numpy as np
import pytest

from fedsim.attacks.backdoors import backdoor_distributed, backdoor_edge_case, backdoor_pixel
from fedsim.attacks.contract import attacks
from fedsim.randomness import Stream
from fedsim.scenario.validation import check_settings

STREAM = Stream.root(6)
DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(1, 255, (200, 3, 10, 12)).astype(np.uint8)
LABELS = DRAW.integers(0, 5, 200)
PLACES = np.arange(200)


def shown_by(name, inputs=IMAGES, targets=LABELS, **given):
    entry = attacks[name]
    return entry.traits["trigger"](inputs, targets, check_settings(entry, given)[0])


def pixels(rows, columns):
    mask = np.zeros((10, 12), bool)
    for row in rows:
        for column in columns:
            mask[row, column] = True
    return mask


@pytest.mark.parametrize(
    ("corner", "rows", "columns"),
    [
        ((-4, -4), (6, 7), (8, 9, 10)),
        ((0, 0), (0, 1), (0, 1, 2)),
        ((8, 9), (8, 9), (9, 10, 11)),
        ((-10, -12), (0, 1), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_trigger_changes_its_pixels_and_no_other(corner, rows, columns, dtype):
    images = IMAGES if dtype == np.uint8 else (IMAGES / 255).astype(dtype)
    where = {"top": corner[0], "left": corner[1], "height": 2, "width": 3, "value": 0.5}
    shown, labels = backdoor_pixel(images, LABELS, PLACES, 5, STREAM, target=3, share=1.0, **where)
    mask = np.broadcast_to(pixels(rows, columns), images.shape)
    assert (shown[mask] == (128 if dtype == np.uint8 else 0.5)).all()
    np.testing.assert_array_equal(shown[~mask], images[~mask])
    assert (labels == 3).all()
    tested = shown_by("backdoor_pixel", images, target=3, **where)
    np.testing.assert_array_equal(tested.inputs, shown[tested.places])


def test_a_share_of_the_examples_is_poisoned_and_the_rest_left_alone():
    shown, labels = backdoor_pixel(IMAGES, LABELS, PLACES, 5, STREAM, target=4, share=0.3, value=0.0)
    changed = (shown != IMAGES).any(axis=(1, 2, 3))
    assert 40 <= changed.sum() <= 80
    np.testing.assert_array_equal(labels[~changed], LABELS[~changed])
    assert (labels[changed] == 4).all()


def test_who_shows_what_to_whom():
    shown = shown_by("backdoor_pixel", target=2)
    np.testing.assert_array_equal(shown.places, np.flatnonzero(LABELS != 2))
    assert shown.target == 2


PARTS = [((0, 1), (0, 1, 2)), ((0, 1), (5, 6, 7)), ((4, 5), (0, 1, 2)), ((4, 5), (5, 6, 7))]
FOUR = {"top": 0, "left": 0, "height": 2, "width": 3, "gap": 2}


@pytest.mark.parametrize("index", range(6))
def test_each_attacker_teaches_its_part(index):
    shown, labels = backdoor_distributed(IMAGES, LABELS, PLACES, 5, index, STREAM, share=1.0, **FOUR)
    mask = np.broadcast_to(pixels(*PARTS[index % 4]), IMAGES.shape)
    assert (shown[mask] == 255).all()
    np.testing.assert_array_equal(shown[~mask], IMAGES[~mask])
    assert (labels == 0).all()


def test_the_test_shows_all_parts_and_nothing_else():
    shown = shown_by("backdoor_distributed", **FOUR)
    mask = np.broadcast_to(sum(pixels(*part) for part in PARTS) > 0, shown.inputs.shape)
    assert (shown.inputs[mask] == 255).all()
    np.testing.assert_array_equal(shown.inputs[~mask], IMAGES[shown.places][~mask])


def test_a_corner_from_below_holds_all_four_parts():
    given = FOUR | {"top": -6, "left": -8}
    shown = shown_by("backdoor_distributed", **given)
    lit = (shown.inputs[0] == 255).all(axis=0)
    np.testing.assert_array_equal(lit, np.pad(sum(pixels(*part) for part in PARTS)[:6, :8] > 0, ((4, 0), (4, 0))))


def slow_tail(inputs, targets, source, count):
    places = [i for i, y in enumerate(targets) if y == source]
    mean = sum(inputs[i].astype(float) for i in places) / len(places)
    return sorted(places, key=lambda i: -((inputs[i].astype(float) - mean) ** 2).sum())[:count]


@pytest.mark.parametrize(("tail", "share_of"), [(0.1, 0.1), (0.25, 0.25), (1.0, 1.0), (0.001, 0)])
def test_the_rare_examples_are_the_outermost_of_their_class(tail, share_of):
    labels = backdoor_edge_case(IMAGES, LABELS, 5, source=2, target=4, tail=tail)
    members = int((LABELS == 2).sum())
    rare = slow_tail(IMAGES, LABELS, 2, max(1, int(np.ceil(share_of * members - 1e-9))))
    expected = LABELS.copy()
    expected[rare] = 4
    np.testing.assert_array_equal(labels, expected)
    shown = shown_by("backdoor_edge_case", source=2, target=4, tail=tail)
    assert shown.places.tolist() == rare
    np.testing.assert_array_equal(shown.inputs, IMAGES[rare])


def test_a_client_without_the_class_poisons_nothing():
    np.testing.assert_array_equal(backdoor_edge_case(IMAGES, np.zeros(200, int), 5, source=2), np.zeros(200))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"top": 9}, "within the image of 10×12: got rows 9 to 11 and columns 8 to 10, counted from 0"),
        ({"left": -13}, "got rows 6 to 8 and columns -1 to 1"),
        ({"width": 13, "left": 0}, "columns 0 to 12"),
        ({"top": -40}, "rows -30 to -28"),
        ({"target": 5}, r"a class for target, 0 … 4 here: got 5"),
    ],
)
def test_what_cannot_be_is_said(given, message):
    with pytest.raises(ValueError, match=message):
        backdoor_pixel(IMAGES, LABELS, PLACES, 5, STREAM, **given)


def test_a_part_of_anothers_outside_the_image_is_refused_for_all():
    with pytest.raises(ValueError, match="rows 11 to 12"):
        backdoor_distributed(IMAGES, LABELS, PLACES, 5, 0, STREAM, top=7, height=2, gap=2)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"source": 1, "target": 1}, "two different classes"), ({"source": 9}, "a class for source, 0 … 4 here: got 9")],
)
def test_classes_of_an_edge_case_are_two(given, message):
    with pytest.raises(ValueError, match=message):
        backdoor_edge_case(IMAGES, LABELS, 5, **given)
