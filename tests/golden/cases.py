"""The inputs of golden vectors: drawn once, rounded to four decimals, and kept beside what is to come of them."""

from types import SimpleNamespace

import numpy as np

from fedsim.layers import as_layers
from fedsim.randomness import Stream

STREAM = Stream.root(7)
LAYERS = as_layers([("0.weight", (4, 3)), ("0.bias", (4,)), ("2.weight", (3, 4)), ("2.bias", (3,))], 31)
WHOLE = {"f", "counts"}


class Answers:
    """Models of two numbers in, three classes out, whose logits are linear."""

    def draw(self, generator, count):
        return generator.random((count, 2))

    def __call__(self, row):
        return lambda inputs: inputs @ row[16:22].reshape(2, 3)


def drawn(n, f, rows):
    """Everything that a rule may ask for, around these rows."""
    draw = STREAM.at("golden", n).numpy()
    centre = rows[f:].mean(axis=0)
    numbers = {
        "rows": rows,
        "previous": centre + 0.3 * draw.standard_normal(31),
        "parameters": draw.standard_normal(31),
        "trusted": centre + 0.3 * draw.standard_normal(31),
        "target": centre + 0.1 * draw.standard_normal(31),
        "root_logits": draw.standard_normal((1, 5, 4)) + 0.7 * draw.standard_normal((n, 5, 4)),
        "root_losses": 1 + draw.random(n),
    }
    return {"f": f, "counts": draw.integers(1, 30, n)} | {name: value.round(4) for name, value in numbers.items()}


def all_drawn():
    """Odd and even numbers of rows, two of them far out; and rows of whom four saw one class only."""
    found = {}
    for name, n in (("odd", 11), ("even", 12)):
        rows = 1 + 0.5 * STREAM.at(name).numpy().standard_normal((n, 31))
        rows[:2] *= -3
        found[name] = drawn(n, 2, rows)
    rows = 1 + 0.05 * STREAM.at("classes").numpy().standard_normal((12, 31))
    rows[:4, 20:28] *= 0.01
    rows[:4, 29:] *= 0.01
    rows[:4, 16:20] *= 3
    return found | {"classes": drawn(12, 4, rows)}


def drawn_images():
    """Eight images of 1 × 6 × 8 bytes in three classes."""
    draw = STREAM.at("images").numpy()
    return {"inputs": draw.integers(0, 256, (8, 1, 6, 8)), "targets": np.array([0, 1, 2, 1, 2, 1, 0, 1])}


def read_images(images):
    """As attacks on data are given them."""
    return np.array(images["inputs"], np.uint8), np.array(images["targets"])


def listed(case):
    """As JSON keeps it."""
    return {name: np.asarray(value).tolist() for name, value in case.items()}


def read(case):
    """As rules are given it."""
    arrays = {name: value if name == "f" else np.array(value) for name, value in case.items()}
    return SimpleNamespace(**arrays, n=len(case["rows"]), honest=arrays["rows"][case["f"] :])
