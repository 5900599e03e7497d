"""`fedsim conform`: fedsim's rules, pre-aggregators and attacks beside those of the packages that are installed."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from cli.display.consoles import messages, output, show, show_json
from cli.display.formatting import plural
from cli.display.layout import labelled
from cli.display.waiting import Waiting
from fedsim.atomic_files import write_whole
from fedsim.clean_text import one_line
from fedsim.conformance import Finding, Peer, conform, known_peers
from fedsim.errors import UnknownName, did_you_mean
from fedsim.registry import registries
from fedsim.scenario.toml_values import NOTHING

FAMILIES = ("aggregators", "preaggregators", "attacks")
SIGNS = {"equal": "equal", "explained": "note", "unexplained": "DIFFERS"}
STYLES = {"equal": "green", "explained": "yellow", "unexplained": "bold red"}
NAME, CELL = 19, 12
INSTALL = "in a checkout `make conform` installs them in an environment of their own"


def conformed(names: Sequence[str], wanted: Sequence[str], as_json: bool, file: Path | None) -> bool:
    """Compare and show; whether nothing is left unexplained."""
    _refuse(names, file)
    found = _compared(names, _chosen(wanted))
    if names and not found:
        raise typer.BadParameter(f"no package that is installed shares {', '.join(names)}", param_hint="NAMES")
    if as_json:
        show_json([_record(finding) for finding in found])
    else:
        show(lines(found, output().width))
        _tell_missing()
    if file is not None:
        write_whole(file, markdown(found).encode())
        messages().print(f"{one_line(str(file))} written", soft_wrap=True)
    return all(finding.outcome != "unexplained" for finding in found)


def _refuse(names: Sequence[str], file: Path | None) -> None:
    for name in names:
        known = [each for family in FAMILIES for each in registries()[family].names()]
        if name not in known:
            raise UnknownName("rule, pre-aggregator or attack", name, known)
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        what = f"{file} is a folder: name a file" if file.is_dir() else f"there is no folder {file.parent}"
        raise typer.BadParameter(one_line(what), param_hint="--write")


def _chosen(wanted: Sequence[str]) -> list[Peer]:
    """The packages that are asked for, or all that are installed."""
    peers = {peer.name: peer for peer in known_peers()}
    for name in wanted:
        if name not in peers:
            hint = did_you_mean(name, peers) or f"; one of {', '.join(peers)}"
            raise typer.BadParameter(f"unknown package `{one_line(name)}`{hint}", param_hint="--peer")
        if peers[name].version is None:
            raise typer.BadParameter(f"{name} is not installed: pip install {name}", param_hint="--peer")
    chosen = [peers[name] for name in dict.fromkeys(wanted)] or [peer for peer in peers.values() if peer.version]
    if not chosen:
        raise typer.BadParameter(f"none of {', '.join(peers)} is installed; {INSTALL}", param_hint="--peer")
    return chosen


def _compared(names: Sequence[str], peers: Sequence[Peer]) -> list[Finding]:
    from fedsim.execution.arithmetic import repeatable

    found: list[Finding] = []
    with Waiting(messages()) as waiting, repeatable():
        waiting("other packages", 0, 1)  # to import them takes a while
        total = sum(shared.name in names or not names for peer in peers for shared in peer.shared())
        for finding in conform(names, peers):
            found.append(finding)
            waiting(f"{finding.peer}: {finding.name}", len(found), total)
    return sorted(found, key=lambda each: (FAMILIES.index(each.family), each.name))


def _tell_missing() -> None:
    missing = [peer.name for peer in known_peers() if peer.version is None]
    if missing:
        messages().print(f"not installed: {', '.join(missing)}; {INSTALL}", style="dim", soft_wrap=True)


def lines(found: Sequence[Finding], width: int) -> Iterator[Text]:
    """A table of names and packages for each family, the differences below, and the sum."""
    peers, notes = _peers(found), _notes(found)
    for family in FAMILIES:
        members = [finding for finding in found if finding.family == family]
        if members:
            heads = "".join(f"{name:<{CELL}}" for name in peers)
            yield Text(f" {registries()[family].noun:<{NAME}}{heads}".rstrip(), style="bold")
            yield Text(f" {'':<{NAME}}" + "".join(f"{peers[name]:<{CELL}}" for name in peers).rstrip(), style="dim")
        for name in dict.fromkeys(finding.name for finding in members):
            yield _line(name, {each.peer: each for each in members if each.name == name}, peers, notes)
        if members:
            yield Text("")
    for (words, by), number in notes.items():
        text = f"{words}; checked: {by}" if by else words
        yield from labelled(f"{number}", text, width=width, column=3, indent=1)
    if notes:
        yield Text("")
    yield Text(f" {summary(found)}", style="dim")


def summary(found: Sequence[Finding]) -> str:
    """How many of each kind."""
    counts = {kind: sum(finding.outcome == kind for finding in found) for kind in SIGNS}
    return f"{plural(len(found), 'name')} shared · " + " · ".join(f"{count} {kind}" for kind, count in counts.items())


def _line(
    name: str, of_peers: dict[str, Finding], peers: Sequence[str] | dict[str, str], notes: dict[tuple[str, str], int]
) -> Text:
    line = Text(f" {name:<{NAME}}")
    for peer in peers:
        finding = of_peers.get(peer)
        text = cell(finding, notes) if finding else NOTHING
        line.append(f"{text:<{CELL}}", STYLES[finding.outcome] if finding else "dim")
    line.rstrip()
    return line


def cell(finding: Finding, notes: dict[tuple[str, str], int]) -> str:
    """What a package's answer is beside fedsim's."""
    if finding.outcome == "equal":
        return f"equal {bound(finding.gap)}"
    return f"{SIGNS[finding.outcome]} {notes[finding.words, finding.by]}"


def bound(gap: float) -> str:
    """The least power of ten that is no less than a relative difference, or 0."""
    return "0" if gap == 0 else f"1e{math.ceil(math.log10(gap)):d}"


def _peers(found: Sequence[Finding]) -> dict[str, str]:
    return {finding.peer: finding.version for finding in sorted(found, key=lambda each: each.peer)}


def _notes(found: Sequence[Finding]) -> dict[tuple[str, str], int]:
    told = [(finding.words, finding.by) for finding in found if finding.words]
    return {words: number for number, words in enumerate(dict.fromkeys(told), 1)}


def _record(finding: Finding) -> dict[str, Any]:
    return finding._asdict() | {"gap": finding.gap if math.isfinite(finding.gap) else None}


HEAD = """# fedsim beside other packages

    make conform

