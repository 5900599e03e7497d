"""`fedsim report`: what a folder holds as one page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.text import Text

from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.waiting import Waiting
from fedsim.atomic_files import storing, write_whole
from fedsim.errors import did_you_mean
from fedsim.report.collect import report_of
from fedsim.report.document import Report
from fedsim.report.exports import FIGURES, TABLES, exported
from fedsim.report.page import page_of
from fedsim.runs.inventory import EXPORTS, REPORT

COLUMN = 9
ALL = "all"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for besides the folder."""

    output: Path | None = None
    figures: str | None = None
    tables: str | None = None
    kept_code: bool = False
    as_json: bool = False


def reported(folder: Path, asked: Asked) -> None:
    """Write the page, and what else is asked for, and say where it is and what stands in it."""
    figures = _kinds(asked.figures, FIGURES, "--figures")
    tables = _kinds(asked.tables, tuple(TABLES), "--tables")
    target = asked.output or folder / REPORT
    with Waiting(messages()) as waiting:
        report = report_of(folder, waiting, kept_code=asked.kept_code)
        files = exported(report, figures, tables, waiting)
        data = page_of(report).encode()
        _write(target, data)
        names = [_write(target.parent / EXPORTS / name, content) for name, content in files]
    if asked.as_json:
        show_json(_record(report, target, len(data)) | {"files": names})
    else:
        show(_lines(report, target, len(data), names))


def _kinds(text: str | None, known: Sequence[str], option: str) -> list[str]:
    """The kinds of files that are asked for, each once; typer.BadParameter names one that there is not."""
    asked = [part.strip().lower() for part in (text or "").split(",") if part.strip()]
    for kind in asked:
        if kind not in (*known, ALL):
            hint = did_you_mean(kind, known) or f"; it may be {', '.join(known)} or {ALL}"
            raise typer.BadParameter(f"there are no {kind} files{hint}", param_hint=option)
    return [kind for kind in known if kind in asked or ALL in asked]


def _write(path: Path, data: bytes) -> str:
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    return str(path)


def _record(report: Report, target: Path, size: int) -> dict[str, object]:
    return {
        "page": str(target), "bytes": size, "kind": report.kind, "title": report.title,
        "notices": [notice._asdict() for notice in report.notices],
        "figures": [picture.name for picture in report.pictures], "tables": [table.name for table in report.tables],
    }  # fmt: skip


def _lines(report: Report, target: Path, size: int, files: Sequence[str]) -> list[Text]:
    parts = f"{plural(len(report.pictures), 'figure')}, {plural(len(report.tables), 'table')}"
    lines = [Text.assemble((str(target), "bold"), f"  {report.kind} {report.title}: {parts}, {size / 1000:,.0f} kB")]
    if files:
        lines.append(Text.assemble((str(target.parent / EXPORTS), "bold"), f"  {plural(len(files), 'file')}"))
    for notice in report.notices:
        style = "yellow" if notice.kind == "warning" else "dim"
        lines += labelled(notice.kind, notice.text, width=width(), column=COLUMN, style=style)
    return lines
