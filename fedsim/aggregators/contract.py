"""The contract of an aggregation rule: n client updates in, one update out, and how much each row counted.

    @aggregator("krum", needs="n ≥ 2f + 3")
    def krum(updates, *, f: F, variant: ... = "blanchard2017") -> Aggregate: ...

`needs` is checked before the rule is called, so a rule's body is its formula. A rule cannot write to its inputs,
breaks exact ties by the lowest index, and returns the dtype it was given. Where only the rows at hand show that they do
not suffice it raises RowsDoNotSuffice, and the round is skipped; any other exception ends the run. A rule that
`screens` says in its verdict whether all rows are `finite`, which spares whoever has not looked a pass over the matrix.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
from annotated_types import Ge

from fedsim.array_types import Array
from fedsim.checked_calls import by_name, factors, finite_answer, floats, guarded, memory, require_item, shares
from fedsim.errors import RowsDoNotSuffice
from fedsim.registry import Registry
from fedsim.supply import RULES

Rule = TypeVar("Rule", bound=Callable[..., Any])

F = Annotated[int, Ge(0), 'rows assumed Byzantine; "auto" finds it in a scenario (clients.risk)']
"""The setting `f`; the engine lowers it by the rows it has already set aside."""


class Aggregate(NamedTuple):
    """A rule's verdict."""

    update: Array  # (d,)
    weights: (
        Array  # (n,) how much each row counted, sums to 1; per-coordinate rules: share of coordinates it survived in
    )
    memory: Mapping[str, Array] | None = None  # what a rule with a past carries to the next round
    finite: bool = False  # whether the rule's own pass over the rows has shown that all their numbers are finite
    factors: Array | None = None  # (n,) what each row was multiplied with before it counted: 1 where taken as it is


class Condition(NamedTuple):
    """An inequality between the number of rows n and the number f assumed Byzantine, such as `n ≥ 2f + 3`."""

    strict: bool
    slope: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read `n > 2f`, `n ≥ 4f + 3` or `n ≥ 3`."""
        match = re.fullmatch(r"n (>|≥) (?:(\d*)f)?(?:(?: \+ )?(\d+))?", text)
        if match is None:
            raise ValueError(f"not a condition on n and f: {text!r}")
        sign, slope, offset = match.groups()
        return cls(sign == ">", 0 if slope is None else int(slope or 1), int(offset or 0))

    def holds(self, n: int, f: int) -> bool:
        """Whether n rows suffice for f."""
        bound = self.slope * f + self.offset
        return n > bound if self.strict else n >= bound


aggregators = Registry("aggregators", "rule", "fedsim.aggregators", RULES)


def aggregator(
    name: str,
    *,
    needs: str = "n ≥ 1",
    aliases: tuple[str, ...] = (),
    breaks: Mapping[str, str] | None = None,
    screens: bool = False,
) -> Callable[[Rule], Rule]:
    """Register a rule; `breaks` maps the laws it confesses to break to the reason (see tests/test_laws.py)."""
    condition = Condition.parse(needs)

    def decorate(rule: Rule) -> Rule:
        @functools.wraps(rule)
        def checked(*supplied: Any, **settings: Any) -> Aggregate:
            given = by_name(entry, supplied, settings)
            rows = given["updates"] = as_rows(given["updates"])
            check_condition(name, condition, needs, len(rows), entry.byzantine(settings) or 0)
            return _checked(name, rule(**{item: guarded(value) for item, value in given.items()}, **settings), rows)

        require_item(aggregators, name, rule, "updates")
        entry = aggregators.register(name, checked, aliases=aliases, needs=needs, breaks=breaks, screens=screens)
        return checked  # type: ignore[return-value]

    return decorate


aggregators.adopt = lambda name, function: aggregator(name)(function)


def _checked(name: str, verdict: Any, rows: Array) -> Aggregate:
    """The verdict, if it is one on these rows."""
    if not isinstance(verdict, Aggregate):
        raise TypeError(f"rule `{name}` returned {type(verdict).__name__}, not Aggregate(update, weights)")
    floats(f"rule `{name}`: update", verdict.update, rows.shape[1:])
    finite_answer(f"rule `{name}`: update", verdict.update, rows)
    shares(f"rule `{name}`: weights", verdict.weights, rows.shape[:1])
    memory(f"rule `{name}`: memory", verdict.memory)
    factors(f"rule `{name}`: factors", verdict.factors, rows.shape[:1])
    return verdict


def check_condition(name: str, condition: Condition, needs: str, n: int, f: int) -> None:
    """Raise RowsDoNotSuffice when n rows do not suffice for f."""
    if f < 0:
        raise ValueError(f"{name} needs f ≥ 0: got f = {f}")
    if not condition.holds(n, f):
        raise RowsDoNotSuffice(f"{name} needs {needs}: got n = {n}" + (f", f = {f}" if condition.slope else ""))


def as_rows(updates: Array) -> Array:
    """The (n, d) matrix of a caller's rows; floats are kept as they are, integers become float64."""
    rows = np.asarray(updates)
    if rows.ndim != 2 or rows.shape[0] == 0:  # noqa: PLR2004 - a matrix has two dimensions
        raise ValueError(f"updates must be a matrix of n ≥ 1 rows: got shape {rows.shape}")
    return rows if rows.dtype in (np.float32, np.float64) else rows.astype(np.float64)
