"""Who chooses the next adversary to try: by chance or near the worst so far, or Optuna's model of what was seen.

A sampler is asked and told in a fixed order, and its draws have addresses: the same answers bring the same questions,
so that a search that was interrupted is the same search when it is begun again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from fedsim.proof.attack_space import ALWAYS, NO_OTHER, Choosing, Space
from fedsim.proof.severity import Table
from fedsim.randomness import Stream

SAMPLERS = ("local", "tpe")
REDRAWN_SHARE = 0.3
"""Share of the candidates that are drawn anew, and of a neighbour's choices that are."""
STEP = 0.7
"""Deviation of a neighbour's numbers, in powers of e."""


@dataclass(frozen=True)
class Candidate:
    """An adversary that is proposed."""

    number: int
    adversary: Table
    choices: Mapping[str, Any]


class Sampler(Protocol):
    """Who proposes."""

    def ask(self, number: int) -> Candidate:
        """The candidate of this number."""

    def tell(self, candidate: Candidate, harm: float | None) -> None:
        """What came of it, more being worse; None where it cannot be played."""


@dataclass
class Usual:
    """One attack all the time and everything else as it is by default."""

    attack: str
    choices: dict[str, Any] = field(default_factory=dict)

    def one_of(self, name: str, options: Sequence[Any]) -> Any:
        """The first, but for the attack."""
        fixed = {"attack": self.attack, "then": NO_OTHER, "when": ALWAYS}
        return self.choices.setdefault(name, fixed.get(name, options[0]))

    def number(self, name: str, low: float, high: float, usual: float) -> float:
        """The usual one."""
        return float(self.choices.setdefault(name, min(max(usual, low), high)))

    def whole(self, name: str, low: int, high: int) -> int:  # noqa: ARG002 - one signature for all who choose
        """The least."""
        return int(self.choices.setdefault(name, low))


@dataclass
class Drawn:
    """By chance, or near choices that were made before."""

    draw: np.random.Generator
    near: Mapping[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    def one_of(self, name: str, options: Sequence[Any]) -> Any:
        """The old choice for the most part; nothing special is as likely as everything else together."""
        kept = self._kept(name)
        if kept is None:
            special = options[0] in (NO_OTHER, ALWAYS) and self.draw.random() < 1 / 2
            kept = options[0] if special else options[int(self.draw.integers(len(options)))]
        return self.choices.setdefault(name, kept)

    def number(self, name: str, low: float, high: float, usual: float) -> float:  # noqa: ARG002 - likewise
        """By factors; a neighbour within a few times the old number."""
        kept = self._kept(name)
        ends = math.log(low), math.log(high)
        power = self.draw.uniform(*ends) if kept is None else math.log(kept) + STEP * self.draw.standard_normal()
        return float(self.choices.setdefault(name, float(f"{math.exp(min(max(power, ends[0]), ends[1])):.4g}")))

    def whole(self, name: str, low: int, high: int) -> int:
        """A neighbour within a tenth of the range."""
        kept, reach = self._kept(name), max(1, (high - low) // 10)
        ends = (low, high) if kept is None else (max(low, kept - reach), min(high, kept + reach))
        return int(self.choices.setdefault(name, int(self.draw.integers(ends[0], ends[1] + 1))))

    def _kept(self, name: str) -> Any:
        return None if self.draw.random() < REDRAWN_SHARE else self.near.get(name)


class Local:
    """Each attack as it is by default, then draws by chance and neighbours of the worst so far."""

    def __init__(self, space: Space, stream: Stream) -> None:
        self.space, self.stream = space, stream
        self.worst: tuple[float, Mapping[str, Any]] = (-math.inf, {})

    def ask(self, number: int) -> Candidate:
        """Likewise."""
        if number < len(self.space.attacks):
            return _asked(self.space, number, Usual(self.space.attacks[number]))
        draw = self.stream.at("candidate", number).numpy()
        near = {} if draw.random() < REDRAWN_SHARE else self.worst[1]
        return _asked(self.space, number, Drawn(draw, near))

    def tell(self, candidate: Candidate, harm: float | None) -> None:
        """Likewise; the first of equals stays."""
        if harm is not None and harm > self.worst[0]:
            self.worst = (harm, candidate.choices)


class Optuna:
    """Optuna's tree-structured Parzen estimator, after each attack as it is by default."""

    def __init__(self, space: Space, stream: Stream) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ValueError("tpe needs Optuna: pip install 'fedsim[search]'; local needs nothing") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.failed = space, optuna.trial.TrialState.FAIL
        self.study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=stream.seed))
        for number, attack in enumerate(space.attacks):
            self.study.enqueue_trial(dict(_asked(space, number, Usual(attack)).choices))

    def ask(self, number: int) -> Candidate:
        """Likewise; trials are counted as candidates are."""
        return _asked(self.space, number, Suggested(self.study.ask()))

    def tell(self, candidate: Candidate, harm: float | None) -> None:
        """Likewise; what is not finite is as bad as it can be."""
        if harm is None:
            self.study.tell(candidate.number, state=self.failed)
        else:
            self.study.tell(candidate.number, min(max(harm, -1e300), 1e300))


@dataclass
class Suggested:
    """What a trial of Optuna suggests."""

    trial: Any
    choices: dict[str, Any] = field(default_factory=dict)

    def one_of(self, name: str, options: Sequence[Any]) -> Any:
        """Likewise."""
        return self.choices.setdefault(name, self.trial.suggest_categorical(name, list(options)))

    def number(self, name: str, low: float, high: float, usual: float) -> float:  # noqa: ARG002 - likewise
        """Likewise."""
        return float(self.choices.setdefault(name, self.trial.suggest_float(name, low, high, log=True)))

    def whole(self, name: str, low: int, high: int) -> int:
        """Likewise."""
        return int(self.choices.setdefault(name, self.trial.suggest_int(name, low, high)))


def sampler_of(name: str, space: Space, stream: Stream) -> Sampler:
    """The sampler of this name; ValueError where there is none or its library is not installed."""
    if name not in SAMPLERS:
        raise ValueError(f"the sampler is {' or '.join(SAMPLERS)}, got {name!r}")
    return Local(space, stream) if name == "local" else Optuna(space, stream)


def _asked(space: Space, number: int, choosing: Choosing) -> Candidate:
    adversary = space.adversary(choosing)
    return Candidate(number, adversary, dict(choosing.choices))  # type: ignore[attr-defined]
