"""Tables into scenarios and back, with every problem found on the way."""

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.explain import sample
from fedsim.scenario.build import DEFAULTS, compose, decompose, families
from fedsim.scenario.json_schema import setting_schemas
from fedsim.scenario.sections import Choice


def found(table):
    _, problems = compose(table)
    return [(each.where, each.message) for each in problems]


def test_an_empty_table_is_the_default_scenario():
    scenario, problems = compose({})
    assert problems == []
    assert scenario.aggregator == Choice("fedavg", {})
    assert scenario.training.optimizer.settings["lr"] == 0.05
    assert scenario.clients.latency == Choice("constant", {"seconds": 1.0})


def test_the_default_of_each_family_is_one_of_its_own():
    for family, name in DEFAULTS.items():
        assert name in families()[family]


def test_a_name_alone_is_a_choice_with_its_defaults():
    one, _ = compose({"model": "mlp"})
    other, _ = compose({"model": {"name": "mlp"}})
    assert one == other
    assert one.model.settings == {"hidden": 128, "layers": 1} or one.model.settings


def test_choices_carry_every_setting():
    scenario, _ = compose({"aggregator": {"name": "krum", "f": 2}})
    assert scenario.aggregator.settings == {"f": 2, "variant": "blanchard2017"}


def test_attack_keys_and_settings_stand_in_one_table():
    scenario, _ = compose({"attacks": [{"name": "noise", "greatest": 0.5, "count": 3, "start": 2}]})
    (plan,) = scenario.attacks
    assert (plan.count, plan.start, plan.attack.name, plan.attack.settings["greatest"]) == (3, 2, "noise", 0.5)


def test_decomposed_attacks_are_flat_again():
    scenario, _ = compose({"attacks": [{"name": "noise", "count": 3}]})
    (table,) = decompose(scenario)["attacks"]
    assert table == {
        "name": "noise", "greatest": 0.1, "mode": "replace", "count": 3, "start": 1, "every": 1, "knowledge": "all",
    }  # fmt: skip


def test_problems_in_every_part_are_found_at_once():
    table = {
        "rounds": 0,
        "model": "mpl",
        "clients": {"sampled": 0, "latency": {"name": "uniform", "low": -1.0}},
        "training": {"optimizer": {"name": "sgd", "lr": 0.0}},
        "attacks": [{"name": "noise", "count": -1}, {"name": "noize", "every": 0}],
        "preaggregators": [{"name": "nnm"}],
        "aggregator": {"name": "krum", "f": -1},
    }
    assert {where for where, _ in found(table)} == {
        "rounds", "model.name", "clients.sampled", "clients.latency.low", "training.optimizer.lr",
        "attacks[0].count", "attacks[1].name", "attacks[1].every", "preaggregators[0].f", "aggregator.f",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "where", "message"),
    [
        ({"clients": []}, "clients", "must be a table of settings, got ()"),
        ({"attacks": {}}, "attacks", "must be a list of tables, got {}"),
        ({"evaluation": {"metrics": "loss"}}, "evaluation.metrics", "must be a list of names or tables, got 'loss'"),
        ({"attacks": [3]}, "attacks[0]", "must be a table of settings, got 3"),
        (
            {"preaggregators": [3]},
            "preaggregators[0]",
            "must be the name of one of the preaggregators or a table, got 3",
        ),
        ({"model": {"name": 3}}, "model.name", "must name one of the models: got 3"),
        (
            {"preaggregators": [{}]},
            "preaggregators[0].name",
            "must name one of the preaggregators: one of arc, basgd, bucketing, clip, nnm, staleness_scaling",
        ),
    ],
)
def test_wrong_shapes(table, where, message):
    assert found(table) == [(where, message)]


def test_a_table_of_the_usual_member_needs_no_name():
    scenario, problems = compose({"training": {"optimizer": {"lr": 0.5}}, "clients": {"latency": {"seconds": 2.0}}})
    assert problems == []
    assert scenario.training.optimizer == Choice("sgd", {"lr": 0.5, "momentum": 0.0, "weight_decay": 0.0})
    assert scenario.clients.latency == Choice("constant", {"seconds": 2.0})


def test_what_is_left_of_a_wrong_scenario_keeps_its_places():
    table = {"rounds": "x", "clients": {"sampled": 7, "quorum": -1}, "attacks": [{"name": "nan", "count": 1}, 3, 4]}
    scenario, problems = compose(table)
    assert len(problems) == 4
    assert (scenario.rounds, scenario.clients.sampled, len(scenario.attacks)) == (20, 7, 1)


CHOICES = st.sampled_from(sorted(families()))


@given(CHOICES, st.data())
def test_every_algorithm_composes_and_decomposes(family, data):
    entry = data.draw(st.sampled_from(list(families()[family])), label="algorithm")
    required = {name: _sample(entry, name) for name, setting in entry.settings.items() if setting.required}
    table = {"name": entry.name, **required}
    place = {
        "aggregators": {"aggregator": table},
        "preaggregators": {"preaggregators": [table]},
        "attacks": {"attacks": [table | {"count": 1}]},
        "datasets": {"data": table},
        "partitions": {"partition": table},
        "models": {"model": table},
        "local_algorithms": {"training": {"algorithm": table}},
        "server_optimizers": {"server": {"optimizer": table}},
        "schedules": {"server": {"schedule": table}},
        "optimizers": {"training": {"optimizer": table}},
        "latencies": {"clients": {"latency": table}},
        "workloads": {"training": {"epochs": table}},
        "availabilities": {"clients": {"availability": table}},
        "metrics": {"evaluation": {"metrics": [table]}},
        "trackers": {"tracking": {"to": [table]}},
    }[family]
    scenario, problems = compose(place)
    assert problems == []
    assert compose(decompose(scenario)) == (scenario, [])


def _sample(entry, name):
    return tomli.loads(f"x = {sample(setting_schemas(entry)[name])}")["x"]
