"""The options of `fedsim bench`, each with its one sentence of help."""

from pathlib import Path
from typing import Annotated

import typer

SECTIONS = ("training", "rounds", "steps", "evaluation", "rules", "around", "start")

Full = Annotated[bool, typer.Option("--full/--quick", help="Every section, size and installed peer; or a minute.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="SECTION", help=f"Only this section, of {', '.join(SECTIONS)}; may be given again."),
]
Write = Annotated[Path | None, typer.Option("--write", metavar="FILE", help="A Markdown file for the tables.")]
