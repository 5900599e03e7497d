"""Whatever stands in a scenario file: a scenario that can be written and read again, or problems in words."""

import io
import unicodedata
from pathlib import Path

import pytest
from rich.console import Console

from cli.display.errors import show_failure
from fedsim.errors import FedsimError, ScenarioError
from fedsim.runs.folder import folder_of
from fedsim.scenario.load import dump_scenario, load_scenario, parse_scenario, scenario_digest
from tests.fuzz.mutations import ODD, VALUES, mutated_bytes, mutated_text, seeded, watched

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))
CASES = 450
"""Mutations of each shipped scenario."""


def meets_the_reader(text, overrides=()):
    """Parse a text and hold what comes of it to the promises; whether it was a scenario."""
    with watched((text, overrides)):
        try:
            scenario = parse_scenario(text, overrides)
        except ScenarioError as error:
            is_told(error)
            return False
        again = parse_scenario(dump_scenario(scenario))
        assert scenario_digest(again) == scenario_digest(scenario)
        folder = folder_of(scenario)
        assert folder.parent == Path(scenario.output.folder)
        assert folder.name not in {"", ".", ".."}
        return True


def is_told(error):
    assert error.problems
    assert str(error)
    out = io.StringIO()
    show_failure(Console(file=out, width=80), error)
    shown = out.getvalue()
    assert shown.strip()
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf"} and c != "\n"], shown


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_mutations_of_the_shipped_scenarios(path):
    draw, text = seeded(path.stem), path.read_text(encoding="utf-8")
    assert meets_the_reader(text)
    good = [meets_the_reader(mutated_text(text, draw)) for _ in range(CASES)]
    assert 0.02 < sum(good) / CASES < 0.9  # the mutations are neither all noise nor all harmless


def test_files_of_any_bytes(tmp_path):
    draw, path = seeded(1), tmp_path / "odd.toml"
    for number in range(800):
        data = draw.choice(SHIPPED).read_bytes()
        path.write_bytes(mutated_bytes(data, draw) if number % 4 else draw.randbytes(draw.randrange(300)))
        with watched(path.read_bytes()):
            try:
                load_scenario(path)
            except FedsimError as error:
                is_told(error)
    assert [entry.name for entry in tmp_path.iterdir()] == ["odd.toml"]


@pytest.mark.parametrize(
    "key", ["rounds", "model", "attacks", "aggregator.f", "clients.latency", "data.writers", "name"]
)
def test_every_odd_value_at_a_key(key):
    for value in [*VALUES, *(f'"{word}"' for word in ODD if '"' not in word)]:
        meets_the_reader(f"{key} = {value}")
        meets_the_reader('aggregator = "median"', [f"{key}={value}"])


def test_odd_overrides():
    draw, parts = (
        seeded(2),
        ["clients", "sampled", "attacks", "0", "-1", "99999999999", "", " ", "f", "é", "aggregator"],
    )
    for _ in range(1500):
        path = ".".join(draw.choice(parts) for _ in range(draw.randint(1, 4)))
        meets_the_reader("", [path + draw.choice(["=", "=", "=", "", "=="]) + draw.choice(VALUES + ODD)])


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000, "a = " + "[" * 500 + "]" * 500, "a = " + "{b = " * 500 + "1" + "}" * 500,
        "a." * 5_000 + "b = 1", "[" + "a." * 5_000 + "b]", "x = 1\n" * 10_000, "[[attacks]]\n" * 10_000,
        "".join(f"k{n} = 1\n" for n in range(20_000)), "#" * 999_000,
        "rounds = " + "9" * 5_000, 'name = "' + "é" * 400_000 + '"',
        "[[attacks]]\nname = 'zero'\nids = [" + "1," * 200_000 + "]", "clients.population = 1000000000\nattacks = []",
        "[[attacks]]\nname = 'zero'\nfraction = 1e-300", "a = " + "[1," * 300 + "]" * 300,
        "preaggregators = [" + '"nnm",' * 3_000 + "]",
    ],
)  # fmt: skip
def test_much_of_it(text):
    meets_the_reader(text)
