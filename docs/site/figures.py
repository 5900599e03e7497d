"""The figures of `fedsim explain NAME --figure`, kept from build to build while the code that they show is the same."""

import hashlib
import io
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import typer
from rich.progress import track

from cli.commands.explain_figure import drawn
from docs.site.guides import HOUSE
from fedsim.errors import FedsimError
from fedsim.registry import Entry

SHOWN = ("aggregators", "preaggregators", "attacks", "kernels", "probe", "report")
"""Folders of fedsim that figures depend on."""
PROCESSES = 2

Places = dict[tuple[str, str], str]
"""Of figures in the sources, by family and name."""


def draw(entries: Iterable[Entry], folder: Path, kept: Path) -> Places:
    """Draw what can be drawn and is not kept, and put all of it among the sources."""
    store = _emptied_of_others(kept, kept / code_digest())
    candidates = {f"{entry.family}.{entry.name}": entry for entry in entries if _may_be_drawn(entry)}
    missing = [name for name in candidates if not any(store.glob(f"{name}.*"))]
    with ProcessPoolExecutor(PROCESSES, initializer=_silence) as pool:
        tasks = [pool.submit(_drawn, name, store) for name in missing]
        for task in track(as_completed(tasks), "figures", len(tasks)) if tasks else ():
            task.result()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name in candidates:
        if (file := store / f"{name}.png").exists():
            shutil.copyfile(file, folder / "figures" / file.name)
    return {
        (entry.family, entry.name): f"/figures/{name}.png"
        for name, entry in candidates.items()
        if (folder / "figures" / f"{name}.png").exists()
    }


def code_digest() -> str:
    """Of everything that a figure shows."""
    digest = hashlib.sha256()
    for name in SHOWN:
        for file in sorted((HOUSE / "fedsim" / name).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _emptied_of_others(kept: Path, store: Path) -> Path:
    """The folder of this code's figures; those of other code are removed."""
    for old in kept.iterdir() if kept.exists() else ():
        if old != store:
            shutil.rmtree(old)
    store.mkdir(parents=True, exist_ok=True)
    return store


def _may_be_drawn(entry: Entry) -> bool:
    return entry.family in ("aggregators", "preaggregators") or entry.traits.get("poisons") == "data"


def _silence() -> None:
    """One bar for all is enough: what a single figure tells of its progress is kept from the terminal."""
    sys.stderr = io.StringIO()


def _drawn(name: str, store: Path) -> None:
    """Draw it, or leave a word that there is nothing to draw."""
    beside = store / f".{name}.png"
    try:
        drawn(name, beside)
        beside.replace(store / f"{name}.png")
    except (FedsimError, typer.BadParameter) as error:
        (store / f"{name}.none").write_text(str(error), encoding="utf-8")
