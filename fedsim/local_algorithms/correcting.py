"""Local work for clients whose data, or whose amounts of work, are unlike: SCAFFOLD and FedNova."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fedsim.local_algorithms.contract import Correction, local_algorithm

if TYPE_CHECKING:
    from torch import Tensor

Descend = Callable[[Correction | None], None]


@local_algorithm("scaffold", variates=True)
def scaffold(descend: Descend, variate: list["Tensor"]) -> None:
    """Local steps corrected by control variates, so that clients with unlike data do not drift apart.

    Formula:
        y ← x;  y ← y − η·(∇ℓ(y; batch) − c_i + c) for each of K batches;  row = y − x
        client: c_i ← c_i − c − row/(K·η)   (option II)
        server: c ← c + (|S|/N)·Σ_{i∈S} w_i·(−c − row_i/(K_i·η)), from c = c_i = 0
        with S the clients whose rows the rule saw, N the population and w_i the rule's weights.
    Assumes:
        sgd without momentum and weight decay, no clipping, no worker momentum and no late rows that are kept.
    Cost:
        One row of the parameters' size for each client that has taken part, in a file where they are many.
    Differs:
        With the rule mean and w_i = 1/|S| it is the paper's. What a client would send of its variate follows from its
        row and c, so that the server reads it off there: a forged row forges it too, and the rule's weights guard both.
    Source:
        Karimireddy, Kale, Mohri, Reddi, Stich, Suresh. SCAFFOLD: Stochastic Controlled Averaging for Federated
        Learning. ICML 2020, algorithm 1.
    """

    def correct(parameters: list["Tensor"], start: list["Tensor"], gradients: list["Tensor"]) -> None:  # noqa: ARG001
        for gradient, difference in zip(gradients, variate, strict=True):
            gradient.add_(difference)

    descend(correct)


def _length(optimizer: Mapping[str, Any], steps: int) -> float:
    """‖a‖₁ of so many steps of SGD: how often their gradients count in where they led."""
    beta = float(optimizer.get("momentum", 0.0))
    if not beta:
        return float(steps)
    return (steps - beta * (1 - beta**steps) / (1 - beta)) / (1 - beta)


@local_algorithm("fednova", length=_length)
def fednova(descend: Descend) -> None:
    """Local steps whose sum is normalised, so that whoever takes more of them does not count for more.

    Formula:
        y ← x;  y ← step(y, ∇ℓ(y; batch)) for each of τ_i batches;  row_i = (y − x)/‖a_i‖₁
        server: x ← x + τ_eff·R(row_1, …, row_n),  τ_eff = Σ_i w_i·‖a_i‖₁
        ‖a_i‖₁ = τ_i, and with momentum β: (τ_i − β·(1 − β^τ_i)/(1 − β))/(1 − β); R is the rule, w_i are its weights.
    Assumes:
        sgd without weight decay; server.lr multiplies τ_eff.
    Differs:
        With the rule fedavg, w_i = m_i/Σm, it is the paper's. The server reads τ_i off the number of examples and the
        scenario, so that no client can claim another.
    Source:
        Wang, Liu, Liang, Joshi, Poor. Tackling the Objective Inconsistency Problem in Heterogeneous Federated
        Optimization. NeurIPS 2020, equations 8 to 10.
    """
    descend(None)
