"""Descent by the gradient: SGD and Adam, elementwise and in place."""

from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Lt

from fedsim.optimizers.contract import optimizer

if TYPE_CHECKING:
    import torch


@optimizer(
    "sgd",
    plain=lambda settings: not (settings["momentum"] or settings["weight_decay"]),
    first_is_gradient=True,
)
def sgd(
    parameters: "torch.Tensor",
    gradient: "torch.Tensor",
    state: dict[str, Any],
    *,
    lr: Annotated[float, Gt(0), "learning rate"] = 0.05,
    momentum: Annotated[float, Ge(0), Lt(1), "β of the momentum; 0 means none"] = 0.0,
    weight_decay: Annotated[float, Ge(0), "λ added to the gradient as λ·w"] = 0.0,
) -> None:
    """Stochastic gradient descent with momentum and weight decay.

    Formula:
        g ← ∇ + λ·w;  m ← β·m + g (m starts as g);  w ← w − lr·m
    Differs:
        Equal to torch.optim.SGD with dampening 0, to the bit in float32 on one thread.
    Source:
        Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.
    """
    if weight_decay:
        gradient = gradient.add_(parameters, alpha=weight_decay)
    if momentum:
        if "momentum" in state:
            gradient = state["momentum"].mul_(momentum).add_(gradient)
        else:
            gradient = state["momentum"] = gradient.clone()
    parameters.add_(gradient, alpha=-lr)


@optimizer("adam")
def adam(
    parameters: "torch.Tensor",
    gradient: "torch.Tensor",
    state: dict[str, Any],
    *,
    lr: Annotated[float, Gt(0), "learning rate"] = 0.001,
    beta1: Annotated[float, Ge(0), Lt(1), "decay of the mean of gradients"] = 0.9,
    beta2: Annotated[float, Ge(0), Lt(1), "decay of the mean of squared gradients"] = 0.999,
    epsilon: Annotated[float, Gt(0), "added to the root of the squared mean"] = 1e-8,
    weight_decay: Annotated[float, Ge(0), "λ added to the gradient as λ·w"] = 0.0,
) -> None:
    """Adam: steps scaled by running moments of the gradient.

    Formula:
        m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  w ← w − lr · m̂ / (√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)
    Differs:
        Equal to torch.optim.Adam up to rounding.
    Source:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.
    """
    if weight_decay:
        gradient = gradient.add_(parameters, alpha=weight_decay)
    step = state["step"] = state.get("step", 0) + 1
    mean = state.setdefault("mean", parameters.new_zeros(parameters.shape))
    square = state.setdefault("square", parameters.new_zeros(parameters.shape))
    mean.mul_(beta1).add_(gradient, alpha=1 - beta1)
    square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    root = square.div(1 - beta2**step).sqrt_().add_(epsilon)
    parameters.addcdiv_(mean, root, value=-lr / (1 - beta1**step))
