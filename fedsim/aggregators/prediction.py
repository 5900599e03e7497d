"""FLDetector: clients whose updates cannot be predicted from their past."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from fedsim.aggregators._curvature import hessian_product
from fedsim.aggregators._history import Memory, Places, known, table
from fedsim.aggregators._scores import splits, upper_of_two
from fedsim.aggregators._selection import average, lengths_of
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers

if TYPE_CHECKING:
    from fedsim.randomness import Stream

Vector = NDArray[np.float64]
MOST_CLUSTERS, REFERENCES = 7, 10
"""Of the gap statistic: numbers of clusters that are tried, and random sets compared with."""


@aggregator("fldetector")
def fldetector(
    updates: Array,
    clients: Integers,
    parameters: Array,
    memory: Memory,
    stream: "Stream",
    *,
    window: Annotated[int, Ge(1), "rounds whose steps estimate the Hessian, and whose errors are averaged"] = 10,
    start: Annotated[int, Ge(1), "first round in which clients may be dropped"] = 50,
) -> Aggregate:
    """Mean without the clients whose updates are worse predicted from their last ones than the others'.

    Formula:
        ûᵢ = uᵢ' + Ĥ(θ − θ'), uᵢ' and θ' the client's update and the parameters of the last round, Ĥ the Hessian that
        L-BFGS makes of the last `window` steps of the parameters and changes of the aggregate; eᵢ = ‖ûᵢ − uᵢ‖ / Σⱼ
        ‖ûⱼ − uⱼ‖, and xᵢ its mean over the client's last `window` rounds. From round `start` on, if the gap statistic
        of x, stretched to 0 … 1, finds two clusters or more: 2-means on x, and the clients of the upper cluster are
        dropped. The mean of the others: (n, d) -> (d,).
    Assumes:
        Every client takes part in every round, or nearly: a client that was not there last time is not judged anew.
        Attackers are fewer and less consistent than the others.
    Breakdown:
        Fewer than half of the clients, and none before round `start`: until then it is the plain mean.
    Cost:
        Three passes over the matrix and the products of 2·window + 1 vectors. Memory: a row for each client that ever
        took part, and two for each round of the window.
    Differs:
        The paper ends training at the first detection and starts it anew without the clients found; here they are
        dropped in each round in which they are found. 2-means and the gap statistic are exact on a line.
    Source:
        Zhang, Cao, Jia, Gong. FLDetector: Defending Federated Learning Against Model Poisoning Attacks via Detecting
        Malicious Clients. KDD 2022, algorithms 1 and 2.
    Example:
        >>> rows = np.array([[0.9], [1.0], [1.1], [1.2], [9.0]])
        >>> aggregate("fldetector", rows).round(2).tolist()
        [2.64]
    """
    everyone, places = known(memory, clients)
    errors = _errors(updates, places, everyone, parameters, memory)
    past = table(memory, "errors", everyone, np.full(window, np.nan))[:, -window:]
    noted = np.isfinite(errors)
    past[places[noted]] = np.concatenate([past[places[noted], 1:], errors[noted, None]], axis=1)
    number, kept = 1 if memory is None else int(memory["round"]) + 1, np.ones(len(updates), bool)
    if number >= start:
        here = np.unique(places)
        malicious = here[_malicious(past[here], stream)]
        kept = ~np.isin(places, malicious)
    verdict = average(updates, kept)
    last = table(memory, "last", everyone, np.zeros(updates.shape[1], updates.dtype))
    seen = table(memory, "seen", everyone, np.int64(0))
    last[places], seen[places] = updates, number
    tables = {"clients": everyone, "errors": past, "last": last, "seen": seen}
    return verdict._replace(memory=tables | _steps(memory, parameters, verdict.update, number, window))


def _errors(updates: Array, places: Places, everyone: Integers, parameters: Array, memory: Memory) -> Vector:
    """(n,) normalised errors of the predictions; NaN of clients who were not there last time."""
    errors = np.full(len(updates), np.nan)
    if memory is None or not len(memory["steps"]):
        return errors
    move = np.asarray(parameters, updates.dtype) - memory["parameters"].astype(updates.dtype)
    expected = hessian_product(memory["steps"], memory["changes"], move)
    there = table(memory, "seen", everyone, np.int64(0))[places] == memory["round"]
    before = np.searchsorted(memory["clients"], everyone[places])
    for row in np.flatnonzero(there):
        with np.errstate(over="ignore", invalid="ignore"):
            gap = memory["last"][before[row]] + expected - updates[row]
        errors[row] = lengths_of(gap[None])[0]
    total = np.nansum(errors)
    return errors / total if total > 0 else errors


def _steps(memory: Memory, parameters: Array, aggregate: Array, number: int, window: int) -> dict[str, Array]:
    """The pairs of steps and changes, with those up to this round."""
    here: dict[str, Array] = {"parameters": np.array(parameters), "aggregate": aggregate, "round": np.array(number)}
    nothing = np.zeros((0, len(aggregate)), aggregate.dtype)
    if memory is None:
        return {**here, "steps": nothing, "changes": nothing}
    step = (np.asarray(parameters) - memory["parameters"]).astype(aggregate.dtype)
    pairs = {"steps": step, "changes": aggregate - memory["aggregate"]}
    stacked = {name: np.concatenate([memory[name], new[None]])[-window:] for name, new in pairs.items()}
    return {**here, **stacked}


def _malicious(past: Array, stream: "Stream") -> NDArray[np.bool_]:
    """(m, window) errors -> (m,) which clients are in the upper of two clusters, if there are two."""
    judged = np.isfinite(past).all(axis=1)
    found = np.zeros(len(past), bool)
    if judged.sum() < 3:  # noqa: PLR2004 - two clusters of two clients say nothing
        return found
    scores = past[judged].mean(axis=1)
    low, high = scores.min(), scores.max()
    if high > low and _clusters((scores - low) / (high - low), stream) > 1:
        found[judged] = upper_of_two(scores)
    return found


def _clusters(scores: Vector, stream: "Stream") -> int:
    """The least K with Gap(K) ≥ Gap(K + 1) − s(K + 1), of the gap statistic against even chances on 0 … 1."""
    most, draw = min(MOST_CLUSTERS, len(scores) - 1), stream.numpy()
    within = splits(scores, most)
    references = np.array([splits(draw.random(len(scores)), most) for _ in range(REFERENCES)])
    with np.errstate(divide="ignore"):
        gaps = np.log(references.mean(axis=0)) - np.log(within)
        spreads = np.log(np.maximum(references, np.finfo(np.float64).tiny)).std(axis=0)
    slack = spreads * np.sqrt(1 + 1 / REFERENCES)
    for k in range(most - 1):
        if within[k] <= 0 or gaps[k] >= gaps[k + 1] - slack[k + 1]:
            return k + 1
    return most
