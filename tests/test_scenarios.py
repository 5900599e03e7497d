"""Every shipped scenario asks a question, loads, and runs at a reduced size from its first event to its last."""

from pathlib import Path

import numpy as np
import pytest

from fedsim.engine import simulate
from fedsim.events import RoundEnded, RunEnded
from fedsim.scenario.load import dump_scenario, load_scenario, parse_scenario
from tests.datasets.files import examples, write_grey, write_leaf

FOLDER = Path(__file__).parent.parent / "scenarios"
SCENARIOS = sorted(FOLDER.glob("*.toml"))
GREY = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture
def reduced(tmp_path, monkeypatch):
    """Overrides that leave a scenario its shape and take away its size."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def overrides(scenario):
        sizes = {"glyphs": glyphs, "digits": list, "sentences": list, "fashion_mnist": fashion, "femnist": femnist}
        common = ["rounds=2", "training.steps=2", "root.size=6", "evaluation.validation=4", "execution.backend=serial"]
        return [*common, *sizes[scenario.data.name]()]

    def glyphs():
        return ["data.writers=100", "data.samples=4", "data.test_writers=2"]

    def fashion():
        generator, folder = np.random.default_rng(1), tmp_path / "fashion"
        images = [generator.integers(0, 256, (count, 28, 28), np.uint8) for count in (600, 20)]
        labels = [np.arange(count) % 10 for count in (600, 20)]
        write_grey(folder, [images[0], labels[0], images[1], labels[1]], GREY)
        return [f"data.folder={str(folder)!r}", "clients.population=30"]

    def femnist():
        folder = tmp_path / "femnist"
        write_leaf(folder / "train" / "a.json", {f"w{k:02}": examples(6, k) for k in range(20)})
        write_leaf(folder / "test" / "a.json", {f"w{k:02}": examples(2, 100 + k) for k in range(5)})
        return [f"data.folder={str(folder)!r}"]

    return overrides


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_it_asks_a_question(path):
    first = path.read_text().partition("\n")[0]
    assert first.startswith("# ")
    assert first.endswith("?")
    assert load_scenario(path).question == first.removeprefix("# ")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_writing_it_down_loses_nothing(path):
    scenario = load_scenario(path)
    assert parse_scenario(dump_scenario(scenario)) == scenario


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_it_runs(path, reduced):
    scenario = load_scenario(path, reduced(load_scenario(path)))
    events = list(simulate(scenario))
    ended = [event for event in events if isinstance(event, RoundEnded)]
    assert [event.round for event in ended] == [1, 2]
    assert isinstance(events[-1], RunEnded)
    assert 0 <= events[-1].final <= 1
    assert ended[0].digest != ended[1].digest


def test_the_twins_differ_in_the_rule_alone():
    krum, fedavg = (load_scenario(FOLDER / f"{name}_noise.toml") for name in ("krum", "fedavg"))
    differing = {key for key in vars(krum) if getattr(krum, key) != getattr(fedavg, key)}
    assert differing == {"name", "question", "aggregator"}
