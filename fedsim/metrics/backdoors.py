"""What a backdoor has achieved."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.metrics.contract import metric


@metric("asr", words="attack success", better="down")
def asr(triggered_predictions: NDArray[Any], triggered_targets: Integers) -> float:
    """Attack success rate: share of the examples with a trigger that are classified as the attacker wants.

    Formula:
        1/k · |{i : predicted class of i with the trigger = the attacker's class}|, over the k examples that the
        backdoors of the scenario name: with the whole trigger, those whose true class is another.
    Assumes:
        A scenario with a backdoor; it is then scored in any case, also in rounds in which nobody attacks. NaN where no
        example can show the trigger. A model without a backdoor has what it confuses anyway: compare with a run without
        attackers, or with the rounds before the first attack.
    Differs:
        Some count examples of the attacker's own class too, which a model that is right gets right. Where a scenario
        has several backdoors this is the share over all their examples.
    Source:
        Gu, Dolan-Gavitt, Garg. BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply Chain. 2017.
    Example:
        >>> asr(np.array([7, 7, 2, 7]), np.array([7, 7, 7, 7]))
        0.75
    """
    if not len(triggered_targets):
        return float("nan")
    return np.count_nonzero(triggered_predictions == triggered_targets) / len(triggered_targets)
