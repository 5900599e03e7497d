"""What is proved of κ*: in closed form, from above, and of every rule from below."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedsim.array_types import Array
from fedsim.probe.subject import Subject

MIXING = "Allouah+ 2023 (Fixing by Mixing)"
TRILEMMA = "Allouah+ 2023 (Privacy-Robustness-Utility Trilemma)"


@dataclass(frozen=True)
class Bound:
    """A number, the formula behind it, and who proved it."""

    value: float
    formula: str
    source: str


def least_possible(n: int, f: int) -> float:
    """No rule's κ* is less: with n − f equal rows its answer is theirs, and f of these may be honest instead."""
    return f / (n - 2 * f)


def closed_form(subject: Subject, n: int, f: int) -> float | None:
    """κ* of a rule that takes each coordinate by itself and grows with every value; None where it is not known."""
    if len(subject.steps) > 1:
        return None
    weights = _weights_of_sorted(subject.rule.name, subject.settings, n, f)
    return None if weights is None else of_sorted(weights)


def of_sorted(weights: Array | float) -> float:
    """κ* from the (h,) weights of the sorted honest values when all outsiders are infinite.

    Such a rule errs most with all outsiders above everyone (or, alike, below). Then it is a linear function a of the
    sorted honest values, and κ* = h·‖Π(a − 1/h)‖², Π the projection onto ascending sequences.
    """
    if isinstance(weights, float):
        return weights
    from sklearn.isotonic import isotonic_regression

    h = len(weights)
    return float(h * (isotonic_regression(weights - 1 / h) ** 2).sum())


def _weights_of_sorted(name: str, settings: Mapping[str, Any], n: int, f: int) -> Array | float | None:
    if settings.get("weighting", "rows") != "rows":
        return None
    weights = np.zeros(n)
    match name:
        case "mean" | "fedavg":
            return float("inf") if f else 0.0
        case "median":
            np.add.at(weights, [(n - 1) // 2, n // 2], 0.5)
        case "trimmed_mean":
            weights[settings["f"] : n - settings["f"]] = 1 / (n - 2 * settings["f"])
        case _:
            return None
    return float("inf") if weights[n - f :].any() else weights[: n - f]


def published_bound(subject: Subject, n: int, f: int) -> Bound | None:
    """The least upper bound that the papers have, where they have one for these very settings."""
    *before, (rule, settings) = subject.steps
    if settings.get("f", f) != f or any(each.get("f", f) != f for _, each in before):
        return None
    bound = _of_rule(rule.name, settings, f / (n - 2 * f), f / (n - f))
    for entry, _ in before:
        if entry.name != "nnm" or bound is None:
            return None
        bound = Bound(8 * f / (n - f) * (1 + bound.value), f"8f/(n − f) · (1 + κ), κ = {bound.formula}", MIXING)
    return bound


def _of_rule(name: str, settings: Mapping[str, Any], least: float, share: float) -> Bound | None:
    if settings.get("weighting", "rows") != "rows":
        return None
    match name:
        case "trimmed_mean":
            return Bound(6 * least * (1 + least), "6f/(n − 2f) · (1 + f/(n − 2f))", MIXING)
        case "median" | "geometric_median":
            return Bound(4 * (1 + least) ** 2, "4(1 + f/(n − 2f))²", MIXING)
        case "krum" if settings["variant"] == "byzfl":
            return Bound(6 * (1 + least), "6(1 + f/(n − 2f))", MIXING)
        case "smea":
            return Bound(4 * share * (1 + least) ** 2, "4f/(n − f) · (1 + f/(n − 2f))²", TRILEMMA)
    return None
