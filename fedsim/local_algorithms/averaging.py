"""Federated averaging and its nearest relatives."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le, Lt

from fedsim.local_algorithms.contract import Correction, Momentum, Sends, local_algorithm

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


def _momentum(settings: Mapping[str, Any]) -> Momentum | None:
    beta, rate = settings["momentum"], settings["rate"]
    return Momentum(beta, settings["average"], rate == "client") if beta else None


def _sends(settings: Mapping[str, Any]) -> Sends:
    return Sends(step=settings["rate"] == "client" and not settings["momentum"])


@local_algorithm("fedsgd", one_step=True, momentum=_momentum, sends=_sends)
def fedsgd(
    descend: Descend,
    gradients: Callable[[], list["Tensor"]],
    send: Callable[[list["Tensor"]], None],
    *,
    momentum: Annotated[float, Ge(0), Lt(1), "β of the momentum of gradients that each client keeps and sends"] = 0.0,
    average: Annotated[  # noqa: ARG001 - the momentum is kept for the client, between its rounds
        bool, "m ← βm + (1−β)g, as the field does; false: m ← βm + g, as torch.optim.SGD"
    ] = True,
    rate: Annotated[
        Literal["client", "server"],
        "whose learning rate is taken: client sends −training.optimizer.lr · m; server sends −m, for server.lr",
    ] = "client",
) -> None:
    """One gradient over one batch, or its momentum: what most Byzantine papers run, D-SHB.

    Formula:
        g = ∇ℓ(w_global; batch) + λ·w_global, the batch of training.batch_size examples, or all of fewer;
        m ← β·m + (1−β)·g, from m = 0, kept from round to round; without momentum m is g;
        rate = "client": row = −lr·m;  rate = "server": row = −m
    Assumes:
        An optimizer whose first step is along the gradient, neither `epochs` nor `steps`, else refused. λ is the
        optimizer's weight decay.
    Differs:
        byzfl's clients send m with rate = "server" and average = true; its weight decay is the server's, in fedsim
        server.optimizer.weight_decay. A client that is not sampled keeps its m as it was.
    Source:
        McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017, for the
        gradient; Farhadkhani et al., Byzantine Machine Learning Made Easy by Resilient Averaging of Momentums, ICML
        2022, for D-SHB.
    """
    if rate == "client" and not momentum:
        descend(None)
    else:
        send([-gradient for gradient in gradients()])


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
