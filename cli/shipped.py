"""The scenarios that come with fedsim, by file and by plain name."""

from pathlib import Path

ROOMS = (Path(__file__).parent / "scenarios", Path(__file__).parents[1] / "scenarios")
"""Inside an installed package, or beside it in a working copy."""


def shipped_folder() -> Path:
    """Where the shipped scenarios lie; a folder `scenarios` in the working directory goes before."""
    here = Path("scenarios")
    return here if here.is_dir() else next((room for room in ROOMS if room.is_dir()), here)


def shipped_scenarios() -> list[Path]:
    """Every shipped scenario, by name."""
    return sorted(shipped_folder().glob("*.toml"))


def find_scenario(given: str | Path) -> Path:
    """The file that is meant: a path, or the plain name of a shipped scenario."""
    path = Path(given)
    named = shipped_folder() / f"{given}.toml"
    return named if not path.exists() and path.suffix == "" and named.is_file() else path


def question(path: Path) -> str:
    """What a scenario asks: its first comment line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return first.lstrip("#").strip() if first.startswith("#") else ""
