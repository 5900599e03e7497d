"""A model starts from saved numbers: their digest belongs to the run, and what does not fit is one message."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import fedsim
from fedsim.errors import ScenarioError
from fedsim.scenario.load import load_scenario, parse_scenario, scenario_digest
from tests.cli.recorded_run import ask
from tests.own_code import NET, SMALL

FROM = 'model = { name = "logistic", weights = "start.safetensors" }\n' + SMALL.replace('model = "logistic"\n', "")


@pytest.fixture
def trained(own):
    """The numbers of a logistic regression after two rounds, in a results folder."""
    *_, last = fedsim.perform(parse_scenario(SMALL), "run")
    return last


def test_a_run_goes_on_from_where_another_ended(own, trained, tmp_path):
    save_file(load_file("run/model.safetensors"), "start.safetensors")
    own("there/from.toml", FROM.replace("start.", "../start."))
    first = next(iter(fedsim.simulate(tmp_path / "there" / "from.toml")))
    assert first.digest == trained.digest
    whole = parse_scenario(FROM.replace("start.safetensors", "run"))
    assert next(iter(fedsim.simulate(whole))).digest == trained.digest


@pytest.mark.parametrize("workers", [1, 2])
def test_numbers_that_do_not_travel_reach_the_workers_too(own, workers):
    own("net.py", NET.replace("self.out =", "self.norm.requires_grad_(False)\n        self.out ="))
    scenario = 'model = "./net.py:Net"\nexecution.batch = 1\n' + SMALL.replace('model = "logistic"\n', "").replace(
        "execution = { workers = 1 }", ""
    )
    *_, plain = fedsim.perform(parse_scenario(scenario, [f"execution.workers={workers}"]), "run")
    numbers = load_file("run/model.safetensors")
    numbers["norm.weight"] = np.full_like(numbers["norm.weight"], 0.25)
    save_file(numbers, "start.safetensors")
    given = parse_scenario(scenario, ['model={name="./net.py:Net", weights="start.safetensors"}'])
    *_, last = fedsim.perform(given, f"from-{workers}")
    ended = load_file(f"from-{workers}/model.safetensors")
    assert (ended["norm.weight"] == 0.25).all()
    assert not np.array_equal(ended["out.weight"], numbers["out.weight"])
    assert last.digest != plain.digest


def test_the_numbers_belong_to_the_run(own, trained, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    numbers = load_file("run/model.safetensors")
    save_file(numbers, "start.safetensors")
    own("from.toml", FROM)
    assert ask(capsys, "run", "from.toml", "--out", "mine", "-q").code == 0
    assert ask(capsys, "verify", "mine").code == 0
    save_file({name: array + 1 for name, array in numbers.items()}, "start.safetensors")
    answer = ask(capsys, "verify", "mine")
    assert answer.code == 1
    assert "made from other numbers: start.safetensors changed" in answer.out
    answer = ask(capsys, "run", "from.toml", "--out", "mine", "-q")
    assert "made from other numbers: start.safetensors changed" in answer.err


def test_where_the_file_lies_changes_no_digest(own, trained, tmp_path):
    for name in ("a", "b"):
        own(f"{name}/from.toml", FROM)
        save_file(load_file("run/model.safetensors"), tmp_path / name / "start.safetensors")
    assert scenario_digest(load_scenario("a/from.toml")) == scenario_digest(load_scenario("b/from.toml"))
    assert scenario_digest(load_scenario("a/from.toml")) != scenario_digest(parse_scenario(SMALL))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"0.weight": (10, 64)}, "does not fit the model: it lacks 1.weight, 1.bias; it has besides 0.weight"),
        ({"1.weight": (10, 63), "1.bias": (10,)}, "does not fit the model: 1.weight is 10×63, not 10×64"),
        ({"1.weight": (10, 64), "1.bias": (10,), "2.bias": ()}, "does not fit the model: it has besides 2.bias"),
    ],
)
def test_what_does_not_fit_is_named_in_one_message(own, numbers, message):
    save_file({name: np.zeros(shape, np.float32) for name, shape in numbers.items()}, "start.safetensors")
    with pytest.raises(ScenarioError, match=message) as raised:
        next(iter(fedsim.simulate(parse_scenario(FROM))))
    assert len(raised.value.problems) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("strat.safetensors", r"strat.safetensors is not there; did you mean `start.safetensors`\?"),
        ("empty", "empty holds no model.safetensors: it is no results folder of a finished run"),
    ],
)
def test_a_file_that_is_not_there_is_refused_before_torch(own, tmp_path, given, message):
    save_file({"x": np.zeros(1)}, "start.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScenarioError, match=message):
        parse_scenario(FROM.replace("start.safetensors", given))


def test_a_file_of_something_else_is_said_to_be(own):
    own("start.safetensors", "no tensors")
    with pytest.raises(ScenarioError, match="is no file of safetensors that can be read here"):
        next(iter(fedsim.simulate(parse_scenario(FROM))))


def test_a_network_of_torchvision_starts_from_a_file_of_its_own_names(own):
    from fedsim.inputs import InputSpec
    from fedsim.models import models
    from fedsim.scenario.sections import Choice
    from fedsim.training.torch_models import ModelKind

    name = "torchvision.models:resnet18"
    assert set(models[name].settings) == {"progress", "weights"}
    spec = InputSpec("images", (3, 32, 32))
    numbers = {k: v.numpy() for k, v in ModelKind(Choice(name), spec, 7).build().state_dict().items()}
    save_file({key: np.array(array + 1, order="C") for key, array in numbers.items()}, "start.safetensors")
    module = ModelKind(Choice(name, {"weights": "start.safetensors"}), spec, 7).build()
    assert all(torch.equal(v, torch.tensor(numbers[k] + 1)) for k, v in module.state_dict().items())
