"""What every attack must do, whoever wrote it: parametrised over the registry, so that none is forgotten."""

from dataclasses import fields
from typing import get_args

import numpy as np
import pytest

from fedsim.attacks.contract import Forged, attacks
from fedsim.attacks.updates import paper_z
from fedsim.randomness import Stream
from fedsim.scenario.sections import Attack
from fedsim.scenario.validation import check_settings

D, CLASSES, EXAMPLES = 257, 10, 60
UPDATE_ATTACKS = [entry for entry in attacks if entry.traits["poisons"] == "updates"]
DATA_ATTACKS = [entry for entry in attacks if entry.traits["poisons"] == "data"]
LAWS = {"finite", "address", "shape"}


def named(entries):
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


def obeying(entries, law):
    return named([entry for entry in entries if law not in entry.breaks])


def breaking(entries, law):
    return named([entry for entry in entries if law in entry.breaks])


def settings_of(entry, **given):
    """The defaults, and for a setting without one the first plain value that its annotation takes."""
    for setting in entry.settings.values():
        if setting.required and setting.name not in given:
            options = [1, 0.5, "x", *get_args(get_args(setting.annotation)[0])]
            given |= next({setting.name: o} for o in options if not _refused(entry, setting.name, o))
    return check_settings(entry, given)[0]


def _refused(entry, name, value):
    return any(problem.path == (name,) for problem in check_settings(entry, {name: value})[1])


def federation(clients=(3, 7, 9), honest=5, dtype=np.float32, seed=0):
    """Everything the engine can supply to an attack on updates, read-only, each client's own row its own."""
    draw = np.random.default_rng(seed)
    own = [np.random.default_rng([seed, client]).normal(size=D) for client in clients]
    arrays = {
        "honest": draw.normal(1, 2, (honest, D)).astype(dtype),
        "own": np.array(own, dtype).reshape(len(clients), D),
        "parameters": draw.normal(size=D).astype(dtype),
        "previous": draw.normal(size=D).astype(dtype),
        "clients": np.array(clients, np.int64),
    }
    for array in arrays.values():
        array.flags.writeable = False
    rest = {
        "count": len(clients),
        "honest_clients": np.arange(20, 20 + honest),
        "knowledge": "all",
        "round": 1,
        "memory": None,
        "stream": Stream.root(seed).at("round", 1),
        "defence": lambda r: r.mean(axis=0),
    }
    return arrays | rest


def forge(entry, supplies, **given):
    answer = entry.function(*(supplies[name] for name in entry.supplied), **settings_of(entry, **given))
    return answer.updates if isinstance(answer, Forged) else answer


def examples(inputs=np.uint8, seed=0):
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 256, (EXAMPLES, 1, 8, 8)).astype(np.uint8)
    arrays = {
        "inputs": pixels if inputs is np.uint8 else pixels.astype(inputs) / 255,
        "targets": draw.integers(0, CLASSES, EXAMPLES),
    }
    for array in arrays.values():
        array.flags.writeable = False
    rest = {"places": np.arange(EXAMPLES), "classes": CLASSES, "round": 1, "index": 2, "colluders": 4}
    return arrays | rest | {"stream": Stream.root(seed).at("client", 4)}


def poison(entry, supplies):
    answer = forge(entry, supplies)
    return answer if isinstance(answer, tuple) else (supplies["inputs"], answer)


def test_there_are_attacks_of_both_kinds():
    assert {"random_weights", "noise", "sign_flip", "gaussian", "ipm", "alie", "nan"} <= {
        e.name for e in UPDATE_ATTACKS
    }
    assert {"label_flip"} <= {entry.name for entry in DATA_ATTACKS}
    assert attacks["model"] is attacks["random_weights"]
    assert attacks["data"] is attacks["label_flip"]


@named(list(attacks))
def test_confessions_name_a_law_and_a_reason(entry):
    assert set(entry.breaks) <= LAWS
    assert all(reason.strip() for reason in entry.breaks.values())


