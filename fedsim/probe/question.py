"""One question about a rule, and everything that answers it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fedsim.aggregators.contract import aggregators
from fedsim.array_types import Array, Integers
from fedsim.errors import RowsDoNotSuffice
from fedsim.laws.cases import required
from fedsim.laws.verdicts import NotTried
from fedsim.probe.breaking import breaking_number
from fedsim.probe.coefficient import search
from fedsim.probe.published import Bound, closed_form, least_possible, published_bound
from fedsim.probe.subject import NotProbed, Subject, beyond_rows, cloud, subject
from fedsim.registry import BYZANTINE, Entry
from fedsim.scenario.toml_values import toml

CALLS = 6000


@dataclass(frozen=True)
class Probe:
    """How robust a rule is with n rows of which f are anybody's."""

    rule: str
    n: int
    f: int
    kappa: float  # κ*, or what it is at least
    kind: Literal["exact", "found"]
    least: float  # what no rule is below
    published: Bound | None
    breaks_at: int | None  # outsiders that move it without bound; None where none were found to
    d: int  # coordinates of the rows that were searched
    calls: int  # of the rule in that search
    rows: Array | None  # (n, d) the worst rows found
    honest: Integers | None  # which of them are the honest ones

    @property
    def is_optimal(self) -> bool:
        """Whether κ* is known to be the least that there can be."""
        return self.kind == "exact" and bool(np.isclose(self.kappa, self.least))


def probe(
    rule: str,
    n: int = 11,
    f: int = 2,
    d: int = 2,
    calls: int = CALLS,
    told: Callable[[int], None] = lambda _: None,
) -> Probe:
    """Everything about `krum`, `nnm+trimmed_mean` or `norm_bound(norm = 1.0)`; NotProbed where that cannot be asked."""
    asked = asking(rule, n, f, d)
    least, bound = least_possible(n, f), published_bound(asked, n, f)
    exact, breaks_at = closed_form(asked, n, f), breaking_number(asked, n, d)
    if exact is not None:
        return Probe(asked.name, n, f, exact, "exact", least, bound, breaks_at, d, 0, None, None)
    found = search(asked, n, f, d, calls, told)
    return Probe(
        asked.name, n, f, found.kappa, "found", least, bound, breaks_at, d, found.calls, found.rows, found.honest
    )


def asking(rule: str, n: int, f: int, d: int) -> Subject:
    """The rule, once it is known to answer n rows of d coordinates."""
    require_majority(n, f)
    asked = subject(rule, f)
    try:
        asked(cloud(n, d))
    except RowsDoNotSuffice as error:
        raise NotProbed(str(error)) from error
    return asked


def require_majority(n: int, f: int) -> None:
    """NotProbed where no rule can tell the honest rows from the others."""
    if not n > 2 * f:
        raise NotProbed(f"n = {n}, f = {f}: more than half of the rows have to be honest, n > 2f")


def candidates() -> list[str]:
    """Every rule that is a function of the rows alone, with an example of each setting that has no default."""
    return [text for entry in aggregators if not beyond_rows(entry) and (text := example(entry))]


def example(entry: Entry) -> str:
    """A rule or a pre-aggregator with a value for each setting that has no default; empty where there is no example."""
    try:
        settings = {name: value for name, value in required(entry).items() if name != BYZANTINE}
    except NotTried:
        return ""
    told = ", ".join(f"{name} = {toml(value)}" for name, value in settings.items())
    return f"{entry.name}({told})" if told else entry.name
