"""The scenarios and studies that come with fedsim, by file and by plain name."""

from importlib.resources import files
from pathlib import Path

from fedsim.errors import did_you_mean


def shipped_folder(kind: str = "scenarios") -> Path:
    """Where the shipped scenarios or studies lie; a folder of that name in the working directory goes before."""
    here, package = Path(kind), Path(str(files("fedsim")))
    folders = (package / kind, package.parent / kind)  # inside an installed package, or beside it
    return here if here.is_dir() else next((folder for folder in folders if folder.is_dir()), here)


def shipped_studies() -> list[Path]:
    """Every shipped study, by name."""
    return sorted(shipped_folder("studies").glob("*.toml"))


def shipped_scenarios() -> list[Path]:
    """Every shipped scenario, by name."""
    return sorted(shipped_folder().glob("*.toml"))


def find_scenario(given: str | Path) -> Path:
    """The file that is meant: a path, or the plain name of a shipped scenario."""
    path = Path(given)
    named = shipped_folder() / f"{given}.toml"
    return named if _is_plain(path) and not _is_file(path) and _is_file(named) else path


def find_study(given: str | Path) -> Path:
    """The same for studies."""
    path = Path(given)
    named = shipped_folder("studies") / f"{given}.toml"
    return named if _is_plain(path) and not _is_file(path) and _is_file(named) else path


def nearest_scenario(path: Path) -> str:
    """`; did you mean ...?` with a scenario of the same folder, or with a shipped one where a plain name was given."""
    try:
        beside = [str(each) for each in path.parent.glob("*.toml")]
    except (OSError, ValueError):
        beside = []
    named = [each.stem for each in shipped_scenarios()] if _is_plain(path) else []
    return did_you_mean(str(path), [*beside, *named])


def question(path: Path) -> str:
    """What a scenario asks: its first comment line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return first.lstrip("#").strip() if first.startswith("#") else ""


def _is_plain(path: Path) -> bool:
    return path.name == str(path) and path.suffix == ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no system takes is no file
        return False
