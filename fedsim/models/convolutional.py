"""Convolutional networks, from LeNet to the one that FEMNIST is studied with."""

from typing import TYPE_CHECKING

from fedsim.models.contract import model

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]


@model("lenet5", kinds=("images",), side=12)
def lenet5(shape: Shape, classes: int) -> "nn.Module":
    """LeNet-5 with ReLU and max pooling: two convolutions and three linear layers.

    Formula:
        conv5×5 c→6 (padding 2), relu, pool 2, conv5×5 6→16, relu, pool 2, linear 120, relu, linear 84, relu, linear
    Assumes:
        Images of at least 12×12, else ValueError.
    Cost:
        61,706 parameters and 2.3 MFLOP a sample (forward and backward) on 28×28 and 10 classes.
    Differs:
        The original has trainable subsampling, tanh and a radial output layer; this is what the field calls LeNet-5.
    Source:
        LeCun et al., Gradient-based learning applied to document recognition, Proceedings of the IEEE 1998.
    """
    from torch import nn

    channels, height, width = shape
    side = [(size // 2 - 4) // 2 for size in (height, width)]
    _large_enough("lenet5", shape, 12)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * side[0] * side[1], 120), nn.ReLU(),
        nn.Linear(120, 84), nn.ReLU(),
        nn.Linear(84, classes),
    )  # fmt: skip


@model("cnn", kinds=("images",), side=4)
def cnn(shape: Shape, classes: int) -> "nn.Module":
    """LEAF's network for FEMNIST: two wide convolutions and a large linear layer.

    Formula:
        conv5×5 c→32 (same), relu, pool 2, conv5×5 32→64 (same), relu, pool 2, linear 2048, relu, linear
    Assumes:
        Images of at least 4×4, else ValueError.
    Cost:
        6.6 M parameters on 28×28 and 62 classes.
    Source:
        Caldas et al., LEAF: A Benchmark for Federated Settings, 2018, arXiv:1812.01097.
    """
    from torch import nn

    channels, height, width = shape
    _large_enough("cnn", shape, 4)
    return nn.Sequential(
        nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (height // 4) * (width // 4), 2048), nn.ReLU(),
        nn.Linear(2048, classes),
    )  # fmt: skip


@model("mnist_cnn", kinds=("images",), side=16)
def mnist_cnn(shape: Shape, classes: int) -> "nn.Module":
    """The small network that much of Byzantine learning is tried on: two convolutions and two linear layers.

    Formula:
        conv5×5 c→20, relu, pool 2, conv5×5 20→50, relu, pool 2, linear 500, relu, linear
    Assumes:
        Images of at least 16×16, else ValueError. No convolution pads.
    Cost:
        431,080 parameters and 13 MFLOP a sample (forward and backward) on 28×28 and 10 classes.
    Differs:
        byzfl's `cnn_mnist` ends in a log-softmax before its negative log-likelihood: the same loss and gradients.
    Source:
        González et al., ByzFL: Research Framework for Robust Federated Learning, 2025; `cnn_mnist` of its package.
    """
    from torch import nn

    channels, height, width = shape
    _large_enough("mnist_cnn", shape, 16)
    side = [((size - 4) // 2 - 4) // 2 for size in (height, width)]
    return nn.Sequential(
        nn.Conv2d(channels, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(50 * side[0] * side[1], 500), nn.ReLU(),
        nn.Linear(500, classes),
    )  # fmt: skip


@model("femnist_cnn", kinds=("images",), side=28)
def femnist_cnn(shape: Shape, classes: int) -> "nn.Module":
    """Five convolutions with group normalisation: about a million parameters, for FEMNIST's 62 classes.

    Formula:
        conv3×3 c→64, relu, conv3×3 64→64, relu, pool 2, GroupNorm 8; conv3×3 64→128, relu, conv3×3 128→128, relu,
        pool 2, GroupNorm 8; conv3×3 128→256, relu, pool 2, GroupNorm 8; linear 512, relu, linear 512, relu, linear
    Assumes:
        Images of at least 28×28, else ValueError. No convolution pads.
    Cost:
        981,118 parameters and 0.24 GFLOP a sample (forward and backward) on 28×28 and 62 classes: a hundred LeNets.
    """
    from torch import nn

    channels, height, width = shape
    _large_enough("femnist_cnn", shape, 28)
    side = [(((size - 4) // 2 - 4) // 2 - 2) // 2 for size in (height, width)]
    return nn.Sequential(
        nn.Conv2d(channels, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.GroupNorm(8, 64),
        nn.Conv2d(64, 128, 3), nn.ReLU(), nn.Conv2d(128, 128, 3), nn.ReLU(), nn.MaxPool2d(2), nn.GroupNorm(8, 128),
        nn.Conv2d(128, 256, 3), nn.ReLU(), nn.MaxPool2d(2), nn.GroupNorm(8, 256),
        nn.Flatten(),
        nn.Linear(256 * side[0] * side[1], 512), nn.ReLU(),
        nn.Linear(512, 512), nn.ReLU(),
        nn.Linear(512, classes),
    )  # fmt: skip


def _large_enough(name: str, shape: Shape, side: int) -> None:
    channels, height, width = shape
    if min(height, width) < side:
        raise ValueError(f"{name} needs images of at least {side}×{side}: got {channels}×{height}×{width}")
