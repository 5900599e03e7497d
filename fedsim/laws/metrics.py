"""The laws of a metric."""

from typing import Any

import numpy as np

from fedsim.laws.cases import required
from fedsim.laws.verdicts import identical, require
from fedsim.metrics.contract import metrics, reading
from fedsim.randomness import Stream
from fedsim.registry import Entry
from fedsim.stand_ins import Sample
from fedsim.supply import samples

MOST_EXAMPLES, MOST_CLASSES = 60, 8
ROUNDING = 1e-9
"""What another order of a sum may change of it, as a share."""


def case(seed: int, examples: int | None = None, classes: int | None = None) -> dict[str, Any]:
    """Everything that a metric may ask for about some examples."""
    draw = Stream.root(seed).at("size").numpy()
    size = examples or int(draw.integers(1, MOST_EXAMPLES)), classes or int(draw.integers(1, MOST_CLASSES))
    return samples(metrics.supplies, metrics.supplies, Sample(np.zeros((1, 1), np.float32), Stream.root(seed), size))


def score(entry: Entry, given: dict[str, Any]) -> float:
    """What the metric says of these examples."""
    found: float = entry.call(given, required(entry))
    return found


def number(entry: Entry, seed: int) -> None:
    """One number between the bounds that the metric declares."""
    found, how = score(entry, case(seed)), reading(entry)
    fits = isinstance(found, float) and how.least <= found <= how.most
    require(fits, f"{found!r} is no number from {how.least:g} to {how.most:g}")


def order(entry: Entry, seed: int) -> None:
    """The order of the examples does not matter."""
    given = case(seed)
    places = Stream.root(seed).at("order").numpy().permutation(len(given["targets"]))
    one, other = score(entry, given), score(entry, _reordered(given, places))
    require(
        bool(np.isclose(one, other, rtol=ROUNDING, atol=0)),
        f"the same examples in another order: {other:.6g}, not {one:.6g}",
    )


def best(entry: Entry, seed: int) -> None:
    """Nothing is better than to be right in everything, and a share more of which is better then has its most."""
    given, how = case(seed), reading(entry)
    found, perfect = score(entry, given), score(entry, given | _perfect(given))
    gap = perfect - found if how.better == "up" else found - perfect
    require(gap >= 0, f"{found:.6g} is better than the {perfect:.6g} of a model that is always right")
    whole = how.form != "share" or how.better != "up" or perfect == how.most
    require(whole, f"a model that is always right has {perfect:.6g}, not {how.most:g}")


def diverged(entry: Entry, seed: int) -> None:
    """A model whose outputs are not numbers is scored too: NaN, or the least of a share more of which is better."""
    given, how = case(seed), reading(entry)
    found = score(entry, given | _diverged(given))
    fits = np.isnan(found) or found == how.least or how.form != "share" or how.better != "up"
    require(bool(fits), f"outputs that are not numbers have {found:.6g}, not {how.least:g} or NaN")


def untouched(entry: Entry, seed: int) -> None:
    """What it is given is left as it was, and the same examples have the same score to the bit."""
    given = case(seed)
    before = {name: np.array(value) for name, value in given.items()}
    one, other = score(entry, given), score(entry, given)
    identical("two scores of the same examples", one, other)
    for name, value in before.items():
        identical(f"`{name}` before and after", given[name], value)


def _reordered(given: dict[str, Any], places: Any) -> dict[str, Any]:
    rows = {name for name, item in metrics.supplies.items() if item.shape and item.shape[0] == "m"}
    return {name: value[places] if name in rows else value for name, value in given.items()}


def _perfect(given: dict[str, Any]) -> dict[str, Any]:
    """Every example right with certainty, so that nothing is lost."""
    classes = np.arange(given["classes"])
    logits = np.where(given["targets"][:, None] == classes, 0, -np.inf).astype(np.float32)
    right = given["targets"].astype(np.int32)
    return {"predictions": right, "losses": 0 * given["losses"], "loss_sum": 0.0, "logits": logits}


def _diverged(given: dict[str, Any]) -> dict[str, Any]:
    """What a model of NaN answers."""
    return {
        "predictions": np.full_like(given["predictions"], -1),
        "triggered_predictions": np.full_like(given["triggered_predictions"], -1),
        "losses": np.full_like(given["losses"], np.nan),
        "loss_sum": float("nan"),
        "logits": np.full_like(given["logits"], np.nan),
    }


METRICS = {law.__name__: law for law in (number, order, best, diverged, untouched)}
