"""Delayed momentum: clients who were not sampled are judged by what they sent last."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge, Lt

from fedsim.aggregators._history import Memory, Places, known, table
from fedsim.aggregators._inner_rules import Settings, inner_rule
from fedsim.aggregators.contract import Aggregate, aggregator
from fedsim.array_types import Array, Integers
from fedsim.exact_fractions import portion
from fedsim.registry import BYZANTINE

if TYPE_CHECKING:
    from fedsim.randomness import Stream

INNER = "rule/"
"""Before the names of what the rule inside remembers."""


@aggregator("delayed_momentum", aliases=("demoa",))
def delayed_momentum(
    updates: Array,
    counts: Integers,
    clients: Integers,
    previous: Array,
    parameters: Array,
    memory: Memory,
    stream: "Stream",
    *,
    rule: Annotated[str, "the rule that all clients' last rows are given to"] = "median",
    share: Annotated[float, Ge(0), Lt(0.5), "δ, share of the clients that are assumed Byzantine"] = 0.0,
    settings: Settings = None,
) -> Aggregate:
    """Any rule, applied to what all clients sent last, whether they were sampled or not.

    Formula:
        vⱼ the last row that was ever received of client j, of the m clients met so far; the rule on v₁ … vₘ with
        f = ⌊δm⌋ where it takes an f: (n, d) -> (d,). Weights are the rule's of the n rows at hand, made to sum to 1.
    Assumes:
        Clients who keep momenta: vⱼ is then mⱼ ← βmⱼ + (1 − β)·update, which training.worker_momentum = β makes them
        send. Nearly all clients have been met, so that δ is the attackers' share of them. What the rule assumes of m
        rows; where they do not suffice for it the round is skipped.
    Breakdown:
        That of the rule on all clients: a round that samples more attackers than others is borne.
    Cost:
        That of the rule on m rows. Memory: a row for each client that ever took part.
    Differs:
        Of the paper abstracts and summaries could be read, which define what is aggregated and not what stands for a
        client that was never sampled; here it is left out. An update at a local rate takes the place of a gradient.
    Source:
        Otsuka, Takezawa, Yamada. Delayed Momentum Aggregation: Communication-efficient Byzantine-robust Federated
        Learning with Partial Participation. ICML 2026 (arXiv:2509.02970), where it is called DeMoA.
    Example:
        >>> first = aggregate("delayed_momentum", np.array([[0.9], [1.0], [1.1]]), details=True)
        >>> aggregate("demoa", np.array([[9.0], [9.1]]), clients=[3, 4], memory=first.memory).tolist()
        [1.1]
    """
    everyone, places = known(memory, clients)
    rows = table(memory, "rows", everyone, np.zeros(updates.shape[1], updates.dtype))
    held = table(memory, "counts", everyone, np.zeros((), np.asarray(counts).dtype))
    for row, place in enumerate(places):
        rows[place], held[place] = updates[row], counts[row]
    entry, chosen = inner_rule("delayed_momentum", rule, 0, settings or {})
    if BYZANTINE in entry.settings:
        chosen[BYZANTINE] = int(portion(share, len(everyone)))
    past = {name.removeprefix(INNER): value for name, value in (memory or {}).items() if name.startswith(INNER)}
    given = {"updates": rows, "counts": held, "clients": everyone, "previous": previous, "parameters": parameters}
    verdict: Aggregate = entry.call(given | {"memory": past or None, "stream": stream}, chosen)
    kept = {"clients": everyone, "rows": rows, "counts": held}
    kept |= {f"{INNER}{name}": value for name, value in (verdict.memory or {}).items()}
    factors = None if verdict.factors is None else verdict.factors[places]
    return Aggregate(verdict.update, _at_hand(verdict.weights, places), kept, factors=factors)


def _at_hand(weights: Array, places: Places) -> Array:
    """(m,) -> (n,) the weights of the rows of this round, of a client's several the last; alike where all are zero."""
    last = {int(place): row for row, place in enumerate(places)}
    own = np.zeros(len(places))
    own[list(last.values())] = weights[list(last)]
    return own / own.sum() if own.any() else np.full(len(places), 1 / len(places))
