"""What `check` says of a rule whose settings do not mean in this scenario what they promise."""

import pytest

from fedsim.scenario.guarantees import guarantees
from tests.small_runs import DIGITS, EVERYONE, scenario


def warnings(*changes: str, rest: str = "") -> list[str]:
    return [each.text for each in guarantees(scenario(DIGITS, *changes, rest=rest)) if each.verdict == "warning"]


ATTACKED = '[[attacks]]\nname = "noise"\nids = [0]\n'


@pytest.mark.parametrize(
    ("changes", "rest", "sentence"),
    [
        (
            ['aggregator={name="median", weighting="examples"}'],
            ATTACKED,
            "median by examples trusts the counts that clients report: an attacker who claims many decides alone",
        ),
        (
            ['aggregator={name="monna", f=1, index=2}'],
            "",
            "monna trusts row 2: with 6 of 12 sampled it is another client's in each round",
        ),
        (
            ['aggregator="fldetector"'],
            "",
            "fldetector is the plain mean: it judges from round 50 on, and there are 3",
        ),
        (
            ['aggregator={name="fldetector", start=2}'],
            "",
            "fldetector judges a client only by rounds in a row that it takes part in: sample all clients",
        ),
        (
            ['aggregator="foolsgold"', 'preaggregators=["bucketing"]'],
            "",
            "foolsgold remembers clients, and is given rows that are no client's: each is a mixture of several",
        ),
        (
            ['aggregator="delayed_momentum"'],
            "",
            "delayed_momentum keeps what clients sent last, and they keep no momentum: give training.worker_momentum",
        ),
    ],
)
def test_a_warning(changes, rest, sentence):
    assert sentence in warnings(*changes, rest=rest)


@pytest.mark.parametrize(
    "changes",
    [
        ['aggregator="median"'],
        ['aggregator={name="monna", f=1}', *EVERYONE],
        ['aggregator={name="fldetector", start=2}', *EVERYONE],
        ['aggregator="foolsgold"', 'preaggregators=[{name="nnm", f=1}]'],
        ['aggregator="delayed_momentum"', "training.worker_momentum=0.9"],
    ],
)
def test_no_warning(changes):
    rule = changes[0]
    assert not [text for text in warnings(*changes, rest=ATTACKED) if text.split()[0] in rule]
