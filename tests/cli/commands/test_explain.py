"""`fedsim explain`."""

import json

import pytest

from cli.commands.explain import example, explained, page
from cli.keys import key_pages
from fedsim.availabilities.trace import Stay
from fedsim.scenario.build import families
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import ask

ENTRIES = [entry for registry in families().values() for entry in registry]


def text(name, width=80):
    pages, _ = explained(name, width)
    return "\n\n".join("\n".join(line.plain for line in page) for page in pages)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_every_page_holds_every_section_and_setting(entry):
    shown = "\n".join(line.plain for line in page(entry, 80))
    squeezed = " ".join(shown.split())
    for body in entry.sections.values():
        assert " ".join(body.split()) in squeezed
    for setting in entry.settings.values():
        assert f"  {setting.name}  " in shown
        assert " ".join(setting.meaning.split()) in squeezed
    for law, why in entry.breaks.items():
        assert f"{law}: {why}" in squeezed


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_every_example_is_a_scenario(entry, monkeypatch):
    monkeypatch.setattr("fedsim.scenario.tracking_checks.find_spec", bool)  # as if every package were installed
    stays = {client: [Stay(0.0, 1.0, 2)] for client in range(100)}
    monkeypatch.setattr("fedsim.availabilities.trace.stays_in", lambda _: stays)  # and every file were there
    parse_scenario(example(entry))


def test_a_page_fits_its_width():
    for width in (60, 80, 100):
        assert max(len(line) for line in text("krum", width).splitlines()) <= width


def test_the_order_of_a_page():
    shown = text("krum")
    places = [
        shown.index(f"\n{title}\n")
        for title in (
            "Formula", "Assumes", "Breakdown", "Cost", "Needs", "Settings", "Is given", "How others define it",
            "Source", "In a scenario",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert shown.endswith('  [aggregator]\n  name = "krum"\n  f = 2')


def test_an_ambiguous_name_shows_all_that_bear_it():
    shown = text("model")
    assert "random_weights · attack · also model" in shown
    assert "model · key of a scenario" in shown


def test_a_metric_says_how_it_is_read():
    assert "Is read\n  a share, from 0 to 1; more is better\n" in text("balanced_accuracy")
    assert "Is read\n  a magnitude, 0 or more; less is better\n" in text("metrics.loss")
    assert '[evaluation]\n  metrics = ["balanced_accuracy"]' in text("balanced_accuracy")
    assert "In a scenario" not in text("metrics.loss")  # it is always scored


def test_a_family_narrows_it_down():
    assert "key of a scenario" not in text("attacks.model")


def test_attacks_are_told_of_their_own_stream():
    assert "the attack's own randomness for this round" in text("noise")
    assert "the client's own randomness for this attack" not in text("noise")


def test_a_key_explains_itself():
    shown = text("clients.deadline")
    assert shown.startswith("clients.deadline · key of a scenario\n  Simulated seconds after which a round closes")
    assert "number > 0" in shown
    assert "[clients]\n  deadline = " in shown


def test_a_section_lists_its_keys():
    shown = text("attacks")
    assert "  fraction  number ≥ 0, ≤ 1" in shown
    assert "[[attacks]]" in shown


def test_every_key_has_a_page():
    pages = key_pages()
    assert {"seed", "clients", "clients.deadline", "training.optimizer", "attacks.every", "output.folder"} <= set(pages)
    for name, node in pages.items():
        assert node["description"], name
        assert text(name)


def test_json(capsys):
    (found,) = json.loads(ask(capsys, "explain", "krum", "--json").out)
    assert found["sections"]["Formula"].startswith("s(i) = Σ")
    (found,) = json.loads(ask(capsys, "explain", "clients.deadline", "--json").out)
    assert found["key"] == "clients.deadline"
