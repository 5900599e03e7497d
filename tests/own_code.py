"""Own code as somebody would write it, and scenarios that use it."""

RULE = """
import numpy as np
from fedsim.aggregators import Aggregate, aggregator

@aggregator("mine")
def mine(updates):
    \"""The mean.\"""
    return Aggregate(updates.mean(axis=0), np.full(len(updates), 1 / len(updates)))
"""
REMEMBERING = """
from typing import Annotated
import numpy as np
from annotated_types import Ge, Lt
from fedsim.aggregators import Aggregate, aggregator

@aggregator("slow_mean")
def slow_mean(updates, memory, *, beta: Annotated[float, Ge(0), Lt(1), "how much of the past is kept"] = 0.5):
    \"""The mean, smoothed over rounds.\"""
    mean = updates.mean(axis=0)
    past = mean if memory is None else memory["past"]
    kept = (beta * past + (1 - beta) * mean).astype(updates.dtype)
    return Aggregate(kept, np.full(len(updates), 1 / len(updates)), {"past": kept})
"""
ATTACK = """
import numpy as np
from fedsim.attacks import attack

@attack("push")
def push(own, *, by: float = 3.0):
    \"""Send the honest update, scaled and turned round.\"""
    return np.asarray(-by * own, own.dtype)
"""
NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels, num_classes, width=4):
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.out = nn.Linear(width * 16, num_classes)

    def forward(self, images):
        hidden = torch.relu(self.norm(self.convolution(images)))
        return self.out(nn.functional.max_pool2d(hidden, 2).flatten(1))
"""
DATA = """
import numpy as np
from fedsim.datasets import Dataset, Examples, dataset

@dataset("stripes", offline=True)
def stripes(stream, *, size: int = 600):
    \"""Bright rows of an image, one place for each class.\"""
    def part(name, count):
        draw = stream.at(name).numpy()
        targets = draw.integers(0, 4, count)
        inputs = draw.integers(0, 60, (count, 1, 8, 8)).astype(np.uint8)
        inputs[np.arange(count), 0, 2 * targets] += 180
        return Examples(inputs, targets)
    return Dataset(part("train", size), part("test", 100), 4)
"""
SMALL = """
rounds = 2
data = "digits"
model = "logistic"
clients = { population = 10, sampled = 4 }
root = { size = 20 }
evaluation = { validation = 30, limit = 100 }
execution = { workers = 1 }
"""
