"""Where own code is looked for: beside the scenario that names it, or where a recorded run found it."""

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from fedsim.errors import PluginFailed, did_you_mean

MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
INSTALLED = ("site-packages", "dist-packages")


class Places(NamedTuple):
    """A folder, and files that are known already by what was asked for."""

    folder: Path
    known: Mapping[str, Path]


_places: ContextVar[Places | None] = ContextVar("places", default=None)


class Found(NamedTuple):
    """A file of own code, the name that its module is to have, and the folder that its imports begin at."""

    file: Path
    module: str
    root: Path
    by_name: bool  # whether it was named as a module
    is_known: bool = False  # whether a record said where it is


@contextmanager
def beside(folder: Path, known: Mapping[str, Path] | None = None) -> Iterator[None]:
    """Look for own code in this folder; `known` says where some of it was found before."""
    token = _places.set(Places(folder, known or {}))
    try:
        yield
    finally:
        _places.reset(token)


def folder() -> Path:
    """The folder of the scenario that is being read, or else the working folder."""
    places = _places.get()
    return places.folder if places else Path()


def is_file_name(asked: str) -> bool:
    """Whether a file is meant, and not a module."""
    return asked.endswith(".py") or "/" in asked or "\\" in asked


def find(asked: str) -> Found:
    """The file that is meant; PluginFailed where there is none."""
    places = _places.get() or Places(Path(), {})
    if asked in places.known and places.known[asked].is_file():
        return _known(asked, places.known[asked])._replace(is_known=True)
    if is_file_name(asked):
        return _file(asked, places.folder / Path(asked).expanduser())
    if not MODULE.fullmatch(asked) or (places.folder / asked).is_file():
        raise PluginFailed(f"`{asked}` is neither a file, such as my_rules.py, nor a module, such as my_package.rules")
    return _module(asked, places.folder)


def is_installed(file: Path) -> bool:
    """Whether a file belongs to an installed package or to Python, and is nobody's experiment."""
    return any(part in INSTALLED for part in file.parts) or file.is_relative_to(Path(sys.base_prefix, "lib"))


def _known(asked: str, file: Path) -> Found:
    if is_file_name(asked):
        return _file(asked, file)
    depth = asked.count(".") + (file.name == "__init__.py")
    return _module(asked, file.parents[depth])


def _file(asked: str, path: Path) -> Found:
    asked = path.name if Path(asked).is_absolute() else asked
    if path.is_dir():
        raise PluginFailed(f"{asked} is a folder: name a file in it, or the package as my_package.rules")
    if path.suffix != ".py":
        raise PluginFailed(f"{asked} is no file of Python: its name would end in .py")
    if not path.is_file():
        raise PluginFailed(f"{asked} is not there{_nearest(asked, path)} (looked for in {path.parent.resolve()})")
    file = path.resolve()
    return Found(file, _free_name(file), file.parent, by_name=False)


def _nearest(asked: str, path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    lead = asked.removesuffix(path.name)
    return did_you_mean(asked, [f"{lead}{each.name}" for each in path.parent.glob("*.py")]).rstrip("?")


def _free_name(file: Path) -> str:
    """The file's own name where no other module has it: then files beside it can import it too."""
    name = file.stem
    for other in (name, f"{name}_of_{file.parent.name}", f"{name}_{abs(hash(file)):x}"):
        if other in sys.modules:
            if getattr(sys.modules[other], "__file__", None) == str(file):
                return other
        elif _origin(other) in (None, str(file)):
            return other
    return str(file)


def _origin(name: str) -> str | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return (spec.origin or "built in") if spec else None


def _module(asked: str, folder: Path) -> Found:
    on_path(folder)
    try:
        spec = importlib.util.find_spec(asked)
    except ModuleNotFoundError as error:
        if error.name and asked.startswith(error.name):
            raise PluginFailed(_no_module(asked, folder)) from error
        raise
    if spec is None:
        raise PluginFailed(_no_module(asked, folder))
    if spec.origin is None or not spec.origin.endswith(".py"):
        raise PluginFailed(f"module {asked} has no file of Python to read: name a module inside it")
    file = Path(spec.origin).resolve()
    depth = asked.count(".") + (file.name == "__init__.py")
    return Found(file, asked, file.parents[depth], by_name=True)


def _no_module(asked: str, folder: Path) -> str:
    own = [path.stem for path in folder.glob("*.py")] + [path.parent.name for path in folder.glob("*/__init__.py")]
    alike = [name for name in sys.modules if name.partition(".")[0] == asked.partition(".")[0]]
    a_file = f"; the file beside it is named {asked}.py" if (folder / f"{asked}.py").is_file() else ""
    return f"there is no module {asked}{a_file or did_you_mean(asked, [*own, *alike])}"


def on_path(folder: Path) -> None:
    """Let modules of this folder be imported, after all others."""
    if (name := str(folder.resolve())) not in sys.path:
        sys.path.append(name)
        importlib.invalidate_caches()
