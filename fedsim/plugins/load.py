"""Running own code: a file or a module is run once, and anew when it was changed; its sources are remembered."""

import hashlib
import importlib
import importlib.util
import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from fedsim.errors import PluginFailed
from fedsim.plugins.failures import failing
from fedsim.plugins.permission import require
from fedsim.plugins.places import Found, find, is_installed, on_path
from fedsim.plugins.sources import own_sources
from fedsim.registry import Entry, registries


@dataclass(frozen=True)
class Source:
    """A file of own code as it was when it was run."""

    name: str  # that a results folder keeps it under
    file: Path
    text: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of its text."""
        return hashlib.sha256(self.text).hexdigest()


@dataclass(frozen=True)
class Plugin:
    """Own code that was run."""

    asked: str  # as it was named
    module: str
    file: Path
    sources: tuple[Source, ...]  # the file itself and those beside it that it imports

    @property
    def entries(self) -> list[Entry]:
        """What it has registered, in every family."""
        files = {source.file for source in self.sources}
        found = [entry for registry in registries().values() for entry in registry.own().values()]
        return list({id(entry): entry for entry in found if entry.file in files}.values())


_loaded: dict[Path, Plugin] = {}
_asked: dict[str, Path] = {}
"""The file that was last meant by what was asked for."""
_kept: set[Path] = set()
"""Files that a record said were meant."""


def load(asked: str) -> Plugin:
    """Run a file or a module that registers algorithms; PluginFailed says in one message what is wrong with it."""
    plugin = load_module(asked)
    if not plugin.entries:
        raise PluginFailed(
            f'{plugin.file.name} registers no algorithm: decorate one, as with @aggregator("name"), or name what is '
            f'meant in its own place, such as model = "{asked}:Name"'
        )
    return plugin


def load_module(asked: str) -> Plugin:
    """The same for code of which one thing is named, that need not register anything."""
    require(asked)
    with failing(asked, ()):
        found = find(asked)
    before, last = _loaded.get(found.file), plugin_asked_for(asked)
    _asked[asked] = found.file
    if before and all(_text(source.file) == source.text for source in before.sources):
        return before
    sources = _sources(found)
    if same := _same(found.file, sources):
        _asked[asked] = same.file
        return same
    with _whole_or_not_at_all(before):
        for old in (before, last if last and _gives_way(asked, last, found) else None):
            if old:
                forget(old)
        with failing(asked, [source.file for source in sources]):
            _run(found)
    (_kept.add if found.is_known else _kept.discard)(found.file)
    _loaded[found.file] = Plugin(asked, found.module, found.file, sources)
    return _loaded[found.file]


def forget(plugin: Plugin) -> None:
    """Drop what it has registered, and its modules, so that it can be run anew."""
    files = {source.file for source in plugin.sources}
    for registry in registries().values():
        registry.forget(files)
    own = set(map(str, files))
    for name in [name for name, module in sys.modules.items() if getattr(module, "__file__", None) in own]:
        if name != "__main__" and not is_installed(plugin.file):
            del sys.modules[name]
    _loaded.pop(plugin.file, None)


def _gives_way(asked: str, last: Plugin, found: Found) -> bool:
    """Whether what was run under this name makes room: a copy takes the place of its original, and the other way."""
    return last.file != found.file and (found.is_known or Path(asked).is_absolute() or last.file in _kept)


def loaded() -> list[Plugin]:
    """What was run so far."""
    return list(_loaded.values())


def plugin_of(file: Path | None) -> Plugin | None:
    """The own code that a file belongs to."""
    return next((each for each in _loaded.values() if any(s.file == file for s in each.sources)), None)


def plugin_asked_for(asked: str) -> Plugin | None:
    """What was run when this was last asked for."""
    return _loaded.get(_asked.get(asked, Path()))


def own_modules() -> list[ModuleType]:
    """Modules that only this process may know: other processes are sent what is in them."""
    files = {str(source.file) for plugin in _loaded.values() for source in plugin.sources}
    own = {file for file in files if not is_installed(Path(file))}
    return [module for module in list(sys.modules.values()) if getattr(module, "__file__", None) in own]


def _same(file: Path, sources: tuple[Source, ...]) -> Plugin | None:
    """What was run already from a copy of these very files."""
    texts = [(source.name, source.text) for source in sources]
    others = (each for each in _loaded.values() if each.file.name == file.name)
    return next((each for each in others if [(s.name, s.text) for s in each.sources] == texts), None)


def _sources(found: Found) -> tuple[Source, ...]:
    files = own_sources(found.file, found.root)
    named = {file: file.name if not found.by_name else _dotted(file, found.root) for file in files}
    return tuple(Source(named[file], file, _text(file)) for file in files)


def _dotted(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root).parts)


def _text(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _run(found: Found) -> None:
    linecache.checkcache()
    on_path(found.root)
    writing, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # an edit within a second would not be seen
    try:
        if found.by_name:
            importlib.import_module(found.module)
        else:
            _run_file(found)
    finally:
        sys.dont_write_bytecode = writing


def _run_file(found: Found) -> None:
    spec = importlib.util.spec_from_file_location(found.module, found.file)
    if spec is None:
        raise PluginFailed(f"{found.file.name} cannot be read as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[found.module] = module
    spec._initializing = True  # type: ignore[attr-defined]  # so that Python calls a circle of imports one
    try:
        exec(compile(found.file.read_bytes(), str(found.file), "exec"), module.__dict__)  # noqa: S102 - what was asked for
    except BaseException:
        sys.modules.pop(found.module, None)
        raise
    finally:
        spec._initializing = False  # type: ignore[attr-defined]


@contextmanager
def _whole_or_not_at_all(last: Plugin | None) -> Iterator[None]:
    """What fails in the middle has registered nothing, and what it was before stays."""
    before: Mapping[str, Mapping[str, Entry]] = {name: each.own() for name, each in registries().items()}
    try:
        yield
    except BaseException:
        for name, registry in registries().items():
            registry.restore(before[name])
        if last:
            _loaded[last.file] = last
        raise
