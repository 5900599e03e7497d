"""`fedsim explain`: the page of an algorithm, or of a key of a scenario."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from cli.commands.list import condition, entry_record, how_read, shown_file
from cli.display.formatting import kind
from cli.display.layout import body, labelled, section
from cli.keys import key_page, key_pages
from fedsim.aggregators.contract import Condition
from fedsim.errors import UnknownName
from fedsim.metrics.contract import STANDARD_SCORES
from fedsim.plugins.named import is_address, named_anywhere
from fedsim.registry import BYZANTINE, Entry, Registry, registries
from fedsim.scenario.compatibility import suiting
from fedsim.scenario.json_schema import setting_schemas
from fedsim.scenario.scores import SUCCESS
from fedsim.scenario.sections import Clients, Scenario
from fedsim.scenario.toml_values import toml

FIRST_SECTIONS = ("Formula", "Assumes", "Breakdown", "Cost")
LAST_SECTIONS = ("Differs", "Source", "Example")
TITLES = {"Differs": "How others define it"}
PLACES = {
    "aggregators": "[aggregator]",
    "preaggregators": "[[preaggregators]]",
    "attacks": "[[attacks]]",
    "datasets": "[data]",
    "partitions": "[partition]",
    "models": "[model]",
    "local_algorithms": "[training.algorithm]",
    "optimizers": "[training.optimizer]",
    "server_optimizers": "[server.optimizer]",
    "schedules": "[training.schedule]",
    "latencies": "[clients.latency]",
    "workloads": "[training.epochs]",
    "availabilities": "[clients.availability]",
    "metrics": "[evaluation]",
    "trackers": "[tracking]",
}


def explained(name: str, width: int) -> tuple[list[Iterator[Text]], list[dict[str, Any]]]:
    """Everything that has this name, as pages to show and as plain JSON."""
    entries, keys = entries_named(name), key_pages()
    if not entries and name not in keys:
        known = [each for registry in registries().values() for each in registry.names()]
        raise UnknownName("name", name, [*known, *keys], "fedsim list shows all there are")
    pages = [page(entry, width) for entry in entries]
    records = [entry_record(entry) for entry in entries]
    if name in keys:
        pages.append(key_page(name, keys[name], width))
        records.append({"key": name, **keys[name]})
    return pages, records


def entries_named(name: str) -> list[Entry]:
    """Every algorithm of this name in any family; `attacks.noise` names the family too."""
    found = registries()
    if is_address(name):
        return [named_anywhere(name)]
    family, dot, rest = name.partition(".")
    if dot and family in found:
        return [found[family][rest]] if rest in found[family] else []
    return [registry[name] for registry in found.values() if name in registry]


def page(entry: Entry, width: int) -> Iterator[Text]:
    """The page of an algorithm."""
    registry = registries()[entry.family]
    also = f" · also {', '.join(entry.aliases)}" if entry.aliases else ""
    own = f" · {shown_file(entry)}" if entry.file else ""
    yield Text.assemble((entry.name, "bold"), f" · {registry.noun}{also}{own}")
    yield from body(f"{entry.summary}." if entry.summary else "", width=width)
    for title in FIRST_SECTIONS:
        yield from section(title, entry.sections.get(title, ""), width=width)
    yield from section("Needs", condition(entry), width=width)
    yield from section("Is read", how_read(entry), width=width)
    yield from _settings(entry, width)
    yield from section("Is given", supplied_words(entry, registry), width=width)
    yield from section("Does not keep", "\n".join(f"{law}: {why}" for law, why in entry.breaks.items()), width=width)
    for title in LAST_SECTIONS:
        yield from section(TITLES.get(title, title), entry.sections.get(title, ""), width=width)
    yield from section("In a scenario", example(entry), width=width)


def example(entry: Entry) -> str:
    """The lines of TOML that use it, with settings that must be given filled in."""
    if entry.family == "metrics" and entry.name == SUCCESS:  # nobody names it: it is scored where there is a backdoor
        return f'{PLACES["attacks"]}\nname = "backdoor_pixel"\nfraction = 0.2'
    if entry.family == "metrics":
        return "" if entry.name in STANDARD_SCORES else f"{PLACES[entry.family]}\nmetrics = [{toml(entry.name)}]"
    if entry.family == "trackers":
        return f"{PLACES[entry.family]}\nto = [{toml(entry.name)}]"
    schemas = setting_schemas(entry)
    required = [name for name, setting in entry.settings.items() if setting.required]
    lines = [f"name = {toml(entry.name)}"]
    lines += [f"{name} = {_byzantine(entry) if name == BYZANTINE else sample(schemas[name])}" for name in required]
    if entry.traits.get("poisons") == "training":
        lines = ['data = ["backdoor_pixel"]', f"training = [{{{', '.join(lines)}}}]"]
    lines = [PLACES[entry.family], *lines]
    lines += ["fraction = 0.2"] * (entry.family == "attacks")
    lines += [line for section, name in suiting(entry) for line in (f"[{section}]", f"name = {toml(name)}")]
    return "\n".join(lines + (_few(entry) if entry.family == "datasets" else []))


def _few(entry: Entry) -> list[str]:
    """Smaller sets held out of a data set that is no larger than those of a default scenario."""
    count, usual = entry.traits.get("examples"), Scenario()
    defaults = {setting.name: setting.default for setting in entry.settings.values()}
    if count is None or count(defaults) > usual.root.size + usual.evaluation.validation:
        return []
    return ["[root]", "size = 20", "[evaluation]", "validation = 20"]


def _byzantine(entry: Entry) -> int:
    """Two rows taken for Byzantine, or as many as the entry allows among those of a round by default."""
    allowed = Condition.parse(entry.needs or "n ≥ 1")
    return max(f for f in range(3) if f == 0 or allowed.holds(Clients().sampled, f))


def sample(schema: dict[str, Any]) -> str:
    """A value that fits a schema, as TOML."""
    if "default" in schema:
        return toml(schema["default"])
    if "const" in schema or "enum" in schema:
        return toml(schema["const"] if "const" in schema else schema["enum"][0])
    if "anyOf" in schema:
        return sample(schema["anyOf"][0])
    if schema.get("type") == "array":
        return f"[{sample(schema['items'])}]" if "items" in schema else "[]"
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    return {"integer": str(max(2, int(least))), "number": _fraction(schema, float(least)), "boolean": "true"}.get(
        str(schema.get("type")), '"…"'
    )


def _fraction(schema: dict[str, Any], least: float) -> str:
    greatest = schema.get("maximum", schema.get("exclusiveMaximum"))
    return toml((least + greatest) / 2 if greatest is not None and greatest <= 1 else least + 1)


def _settings(entry: Entry, width: int) -> Iterator[Text]:
    """Every setting: its kind, its default, and what it means."""
    if entry.settings:
        yield from (Text(""), Text("Settings", style="bold"))
    for name, schema in setting_schemas(entry).items():
        setting = entry.settings[name]
        optional = "must be given" if setting.required else "may be left out"
        default = f"default {toml(schema['default'])}" if "default" in schema else optional
        yield from labelled(name, f"{kind(schema)}, {default}", width=width, column=len(name) + 2, style="bold")
        yield from body(setting.meaning, width=width, indent=6)


def supplied_words(entry: Entry, registry: Registry) -> str:
    """What the engine gives it, a line each: the name and what it means."""
    from fedsim.supply import DATA_ATTACKS, TRAINING_ATTACKS, UPDATE_ATTACKS

    kinds = {"updates": UPDATE_ATTACKS, "data": DATA_ATTACKS, "training": TRAINING_ATTACKS}
    supplies = kinds.get(entry.traits.get("poisons", ""), registry.supplies)
    return "\n".join(f"{item}: {supplies[item].meaning}" for item in entry.supplied)
