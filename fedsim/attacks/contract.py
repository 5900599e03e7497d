"""The contracts of the three kinds of attack.

An update attack forges the rows of its clients after the honest clients have trained:

    @attack("alie")
    def alie(honest, count, *, z: ... = None) -> Array:                     # (h, d) -> (count, d)

One with a past returns Forged(rows, memory) and asks for `memory`.

A data attack poisons the examples of one of its clients, which then trains honestly on them:

    @data_attack("label_flip")
    def label_flip(targets, classes, *, mode: ... = "mirror") -> Integers    # new targets
    def some_trigger(inputs, targets, classes, stream, *, ...) -> tuple[inputs, targets]

With `@data_attack(..., apart=True)` it says that what becomes of an example depends on that example, on its place among
the client's own and on the stream alone, never on which others are asked about with it. Then only the examples that
a round's steps draw are read and poisoned; otherwise the client's whole data are, in every round.

A backdoor names with `@data_attack(..., trigger=shown)` a function of (inputs, targets, settings) that makes of test
examples what the attack is judged by, Triggered(places, inputs, target).

A training attack takes the place of the local algorithm of its clients:

    @training_attack("neurotoxin")
    def neurotoxin(descend, parameters, start, previous, send, *, keep: ... = 0.95) -> None

The first two cannot write to their inputs. An attack that asks for `honest` is called with at least one row of it.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.checked_calls import floats, guarded, memory
from fedsim.errors import NotRegistrable
from fedsim.registry import Registry
from fedsim.signatures import supplied_items
from fedsim.supply import DATA_ATTACKS, TRAINING_ATTACKS, UPDATE_ATTACKS, Table

Function = TypeVar("Function", bound=Callable[..., Any])


class Forged(NamedTuple):
    """The rows that an attack on the updates sends, and what it carries to its next round."""

    updates: Array  # (count, d)
    memory: Mapping[str, Array] | None = None


class Triggered(NamedTuple):
    """What a backdoor is judged by."""

    places: Integers  # (k,) of the examples that the model is asked about
    inputs: NDArray[Any]  # (k, *shape) of these, as the attack shows them
    target: int  # class that the attack wants for them


Trigger = Callable[[NDArray[Any], Integers, Mapping[str, Any]], Triggered]

attacks = Registry("attacks", "attack", "fedsim.attacks", TRAINING_ATTACKS | UPDATE_ATTACKS | DATA_ATTACKS)


def attack(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    breaks: Mapping[str, str] | None = None,
    idle: Callable[[Mapping[str, Any]], bool] = lambda settings: False,  # noqa: ARG005 - one signature for all
) -> Callable[[Function], Function]:
    """Register an attack on the updates.

    `idle` tells the settings under which it asks for `own` for the shape alone, so that its clients need not train.
    """
    return _decorator(name, "updates", UPDATE_ATTACKS, aliases, breaks, idle=idle)


def data_attack(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    breaks: Mapping[str, str] | None = None,
    apart: bool = False,
    kinds: tuple[str, ...] | None = None,
    trigger: Trigger | None = None,
) -> Callable[[Function], Function]:
    """Register an attack on the training data; it returns new targets, or (inputs, targets) if it takes `inputs`.

    `apart` says that each example is treated by itself, so that only the drawn ones need be. `kinds` are the inputs
    that it knows how to change, such as ("images",); None where it leaves them alone or takes any.
    `trigger` makes of test examples what a backdoor is judged by.
    """
    return _decorator(name, "data", DATA_ATTACKS, aliases, breaks, apart=apart, kinds=kinds, trigger=trigger)


def training_attack(
    name: str, *, aliases: tuple[str, ...] = (), breaks: Mapping[str, str] | None = None
) -> Callable[[Function], Function]:
    """Register an attack on the training: what its clients do in the place of the local algorithm."""
    return _decorator(name, "training", TRAINING_ATTACKS, aliases, breaks)


def _decorator(
    name: str,
    poisons: str,
    supplies: Table,
    aliases: tuple[str, ...],
    breaks: Mapping[str, str] | None,
    **traits: Any,
) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        asked = list(inspect.signature(function).parameters)

        @functools.wraps(function)
        def checked(*supplied: Any, **settings: Any) -> Any:
            given = dict(zip(asked, supplied, strict=False)) | settings
            if "honest" in asked and not len(given["honest"]):
                raise ValueError(f"{name} needs at least one honest update to know of: got none")
            answer = function(*map(guarded, supplied), **settings)
            return poisoned(name, answer, given) if poisons == "data" else answer

        foreign = [item for item in supplied_items(function) if item in attacks.supplies and item not in supplies]
        if foreign:
            raise NotRegistrable(f"attack `{name}` poisons {poisons} and cannot ask for {', '.join(foreign)}")
        attacks.register(name, checked, aliases=aliases, breaks=breaks, poisons=poisons, **traits)
        return checked  # type: ignore[return-value]

    return decorate


def _adopt(name: str, function: Callable[..., Any]) -> object:
    """An attack that nobody decorated poisons what it asks for."""
    on_data = (set(supplied_items(function)) - set(UPDATE_ATTACKS)) & set(DATA_ATTACKS)
    return data_attack(name)(function) if on_data else attack(name)(function)


attacks.adopt = _adopt


def poisoned(name: str, answer: Any, given: Mapping[str, Any]) -> Any:
    """What an attack on the data left of the examples, if it is as many of the same kind; the kernels trust it."""
    what, inputs = f"attack `{name}`", given.get("inputs")
    made, targets = answer if isinstance(answer, tuple) and len(answer) == 2 else (None, answer)  # noqa: PLR2004
    wanted = None if (old := given.get("targets")) is None else old.shape
    if not isinstance(targets, np.ndarray) or targets.dtype.kind not in "iu":
        found = targets.dtype if isinstance(targets, np.ndarray) else type(targets).__name__
        raise TypeError(f"{what}: targets must be an array of whole numbers: got {found}")
    if wanted is not None and targets.shape != wanted:
        raise ValueError(f"{what}: targets must have shape {wanted}: got {targets.shape}")
    classes = given.get("classes")
    if targets.size and (targets.min() < 0 or (classes is not None and targets.max() >= classes)):
        most = "" if classes is None else f" to {classes - 1}"
        raise ValueError(f"{what}: targets must be 0{most}: got {targets.min()} to {targets.max()}")
    if made is not None and inputs is not None and getattr(made, "dtype", None) != inputs.dtype:
        raise TypeError(
            f"{what}: inputs must stay an array of {inputs.dtype}: got {getattr(made, 'dtype', type(made))}"
        )
    return answer


def forged_rows(name: str, answer: Any, count: int, size: int) -> Forged:
    """What an attack on the updates made, if it is so many rows of so many coordinates; any number may stand there."""
    forged = answer if isinstance(answer, Forged) else Forged(answer)
    floats(f"attack `{name}`: rows", forged.updates, (count, size))
    memory(f"attack `{name}`: memory", forged.memory)
    return forged
