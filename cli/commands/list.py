"""`fedsim list`: what there is to choose from."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from cli.display.formatting import plural
from cli.display.layout import labelled, wrapped
from fedsim.errors import UnknownName
from fedsim.metrics.contract import reading
from fedsim.plugins.installed import not_loaded
from fedsim.registry import Entry, Registry, registries
from fedsim.scenario.shipped import question, shipped_scenarios
from fedsim.scenario.toml_values import toml

NAME = 18
"""Width of the column of names."""
NEEDS = 14
"""Width of the column of conditions."""


def overview(width: int) -> Iterator[Text]:
    """Every family with how many it holds and which."""
    for family, registry in registries().items():
        names = [entry.name for entry in registry]
        yield from _family(family, names, width)
    yield from _family("scenarios", [path.stem for path in shipped_scenarios()], width)
    for words in not_loaded():
        yield from labelled("note", words, width=width, column=NAME, indent=1, style="yellow")
    yield Text(" fedsim list FAMILY · fedsim explain NAME", style="dim")


def listing(registry: Registry, width: int) -> Iterator[Text]:
    """One family: what each does, what it needs, its settings and where it comes from."""
    entries = list(registry)
    column = max([NAME, *(len(entry.name) + 1 for entry in entries)])
    room = width - column - 3 - (NEEDS if any(map(condition, entries)) else 0)
    for entry in entries:
        yield from _entry(entry, width, column, room)
    yield Text(f" {len(entries)} {registry.family} · fedsim explain NAME", style="dim")


def scenario_listing(width: int) -> Iterator[Text]:
    """The shipped scenarios and what they ask."""
    files = shipped_scenarios()
    column = max((len(path.stem) + 2 for path in files), default=NAME)
    for path in files:
        yield from labelled(path.stem, question(path), width=width, column=column, indent=1, style="bold")
    yield Text(f" {plural(len(files), 'scenario')} · fedsim run NAME", style="dim")


def records(family: str | None) -> Any:
    """What `fedsim list --json` prints: one family's entries, or every family's names."""
    if family == "scenarios":
        return [{"name": path.stem, "file": str(path), "question": question(path)} for path in shipped_scenarios()]
    if family is not None:
        return [entry_record(entry) for entry in family_named(family)]
    names = {registry.family: [entry.name for entry in registry] for registry in registries().values()}
    return names | {"scenarios": [path.stem for path in shipped_scenarios()]}


def family_named(name: str) -> Registry:
    """The registry of a family; `rules`, `attack` and the like are understood."""
    found = registries()
    for registry in found.values():
        if name in {registry.family, registry.noun, f"{registry.noun}s", registry.family.removesuffix("s")}:
            return registry
    raise UnknownName("family", name, [*found, "scenarios"], f"one of {', '.join([*found, 'scenarios'])}")


def entry_record(entry: Entry) -> dict[str, Any]:
    """An algorithm as plain JSON."""
    from fedsim.scenario.json_schema import setting_schemas

    return {
        "family": entry.family,
        "name": entry.name,
        "aliases": list(entry.aliases),
        "summary": entry.summary,
        "needs": condition(entry),
        "supplied": list(entry.supplied),
        "settings": setting_schemas(entry),
        "required": [setting.name for setting in entry.settings.values() if setting.required],
        "breaks": dict(entry.breaks),
        "file": shown_file(entry),
        "sections": dict(entry.sections),
        **(reading(entry).as_record() if entry.family == "metrics" else {}),
    }


def shown_file(entry: Entry) -> str:
    """The file of somebody's own algorithm, from here where it lies below; empty for what comes with fedsim."""
    if entry.file is None:
        return ""
    here = Path.cwd()
    return str(entry.file.relative_to(here) if entry.file.is_relative_to(here) else entry.file)


def condition(entry: Entry) -> str:
    """What must hold of the number of rows, where anything must."""
    return "" if entry.needs == "n ≥ 1" else entry.needs


def how_read(entry: Entry) -> str:
    """Which way a score is better and between which numbers it lies; nothing of other families."""
    if entry.family != "metrics":
        return ""
    found = reading(entry)
    limits = f"from {found.least:g} to {found.most:g}" if math.isfinite(found.most) else f"{found.least:g} or more"
    limits = limits if math.isfinite(found.least) else "any number"
    return f"a {found.form}, {limits}; {'more' if found.better == 'up' else 'less'} is better"


def source(entry: Entry) -> str:
    """The first author and the year of the first source: `Blanchard 2017`."""
    found = re.match(
        r"(?P<author>(?:(?:El|van|von|de) )?[A-ZÀ-ÖØ-Þ][\w'’-]+)(?:,| et al| and |\.).*?(?P<year>\b(?:19|20)\d\d)\b",
        " ".join(entry.sections.get("Source", "").split()),
    )
    return f"{found['author']} {found['year']}" if found else ""


def _family(family: str, names: list[str], width: int) -> Iterator[Text]:
    yield from labelled(
        f"{family:<{NAME - 4}}{len(names):>3} ", ", ".join(names), width=width, column=NAME, indent=1, style="bold"
    )


def _entry(entry: Entry, width: int, column: int, room: int) -> Iterator[Text]:
    """The name, what it does and what it needs; below, its settings and where it comes from."""
    needs = condition(entry)
    head, *others = wrapped(entry.summary, room)
    beside = f"{head:<{room}}  {needs}" if needs else head
    yield Text.assemble(" ", (f"{entry.name:<{column - 1}} ", "bold"), beside)
    yield from (Text(f" {'':{column}}{line}") for line in others)
    for line in wrapped(" · ".join(_details(entry)), width - column - 1):
        yield Text(f" {'':{column}}{line}", style="dim")


def _details(entry: Entry) -> list[str]:
    settings = ", ".join(
        setting.name if setting.required or setting.default is None else f"{setting.name} = {toml(setting.default)}"
        for setting in entry.settings.values()
    )
    also = f"also {', '.join(entry.aliases)}" if entry.aliases else ""
    own = f"from {shown_file(entry)}" if entry.file else ""
    return [part for part in (settings or "no settings", how_read(entry), also, source(entry), own) if part]
