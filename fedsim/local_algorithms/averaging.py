"""Federated averaging and its nearest relatives."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le

from fedsim.local_algorithms.contract import Correction, local_algorithm

if TYPE_CHECKING:
    from torch import Tensor

Descend = Callable[[Correction | None], None]


@local_algorithm("fedavg")
def fedavg(descend: Descend) -> None:
    """Local epochs or steps of the optimizer; what is sent is where they led.

    Formula:
        w ← w_global;  w ← step(w, ∇ℓ(w; batch)) for each batch;  row = w − w_global
    Source:
        McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017.
    """
    descend(None)


@local_algorithm("fedsgd", one_step=True)
def fedsgd(descend: Descend) -> None:
    """One gradient over one batch, sent as a plain step.

    Formula:
        row = −lr · (∇ℓ(w_global; batch) + λ·w_global), the batch of training.batch_size examples, or all of fewer
    Assumes:
        An optimizer whose first step is along the gradient, neither `epochs` nor `steps`, else refused.
    Source:
        McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017.
    """
    descend(None)


@local_algorithm("fedprox")
def fedprox(
    descend: Descend,
    *,
    mu: Annotated[float, Ge(0), Le(1e6), "μ of the penalty μ/2 ‖w − w_global‖²; 0 is fedavg"] = 0.01,
) -> None:
    """Local epochs with a penalty that holds the client near the global parameters.

    Formula:
        w ← step(w, ∇ℓ(w; batch) + μ·(w − w_global)) for each batch;  row = w − w_global
    Differs:
        The paper asks for an inexact solution of the penalised problem; this takes the given number of steps, as
        everybody does. It goes with any optimizer: Adam sees the sum of both gradients.
    Source:
        Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020.
    """

    def pull(parameters: list["Tensor"], start: list["Tensor"], gradients: list["Tensor"]) -> None:
        for parameter, anchor, gradient in zip(parameters, start, gradients, strict=True):
            gradient.add_(parameter - anchor, alpha=mu)

    descend(pull if mu else None)
