"""The code that a run is made by: fedsim's own files and every piece of own code, by their digests, in code.json.

The same scenario under other code is another result. A folder is never silently reused, nor thrown away: whoever
meets one that was made by other code is told which files changed. Own code is kept beside the results, to be read;
it is run from there only when somebody asks for it.
"""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedsim.atomic_files import flush_folder, kind_of, read_plain, remove, storing, write_whole
from fedsim.code_files import fedsim_files
from fedsim.plugins.load import Source, plugin_asked_for, plugin_of
from fedsim.plugins.named import is_address
from fedsim.plugins.places import is_installed
from fedsim.registry import Entry
from fedsim.runs.inventory import CODE, PLUGINS
from fedsim.scenario.build import choices, families
from fedsim.scenario.saved_numbers import numbers_file
from fedsim.scenario.sections import Scenario

MOST_BYTES = 2**22
MOST_SHOWN = 3
"""Changed files that a message names."""
UNTOLD = "trackers"
"""The family whose code makes no number: a run is the same under another."""
Digests = Mapping[str, str]


@dataclass(frozen=True)
class Code:
    """What made a run, file by file."""

    fedsim: Digests
    own: Digests = field(default_factory=dict)  # by the name that the folder keeps each under
    asked: Digests = field(default_factory=dict)  # what the scenario calls its own code -> where it was found
    kept: Digests = field(default_factory=dict)  # likewise -> the name that the folder keeps it under
    numbers: Digests = field(default_factory=dict)  # in files that it rests on, by their name
    earlier: tuple[str, ...] = ()  # fingerprints of other code that made earlier rounds

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name all of it."""
        text = json.dumps([dict(self.fedsim), dict(self.own), dict(self.numbers)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def apart(self, other: "Code") -> str:
        """`my_rules.py changed`: what is different in the other, in words; nothing where it is the same."""
        code = [*_changes(self.own, other.own), *_changes(self.fedsim, other.fedsim)]
        numbers = list(_changes(self.numbers, other.numbers))
        kinds = (("made by other code", code), ("made from other numbers", numbers))
        return "; ".join(f"{words}: {_listed(changes)}" for words, changes in kinds if changes)


def present_code(scenario: Scenario) -> Code:
    """The code that would make this scenario's run now."""
    sources, asked = _own_code(scenario)
    named = _names_apart(sources)
    own = {name: source.digest for name, source in named.items()}
    by_file = {str(source.file): name for name, source in named.items()}
    kept = {what: by_file[file] for what, file in asked.items() if file in by_file}
    return Code(fedsim_files(), own, asked, kept, _numbers(scenario))


def own_texts(scenario: Scenario) -> dict[str, bytes]:
    """The text of all own code by the name that a folder keeps it under."""
    return {name: source.text for name, source in _names_apart(_own_code(scenario)[0]).items()}


def own_files(scenario: Scenario) -> dict[str, str]:
    """The digest of each file that a scenario needs besides fedsim and what is installed, by where it lies."""
    files = {str(source.file): source.digest for source in _own_code(scenario)[0] if source.file.is_file()}
    own = {file: digest for file, digest in files.items() if not is_installed(Path(file))}
    given = str(scenario.model.settings.get("weights"))
    return own | {str(numbers_file(Path(given))): digest for digest in _numbers(scenario).values()}


def recorded_code(folder: Path) -> Code | None:
    """The code on record in a results folder, or None where there is no record that can be read."""
    try:
        table = json.loads(read_plain(folder / CODE, MOST_BYTES))
        parts = ("fedsim", "own", "asked", "kept", "numbers")
        fedsim, own, asked, kept, numbers = (_words(table[key]) for key in parts)
        names = [*own, *kept.values()]
        outside = any(Path(name).is_absolute() or ".." in Path(name).parts for name in names)
        return None if outside else Code(fedsim, own, asked, kept, numbers, tuple(map(str, table["earlier"])))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write_code(folder: Path, scenario: Scenario) -> None:
    """Put the present code on record; rounds made by other code before are remembered to have been."""
    code, before = present_code(scenario), recorded_code(folder)
    earlier = () if before is None else before.earlier
    if before is not None and before.fingerprint != code.fingerprint:
        earlier = (*earlier, before.fingerprint)
    for name, text in own_texts(scenario).items():
        with storing(folder / PLUGINS / name):
            (folder / PLUGINS / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / PLUGINS / name, text)
    table = {"fingerprint": code.fingerprint, "own": dict(code.own), "asked": dict(code.asked), "kept": dict(code.kept)}
    table |= {"numbers": dict(code.numbers)}
    table |= {"earlier": list(earlier), "fedsim": dict(code.fedsim)}
    write_whole(folder / CODE, (json.dumps(table, indent=1) + "\n").encode())
    flush_folder(folder)


