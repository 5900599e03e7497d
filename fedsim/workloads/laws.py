"""Laws of local work: each client's own pace, a new one in every round, or a share of stragglers."""

from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from fedsim.array_types import Integers
from fedsim.randomness import Stream
from fedsim.workloads.contract import workload

Epochs = Annotated[int, Ge(1), Le(10**6)]


@workload("uniform")
def uniform(
    clients: Integers,
    round: int,
    stream: Stream,
    *,
    low: Annotated[Epochs, "fewest epochs"] = 1,
    high: Annotated[Epochs, "most epochs"] = 5,
    fresh: Annotated[bool, "whether each round draws anew; false: each client has a number of its own"] = False,
) -> Integers:
    """Every number of epochs from the fewest to the most is as likely.

    Formula:
        E_c ~ U{low, …, high}, once for each client c; with fresh E_{c,r}, for each client and round
    Assumes:
        low ≤ high, else ValueError.
    Source:
        Wang, Liu, Liang, Joshi, Poor. Tackling the Objective Inconsistency Problem in Heterogeneous Federated
        Optimization. NeurIPS 2020, where E ~ U(2, 5) is fixed or drawn in each round.
    """
    if low > high:
        raise ValueError(f"uniform needs low ≤ high: got low = {low}, high = {high}")
    places = [stream.at("client", int(c)) for c in clients]
    drawn = [(place.at("round", round) if fresh else place).numpy().integers(low, high + 1) for place in places]
    return np.array(drawn, np.int64)


@workload("stragglers")
def stragglers(
    clients: Integers,
    round: int,
    stream: Stream,
    *,
    share: Annotated[float, Ge(0), Le(1), "chance that a client does not come to the end, drawn in each round"] = 0.5,
    epochs: Annotated[Epochs, "epochs of those that do"] = 20,
) -> Integers:
    """All epochs, except for stragglers that come as far as they come.

    Formula:
        E_{c,r} = epochs, or with chance share ~ U{1, …, epochs}
    Differs:
        FedProx draws a fixed number of stragglers from each cohort; here each client straggles by itself, so that its
        work does not depend on who else was sampled. FedAvg there drops them, here it averages what they did.
    Source:
        Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020, where share is 0, 0.5 or 0.9.
    """
    generators = [stream.at("client", int(c), "round", round).numpy() for c in clients]
    drawn = [int(g.integers(1, epochs + 1)) if g.random() < share else epochs for g in generators]
    return np.array(drawn, np.int64)
