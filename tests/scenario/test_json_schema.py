"""The JSON Schema agrees with the loader: what one lets in the other does."""

from pathlib import Path

import jsonschema
import pytest
import tomli

from fedsim.errors import ScenarioError
from fedsim.scenario.build import families
from fedsim.scenario.json_schema import DIALECT, scenario_schema
from fedsim.scenario.load import dump_scenario, load_scenario, parse_scenario

SCHEMA = scenario_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SHIPPED = sorted(Path("scenarios").glob("*.toml"))


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DIALECT


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_are_valid(path):
    VALIDATOR.validate(tomli.loads(path.read_text(encoding="utf-8")))
    VALIDATOR.validate(tomli.loads(dump_scenario(load_scenario(path))))


@pytest.mark.parametrize(
    "text",
    [
        "roundz = 1",
        "rounds = 0",
        "rounds = '3'",
        "model = 'mpl'",
        "model = { name = 'mlp', hiden = 3 }",
        "aggregator = 'krum'",
        "aggregator = { name = 'krum' }",
        "aggregator = { name = 'krum', f = 1, variant = 'other' }",
        "aggregator = { name = 'median', f = 1 }",
        "clients = { late = 'kept' }",
        "clients = { latency = { name = 'uniform', low = -1.0 } }",
        "training = { optimizer = { name = 'sgd', lr = 0.0 } }",
        "attacks = [{ name = 'noise' }]",
        "attacks = [{ name = 'noise', count = 1, fraction = 0.5 }]",
        "attacks = [{ name = 'noise', count = 1, deviation = 0.5 }]",
        "attacks = [{ count = 1 }]",
        "attacks = { name = 'noise', count = 1 }",
        "execution = { workers = 'many' }",
        "evaluation = { metrics = 'balanced_accuracy' }",
        "evaluation = { metrics = ['balance'] }",
        "evaluation = { metrics = [{ name = 'accuracy_of_worst_owners', share = 0.0 }] }",
        "preaggregators = [{ name = 'krum', f = 1 }]",
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(text):
    assert not VALIDATOR.is_valid(tomli.loads(text))
    with pytest.raises(ScenarioError):
        parse_scenario(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model = 'mlp'",
        "server = { lr = 1 }",
        "execution = { workers = 'auto' }",
        "execution = { workers = 3 }",
        "attacks = [{ name = 'model', count = 1, deviation = 0.5, every = 2 }]",
        "preaggregators = [{ name = 'nnm', f = 1 }, { name = 'bucketing', s = 2 }]",
        "clients = { latency = 'lognormal' }",
    ],
)
def test_what_the_loader_takes_the_schema_takes(text):
    VALIDATOR.validate(tomli.loads(text))
    parse_scenario(text)


def test_every_algorithm_and_setting_is_in_it_with_its_meaning():
    schema = scenario_schema()  # made now: another test may have entered algorithms since
    for family, registry in families().items():
        tables = schema["$defs"]["Attack" if family == "attacks" else family]["anyOf"]
        for entry in registry:
            (table,) = [each for each in tables if each.get("description") == entry.summary]
            for name, setting in entry.settings.items():
                node = table["properties"][name]
                assert node.get("description", "") == setting.meaning
                assert setting.required == (name in table["required"])


def test_nothing_in_it_is_null():
    def walk(node):
        if isinstance(node, dict):
            assert node.get("type") != "null"
            assert node.get("default", 0) is not None
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(SCHEMA)