@named(list(attacks))
def test_no_setting_has_the_name_of_a_key_of_its_section(entry):
    assert not set(entry.settings) & {field.name for field in fields(Attack)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clients", [(), (4,), (3, 7, 9)], ids=len)
@obeying(UPDATE_ATTACKS, "shape")
def test_one_row_an_attacker_in_the_dtype_given(entry, clients, dtype):
    rows = forge(entry, federation(clients, dtype=dtype))
    assert rows.shape == (len(clients), D)
    assert rows.dtype == dtype
    assert rows.flags.c_contiguous
    assert rows.flags.writeable


@named(UPDATE_ATTACKS)
def test_the_same_stream_gives_the_same_rows(entry):
    np.testing.assert_array_equal(forge(entry, federation()), forge(entry, federation()))


@named(UPDATE_ATTACKS)
def test_the_row_sent_is_no_view_of_what_was_read(entry):
    supplies = federation()
    rows = forge(entry, supplies)
    assert not any(np.shares_memory(rows, array) for array in supplies.values() if isinstance(array, np.ndarray))


@obeying([entry for entry in UPDATE_ATTACKS if "clients" in entry.supplied], "address")
def test_a_client_sends_the_same_whoever_attacks_beside_it(entry):
    together, alone = forge(entry, federation((3, 7, 9))), forge(entry, federation((7,)))
    np.testing.assert_array_equal(together[1], alone[0])
    reordered = forge(entry, federation((9, 3, 7)))
    np.testing.assert_array_equal(reordered, together[[2, 0, 1]])


@obeying([entry for entry in UPDATE_ATTACKS if {"clients", "stream"} <= set(entry.supplied)], "address")
def test_two_clients_and_two_rounds_draw_differently(entry):
    supplies = federation()
    rows = forge(entry, supplies)
    later = forge(entry, supplies | {"stream": Stream.root(0).at("round", 2)})
    assert len({row.tobytes() for row in np.concatenate([rows, later])}) == 2 * len(rows)


@obeying(UPDATE_ATTACKS, "finite")
def test_finite_numbers_give_finite_rows(entry):
    assert np.isfinite(forge(entry, federation())).all()


@breaking(UPDATE_ATTACKS, "finite")
def test_who_confesses_not_to_be_finite_is_not(entry):
    assert not np.isfinite(forge(entry, federation())).all(axis=1).any()


@named([entry for entry in UPDATE_ATTACKS if "honest" in entry.supplied])
def test_one_honest_row_is_enough(entry):
    assert forge(entry, federation(honest=1)).shape == (3, D)


@named([entry for entry in UPDATE_ATTACKS if "honest" in entry.supplied])
def test_without_an_honest_row_the_message_says_so(entry):
    with pytest.raises(ValueError, match=rf"{entry.name} needs at least one honest update"):
        forge(entry, federation(honest=0))


@pytest.mark.parametrize("knowledge", ["own", "colluders", "all"])
@obeying([entry for entry in UPDATE_ATTACKS if "honest" in entry.supplied], "finite")
def test_whatever_is_known_there_is_an_attack(entry, knowledge):
    rows = forge(entry, federation(honest=1 if knowledge == "own" else 3) | {"knowledge": knowledge})
    assert rows.shape == (3, D)
    assert np.isfinite(rows).all()


@named([entry for entry in UPDATE_ATTACKS if "calls" in entry.settings])
@pytest.mark.parametrize("calls", [4, 5, 32])
def test_the_defence_is_tried_within_its_budget(entry, calls):
    asked = []

    def defence(rows):
        asked.append(rows.shape)
        return np.median(rows, axis=0)

    forge(entry, federation() | {"defence": defence}, calls=calls)
    assert set(asked) == {(8, D)}
    assert len(asked) == calls


@named([entry for entry in UPDATE_ATTACKS if "calls" in entry.settings])
def test_a_defence_that_says_nothing_leaves_a_finite_row(entry):
    rows = forge(entry, federation() | {"defence": lambda rows: np.full(rows.shape[1], np.nan, rows.dtype)})
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("inputs", [np.uint8, np.float32])
@named(DATA_ATTACKS)
def test_poisoned_examples_keep_their_form(entry, inputs):
    supplies = examples(inputs)
    pixels, targets = poison(entry, supplies)
    assert (pixels.shape, pixels.dtype) == (supplies["inputs"].shape, supplies["inputs"].dtype)
    assert (targets.shape, targets.dtype) == (supplies["targets"].shape, supplies["targets"].dtype)
    assert targets.min() >= 0
    assert targets.max() < CLASSES


@named(DATA_ATTACKS)
def test_poison_changes_something_and_always_the_same(entry):
    supplies = examples()
    before = supplies["targets"].copy(), supplies["inputs"].copy()
    pixels, targets = poison(entry, supplies)
    again = poison(entry, examples())
    assert not (np.array_equal(targets, before[0]) and np.array_equal(pixels, before[1]))
    np.testing.assert_array_equal(targets, again[1])
    np.testing.assert_array_equal(pixels, again[0])
    np.testing.assert_array_equal(supplies["targets"], before[0])


@pytest.mark.parametrize("attackers", [1, 2, 3, 4])
def test_a_little_is_enough_stays_within_its_deviations(attackers):
    """What the paper promises: no coordinate lies further from the mean than z standard deviations."""
    supplies = federation(range(attackers), honest=6, dtype=np.float64)
    honest, row = supplies["honest"], forge(attacks["alie"], supplies)[0]
    away = np.abs(row - honest.mean(axis=0)) / honest.std(axis=0, ddof=1)
    assert away.max() <= abs(paper_z(6, attackers)) + 1e-9


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_inner_product_manipulation_points_against_the_honest_mean(scale):
    supplies = federation()
    assert forge(attacks["ipm"], supplies, scale=scale)[0] @ supplies["honest"].mean(axis=0) < 0


@pytest.mark.parametrize("seed", range(5))
def test_mimic_sends_what_an_honest_client_sent(seed):
    supplies = federation(seed=seed)
    for row in forge(attacks["mimic"], supplies):
        assert (supplies["honest"] == row).all(axis=1).any()


@pytest.mark.parametrize("direction", ["unit", "std", "sign"])
@pytest.mark.parametrize("seed", range(3))
def test_min_max_stays_within_the_greatest_honest_distance_and_no_shorter(direction, seed):
    supplies = federation(honest=6, dtype=np.float64, seed=seed)
    honest, row = supplies["honest"], forge(attacks["min_max"], supplies, direction=direction)[0]
    most = max(np.linalg.norm(left - right) for left in honest for right in honest)
    assert max(np.linalg.norm(row - other) for other in honest) == pytest.approx(most, rel=1e-9)


@pytest.mark.parametrize("direction", ["unit", "std", "sign"])
@pytest.mark.parametrize("seed", range(3))
def test_min_sum_stays_within_the_greatest_honest_sum_and_no_shorter(direction, seed):
    supplies = federation(honest=6, dtype=np.float64, seed=seed)
    honest, row = supplies["honest"], forge(attacks["min_sum"], supplies, direction=direction)[0]
    most = max(sum(((left - right) ** 2).sum() for right in honest) for left in honest)
    assert ((row - honest) ** 2).sum() == pytest.approx(most, rel=1e-9)


def some_of(supplies, chosen):
    """The same client's examples, some of them."""
    return supplies | {name: supplies[name][chosen] for name in ("inputs", "targets", "places")}


@named([entry for entry in DATA_ATTACKS if entry.traits["apart"]])
def test_who_treats_each_example_apart_does_the_same_to_some_of_them(entry):
    whole, chosen = poison(entry, examples()), np.array([7, 3, 50, 21])
    part = poison(entry, some_of(examples(), chosen))
    np.testing.assert_array_equal(part[0], whole[0][chosen])
    np.testing.assert_array_equal(part[1], whole[1][chosen])


@named([entry for entry in DATA_ATTACKS if not entry.traits["apart"]])
def test_who_does_not_say_so_looks_at_the_others(entry):
    """Otherwise it would be asked about all examples of a client for nothing."""
    wholes, chosen = poison(entry, examples())[1], np.arange(0, EXAMPLES, 3)
    assert not np.array_equal(poison(entry, some_of(examples(), chosen))[1], wholes[chosen])


TRIGGERED = [entry for entry in DATA_ATTACKS if entry.traits["trigger"]]


@named(TRIGGERED)
def test_a_trigger_is_shown_on_examples_of_other_classes_that_stay_as_they_are(entry):
    supplies = examples()
    before = supplies["inputs"].copy()
    shown = entry.traits["trigger"](supplies["inputs"], supplies["targets"], settings_of(entry))
    assert len(shown.places)
    assert shown.inputs.shape == (len(shown.places), *before.shape[1:])
    assert shown.inputs.dtype == before.dtype
    assert (supplies["targets"][shown.places] != shown.target).all()
    np.testing.assert_array_equal(supplies["inputs"], before)
