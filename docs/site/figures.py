"""The figures of `fedsim explain NAME --figure`, kept from build to build while the code that they show is the same."""

import hashlib
import inspect
import io
import shutil
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import typer
from rich.progress import track

from cli.commands.explain_figure import drawn
from docs.site.guides import HOUSE
from fedsim.errors import FedsimError
from fedsim.registry import Entry

SHARED = ("probe/*.py", "report/plane_figure.py", "report/trigger_figure.py", "report/figures.py", "kernels/**/*.py")
"""Files of fedsim that every figure depends on; beside them, that of the algorithm and its family's inner ones."""
PROCESSES = 2

Places = dict[tuple[str, str], str]
"""Of figures in the sources, by family and name."""


def draw(entries: Iterable[Entry], folder: Path, kept: Path) -> Places:
    """Draw what can be drawn and is not kept, and put all of it among the sources."""
    kept.mkdir(parents=True, exist_ok=True)
    wanted = {f"{each.family}.{each.name}": kept / file_name(each) for each in entries if _may_be_drawn(each)}
    for old in set(kept.iterdir()) - {file.with_suffix(end) for file in wanted.values() for end in (".png", ".none")}:
        old.unlink()
    missing = {name: file for name, file in wanted.items() if not any(kept.glob(f"{file.stem}.*"))}
    with ProcessPoolExecutor(PROCESSES, initializer=_silence) as pool:
        tasks = [pool.submit(_drawn, name, file) for name, file in missing.items()]
        for task in track(as_completed(tasks), "figures", len(tasks)) if tasks else ():
            task.result()
    return dict(_copied(wanted, folder))


def file_name(entry: Entry) -> str:
    """Named after the entry and the digest of everything that its figure shows."""
    own = Path(inspect.getfile(inspect.unwrap(entry.function)))
    shared = [file for pattern in SHARED for file in (HOUSE / "fedsim").glob(pattern)]
    digest = hashlib.sha256()
    for file in sorted({own, *own.parent.glob("_*.py"), *shared}):
        digest.update(file.read_bytes())
    return f"{entry.family}.{entry.name}-{digest.hexdigest()[:16]}.png"


def _copied(wanted: dict[str, Path], folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, file in wanted.items():
        if file.exists():
            shutil.copyfile(file, folder / "figures" / f"{name}.png")
            family, _, own = name.partition(".")
            yield (family, own), f"/figures/{name}.png"


def _may_be_drawn(entry: Entry) -> bool:
    return entry.family in ("aggregators", "preaggregators") or entry.traits.get("poisons") == "data"


def _silence() -> None:
    """One bar for all is enough: what a single figure tells of its progress is kept from the terminal."""
    sys.stderr = io.StringIO()


def _drawn(name: str, file: Path) -> None:
    """Draw it, or leave a word that there is nothing to draw."""
    beside = file.with_name(f".{name}.png")
    try:
        drawn(name, beside)
        beside.replace(file)
    except (FedsimError, typer.BadParameter) as error:
        file.with_suffix(".none").write_text(str(error), encoding="utf-8")
