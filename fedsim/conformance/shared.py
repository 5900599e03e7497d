"""What fedsim and another package both have under a name, and what is known of the difference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedsim import functional
from fedsim.array_types import Array
from fedsim.conformance.cases import Case

Answer = Callable[[Case], Any]
Keywords = Callable[[Case], Mapping[str, Any]]
EXACT = 1e-9
"""The relative difference that two roundings of the same float64 formula may have."""

RADIUS, STEPS = 2.0, 3
"""With which centred clipping is compared."""


def everywhere(_: Case) -> bool:
    """Of all cases."""
    return True


def nothing(_: Case) -> dict[str, Any]:
    """No settings but the defaults."""
    return {}


def with_f(case: Case) -> dict[str, Any]:
    """The one setting of most rules."""
    return {"f": case.f}


@dataclass(frozen=True)
class Difference:
    """A definition that is not fedsim's, in words, and the pair of numbers that shows that this is all."""

    words: str  # what they define otherwise
    by: str  # the formula or the parameters under which both give the same
    ours: Answer  # our side of it
    theirs: Answer | None = None  # their side of it, where it takes other parameters than what is compared at first
    where: Callable[[Case], bool] = everywhere  # the cases in which that can be shown


@dataclass(frozen=True)
class Shared:
    """One algorithm that both have."""

    family: str
    name: str  # fedsim's
    theirs: Answer  # the other package's answer, by its defaults and what the name needs
    keywords: Keywords = nothing  # fedsim's settings and items
    difference: Difference | None = None
    suits: Callable[[Case], bool] = everywhere
    more: tuple[tuple[int, int, int], ...] = ()  # shapes that only this one is tried on
    tolerance: float = EXACT

    def ours(self, case: Case) -> Array:
        """fedsim's answer: (d,) of a rule, (m, d) of a pre-aggregator, (f, d) of an attack."""
        return answer(self.family, self.name, case, **self.keywords(case))


def rule(name: str, theirs: Answer, keywords: Keywords = nothing, difference: Difference | None = None) -> Shared:
    """A rule that both have."""
    return Shared("aggregators", name, theirs, keywords, difference)


def preaggregator(name: str, theirs: Answer, keywords: Keywords = nothing) -> Shared:
    """A pre-aggregator that both have."""
    return Shared("preaggregators", name, theirs, keywords)


def attack(name: str, theirs: Answer, keywords: Keywords = nothing, difference: Difference | None = None) -> Shared:
    """An attack on updates that both have."""
    return Shared("attacks", name, theirs, keywords, difference)


def answer(family: str, name: str, case: Case, **keywords: Any) -> Array:
    """What fedsim makes of a case."""
    if family == "attacks":
        found = functional.attack(name, case.honest, count=case.f, **keywords)
    else:
        call = functional.aggregate if family == "aggregators" else functional.preaggregate
        found = call(name, case.rows, **keywords)
    return np.asarray(found)


def aggregated(name: str, **fixed: Any) -> Answer:
    """A rule of ours with these settings, and f where it has one."""
    return lambda case: answer("aggregators", name, case, **with_f(case), **fixed)
