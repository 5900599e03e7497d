"""Write Sphinx's sources: python -m docs.site FOLDER [--no-figures]."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from docs.site import algorithms, beside, commands, figures, guides, keys
from fedsim.registry import registries

KEPT = "docs-figures"
"""Beside the folder of the sources: figures that need not be drawn anew."""


def main(
    folder: Annotated[Path, typer.Argument(help="What is in it is replaced.")],
    with_figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Drawing takes minutes once.")] = True,
) -> None:
    """Write the pages of everything that is registered, beside the hand-written ones."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    guides.copy_guides(folder)
    entries = [entry for registry in registries().values() for entry in registry]
    write_pages(folder, figures.draw(entries, folder, folder.parent / KEPT) if with_figures else {})


def write_pages(folder: Path, drawn: figures.Places) -> None:
    """The pages that are made from the registry, the commands and the keys."""
    compared = beside.read(guides.HOUSE / "docs" / "conformance.md")
    for family, registry in registries().items():
        _write(folder / "reference" / family / "index.md", algorithms.family(registry))
        for entry in registry:
            text = algorithms.page(entry, registry, compared, drawn.get((family, entry.name)))
            _write(algorithms.place(folder, entry), text)
    _write(folder / "command-line.md", commands.page())
    _write(folder / "scenario-file.md", keys.page())
    _write(folder / "index.md", guides.start(registries(), algorithms.HEADINGS))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
