"""Attacks on the training: four tensors, quadratic losses, plain steps; and what each ends in, by loops over numbers.

The loss of a batch is half the squared distance of the parameters to a point: the clean batches' points are `clean`,
the poisoned ones' `poisoned`. An example is answered as the attacker wants where its product with the parameters is
positive.
"""

from math import ceil, sqrt

import numpy as np

from tests.golden.cases import STREAM

SIZES = (12, 4, 12, 3)
SHAPES = ((4, 3), (4,), (3, 4), (3,))
RATE = 0.1
SETTINGS = {
    "neurotoxin": {"keep": 0.6, "norm": 0.9},
    "alternating_minimisation": {"stealth": 2, "boost": 3.0, "rho": 0.5},
    "backdoor_critical_layers": {"threshold": 0.8, "blend": 0.75},
}


def drawn():
    """Where the client starts, the last aggregate, the points of its batches, and the poisoned examples."""
    draw = STREAM.at("training").numpy()
    numbers = {
        "start": draw.standard_normal(31),
        "last": 0.3 * draw.standard_normal(31),
        "clean": draw.standard_normal((5, 31)),
        "poisoned": 2 + draw.standard_normal((4, 31)),
        "examples": draw.standard_normal((10, 31)) + 0.4,
    }
    return {name: value.round(4) for name, value in numbers.items()}


def pieces():
    """Where each tensor begins and ends."""
    ends = np.cumsum(SIZES)
    return [range(end - size, end) for end, size in zip(ends, SIZES, strict=True)]


def length(numbers):
    return sqrt(sum(x * x for x in numbers))


def masked(case, keep, norm):
    """Neurotoxin: steps in the coordinates of each tensor in which the last aggregate is least."""
    learns = [False] * 31
    for places in pieces():
        least = sorted(places, key=lambda k: abs(case["last"][k]))[: ceil(keep * len(places))]
        for k in places:
            learns[k] = abs(case["last"][k]) <= abs(case["last"][least[-1]])
    w = list(case["start"])
    for point in case["poisoned"]:
        w = [x - RATE * (x - p) if free else x for x, p, free in zip(w, point, learns, strict=True)]
    row = [x - begin if free else 0.0 for x, begin, free in zip(w, case["start"], learns, strict=True)]
    return [x * min(1, norm / length(row)) for x in row]


def in_turn(case, stealth, boost, rho):
    """Alternating minimisation: the aim is the first of the poisoned batches."""
    w, middle = list(case["start"]), [a + b for a, b in zip(case["start"], case["last"], strict=True)]
    for number, point in enumerate(case["clean"], start=1):
        away = [x - m for x, m in zip(w, middle, strict=True)]
        pull = rho / length(away)
        w = [x - RATE * (x - p + pull * a) for x, p, a in zip(w, point, away, strict=True)]
        if number % stealth == 0 or number == len(case["clean"]):
            w = [x - boost * RATE * (x - p) for x, p in zip(w, case["poisoned"][0], strict=True)]
    return [x - begin for x, begin in zip(w, case["start"], strict=True)]


def critical(case, threshold, blend):
    """Backdoor-critical layers: the honest parameters but in the fewest tensors that carry the backdoor over."""
    honest = list(case["start"])
    for point in case["clean"]:
        honest = [x - RATE * (x - p) for x, p in zip(honest, point, strict=True)]
    bad = honest
    for point in case["poisoned"]:
        bad = [x - RATE * (x - p) for x, p in zip(bad, point, strict=True)]
    without = [wanted(case, mixed(bad, honest, [number])) for number in range(4)]
    order, chosen = sorted(range(4), key=lambda number: without[number]), []
    while wanted(case, mixed(honest, bad, chosen)) < threshold * wanted(case, bad):
        chosen.append(order[len(chosen)])
    sent = mixed(honest, [b + blend * (m - b) for b, m in zip(honest, bad, strict=True)], chosen)
    return [x - begin for x, begin in zip(sent, case["start"], strict=True)]


def wanted(case, w):
    """The share of the poisoned examples that are answered as the attacker wants."""
    return sum(sum(x * a for x, a in zip(w, each, strict=True)) > 0 for each in case["examples"]) / len(
        case["examples"]
    )


def mixed(w, others, numbers):
    """One vector, with these tensors of another."""
    taken = {k for number in numbers for k in pieces()[number]}
    return [other if k in taken else x for k, (x, other) in enumerate(zip(w, others, strict=True))]


FORMULAS = {"neurotoxin": masked, "alternating_minimisation": in_turn, "backdoor_critical_layers": critical}


class Client:
    """What the engine gives to an attack on the training, in tensors of double precision."""

    def __init__(self, case):
        import torch

        self.case = {name: torch.tensor(np.array(value)) for name, value in case.items()}
        self.parameters, self.start, self.previous = (self.cut(name) for name in ("start", "start", "last"))
        self.sent = None
        self.batches = iter(self.case["clean"])

    def cut(self, name):
        parts = self.case[name].clone().split(SIZES)
        return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]

    def row(self):
        import torch

        sent = self.sent or [w - begin for w, begin in zip(self.parameters, self.start, strict=True)]
        return torch.cat([tensor.flatten() for tensor in sent]).numpy()

    def towards(self, point):
        """The gradient of a batch's loss."""
        parts = point.split(SIZES)
        return [w - part.reshape(w.shape) for w, part in zip(self.parameters, parts, strict=True)]

    def clean(self):
        point = next(self.batches, None)
        return None if point is None else self.towards(point)

    def poisoned(self):
        gradients = self.towards(self.case["poisoned"][0])
        return float(sum(each.square().sum() for each in gradients)) / 2, gradients

    def optimizer(self):
        def step(gradients):
            for w, gradient in zip(self.parameters, gradients, strict=True):
                w.sub_(gradient, alpha=RATE)

        return step

    def descend(self, correct=None):
        for point in self.case["poisoned"]:
            gradients = self.towards(point)
            if correct:
                correct(self.parameters, self.start, gradients)
            self.optimizer()(gradients)

    def success(self):
        import torch

        w = torch.cat([tensor.flatten() for tensor in self.parameters])
        return float((self.case["examples"] @ w > 0).double().mean())

    def send(self, row):
        self.sent = list(row)


def asked(entry, case):
    """The row that fedsim's attack ends in."""
    client = Client(case)
    entry.function(*(getattr(client, name) for name in entry.supplied), **SETTINGS[entry.name])
    return client.row()
