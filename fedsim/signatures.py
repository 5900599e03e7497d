"""What a signature declares: what an algorithm asks for, what a scenario may set, and where it is written."""

import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from fedsim.errors import NotRegistrable, did_you_mean

REQUIRED: Any = inspect.Parameter.empty
"""The default of a setting that has none."""
HOUSE = Path(__file__).parent
"""Where fedsim's own algorithms are written."""

Algorithm = Callable[..., Any]


@dataclass(frozen=True)
class Setting:
    """A keyword-only parameter: what a scenario may say about an algorithm."""

    name: str
    annotation: Any  # the type with its constraints, as pydantic reads it
    default: Any  # REQUIRED when a scenario must give it
    meaning: str  # the sentence in the annotation: Annotated[float, Gt(0), "the sentence"]

    @property
    def required(self) -> bool:
        """Whether a scenario must give it."""
        return self.default is REQUIRED


def supplied_items(function: Algorithm) -> tuple[str, ...]:
    """Names of what the engine supplies, in the order of the signature."""
    return tuple(p.name for p in _parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD)


def declared_settings(function: Algorithm) -> Mapping[str, Setting]:
    """The settings by name, in the order of the signature."""
    return {p.name: _setting(p, function) for p in _parameters(function) if p.kind is p.KEYWORD_ONLY}


def check_signature(what: str, function: Algorithm, supplies: Collection[str]) -> None:
    """NotRegistrable where the engine cannot serve the signature, or a setting does not say its type."""
    for parameter in _parameters(function):
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in supplies:
            nearest = did_you_mean(parameter.name, supplies)
            raise NotRegistrable(
                f"{what} asks for `{parameter.name}`, which the engine does not supply"
                f"{f'{nearest} It' if nearest else '; it'} supplies {', '.join(supplies)} (settings go after the star)"
            )
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            raise NotRegistrable(f"{what} takes *{parameter.name}: name every setting instead")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise NotRegistrable(f"{what} hides the name of `{parameter.name}`: leave out the slash")
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation is parameter.empty:
            raise NotRegistrable(
                f"{what} does not say the type of its setting `{parameter.name}`: "
                f'write {parameter.name}: Annotated[float, "what it means"], or int, str, bool'
            )
    try:
        declared_settings(function)
    except Exception as error:
        raise NotRegistrable(f"{what}: the type of a setting cannot be read: {error}") from error


def address(function: Algorithm) -> str:
    """The module and the name in it."""
    return f"{function.__module__}.{function.__qualname__}"


def source_file(function: Algorithm) -> Path | None:
    """The file that the function or class is written in; of a notebook's cell a name that no file has."""
    written = inspect.unwrap(function)
    code = getattr(written, "__code__", None)
    module = sys.modules.get(getattr(written, "__module__", ""))
    name = code.co_filename if code is not None else getattr(module, "__file__", None)
    if name is None or name.startswith("<"):
        return Path(name) if name else None
    return Path(name).resolve()


def is_of_the_house(function: Algorithm) -> bool:
    """Whether it comes with fedsim."""
    module = str(getattr(inspect.unwrap(function), "__module__", ""))
    return module.partition(".")[0] == HOUSE.name


def is_replaced_by(known: Algorithm, function: Algorithm) -> bool:
    """Whether a function takes the other's place: the same one written anew, or a cell of a notebook run again."""
    if is_of_the_house(known) != is_of_the_house(function):
        return False
    there, here = source_file(known), source_file(function)
    if known.__module__ == function.__module__ == "__main__" and there != here:
        return True  # every text of a cell has a file name of its own
    return there == here and known.__qualname__ == function.__qualname__


def whereabouts(function: Algorithm) -> str:
    """The address of a function that stands in another's way."""
    if is_of_the_house(function):
        return f"{address(function)}, which comes with fedsim; choose another name"
    code = getattr(inspect.unwrap(function), "__code__", None)
    line = f", line {code.co_firstlineno}" if code else ""
    return f"{address(function)} in {source_file(function)}{line}"


def _parameters(function: Algorithm) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _setting(parameter: inspect.Parameter, function: Algorithm) -> Setting:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        annotation = eval(annotation, inspect.unwrap(function).__globals__)  # noqa: S307 - the algorithm's own text
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    meaning = " ".join(extra for extra in extras if isinstance(extra, str))
    return Setting(parameter.name, annotation, parameter.default, meaning)
