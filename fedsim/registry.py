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
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fedsim.errors import NotRegistrable, UnknownName
from fedsim.signatures import (
    REQUIRED,
    Algorithm,
    Setting,
    check_signature,
    declared_settings,
    is_of_the_house,
    is_replaced_by,
    source_file,
    supplied_items,
    whereabouts,
)

if TYPE_CHECKING:
    from fedsim.supply import Synonyms, Table

__all__ = ["BYZANTINE", "REQUIRED", "Algorithm", "Bound", "Entry", "Registry", "Setting", "registries"]

BYZANTINE = "f"
"""The setting that tells how many rows to take for Byzantine."""
AUTO = "auto"
"""Its value where a scenario leaves the number to be found from who attacks and who is sampled."""

_loading = threading.RLock()
"""Held while a family is being loaded, by the thread that loads it."""


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
    common: Mapping[str, Setting] = field(default_factory=dict)  # settings that its whole family has

    @cached_property
    def supplied(self) -> tuple[str, ...]:
        """Names of what the engine supplies, in the order of the signature."""
        return supplied_items(self.function)

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """The settings by name, in the order of the signature."""
        return {**self._declared, **{name: each for name, each in self.common.items() if name not in self._declared}}

    @cached_property
    def _declared(self) -> Mapping[str, Setting]:
        return declared_settings(self.function)

    @cached_property
    def file(self) -> Path | None:
        """Where it is written if it is somebody's own; None for what comes with fedsim."""
        return None if is_of_the_house(self.function) else source_file(self.function)

    def call(self, given: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        """Call the function with what it asks for of what is given, and its settings."""
        return self.bound(settings)(**given)

    def byzantine(self, settings: Mapping[str, Any]) -> int | None:
        """The rows assumed Byzantine under these settings; None where the algorithm is told no number of them."""
        f = settings.get(BYZANTINE, self.settings[BYZANTINE].default if BYZANTINE in self.settings else None)
        return f if isinstance(f, int) else None

    def with_byzantine(self, settings: Mapping[str, Any], f: int) -> dict[str, Any]:
        """The settings with so many rows assumed Byzantine, where the algorithm is told a number."""
        told = self.byzantine(settings) is not None or settings.get(BYZANTINE) == AUTO
        return {**settings, BYZANTINE: f} if told else dict(settings)

    def lowered(self, settings: Mapping[str, Any], nonfinite: int) -> dict[str, Any]:
        """The settings after so many rows were set aside already: they are no longer among the others."""
        return self.with_byzantine(settings, max((self.byzantine(settings) or 0) - nonfinite, 0))

    def bound(self, settings: Mapping[str, Any]) -> Bound:
        """The algorithm with these settings, to be called anywhere."""
        own = {name: value for name, value in settings.items() if name not in self.common or name in self._declared}
        return Bound(self.name, self.function, self.supplied, own)

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

    def __init__(
        self, family: str, noun: str, package: str, supplies: "Table", synonyms: "Synonyms | None" = None
    ) -> None:
        self.family = family  # plural, as in `fedsim list <family>`
        self.noun = noun  # singular, as in `unknown rule`
        self.supplies = supplies  # everything that may be asked for
        self.synonyms = synonyms or {}  # what others call the same things, and how they want them
        self.adopt: Callable[[str, Algorithm], object] = self.register  # enters what nobody decorated
        self.common: Mapping[str, Setting] = {}  # settings of every algorithm, which the engine itself obeys
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
        if not is_of_the_house(function):
            self._load()  # so that a name that fedsim has is known to be taken
        entry = Entry(self.family, name, function, aliases, needs, breaks or {}, traits, self.common)
        check_signature(f"{self.noun} `{name}`", function, self.supplies)
        for key in (name, *aliases):
            known = self._entries.get(key)
            if known and not is_replaced_by(known.function, function):
                raise NotRegistrable(f"{self.noun} `{key}` is registered twice: also as {whereabouts(known.function)}")
        self._forget(lambda key, known: key in known.aliases and known.name == name)
        self._entries |= dict.fromkeys((name, *aliases), entry)
        return entry

    def alias(self, name: str, entry: Entry) -> Entry:
        """Let an entry be found under another name too."""
        self._entries[name] = entry
        return entry

    def forget(self, files: Collection[Path]) -> None:
        """Drop what is written in these files."""
        self._forget(lambda _, entry: entry.file in files)

    def own(self) -> dict[str, Entry]:
        """What did not come with fedsim, by every name."""
        return {name: entry for name, entry in self._entries.items() if not is_of_the_house(entry.function)}

    def restore(self, own: Mapping[str, Entry]) -> None:
        """Make these all that did not come with fedsim."""
        self._forget(lambda _, entry: not is_of_the_house(entry.function))
        self._entries |= own

    def __getitem__(self, name: str) -> Entry:
        self._load()
        if name not in self._entries:
            from fedsim.plugins.installed import load_installed, not_loaded
            from fedsim.plugins.named import is_address, named

            if is_address(name):
                return named(self, name)
            load_installed()
            if name not in self._entries:
                hint = "; ".join([f"fedsim list {self.family}", *not_loaded()])
                raise UnknownName(self.noun, name, self._entries, hint)
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[Entry]:
        """Every entry once, by name."""
        self.names()
        return iter(sorted({id(e): e for e in self._entries.values()}.values(), key=lambda entry: entry.name))

    def names(self) -> tuple[str, ...]:
        """Every name, aliases included."""
        from fedsim.plugins.installed import load_installed

        self._load()
        load_installed()
        return tuple(sorted(self._entries))

    def _forget(self, unwanted: Callable[[str, Entry], bool]) -> None:
        for key in [key for key, entry in self._entries.items() if unwanted(key, entry)]:
            del self._entries[key]

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
        *("aggregators", "preaggregators", "attacks", "datasets", "partitions", "models", "local_algorithms"),
        *("optimizers", "server_optimizers", "schedules", "latencies", "workloads", "availabilities"),
        *("metrics", "trackers"),
    )
    found: dict[str, Registry] = {}
    for family in families:
        contract = importlib.import_module(f"fedsim.{family}.contract")
        found |= {registry.family: registry for registry in vars(contract).values() if isinstance(registry, Registry)}
    return found
