"""The contract of a metric: what is known of every scored example in, one number out.

    @metric("balanced_accuracy", words="balanced accuracy")
    def balanced_accuracy(predictions, targets, classes) -> float: ...

What it is given cannot be written to. The declaration is read wherever scores are shown: `words` head a column,
`better` tells which way a goal is reached, `form` how the number is written, `least` and `most` between which it lies.
NaN is allowed: a model that has diverged has no loss.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.checked_calls import guarded
from fedsim.errors import NotRegistrable
from fedsim.registry import Entry, Registry
from fedsim.stand_ins import Sample
from fedsim.supply import Item, Synonyms, table

Metric = TypeVar("Metric", bound=Callable[..., Any])
Better = Literal["up", "down"]
Form = Literal["share", "magnitude", "count"]

STANDARD_SCORES = ("accuracy", "loss")
"""What every evaluation scores."""
VALIDATION = "validation_"
"""Before the name of a score on validation examples."""
PLAIN_NAME = re.compile(r"""[^\s<>=,"']+""")
"""A name that can stand at the head of a column and in a goal."""
RESERVED = (
    "round", "time", "sampled", "byzantine", "byzantine_weight", "train_loss", "norm", "distance", "dropped", "late",
    "nonfinite", "skipped", "digest", "seconds",
)  # fmt: skip
"""Columns of `metrics.csv` that are no scores."""


def _examples(around: Sample) -> tuple[Array, Integers]:
    """Outputs of a model on a few examples, and their targets."""
    draw, (examples, classes) = around.draw("scored examples"), around.root
    return np.asarray(draw.standard_normal((examples, classes)), np.float32), draw.integers(0, classes, examples)


def _losses(around: Sample) -> Array:
    logits, targets = _examples(around)
    return np.asarray(np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(targets)), targets], np.float64)


SUPPLIES = table(
    Item(
        "predictions",
        "(m,) predicted class of each scored example; -1 where an output is not a number",
        ("m",),
        lambda around: _examples(around)[0].argmax(axis=1).astype(np.int32),
        whole=True,
    ),
    Item("targets", "(m,) true class of each", ("m",), lambda around: _examples(around)[1], whole=True),
    Item("losses", "(m,) cross-entropy of each, float64", ("m",), _losses),
    Item(
        "loss_sum",
        "the losses' sum, taken in fixed pieces and in order, so that the workers do not change its bits",
        None,
        lambda around: float(_losses(around).sum()),
    ),
    Item("logits", "(m, classes) the model's outputs, float32", ("m", "classes"), lambda around: _examples(around)[0]),
    Item(
        "owners",
        "(m,) whose each example is; only of data that know it",
        ("m",),
        lambda around: around.draw("owners").integers(0, 3, around.root[0]),
        whole=True,
    ),
    Item("classes", "number of classes", None, lambda around: around.root[1]),
    Item(
        "triggered_predictions",
        "(k,) predicted class of each example that a backdoor of the scenario shows its trigger on",
        ("k",),
        lambda around: _examples(around)[0].argmax(axis=1).astype(np.int32),
        whole=True,
    ),
    Item(
        "triggered_targets",
        "(k,) class that the attacker wants for each of them",
        ("k",),
        lambda around: _examples(around)[1],
        whole=True,
    ),
)
"""What a metric may ask for."""

SYNONYMS: Synonyms = {
    "y_true": ("targets", lambda targets: targets),
    "y_pred": ("predictions", lambda predictions: predictions),
    "labels_true": ("targets", lambda targets: targets),
    "labels_pred": ("predictions", lambda predictions: predictions),
}
"""What metrics that were not written for fedsim, such as those of scikit-learn, call what they are given."""

metrics = Registry("metrics", "metric", "fedsim.metrics", SUPPLIES, SYNONYMS)


class Reading(NamedTuple):
    """How the numbers of a score are to be read."""

    words: str  # above its column
    better: Better
    form: Form  # a share of something, a number of any size, or a whole number
    least: float
    most: float

    def as_record(self) -> dict[str, Any]:
        """The same for JSON, which knows no infinity."""
        return {key: None if value in (np.inf, -np.inf) else value for key, value in self._asdict().items()}


def metric(
    name: str,
    *,
    words: str = "",
    better: Better = "up",
    form: Form = "share",
    least: float = 0.0,
    most: float = 1.0,
    aliases: tuple[str, ...] = (),
    breaks: Mapping[str, str] | None = None,
) -> Callable[[Metric], Metric]:
    """Register a metric: a share from 0 to 1 of which more is better, unless said otherwise."""
    if name in RESERVED or name.startswith(VALIDATION) or not PLAIN_NAME.fullmatch(name):
        raise NotRegistrable(
            f"a metric cannot be called {name!r}: its name heads a column of its own beside {', '.join(RESERVED)}, "
            f"and {VALIDATION}<name> is its score on validation examples"
        )
    reading = Reading(words or name.replace("_", " "), better, form, least, most)

    def decorate(function: Metric) -> Metric:
        @functools.wraps(function)
        def checked(*supplied: Any, **settings: Any) -> float:
            return _checked(name, function(*map(guarded, supplied), **settings), reading)

        metrics.register(name, checked, aliases=aliases, breaks=breaks, reading=reading)
        return checked  # type: ignore[return-value]

    return decorate


def _adopt(name: str, function: Callable[..., Any]) -> object:
    """A metric that nobody declared may give any number, and more of it is taken for better."""
    words = name.rpartition(":")[2].replace("_", " ")
    return metric(name, words=words, form="magnitude", least=-np.inf, most=np.inf)(function)


metrics.adopt = _adopt


def reading(entry: Entry) -> Reading:
    """How the numbers of a metric are to be read."""
    found: Reading = entry.traits["reading"]
    return found


def reading_of(score: str) -> Reading:
    """How a score is to be read, be it on test or on validation examples; UnknownName where no metric has the name."""
    name = score.removeprefix(VALIDATION)
    found = reading(metrics[name])
    return found if name == score else found._replace(words=f"validation {found.words}")


def _checked(name: str, answer: Any, reading: Reading) -> float:
    """The number, if it is one between the bounds."""
    if isinstance(answer, bool | np.bool_) or not isinstance(answer, int | float | np.integer | np.floating):
        raise TypeError(f"metric `{name}` must return a number: got {type(answer).__name__}")
    number = float(answer)
    if number < reading.least or number > reading.most:
        raise ValueError(f"metric `{name}` must be from {reading.least:g} to {reading.most:g}: got {number:.6g}")
    return number
