"""What does not go together is refused before data are read or a model is built."""

import pytest

import fedsim
from fedsim.errors import ScenarioError
from fedsim.scenario.load import parse_scenario

HEAD = "rounds = 2\n"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            'data = "digits"\nmodel = "lenet5"',
            "model",
            r"lenet5 needs images of at least 12×12: those of digits are 8×8",
        ),
        ('data = "digits"\nmodel = "femnist_cnn"', "model", r"needs images of at least 28×28"),
        ('data = "digits"\n[root]\nsize = 1700', "root.size", r"leave nothing to train on: digits has 1,797 examples"),
        ('data = "digits"\n[evaluation]\nvalidation = 1797', "evaluation.validation", "leave nothing to train on"),
        ('data = {name = "glyphs", writers = 1000000000}', "data", r"GiB of images; 64 are possible"),
        (
            'data = "breast_cancer"\nmodel = "lenet5"\nroot.size = 9\nevaluation.validation = 9',
            "model",
            r"breast_cancer has features; lenet5 takes images only: logistic and mlp take features$",
        ),
        ('data = "wine"\n', "evaluation.validation", "leave nothing to train on: wine has 178 examples"),
        (
            '[training]\nalgorithm = "fedsgd"\noptimizer = "adam"',
            "training.optimizer",
            "not what adam makes of it: use sgd",
        ),
        ('[training]\nalgorithm = "fedsgd"\nepochs = 3', "training.epochs", "one step in a round"),
        ('[training]\nalgorithm = "fedsgd"\nsteps = 3', "training.steps", "one step in a round"),
        ('[[preaggregators]]\nname = "nnm"\nf = 1\n' * 65, "preaggregators", "at most 64, got 65"),
        ('[[attacks]]\nname = "noise"\ncount = 0\n' * 257, "attacks", "at most 256, got 257"),
    ],
)
def test_what_cannot_run_is_refused(text, where, message):
    with pytest.raises(ScenarioError, match=message) as nonfinite:
        parse_scenario(HEAD + text)
    assert nonfinite.value.problems[0].where == where


def test_many_parts_are_refused_before_any_is_tried():
    with pytest.raises(ScenarioError, match="at most 64, got 20,000"):
        parse_scenario(HEAD + '[[preaggregators]]\nname = "nnm"\nf = 1\n' * 20_000)


def test_a_scenario_of_one_line_runs():
    events = list(fedsim.simulate(parse_scenario('data = "digits"', ["rounds=1", 'execution.backend="serial"'])))
    assert events[-1].final is not None


def test_fedsgd_with_momentum_is_still_its_gradient():
    parse_scenario('data = "digits"\n[training]\nalgorithm = "fedsgd"\noptimizer = {name = "sgd", momentum = 0.9}')


def test_simulate_takes_a_path_and_refuses_it_at_once(tmp_path):
    with pytest.raises(ScenarioError, match="No such file"):
        fedsim.simulate(tmp_path / "none.toml")
    with fedsim.simulate("smoke") as run:
        assert run.scenario.name == "smoke"


def test_dir_shows_what_is_offered():
    assert set(dir(fedsim)) == set(fedsim.__all__)
