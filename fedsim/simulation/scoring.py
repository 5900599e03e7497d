"""The scores of a global model: what it makes of the examples, told to every metric that the scenario asks for."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from fedsim.checked_calls import blamed
from fedsim.datasets.contract import Examples
from fedsim.events import Scores
from fedsim.metrics.contract import metrics
from fedsim.scenario.scores import chosen_metrics, score_names
from fedsim.simulation.federation import Federation


def asks(federation: Federation, item: str) -> bool:
    """Whether some metric of the scenario asks for this item."""
    return any(item in metrics[choice.name].supplied for choice in chosen_metrics(federation.scenario))


def score(federation: Federation, round: int, predicted: Sequence[Mapping[str, Any]]) -> Scores:
    """Every score of a round, from what the model makes of the test and of the validation examples."""
    numbers = []
    for labels, found in zip(_labels(federation), predicted, strict=True):
        given = {**labels, **found, "classes": federation.kind.classes}
        for choice in chosen_metrics(federation.scenario):
            entry = metrics[choice.name]
            with blamed("metric", entry.name, entry.function, round):
                numbers.append(entry.call(given, choice.settings))
    return Scores(zip(score_names(federation.scenario), numbers, strict=True))


def _labels(federation: Federation) -> list[dict[str, Any]]:
    """Targets and owners of the test examples, and of the validation examples where there are any.

    Where each place of an example is asked, each has its target and its example's owner.
    """
    scored: list[tuple[Examples, Any]] = [(federation.test, slice(None))]
    scored += [(federation.train, federation.validation)] * bool(len(federation.validation))
    places = prod(federation.train.targets.shape[1:])
    return [
        {
            "targets": each.targets[which].reshape(-1),
            "owners": None if each.owners is None else np.repeat(each.owners[which], places),
        }
        for each, which in scored
    ]
