"""The contract of a pre-aggregator: n rows in, m rows out, and which rows went into which.

@preaggregator("nnm", needs="n > f")
def nnm(updates, *, f: F) -> Mixed: ...
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fedsim.aggregators.contract import Condition, as_rows, check_condition
from fedsim.array_types import Array
from fedsim.checked_calls import by_name, factors, finite_answer, floats, guarded, memory, require_item, shares
from fedsim.registry import Registry
from fedsim.supply import MIXERS

Mixer = TypeVar("Mixer", bound=Callable[..., Any])


class Mixed(NamedTuple):
    """What the rule will see in place of the clients' rows."""

    updates: Array  # (m, d)
    shares: Array  # (m, n) how much each input row counts in each output row; every row sums to 1
    memory: Mapping[str, Array] | None = None  # what one with a past carries to the next round
    factors: Array | None = None  # (m,) what each of these rows was multiplied with: 1 as it is


preaggregators = Registry("preaggregators", "pre-aggregator", "fedsim.preaggregators", MIXERS)


def preaggregator(
    name: str,
    *,
    needs: str = "n ≥ 1",
    aliases: tuple[str, ...] = (),
    breaks: Mapping[str, str] | None = None,
) -> Callable[[Mixer], Mixer]:
    """Register a pre-aggregator; one that returns a plain (n, d) array is taken to keep each row in its place."""
    condition = Condition.parse(needs)

    def decorate(mixer: Mixer) -> Mixer:
        @functools.wraps(mixer)
        def checked(*supplied: Any, **settings: Any) -> Mixed:
            given = by_name(entry, supplied, settings)
            rows = given["updates"] = as_rows(given["updates"])
            check_condition(name, condition, needs, len(rows), entry.byzantine(settings) or 0)
            return _checked(name, mixer(**{item: guarded(value) for item, value in given.items()}, **settings), rows)

        require_item(preaggregators, name, mixer, "updates")
        entry = preaggregators.register(name, checked, aliases=aliases, needs=needs, breaks=breaks)
        return checked  # type: ignore[return-value]

    return decorate


preaggregators.adopt = lambda name, function: preaggregator(name)(function)


def _checked(name: str, answer: Any, rows: Array) -> Mixed:
    """The answer, if it is one on these rows; plain rows keep their places."""
    if not isinstance(answer, Mixed) and np.shape(answer) != rows.shape:
        raise TypeError(f"pre-aggregator `{name}` changed the rows' number and must return Mixed(updates, shares)")
    mixed = answer if isinstance(answer, Mixed) else Mixed(answer, np.eye(len(rows)))
    floats(f"pre-aggregator `{name}`: updates", mixed.updates, (None, rows.shape[1]))
    finite_answer(f"pre-aggregator `{name}`: updates", mixed.updates, rows)
    shares(f"pre-aggregator `{name}`: shares", mixed.shares, (len(mixed.updates), len(rows)))
    memory(f"pre-aggregator `{name}`: memory", mixed.memory)
    factors(f"pre-aggregator `{name}`: factors", mixed.factors, (len(mixed.updates),))
    return mixed
