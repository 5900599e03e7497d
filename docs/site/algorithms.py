"""The page of an algorithm, from its docstring and its signature: what `fedsim explain` shows, set as mathematics."""

from collections.abc import Iterator
from pathlib import Path

from cli.commands.explain import TITLES, example, supplied_words
from cli.commands.list import condition, how_read
from cli.display.formatting import kind
from docs.site.beside import Beside
from docs.site.prose import formula, markdown, plain
from fedsim.registry import Entry, Registry
from fedsim.scenario.json_schema import setting_schemas
from fedsim.scenario.toml_values import toml

HEADINGS = {
    "aggregators": "Rules",
    "preaggregators": "Pre-aggregators",
    "attacks": "Attacks",
    "partitions": "Partitions",
    "datasets": "Data sets",
    "models": "Models",
    "local_algorithms": "Local algorithms",
    "optimizers": "Optimizers",
    "server_optimizers": "Server optimizers",
    "schedules": "Schedules",
    "latencies": "Latencies",
    "workloads": "Workloads",
    "availabilities": "Availabilities",
    "metrics": "Metrics",
    "trackers": "Trackers",
}
TIMES = "benchmarks/RESULTS.md"
"""Where the rules' times stand."""


def page(entry: Entry, registry: Registry, beside: Beside, figure: str | None) -> str:
    """All that there is to say of an algorithm."""
    also = f" · also {', '.join(f'`{name}`' for name in entry.aliases)}" if entry.aliases else ""
    parts = [f"# {entry.name}", f"{{.kind}}\n{registry.noun}{also}", markdown(f"{entry.summary}.")]
    parts += _told(entry, ("Formula",), figure)
    parts += _told(entry, ("Assumes", "Breakdown", "Cost"), None)
    parts += _section("Needs", markdown(condition(entry)))
    parts += _section("Is read", markdown(how_read(entry)))
    parts += _section("Settings", "\n\n".join(_settings(entry)))
    parts += _section("Is given", _listed(supplied_words(entry, registry)))
    broken = "\n".join(f"{law}: {why}" for law, why in entry.breaks.items())
    parts += _section("Does not keep", _listed(broken))
    parts += _told(entry, ("Differs",), None)
    parts += _section("Beside other packages", beside.words(entry))
    parts += _told(entry, ("Source", "Example"), None)
    parts += _section("In a scenario", _fenced("toml", example(entry)))
    return "\n\n".join(parts) + "\n"


def family(registry: Registry) -> str:
    """The page of a family: what each does."""
    heading = HEADINGS[registry.family]
    rows = [f"- [`{entry.name}`]({entry.name}.md): {markdown(entry.summary)}" for entry in registry]
    tree = "\n".join(entry.name for entry in registry)
    times = (
        f"\n\n[What they cost](/{TIMES}) beside plain numpy and other packages." if _is_timed(registry.family) else ""
    )
    hidden = f"```{{toctree}}\n:hidden:\n\n{tree}\n```"
    return f"# {heading}\n\n{len(rows)} of them.{times}\n\n" + "\n".join(rows) + f"\n\n{hidden}\n"


def _is_timed(family: str) -> bool:
    return family in ("aggregators", "preaggregators")


def _told(entry: Entry, titles: tuple[str, ...], figure: str | None) -> Iterator[str]:
    """Sections of the docstring, and a figure after them."""
    for title in titles:
        if text := entry.sections.get(title, ""):
            yield from _section(TITLES.get(title, title), _set(title, text))
        if title == "Cost" and text and _is_timed(entry.family):
            yield f"[Times of rules](/{TIMES}), measured."
    if figure:
        yield f"![{_drawn(entry)}]({figure})"


def _set(title: str, text: str) -> str:
    if title == "Formula":
        return f":::{{container}} formula\n{formula(text)}\n:::"
    if title == "Example":
        return _fenced("pycon", text)
    return markdown(text)


def _drawn(entry: Entry) -> str:
    if entry.family == "attacks":
        return f"What {entry.name} does to images"
    return f"Where {entry.name} and the mean go, wherever three of fifteen rows stand"


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", text] if text else []


def _settings(entry: Entry) -> Iterator[str]:
    """Every setting: its kind, its default, and what it means."""
    for name, schema in setting_schemas(entry).items():
        optional = "must be given" if entry.settings[name].required else "may be left out"
        default = f"default `{toml(schema['default'])}`" if "default" in schema else optional
        yield f"`{name}`\n: {plain(kind(schema))}, {default}\n\n  {markdown(entry.settings[name].meaning)}"


def _listed(text: str) -> str:
    """A list of `name: words`."""
    lines = [line.partition(": ") for line in text.splitlines()]
    return "\n".join(f"- `{name}`: {markdown(words)}" for name, _, words in lines)


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```" if text else ""


def place(folder: Path, entry: Entry) -> Path:
    """The file of an algorithm's page."""
    return folder / "reference" / entry.family / f"{entry.name}.md"
