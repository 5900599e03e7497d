"""fedsim, and the slow formulas of today, beside the vectors that are kept."""

import json

import numpy as np
import pytest

from fedsim.functional import aggregate, attack, preaggregate
from fedsim.registry import registries
from tests.golden.cases import STREAM, all_drawn, drawn_images, listed, read, read_images
from tests.golden.formulas import DATA, FAMILIES
from tests.golden.make import FILE
from tests.golden.training import FORMULAS, SETTINGS, drawn, pieces
from tests.golden.training import asked as trained

KEPT = json.loads(FILE.read_text(encoding="utf-8"))
each = pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, members in FAMILIES.items() for name in members]
)


def kept(family, name, case):
    return np.array(KEPT[family][name][case], dtype=float)


def close(found, expected, rtol):
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    np.testing.assert_allclose(found, np.broadcast_to(expected, np.shape(found)), rtol=0, atol=rtol * scale)


def asked(family, name, case, golden, dtype=np.float64):
    if family == "attacks":
        return attack(name, case.honest.astype(dtype), count=case.f, **golden.keywords(case))
    call = aggregate if family == "aggregators" else preaggregate
    return call(name, case.rows.astype(dtype), **golden.keywords(case))


@each
def test_fedsim_gives_the_vectors_that_are_kept(family, name):
    golden = FAMILIES[family][name]
    for label in golden.cases:
        case = read(KEPT["cases"][label])
        found = golden.seen(case, asked(family, name, case, golden))
        close(found, kept(family, name, label), golden.rtol)


@each
def test_in_single_precision_they_are_the_same_to_five_digits(family, name):
    golden = FAMILIES[family][name]
    for label in golden.cases:
        case = read(KEPT["cases"][label])
        found = golden.seen(case, asked(family, name, case, golden, np.float32))
        close(found, kept(family, name, label), max(golden.rtol, 2e-5))


@each
def test_the_formulas_still_make_the_file(family, name):
    golden = FAMILIES[family][name]
    assert set(KEPT[family][name]) == set(golden.cases)
    for label in golden.cases:
        close(golden.formula(read(KEPT["cases"][label])), kept(family, name, label), 1e-9)


def test_the_inputs_are_those_that_are_drawn():
    for name, case in all_drawn().items():
        assert KEPT["cases"][name] == listed(case)


@pytest.mark.parametrize("name", DATA)
def test_poisoned_examples_are_those_that_are_kept(name):
    settings, formula = DATA[name]
    inputs, targets = read_images(KEPT["examples"]["images"])
    given = {"inputs": inputs, "targets": targets, "places": np.arange(8), "classes": 3, "index": 1, "stream": STREAM}
    answer = registries()["attacks"][name].call(given, settings)
    found = answer if isinstance(answer, tuple) else (inputs, answer)
    for part, expected, today in zip(("inputs", "targets"), found, formula(inputs, targets), strict=True):
        np.testing.assert_array_equal(expected, np.array(KEPT["data"][name][part]))
        np.testing.assert_array_equal(today, np.array(KEPT["data"][name][part]))


def test_the_images_are_those_that_are_drawn():
    assert KEPT["examples"]["images"] == listed(drawn_images())


@pytest.mark.parametrize("name", FORMULAS)
def test_what_attackers_train_is_what_is_kept(name):
    steps, expected = KEPT["steps"]["drawn"], np.array(KEPT["training"][name]["row"])
    close(trained(registries()["attacks"][name], steps), expected, 1e-9)
    close(np.array(FORMULAS[name](steps, **SETTINGS[name])), expected, 1e-9)


def test_the_steps_are_those_that_are_drawn():
    assert KEPT["steps"]["drawn"] == listed(drawn())


def test_the_steps_leave_each_setting_something_to_do():
    steps = KEPT["steps"]["drawn"]
    rows = {name: np.array(KEPT["training"][name]["row"]) for name in FORMULAS}
    assert (rows["neurotoxin"] == 0).sum() == 10  # of 31: 8 of 12, 3 of 4, 8 of 12 and 2 of 3 learn
    np.testing.assert_allclose(np.linalg.norm(rows["neurotoxin"]), 0.9)
    honest = np.array(FORMULAS["backdoor_critical_layers"](steps, threshold=1e-9, blend=1.0))
    moved = ~np.isclose(rows["backdoor_critical_layers"], honest)
    assert {moved[list(places)].mean() > 0 for places in pieces()} == {True, False}


def test_every_attack_on_the_training_has_a_vector():
    found = {
        entry.name for entry in registries()["attacks"] if entry.traits["poisons"] == "training" and not entry.file
    }
    assert set(FORMULAS) == found


def test_every_attack_on_data_that_need_not_draw_has_a_vector():
    found = {
        entry.name for entry in registries()["attacks"] if entry.traits["poisons"] == "data" and entry.file is None
    }
    assert found - set(DATA) == {"feature_noise"}  # noise is drawn


@pytest.mark.parametrize("family", ["aggregators", "preaggregators"])
def test_every_rule_and_pre_aggregator_has_a_vector(family):
    assert set(FAMILIES[family]) == {entry.name for entry in registries()[family] if entry.file is None}


def test_every_attack_on_updates_that_draws_nothing_has_a_vector():
    drawing = {"stream", "memory"}
    found = {
        entry.name
        for entry in registries()["attacks"]
        if entry.file is None and entry.traits["poisons"] == "updates" and not drawing & set(entry.supplied)
    }
    assert set(FAMILIES["attacks"]) == found
