"""Attacks that remember, against the papers' recurrences as slow loops over rounds."""

import numpy as np
import pytest
from scipy.stats import binom

from fedsim.attacks.histories import mimic, poisonedfl, rop
from fedsim.randomness import Stream

STREAM = Stream.root(4)
IDS = np.array([10, 20, 30, 40, 50])


def rounds_of_rows(rounds=8, h=5, d=12, seed=0):
    draw = np.random.default_rng(seed)
    centres = draw.normal(0, 1, (h, d))
    return [centres + draw.normal(0, 0.3, (h, d)) for _ in range(rounds)]


def slow_mimic(rounds, warmup):
    z = STREAM.at("direction").numpy().standard_normal(rounds[0].shape[1])
    mu, target, sent = None, None, []
    for t, rows in enumerate(rounds):
        if t < warmup:
            mean = sum(rows) / len(rows)
            mu = mean if t == 0 else t / (1 + t) * mu + mean / (1 + t)
            pull = sum(sum((g - mu) * z) * (g - mu) for g in rows)
            z = (t / (1 + t)) * z + pull / np.linalg.norm(pull) / (1 + t)
            z = z / np.linalg.norm(z)
            target = max(range(len(rows)), key=lambda i: sum(rows[i] * z))
        sent.append(target)
    return sent


@pytest.mark.parametrize("warmup", [1, 3, 20])
@pytest.mark.parametrize("seed", range(3))
def test_mimic_copies_whom_the_recurrence_chooses(seed, warmup):
    rounds, memory, sent = rounds_of_rows(seed=seed), None, []
    for rows in rounds:
        answer = mimic(rows, IDS, 2, memory, STREAM, warmup=warmup)
        memory = answer.memory
        place = int(np.flatnonzero((rows == answer.updates[0]).all(axis=1))[0])
        np.testing.assert_array_equal(answer.updates, [rows[place]] * 2)
        sent.append(place)
    assert sent == slow_mimic(rounds, warmup)


def test_mimic_stays_with_its_client_wherever_that_stands():
    rounds = rounds_of_rows(4)
    answer = mimic(rounds[0], IDS, 1, None, STREAM, warmup=1)
    target = int(answer.memory["target"])
    order = np.array([3, 0, 4, 1, 2])
    later = mimic(rounds[1][order], IDS[order], 1, answer.memory, STREAM, warmup=1)
    np.testing.assert_array_equal(later.updates[0], rounds[1][list(IDS).index(target)])


def test_mimic_of_a_client_that_is_away_copies_the_one_that_points_its_way():
    rounds = rounds_of_rows(2)
    first = mimic(rounds[0], IDS, 1, None, STREAM, warmup=1)
    here = int(first.memory["target"]) != IDS
    later = mimic(rounds[1][here], IDS[here], 1, first.memory, STREAM, warmup=1)
    along = rounds[1][here] @ first.memory["direction"]
    np.testing.assert_array_equal(later.updates[0], rounds[1][here][along.argmax()])
    assert later.memory["target"] == first.memory["target"]


def test_mimic_needs_no_spread():
    rows = np.ones((3, 4))
    np.testing.assert_array_equal(mimic(rows, IDS[:3], 2, None, STREAM).updates, np.ones((2, 4)))


def slow_poisonedfl(models, signs, factor=8.0, every=50):
    c, anchor, since, row, sent = factor, models[0], 1, np.zeros_like(models[0]), []
    for round, model in enumerate(models, start=1):
        if round > 1:
            if round - since >= every:
                change = model - anchor
                same = sum(np.sign(x if x != 0 else m) == s for x, m, s in zip(change, model, signs, strict=True))
                if binom.sf(same - 1, len(signs), 0.5) > 0.01 and 0.7 * c >= 0.5:
                    c *= 0.7
                anchor, since = model, round
            step = model - models[round - 2]
            length = np.linalg.norm(step)
            own = row / np.linalg.norm(row) if row.any() else row
            scale = np.abs(step - own * length)
            row = c * length * scale * signs / np.linalg.norm(scale)
        sent.append(row)
    return sent


@pytest.mark.parametrize("follows", [0.0, 0.5])
def test_poisonedfl_pushes_one_way_as_the_recurrence_says(follows):
    draw, d = np.random.default_rng(1), 40
    first = poisonedfl(np.zeros(d), 2, 1, None, STREAM)
    signs = first.memory["signs"].astype(float)
    models = np.cumsum(draw.normal(0, 1, (12, d)) + follows * signs, axis=0)
    memory, sent = None, []
    for round, model in enumerate(models, start=1):
        answer = poisonedfl(model, 2, round, memory, STREAM, period=4)
        memory = answer.memory
        np.testing.assert_array_equal(answer.updates[0], answer.updates[1])
        sent.append(answer.updates[0])
    np.testing.assert_allclose(sent, slow_poisonedfl(models, signs, every=4), rtol=1e-9, atol=1e-12)
    weakened = float(memory["c"]) < 8
    assert weakened == (follows == 0)
    assert not sent[0].any()
    assert all((np.sign(row) == signs).mean() > 0.99 for row in sent[1:])


def test_poisonedfl_is_never_brought_below_its_least():
    draw, memory = np.random.default_rng(2), None
    for round in range(1, 40):
        memory = poisonedfl(draw.normal(0, 1, 30), 1, round, memory, STREAM, period=1, shrink=0.5).memory
    assert float(memory["c"]) == 0.5


@pytest.mark.parametrize("angle", [0.0, 45.0, 90.0, 180.0])
def test_rop_lies_at_its_angle_and_distance(angle):
    honest, previous = rounds_of_rows(1)[0], np.random.default_rng(9).normal(0, 1, 12)
    row = rop(honest, previous, 1, radius=0.7, place=0.4, reference=0.3, angle=angle)[0]
    mu = sum(honest) / len(honest)
    push = row - (0.4 * previous + 0.6 * mu)
    aim = 0.3 * previous + 0.7 * mu
    assert np.linalg.norm(push) == pytest.approx(0.7, rel=1e-9)
    assert push @ aim / (0.7 * np.linalg.norm(aim)) == pytest.approx(np.cos(np.radians(angle)), abs=1e-9)


def test_rop_is_within_the_radius_of_the_clipping_that_it_is_meant_for():
    from fedsim.functional import aggregate

    honest, previous = rounds_of_rows(1)[0], np.random.default_rng(9).normal(0, 1, 12)
    row = rop(honest, previous, 1, radius=0.9)
    alone = aggregate("centered_clip", row, previous=previous, radius=1.0)
    np.testing.assert_allclose(alone, row[0], rtol=1e-9)  # not clipped
    assert np.linalg.norm(row[0] - previous) == pytest.approx(0.9)


def test_rop_in_the_first_round_looks_along_the_mean():
    honest = rounds_of_rows(1)[0]
    row = rop(honest, np.zeros(12), 1, reference=1.0)[0]
    assert row @ honest.mean(axis=0) == pytest.approx(0, abs=1e-9)
