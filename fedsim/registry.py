"""One registry for every family of algorithms; it knows none of them.

Before the star, data; after the star, settings. An algorithm is one plain function: its positional parameters are
what the engine supplies, chosen by name from the family's closed list, and its keyword-only parameters are its
settings in a scenario. The signature is the whole declaration, and the docstring is its page in `fedsim explain`.
"""

import importlib
import inspect
import pkgutil
import re
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from fedsim.errors import UnknownName

if TYPE_CHECKING:
    from fedsim.supply import Table

BYZANTINE = "f"
"""The setting that tells how many rows to take for Byzantine."""
REQUIRED: Any = inspect.Parameter.empty
"""The default of a setting that has none."""

Algorithm = Callable[..., Any]

_loading = threading.RLock()
"""Held while a family is being loaded, by the thread that loads it."""


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


@dataclass(frozen=True)
class Bound:
    """An algorithm with its settings: all that a process needs to call it, even one that never heard its name."""

    name: str
    function: Algorithm
    supplied: tuple[str, ...]  # names of what it is to be given, in order
    settings: Mapping[str, Any]

    def __call__(self, **given: Any) -> Any:
        """Call the function with what it asks for of what is given, and its settings."""
        return self.function(*(given[item] for item in self.supplied), **self.settings)


@dataclass(frozen=True)
class Entry:
    """One algorithm under its name."""

    family: str
    name: str
    function: Algorithm
    aliases: tuple[str, ...] = ()
    needs: str = ""  # what must hold for it to be called, e.g. "n ≥ 2f + 3"
    breaks: Mapping[str, str] = field(default_factory=dict)  # laws it confesses to break -> why
    traits: Mapping[str, Any] = field(default_factory=dict)  # what only its family understands

    @cached_property
    def supplied(self) -> tuple[str, ...]:
        """Names of what the engine supplies, in the order of the signature."""
        return tuple(p.name for p in _parameters(self.function) if p.kind is p.POSITIONAL_OR_KEYWORD)

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The settings by name, in the order of the signature."""
        found = [p for p in _parameters(self.function) if p.kind is p.KEYWORD_ONLY]
        return {p.name: _setting(p, self.function) for p in found}

    def call(self, given: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """Call the function with what it asks for of what is given, and its settings."""
        return self.function(*(given[item] for item in self.supplied), **settings)

    def byzantine(self, settings: Mapping[str, Any]) -> int | None:
        """The rows assumed Byzantine under these settings; None where the algorithm is told no number of them."""
        f = settings.get(BYZANTINE, self.settings[BYZANTINE].default if BYZANTINE in self.settings else None)
        return f if isinstance(f, int) else None

    def with_byzantine(self, settings: Mapping[str, Any], f: int) -> dict[str, Any]:
        """The settings with so many rows assumed Byzantine, where the algorithm is told a number."""
        return {**settings, BYZANTINE: f} if self.byzantine(settings) is not None else dict(settings)

    def lowered(self, settings: Mapping[str, Any], nonfinite: int) -> dict[str, Any]:
        """The settings after so many rows were set aside already: they are no longer among the others."""
        return self.with_byzantine(settings, max((self.byzantine(settings) or 0) - nonfinite, 0))

    def bound(self, settings: Mapping[str, Any]) -> Bound:
        """The algorithm with these settings, to be called anywhere."""
        return Bound(self.name, self.function, self.supplied, settings)

    @cached_property
    def summary(self) -> str:
        """The first line of the docstring, without its full stop."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].rstrip(".")

    @cached_property
    def sections(self) -> Mapping[str, str]:
        """The docstring's sections by title (`Formula`, `Assumes`, `Source`, ...), dedented."""
        text = inspect.getdoc(self.function) or ""
        found = re.findall(r"^([A-Z][a-z]+):\n((?:[ \t]+\S.*\n?|\n)+)", text + "\n", flags=re.MULTILINE)
        return {title: textwrap.dedent(body).strip() for title, body in found}


class Registry:
    """The algorithms of one family, found by importing every module of the family's package once."""

    def __init__(self, family: str, noun: str, package: str, supplies: "Table") -> None:
        self.family = family  # plural, as in `fedsim list <family>`
        self.noun = noun  # singular, as in `unknown rule`
        self.supplies = supplies  # everything that may be asked for
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._loaded = self._being_loaded = False

    def register(
        self,
        name: str,
        function: Algorithm,
        *,
        aliases: tuple[str, ...] = (),
        needs: str = "",
        breaks: Mapping[str, str] | None = None,
        **traits: Any,
    ) -> Entry:
        """Enter a function under a name; a signature the engine cannot serve is an error at import."""
        entry = Entry(self.family, name, function, aliases, needs, breaks or {}, traits)
        for parameter in _parameters(function):
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in self.supplies:
                raise TypeError(
                    f"{self.noun} `{name}` asks for `{parameter.name}`, which the engine does not supply; "
                    f"it supplies {', '.join(self.supplies)} (settings go after the star)"
                )
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                raise TypeError(f"{self.noun} `{name}` takes *{parameter.name}: name every setting instead")
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise TypeError(f"{self.noun} `{name}` hides the name of `{parameter.name}`: leave out the slash")
        for key in (name, *aliases):
            known = self._entries.get(key)
            if known and _address(known.function) != _address(function):
                raise TypeError(f"{self.noun} `{key}` is registered twice: also as {_address(known.function)}")
            self._entries[key] = entry
        return entry

    def __getitem__(self, name: str) -> Entry:
        self._load()
        if name not in self._entries:
            raise UnknownName(self.noun, name, self._entries, f"fedsim list {self.family}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def __iter__(self) -> Iterator[Entry]:
        """Every entry once, by name."""
        self._load()
        return iter(sorted({id(e): e for e in self._entries.values()}.values(), key=lambda entry: entry.name))

    def names(self) -> tuple[str, ...]:
        """Every name, aliases included."""
        self._load()
        return tuple(sorted(self._entries))

    def _load(self) -> None:
        if self._loaded:
            return
        with _loading:  # others wait until the family is whole: known by half it would call the other half unknown
            if self._loaded or self._being_loaded:
                return
            self._being_loaded = True
            try:
                package: ModuleType = importlib.import_module(self._package)
                for module in pkgutil.iter_modules(package.__path__):
                    importlib.import_module(f"{self._package}.{module.name}")
                self._loaded = True
            finally:
                self._being_loaded = False


def registries() -> dict[str, Registry]:
    """Every family by its plural name; imports the contracts, not the algorithms."""
    families = (
        "aggregators",
        "preaggregators",
        "attacks",
        "datasets",
        "partitions",
        "models",
        "optimizers",
        "latencies",
    )
    found: dict[str, Registry] = {}
    for family in families:
        contract = importlib.import_module(f"fedsim.{family}.contract")
        found |= {registry.family: registry for registry in vars(contract).values() if isinstance(registry, Registry)}
    return found


def _parameters(function: Algorithm) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _address(function: Algorithm) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _setting(parameter: inspect.Parameter, function: Algorithm) -> Setting:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        annotation = eval(annotation, inspect.unwrap(function).__globals__)  # noqa: S307 - our own source text
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    meaning = " ".join(extra for extra in extras if isinstance(extra, str))
    return Setting(parameter.name, annotation, parameter.default, meaning)
