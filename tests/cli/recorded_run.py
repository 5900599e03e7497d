"""A made-up run as events, for screens that must be the same every time; and the command line as a function."""

import dataclasses
from dataclasses import dataclass

import pytest

from cli.app import main
from fedsim.events import (
    Aggregated,
    BatchTrained,
    RoundEnded,
    RoundStarted,
    RunEnded,
    RunStarted,
    Scores,
    UpdatesForged,
)
from fedsim.runs.history import History

SMALL = """\
# Does the small one run?
rounds = 6
model = "logistic"

[data]
name = "digits"

[clients]
population = 20
sampled = 6

[evaluation]
every = 2

[output]
checkpoint_every = 2

[execution]
backend = "serial"

[[attacks]]
name = "sign_flip"
fraction = 0.2

[aggregator]
name = "trimmed_mean"
f = 2
"""

SCORES = ("accuracy", "loss", "validation_accuracy", "validation_loss")
STARTED = RunStarted(0.0, "tale", "4be1a7f000000000", 5, 20, 4, 4, 1_234, 10, 900, 50, 30, 200, SCORES, "", "00ff", 1)


def told(number, *, byzantine=(), weight=0.0, accuracy=0.5, loss=1.5, skipped="", dropped=(), seconds=0.25, more=()):
    """The events of one round."""
    time = float(number)
    yield RoundStarted(time - 1, number, (2, 3, 5, 7), tuple(byzantine))
    yield BatchTrained(time, number, (2, 3), (1.0, 1.0), (9, 9), 0.1)
    yield BatchTrained(time, number, (5, 7), (1.0, 1.0), (9, 9), 0.1)
    if byzantine:
        yield UpdatesForged(time, number, "noise", tuple(byzantine))
    weights = () if skipped else (0.25, 0.25, 0.25, 0.25)
    yield Aggregated(time, number, (2, 3, 5, 7), weights, weight, tuple(dropped), (), (), 1.25, 0.5, skipped)
    scores = Scores() if accuracy is None else scored(accuracy, loss, dict(more))
    yield RoundEnded(time, number, scores, 1.1, f"{number:016x}", seconds, 0.2, 0.0, 0.0)


def scored(accuracy, loss, more=()):
    """An evaluation that is as good on validation examples, and what else was scored on test examples."""
    test = {"accuracy": accuracy, "loss": loss}
    return Scores(test | dict(more) | {f"validation_{name}": number for name, number in test.items()})


def started(*more):
    """The beginning of a run that scores these too."""
    return dataclasses.replace(STARTED, scores=(*SCORES[:2], *more, *SCORES[2:]))


def tale():
    """Five rounds in which everything happens that a table must show."""
    yield STARTED
    yield from told(1, accuracy=0.1, loss=2.25)
    yield from told(2, byzantine=(3,), weight=0.25, accuracy=None, loss=None)
    yield from told(3, byzantine=(3, 5), weight=1.0, accuracy=0.05, loss=41_234.5)
    yield from told(4, byzantine=(3,), accuracy=0.4, skipped="krum needs n ≥ 2f + 3: got n = 4, f = 1", dropped=(2, 3))
    yield from told(5, accuracy=0.75, loss=float("inf"), seconds=12.5)
    last = scored(0.75, float("inf"))
    yield RunEnded(5.0, 5, 0.75, float("inf"), 0.75, 5, 0.4, 4, last, 0.3125, 1, "9f31c0a2ffffffff", 34.1)


def history(events=None):
    """A history that was told these events."""
    found = History()
    for event in tale() if events is None else events:
        found(event)
    return found


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def ask(capsys, *arguments):
    """Run `fedsim` with these arguments in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return Answer(ended.value.code or 0, out, err)