def clear_code(folder: Path) -> None:
    """Remove the record and the copies that it names, and nothing else."""
    code = recorded_code(folder)
    for name in code.own if code else ():
        path = folder / PLUGINS / name
        if kind_of(path) == "a file":
            remove(path)
    for place in sorted((folder / PLUGINS).rglob("*"), reverse=True) if kind_of(folder / PLUGINS) == "a folder" else ():
        if kind_of(place) == "a folder" and not any(place.iterdir()):
            place.rmdir()
    if kind_of(folder / PLUGINS) == "a folder" and not any((folder / PLUGINS).iterdir()):
        (folder / PLUGINS).rmdir()
    remove(folder / CODE)


def known_places(folder: Path, *, kept: bool = False) -> dict[str, Path]:
    """Where own code of a recorded run is found: where it was, or, if asked for, the copies in the folder."""
    code = recorded_code(folder)
    if code is None:
        return {}
    if kept:
        return {what: folder / PLUGINS / name for what, name in code.kept.items()}
    return {what: Path(file) for what, file in code.asked.items() if file}


def other_code(folder: Path, scenario: Scenario) -> str:
    """`made by other code: …`, or nothing where the record is of the present code or there is none."""
    before = recorded_code(folder)
    return before.apart(present_code(scenario)) if before else ""


def damaged_copies(folder: Path) -> Iterator[str]:
    """Copies of own code that are not what the record says of them."""
    code = recorded_code(folder)
    for name, digest in code.own.items() if code else ():
        try:
            found = _digest(read_plain(folder / PLUGINS / name, MOST_BYTES))
        except OSError:
            found = ""
        if found != digest:
            yield name


def _own_code(scenario: Scenario) -> tuple[list[Source], dict[str, str]]:
    """The sources in order, and where each piece was found by what the scenario calls it."""
    sources: dict[Path, Source] = {}
    asked: dict[str, str] = {}
    for name in scenario.plugins:
        if (plugin := plugin_asked_for(name)) is not None:
            asked[name] = str(plugin.file)
            sources |= {source.file: source for source in plugin.sources}
    for family, choice in choices(scenario):
        if not choice.name or family == UNTOLD:
            continue
        entry = families()[family][choice.name]
        for source in _sources_of(entry):
            sources.setdefault(source.file, source)
        module = choice.name.rpartition(":")[0]
        if is_address(choice.name) and (plugin := plugin_asked_for(module)) is not None:
            asked[module] = str(plugin.file)
    return list(sources.values()), asked


def _sources_of(entry: Entry) -> tuple[Source, ...]:
    if entry.file is None:
        return ()
    plugin = plugin_of(entry.file)
    if plugin is not None:
        return plugin.sources
    module = inspect.unwrap(entry.function).__module__
    if module != "__main__" and entry.file.is_file():
        return (Source(f"{module}.py", entry.file, entry.file.read_bytes()),)
    try:
        text = inspect.getsource(inspect.unwrap(entry.function))
    except (OSError, TypeError):
        text = repr(getattr(inspect.unwrap(entry.function), "__code__", entry.name))
    return (Source(f"{entry.name}.py", Path(f"{entry.file}:{entry.name}"), text.encode()),)


def _names_apart(sources: list[Source]) -> dict[str, Source]:
    """Each source by a name of its own."""
    named: dict[str, Source] = {}
    for source in sources:
        free = source.name not in named
        named[source.name if free else f"{source.name.removesuffix('.py')}-{source.digest[:8]}.py"] = source
    return named


def _numbers(scenario: Scenario) -> dict[str, str]:
    """Digests of the files of numbers that a run rests on: parameters to start from, and who is there when."""
    law, found = scenario.clients.availability, {}
    for given in (scenario.model.settings.get("weights"), law and law.settings.get("file")):
        if isinstance(given, str) and (file := numbers_file(Path(given))).is_file():
            with file.open("rb") as opened:
                found[Path(given).name] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_SHOWN} more" if len(words) > MOST_SHOWN else ""
    return f"{', '.join(words[:MOST_SHOWN])}{more}"


def _changes(before: Digests, now: Digests) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            yield f"{name} {'is new' if name not in before else 'is gone' if name not in now else 'changed'}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _words(table: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in table.items()}