The same vectors, drawn from an address, go to fedsim and to each package: several numbers of rows (odd and even), of
Byzantine rows and of coordinates, with and without outliers, in 64-bit floats (32-bit for qora-fl). `equal 1e-15`
bounds the greatest difference over the greatest number. A note explains a difference only if the difference shows, and
if the formula or the parameters that the note names give the other package's numbers to the same tolerance (1e-9, for
qora-fl 2e-6); else it is one that `DIFFERS`, and the command ends with exit code 1.
`fedsim conform krum --peer byzfl --json` has the numbers; an adapter is one file in `fedsim/conformance/peers/`.

Not compared: acfa-flower, whose package holds no kernel to compute with; fedlab, fedjax and pfl, which share no rule
but the mean; attacks that only draw noise.
"""


def markdown(found: Sequence[Finding]) -> str:
    """The page `docs/conformance.md`."""
    peers, notes = _peers(found), _notes(found)
    text = [HEAD]
    for family in FAMILIES:
        members = [finding for finding in found if finding.family == family]
        if not members:
            continue
        heads = [f"{name} {version}" for name, version in peers.items()]
        text += [f"| {registries()[family].noun} | {' | '.join(heads)} |", "|---" * (1 + len(peers)) + "|"]
        for name in dict.fromkeys(finding.name for finding in members):
            of_peers = {each.peer: each for each in members if each.name == name}
            cells = [cell(of_peers[peer], notes) if peer in of_peers else NOTHING for peer in peers]
            text.append(f"| `{name}` | {' | '.join(cells)} |")
        text.append("")
    text += [f"{number}. {words}. Checked: {by}." for (words, by), number in notes.items()]
    return "\n".join([*text, "", f"{summary(found)}.", ""])
