"""Learning rates that stay, fall in steps, or fall smoothly."""

import math
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from fedsim.schedules.contract import schedule

Rounds = Annotated[int, Ge(1)]


@schedule("constant")
def constant() -> float:
    """The same rate in every round.

    Formula:
        η_t = η
    """
    return 1.0


@schedule("step", aliases=("multistep",))
def step(
    round: int,
    rounds: int,
    warmup: int,
    *,
    milestones: Annotated[tuple[Rounds, ...], "rounds of the run after which the rate falls"],
    factor: Annotated[float, Gt(0), Lt(1), "by what it is multiplied after each"] = 0.1,
) -> float:
    """The rate falls after given rounds.

    Formula:
        η_t = η · factor^#{m in milestones: t > m}, milestones counted from the run's beginning, warm-up included
    Assumes:
        At least one milestone, all before the last round, else ValueError: a later one would change nothing.
    Differs:
        torch.optim.lr_scheduler.MultiStepLR with gamma = factor, stepped once after each round; byzfl's `milestones`
        and `learning_rate_decay`.
    Source:
        He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2.
    """
    if not milestones:
        raise ValueError("milestones names no round after which the rate falls: `constant` says so")
    last = rounds + warmup
    late = [milestone for milestone in milestones if milestone >= last]
    if late:
        raise ValueError(f"the rate would fall after round {late[0]}, and round {last} is the last one")
    return float(factor ** sum(round + warmup > milestone for milestone in milestones))


@schedule("cosine")
def cosine(
    round: int,
    rounds: int,
    *,
    final: Annotated[float, Ge(0), Le(1), "share of the rate that it falls to"] = 0.0,
    length: Annotated[
        Annotated[int, Ge(1)] | None, "rounds over which it falls, to stay there; when not given all"
    ] = None,
) -> float:
    """The rate falls along half a wave of the cosine.

    Formula:
        η_t = η · (final + (1 − final) · (1 + cos(π · min(t − 1, T) / T)) / 2),  T = length, or all rounds
    Differs:
        torch.optim.lr_scheduler.CosineAnnealingLR with T_max = T and eta_min = final · η, stepped after each round;
        that one rises again after T rounds. One fall, without restarts.
    Source:
        Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.
    """
    whole = length or rounds
    done = min(round - 1, whole)
    wave = 0.0 if done == whole else (1 + math.cos(math.pi * done / whole)) / 2
    return final + (1 - final) * wave


@schedule("inverse_sqrt")
def inverse_sqrt(
    round: int,
    *,
    scale: Annotated[float, Gt(0), "rounds in which the rate falls to 1/√2"] = 1.0,
) -> float:
    """The rate falls with the root of the rounds.

    Formula:
        η_t = η · √(scale / (scale + t − 1)); with scale = 1 it is η / √t
    Source:
        Zinkevich, Online Convex Programming and Generalized Infinitesimal Gradient Ascent, ICML 2003.
    """
    return math.sqrt(scale / (scale + round - 1))
