"""Attacks on the training, against plain loops over tensors."""

import numpy as np
import torch

from fedsim.attacks.training import alternating_minimisation, backdoor_critical_layers, neurotoxin

DRAW = np.random.default_rng(2)


def tensors(*shapes):
    return [torch.from_numpy(DRAW.normal(size=shape)) for shape in shapes]


SHAPES = (4, 5), (7,)


def held(keep, norm=None, previous=None):
    """What neurotoxin does to gradients of ones and to a client that has moved by ones."""
    start, last = tensors(*SHAPES), previous or tensors(*SHAPES)
    parameters, sent, gradients = [each + 1 for each in start], [], [torch.ones(shape) for shape in SHAPES]
    neurotoxin(
        lambda correct: correct(parameters, start, gradients),
        parameters,
        start,
        last,
        sent.extend,
        keep=keep,
        norm=norm,
    )
    return last, gradients, sent


def test_each_tensor_learns_where_the_last_aggregate_is_least():
    last, gradients, sent = held(0.6)
    for tensor, gradient, row, kept in zip(last, gradients, sent, (12, 5), strict=True):
        least = sorted(range(tensor.numel()), key=lambda i: abs(float(tensor.flatten()[i])))[:kept]
        expected = np.zeros(tensor.numel())
        expected[least] = 1
        np.testing.assert_array_equal(gradient.flatten().numpy(), expected)
        np.testing.assert_allclose(row.flatten().numpy(), expected, atol=1e-12)


def test_before_anything_was_learnt_it_learns_everywhere():
    _, gradients, _ = held(0.1, previous=[torch.zeros(shape) for shape in SHAPES])
    assert all((gradient == 1).all() for gradient in gradients)


def test_what_is_sent_is_shortened_and_never_lengthened():
    _, _, short = held(1.0, norm=2.0)
    assert float(sum(each.square().sum() for each in short)) ** 0.5 == 2.0
    _, _, long = held(1.0, norm=20.0)
    assert all(torch.allclose(each, torch.ones_like(each)) for each in long)


def slow_alternation(start, last, pulls, aim, stealth, boost, rho, lr):
    """Clean gradients `pulls` in turn; the aim's loss is half the squared distance to it."""
    w = start.copy()
    for number, pull in enumerate(pulls, start=1):
        away = w - (start + last)
        length = np.sqrt((away**2).sum())
        w = w - lr * (pull + (rho * away / length if length else 0))
        if (number % stealth == 0 or number == len(pulls)) and ((w - aim) ** 2).sum() > 0:
            w = w + boost * (-lr * (w - aim))
    return w


def test_turns_of_honest_steps_and_boosted_ones():
    start, last, aim = (DRAW.normal(size=6) for _ in range(3))
    pulls = DRAW.normal(size=(7, 6))
    w = [torch.from_numpy(start.copy())]
    batches = iter([[torch.from_numpy(pull.copy())] for pull in pulls])

    def poisoned():
        gap = w[0] - torch.from_numpy(aim)
        return float(gap.square().sum()) / 2, [gap]

    def optimizer():
        return lambda gradients: w[0].sub_(gradients[0], alpha=0.05)

    before = [torch.from_numpy(start)], [torch.from_numpy(last)]
    alternating_minimisation(
        lambda: next(batches, None), poisoned, optimizer, w, *before, stealth=3, boost=4.0, rho=0.5
    )
    np.testing.assert_allclose(w[0].numpy(), slow_alternation(start, last, pulls, aim, 3, 4.0, 0.5, 0.05), rtol=1e-9)


def test_an_aim_that_is_reached_is_not_pushed_for():
    w, batches = [torch.zeros(2)], iter([[torch.ones(2)]])
    alternating_minimisation(
        lambda: next(batches, None),
        lambda: (0.0, [torch.ones(2)]),
        lambda: lambda g: w[0].sub_(g[0]),
        w,
        w,
        [torch.zeros(2)],
    )
    assert w[0].tolist() == [-1.0, -1.0]


def planted(works, threshold=0.95, blend=1.0, count=4):
    """What is sent of tensors that honest steps bring to −1 and poisoned ones to 4."""
    parameters = [torch.zeros(2, dtype=torch.float64) for _ in range(count)]
    batches = iter([[torch.ones(2, dtype=torch.float64)] * count])

    def step(gradients):
        for tensor, gradient in zip(parameters, gradients, strict=True):
            tensor.sub_(gradient)

    def descend():
        for tensor in parameters:
            tensor.add_(5)

    def success():
        return works([float(tensor[0]) > 0 for tensor in parameters])

    backdoor_critical_layers(
        lambda: next(batches, None), lambda: step, descend, success, parameters, threshold=threshold, blend=blend
    )
    return [float(tensor[0]) for tensor in parameters]


def test_only_the_tensors_that_carry_the_backdoor_are_poisoned():
    assert planted(lambda has: float(has[2])) == [-1, -1, 4, -1]
    assert planted(lambda has: float(has[0] and has[3])) == [4, -1, -1, 4]


def test_as_few_as_are_enough_and_the_most_critical_first():
    def works(has):
        return 0.1 * has[0] + 0.6 * has[1] + 0.3 * has[3]

    assert planted(works, threshold=0.5) == [-1, 4, -1, -1]
    assert planted(works, threshold=0.85) == [-1, 4, -1, 4]
    assert planted(works, threshold=0.95) == [4, 4, -1, 4]


def test_a_backdoor_that_is_not_learnt_or_there_already_leaves_the_client_honest():
    assert planted(lambda has: 0.0) == [-1] * 4
    assert planted(lambda has: 1.0) == [-1] * 4


def test_the_blend_is_the_part_of_the_way():
    assert planted(lambda has: float(has[2]), blend=0.4) == [-1, -1, 1, -1]
