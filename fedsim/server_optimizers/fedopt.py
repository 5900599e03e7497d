"""FedOpt: the optimizers of a single machine, fed with the aggregate in place of a gradient."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from fedsim.array_types import Array
from fedsim.server_optimizers.contract import Direction, server_optimizer

Memory = Mapping[str, Array] | None
Beta1 = Annotated[float, Ge(0), Lt(1), "β₁, decay of the mean of aggregates; 0 means none"]
Beta2 = Annotated[float, Ge(0), Lt(1), "β₂, decay of the mean of their squares"]
Tau = Annotated[float, Gt(0), "τ, added to the root: the larger, the less adaptive"]
Initial = Annotated[Annotated[float, Ge(0)] | None, "v before the first round; when not given τ², the paper's least"]


@server_optimizer("sgd", aliases=("fedavgm",), momentum=lambda settings: settings["momentum"] > 0)
def sgd(
    aggregate: Array,
    parameters: Array,
    memory: Memory,
    *,
    momentum: Annotated[float, Ge(0), Lt(1), "β of v ← βv + aggregate; 0 means none"] = 0.0,
    weight_decay: Annotated[float, Ge(0), "λ taken from the aggregate as λ·w"] = 0.0,
) -> Direction:
    """A step along the aggregate, or along its momentum.

    Formula:
        g = Δ − λ·w;  v ← β·v + g (v starts as g);  w ← w + lr·v
    Differs:
        Equal to torch.optim.SGD with dampening 0 on the gradient −Δ. byzfl's server is this one with its weight decay.
    Source:
        Hsu, Qi, Brown, Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification,
        2019 (FedAvgM).
    """
    step = aggregate - aggregate.dtype.type(weight_decay) * parameters if weight_decay else aggregate
    if not momentum:
        return Direction(step)
    velocity = step if memory is None else momentum * memory["velocity"] + step
    return Direction(velocity, {"velocity": velocity})


@server_optimizer("adam", aliases=("fedadam",), momentum=lambda settings: settings["beta1"] > 0)
def adam(
    aggregate: Array,
    memory: Memory,
    *,
    beta1: Beta1 = 0.9,
    beta2: Beta2 = 0.99,
    tau: Tau = 1e-3,
    initial: Initial = None,
    bias_correction: Annotated[bool, "whether m and v are divided by 1 − βᵗ, as in Adam itself"] = False,
) -> Direction:
    """FedAdam: steps scaled by running moments of the aggregate.

    Formula:
        m ← β₁m + (1−β₁)Δ;  v ← β₂v + (1−β₂)Δ²;  w ← w + lr · m / (√v + τ)
    Differs:
        The paper corrects no bias and starts v at τ² or more; Flower starts it at 0. With bias_correction, initial = 0
        and tau = ε it is torch.optim.Adam on the gradient −Δ.
    Source:
        Reddi et al., Adaptive Federated Optimization, ICLR 2021, algorithm 2.
    """
    mean, square = _moments(aggregate, memory, tau if initial is None else initial**0.5)
    mean = beta1 * mean + (1 - beta1) * aggregate
    square = beta2 * square + (1 - beta2) * aggregate**2
    rounds = 1 if memory is None else int(memory["rounds"]) + 1
    carried = {"mean": mean, "square": square, "rounds": np.asarray(rounds)}
    if bias_correction:
        return Direction(mean / (1 - beta1**rounds) / (np.sqrt(square / (1 - beta2**rounds)) + tau), carried)
    return Direction(mean / (np.sqrt(square) + tau), carried)


@server_optimizer("yogi", aliases=("fedyogi",), momentum=lambda settings: settings["beta1"] > 0)
def yogi(
    aggregate: Array,
    memory: Memory,
    *,
    beta1: Beta1 = 0.9,
    beta2: Beta2 = 0.99,
    tau: Tau = 1e-3,
    initial: Initial = None,
) -> Direction:
    """FedYogi: Adam whose second moment moves by the size of the square alone, so that it falls slowly.

    Formula:
        m ← β₁m + (1−β₁)Δ;  v ← v − (1−β₂)·Δ²·sign(v − Δ²);  w ← w + lr · m / (√v + τ)
    Source:
        Reddi et al., Adaptive Federated Optimization, ICLR 2021, algorithm 2; Zaheer et al., Adaptive Methods for
        Nonconvex Optimization, NeurIPS 2018.
    """
    mean, square = _moments(aggregate, memory, tau if initial is None else initial**0.5)
    mean = beta1 * mean + (1 - beta1) * aggregate
    own = aggregate**2
    square = square - (1 - beta2) * own * np.sign(square - own)
    return Direction(mean / (np.sqrt(square) + tau), {"mean": mean, "square": square})


@server_optimizer("adagrad", aliases=("fedadagrad",), momentum=lambda settings: settings["beta1"] > 0)
def adagrad(
    aggregate: Array,
    memory: Memory,
    *,
    beta1: Beta1 = 0.0,
    tau: Tau = 1e-3,
    initial: Initial = None,
) -> Direction:
    """FedAdagrad: steps scaled by all squares so far.

    Formula:
        m ← β₁m + (1−β₁)Δ;  v ← v + Δ²;  w ← w + lr · m / (√v + τ)
    Differs:
        With β₁ = 0 it is torch.optim.Adagrad on the gradient −Δ, with eps = τ and initial_accumulator_value = initial.
    Source:
        Reddi et al., Adaptive Federated Optimization, ICLR 2021, algorithm 2; the paper takes β₁ = 0 here.
    """
    mean, square = _moments(aggregate, memory, tau if initial is None else initial**0.5)
    mean = beta1 * mean + (1 - beta1) * aggregate
    square = square + aggregate**2
    return Direction(mean / (np.sqrt(square) + tau), {"mean": mean, "square": square})


def _moments(aggregate: Array, memory: Memory, root: float) -> tuple[Array, Array]:
    """The running moments so far: m starts at zero, v at the square of `root`."""
    if memory is None:
        return np.zeros_like(aggregate), np.full_like(aggregate, root**2)
    return memory["mean"], memory["square"]
