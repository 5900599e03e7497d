"""A function or class that was not written for fedsim, as an algorithm: its parameters by name are items or settings.

A parameter that carries the name of a supplied item, or one of its usual names elsewhere, is given it. Every other
that a scenario could give is a setting, its type taken from the annotation or else from the default.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from fedsim.errors import NotRegistrable, did_you_mean

if TYPE_CHECKING:
    from fedsim.registry import Registry

PLAIN = (bool, int, float, str, NoneType)
ANY_SETTING = bool | int | float | str
SLIP_LETTERS = 2
"""By how many a name that is meant for an item is longer or shorter."""
Give = Callable[[Mapping[str, Any]], Any]


def adapted(registry: "Registry", name: str, thing: Callable[..., Any]) -> Callable[..., Any]:
    """The thing with a signature as a family reads it: items before the star, settings after it."""
    what = f"{registry.noun} `{name}`"
    parameters = _parameters(what, thing)
    given: dict[str, tuple[str, Give]] = {}
    settings: list[inspect.Parameter] = []
    for parameter in parameters:
        item = _item(registry, parameter.name)
        if item is not None:
            given[parameter.name] = item
        elif (setting := _setting(registry, what, parameter)) is not None:
            settings.append(setting)
    more = _through_keywords(registry, thing, given)
    asked = [item for item in registry.supplies if item in {each for each, _ in (given | more).values()}]

    @functools.wraps(thing, updated=())
    def called(*items: Any, **chosen: Any) -> Any:
        known = dict(zip(asked, items, strict=False)) | {item: chosen.pop(item) for item in asked if item in chosen}
        own = {parameter: make(known) for parameter, (_, make) in given.items()}
        others = {parameter: make(known) for parameter, (_, make) in more.items()}
        return _call(thing, parameters, own | chosen, others)

    before = [inspect.Parameter(item, inspect.Parameter.POSITIONAL_OR_KEYWORD) for item in asked]
    called.__signature__ = inspect.Signature([*before, *settings])  # type: ignore[attr-defined]
    return called


def _call(
    thing: Callable[..., Any], parameters: list[inspect.Parameter], given: Mapping[str, Any], others: Mapping[str, Any]
) -> Any:
    """Positional-only parameters in order, all others by name; `others` only if the thing does not mind them."""
    ahead = [given[p.name] for p in parameters if p.kind is p.POSITIONAL_ONLY and p.name in given]
    named = {p.name: given[p.name] for p in parameters if p.kind is not p.POSITIONAL_ONLY and p.name in given}
    if not others:
        return thing(*ahead, **named)
    try:
        return thing(*ahead, **named, **others)
    except TypeError as error:
        if not any(f"unexpected keyword argument '{name}'" in str(error) for name in others):
            raise
        return thing(*ahead, **named)


def _parameters(what: str, thing: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        found = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError) as error:
        raise NotRegistrable(f"{what} has no signature that tells what it takes: wrap it in a function") from error
    hints = _hints(thing)
    named = [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [p.replace(annotation=hints.get(p.name, p.annotation)) for p in named]


def _hints(thing: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(
            vars(thing).get("__init__", thing) if isinstance(thing, type) else thing, include_extras=True
        )
    except Exception:  # an annotation may name what is not there when the code runs
        return {}


def _item(registry: "Registry", name: str) -> tuple[str, Give] | None:
    if name in registry.supplies:
        return name, lambda known: known[name]
    if name in registry.synonyms:
        item, make = registry.synonyms[name]
        return item, lambda known: make(known[item])
    return None


def _through_keywords(
    registry: "Registry", thing: Callable[..., Any], given: Mapping[str, tuple[str, Give]]
) -> dict[str, tuple[str, Give]]:
    """What a function that takes any keyword is told besides: torchvision's take the number of classes so."""
    takes_any = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(thing).parameters.values())
    items = {item for item, _ in given.values()}
    wanted = {"num_classes": "classes"}
    return {
        name: found
        for name, item in wanted.items()
        if takes_any and item not in items and (found := _item(registry, name)) is not None
    }


def _setting(registry: "Registry", what: str, parameter: inspect.Parameter) -> inspect.Parameter | None:
    """The parameter as a setting; None where it has a default and no scenario could give another value."""
    kind, default = parameter.annotation, parameter.default
    required = default is parameter.empty
    known = [*registry.supplies, *registry.synonyms]
    may_be_item = required and parameter.kind is not parameter.KEYWORD_ONLY and kind is not str  # no item is a text
    alike = [item for item in known if abs(len(item) - len(parameter.name)) <= SLIP_LETTERS]
    if may_be_item and (near := did_you_mean(parameter.name, alike)):
        raise NotRegistrable(f"{what} asks for `{parameter.name}`, which the engine does not supply{near}")
    if not required and parameter.name in registry.common:
        return None  # a scenario means the engine's own by it
    if kind is parameter.empty or not _is_plain(kind):
        if not required and not isinstance(default, PLAIN):
            return None
        kind = _kind_of(default)
    return parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=kind)


def _kind_of(default: Any) -> Any:
    if isinstance(default, bool | str):
        return type(default)
    return int | float if isinstance(default, int | float) else ANY_SETTING | None if default is None else ANY_SETTING


def _is_plain(annotation: Any) -> bool:
    """Whether TOML can say every value of a type."""
    return all(kind in PLAIN for kind in _members(annotation))


def _members(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin is Literal:
        yield from map(type, get_args(annotation))
    elif origin in (Union, UnionType, list, tuple):
        for member in get_args(annotation):
            if member is not Ellipsis:
                yield from _members(member)
    else:
        yield annotation
