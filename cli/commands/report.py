"""`fedsim report`: what a folder holds as one page."""

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from cli.display.consoles import messages, show, show_json, width
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.waiting import Waiting
from fedsim.atomic_files import storing, write_whole
from fedsim.report.collect import report_of
from fedsim.report.document import Report
from fedsim.report.page import page_of
from fedsim.runs.inventory import REPORT

COLUMN = 9


@dataclass(frozen=True)
class Asked:
    """What the command line asks for besides the folder."""

    output: Path | None = None
    as_json: bool = False


def reported(folder: Path, asked: Asked) -> None:
    """Write the page and say where it is and what stands in it."""
    with Waiting(messages()) as waiting:
        report = report_of(folder, waiting)
    data = page_of(report).encode()
    target = asked.output or folder / REPORT
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, data)
    if asked.as_json:
        show_json(_record(report, target, len(data)))
    else:
        show(_lines(report, target, len(data)))


def _record(report: Report, target: Path, size: int) -> dict[str, object]:
    return {
        "page": str(target), "bytes": size, "kind": report.kind, "title": report.title,
        "notices": [notice._asdict() for notice in report.notices],
        "figures": [picture.name for picture in report.pictures], "tables": [table.name for table in report.tables],
    }  # fmt: skip


def _lines(report: Report, target: Path, size: int) -> list[Text]:
    parts = f"{plural(len(report.pictures), 'figure')}, {plural(len(report.tables), 'table')}"
    lines = [Text.assemble((str(target), "bold"), f"  {report.kind} {report.title}: {parts}, {size / 1000:,.0f} kB")]
    for notice in report.notices:
        style = "yellow" if notice.kind == "warning" else "dim"
        lines += labelled(notice.kind, notice.text, width=width(), column=COLUMN, style=style)
    return lines
