"""A scenario as a notebook shows it: what it is, what it promises, and all of its settings when they are asked for."""

from fedsim.html_tables import boxed, folded, table, words
from fedsim.scenario.build import settings_of
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.labels import labels
from fedsim.scenario.sections import Scenario
from fedsim.scenario.toml_values import toml


def scenario_html(scenario: Scenario) -> str:
    """The scenario as HTML."""
    facts = [*labels(scenario).items(), ("rounds", f"{scenario.rounds:,}"), ("seed", str(scenario.seed))]
    found = [(each.verdict, each.text) for each in guarantees(scenario)]
    whole = [(key, toml(value)) for key, value in settings_of(scenario).items()]
    return boxed(
        table(f"scenario {scenario.name}", ("", ""), facts),
        words(scenario.question) if scenario.question else "",
        table("guarantees", ("verdict", "what is promised"), found) if found else "",
        folded(f"all {len(whole)} settings", table("settings", ("key", "value"), whole)),
    )
