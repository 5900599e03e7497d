"""Fifty steps of each server optimizer in float64 against its formula in slow loops, and against torch where equal."""

import math

import numpy as np
import pytest
import torch

from fedsim.server_optimizers import server_optimizers

STEPS, SIZE, RATE = 50, 7, 0.03


@pytest.fixture
def course():
    draw = np.random.default_rng(8)
    start = draw.standard_normal(SIZE)
    aggregates = draw.standard_normal((STEPS, SIZE)) * 10.0 ** draw.uniform(-4, 2, (STEPS, 1))
    aggregates[3] = 0.0
    return start, aggregates


def ours(name, course, **settings):
    entry = server_optimizers[name]
    given = {key: setting.default for key, setting in entry.settings.items()} | settings
    parameters, memory = course[0].copy(), None
    for aggregate in course[1]:
        answer = entry.call({"aggregate": aggregate, "parameters": parameters, "memory": memory}, given)
        parameters, memory = parameters + RATE * answer.update, answer.memory
    return parameters


def theirs(make, course):
    parameter = torch.nn.Parameter(torch.tensor(course[0]))
    optimizer = make([parameter])
    for aggregate in course[1]:
        parameter.grad = torch.tensor(-aggregate)
        optimizer.step()
    return parameter.detach().numpy()


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


def by_loops(course, second, beta1, tau, initial):
    """Algorithm 2 of the paper, a number at a time; `second` is how v moves."""
    found = []
    for k in range(SIZE):
        w, m, v = float(course[0][k]), 0.0, initial
        for aggregate in course[1]:
            delta = float(aggregate[k])
            m = beta1 * m + (1 - beta1) * delta
            v = second(v, delta * delta)
            w = w + RATE * m / (math.sqrt(v) + tau)
        found.append(w)
    return np.array(found)


def sign(number):
    return (number > 0) - (number < 0)


@pytest.mark.parametrize("tau", [1e-3, 0.1])
@pytest.mark.parametrize("initial", [None, 0.0, 0.25])
class TestFormulas:
    def test_adam(self, course, tau, initial):
        found = ours("adam", course, beta1=0.8, beta2=0.95, tau=tau, initial=initial)
        start = tau**2 if initial is None else initial
        close(found, by_loops(course, lambda v, square: 0.95 * v + 0.05 * square, 0.8, tau, start))

    def test_yogi(self, course, tau, initial):
        found = ours("yogi", course, beta1=0.8, beta2=0.95, tau=tau, initial=initial)
        start = tau**2 if initial is None else initial
        close(found, by_loops(course, lambda v, square: v - 0.05 * square * sign(v - square), 0.8, tau, start))

    def test_adagrad(self, course, tau, initial):
        found = ours("adagrad", course, beta1=0.3, tau=tau, initial=initial)
        start = tau**2 if initial is None else initial
        close(found, by_loops(course, lambda v, square: v + square, 0.3, tau, start))


class TestAgainstTorch:
    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    @pytest.mark.parametrize("weight_decay", [0.0, 0.1])
    def test_sgd(self, course, momentum, weight_decay):
        found = ours("sgd", course, momentum=momentum, weight_decay=weight_decay)
        close(
            found,
            theirs(lambda p: torch.optim.SGD(p, lr=RATE, momentum=momentum, weight_decay=weight_decay), course),
        )

    def test_adam_with_its_bias_corrected(self, course):
        found = ours("adam", course, beta2=0.999, tau=1e-8, initial=0.0, bias_correction=True)
        close(found, theirs(lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.9, 0.999), eps=1e-8), course))

    def test_adagrad(self, course):
        found = ours("adagrad", course, tau=1e-3)
        given = {"lr": RATE, "eps": 1e-3, "initial_accumulator_value": 1e-6}
        close(found, theirs(lambda p: torch.optim.Adagrad(p, **given), course))


def test_defaults_are_those_of_the_paper():
    shown = {entry.name: {n: s.default for n, s in entry.settings.items()} for entry in server_optimizers}
    assert shown["sgd"] == {"momentum": 0.0, "weight_decay": 0.0}
    assert shown["yogi"] == {"beta1": 0.9, "beta2": 0.99, "tau": 1e-3, "initial": None}
    assert shown["adagrad"]["beta1"] == 0.0
