"""What docs/conformance.md says of an algorithm: which packages agree with it, and the differences of the others."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from docs.site.prose import markdown
from fedsim.registry import Entry

FAMILIES = {"rule": "aggregators", "pre-aggregator": "preaggregators", "attack": "attacks"}
NOBODY = "–"


class Beside(NamedTuple):
    """The table's cells by family, name and package, and its notes by number."""

    cells: Mapping[tuple[str, str], Mapping[str, str]]
    notes: Mapping[str, str]

    def words(self, entry: Entry) -> str:
        """A line for each package that has the same name, or that there is none."""
        if entry.family not in FAMILIES.values():
            return ""
        found = self.cells.get((entry.family, entry.name), {})
        lines = [f"- {package}: {self.verdict(cell)}" for package, cell in found.items() if cell != NOBODY]
        none = "None of the packages that fedsim is compared with defines it."
        return "\n".join([*lines, "", "[How they are compared](/docs/conformance.md)"]) if lines else none

    def verdict(self, cell: str) -> str:
        """Equal up to which share, or the difference."""
        number = cell.removeprefix("note ")
        if number != cell:
            return markdown(self.notes[number])
        return re.sub(r"^equal 0$", "equal to the last bit", cell).replace("equal 1e-", "equal up to 1e-")


def read(file: Path) -> Beside:
    """The page that `make conform` writes."""
    text = file.read_text(encoding="utf-8")
    return Beside(dict(_cells(text)), dict(re.findall(r"^(\d+)\. (.+)$", text, flags=re.MULTILINE)))


def _cells(text: str) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    """The rows of every table."""
    family, packages = "", []
    for line in text.splitlines():
        if not line.startswith("|") or line.startswith("|---"):
            continue
        head, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        if head in FAMILIES:
            family, packages = FAMILIES[head], cells
        else:
            yield (family, head.strip("`")), dict(zip(packages, cells, strict=True))
