import numpy as np

from fedsim.scenario.sections import Server
from fedsim.simulation.server import server_step
from fedsim.training.flat import Layout
from tests.small_runs import DIGITS, ends, played, scenario


def test_the_formula_over_three_rounds():
    draw = np.random.default_rng(1)
    parameters, velocity = draw.standard_normal(5), np.zeros(5)
    expected, momentum = parameters.copy(), np.zeros(5)
    for _ in range(3):
        aggregate = draw.standard_normal(5)
        given = parameters.copy(), velocity.copy(), aggregate.copy()
        step = server_step(parameters, velocity, aggregate, Server(lr=0.5, momentum=0.9), Layout(5))
        for before, now in zip(given, (parameters, velocity, aggregate), strict=True):
            np.testing.assert_array_equal(before, now)
        parameters, velocity = step
        momentum = 0.9 * momentum + aggregate
        expected = expected + 0.5 * momentum
    np.testing.assert_allclose(parameters, expected, rtol=1e-14)
    np.testing.assert_allclose(velocity, momentum, rtol=1e-14)


def test_the_type_of_the_parameters_stays():
    row = np.ones(3, np.float32)
    step = server_step(row, row, row, Server(lr=0.1, momentum=0.9), Layout(3))
    assert step.parameters.dtype == step.velocity.dtype == np.float32


def test_plain_steps_add_the_aggregate_itself():
    row = np.array([1.0, 2.0], np.float32)
    step = server_step(row, row, np.array([0.5, -2.0], np.float32), Server(), Layout(2))
    assert step.parameters.tolist() == [1.5, 0.0]


def test_both_settings_reach_a_run():
    runs = [played(scenario(DIGITS, *extra)) for extra in ([], ["server.lr=0.5"], ["server.momentum=0.5"])]
    firsts = [ends(run)[0].digest for run in runs]
    assert firsts[0] == firsts[2] != firsts[1]  # momentum starts at nothing
    assert len({run[-1].digest for run in runs}) == 3
