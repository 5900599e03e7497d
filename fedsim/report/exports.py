"""The figures and tables of a report as files of their own."""

from collections.abc import Iterator, Sequence

from fedsim.array_types import Progress, silent
from fedsim.report.document import Report
from fedsim.report.figure_files import FIGURES, figure_file
from fedsim.report.table_files import TABLES, check_tables

__all__ = ["FIGURES", "TABLES", "exported"]


def exported(
    report: Report, figures: Sequence[str], tables: Sequence[str], progress: Progress = silent
) -> Iterator[tuple[str, bytes]]:
    """The name and the content of every file, in the order of the report; DataUnavailable before the first."""
    check_tables(tables)
    return _files(report, figures, tables, progress)


def _files(
    report: Report, figures: Sequence[str], tables: Sequence[str], progress: Progress
) -> Iterator[tuple[str, bytes]]:
    total, done = len(report.pictures) * len(figures) + len(report.tables) * len(tables), 0
    for picture in report.pictures:
        for kind in figures:
            progress("drawing figures", done, total)
            yield f"{picture.name}.{kind}", figure_file(picture, kind)
            done += 1
    for table in report.tables:
        for kind in tables:
            progress("writing tables", done, total)
            suffix, write = TABLES[kind]
            yield f"{table.name}.{suffix}", write(table)
            done += 1
