"""`fedsim list`."""

import json
import subprocess
import sys

import pytest

from cli.commands.list import family_named, listing, overview, source
from fedsim.registry import registries
from tests.cli.recorded_run import ask

FAMILIES = sorted(registries())


def lines(texts):
    return [text.plain for text in texts]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_algorithm_is_there_and_nothing_is_too_wide(family, width):
    registry = registries()[family]
    shown = lines(listing(registry, width))
    for entry in registry:
        assert any(line.startswith(f" {entry.name} ") for line in shown)
        for word in entry.summary.split()[:2]:
            assert any(word in line for line in shown)
    widest = max(shown, key=len)
    assert len(widest) <= width or " " not in widest.strip()


def test_a_row_says_what_it_does_needs_takes_and_comes_from():
    shown = "\n".join(lines(listing(registries()["aggregators"], 80)))
    row = shown[shown.index(" krum ") :]
    assert "n ≥ 2f + 3" in row.partition("\n")[0]
    assert 'f, variant = "blanchard2017" · Blanchard 2017' in row


def test_the_overview_names_and_counts_everything():
    shown = "\n".join(lines(overview(80)))
    for family, registry in registries().items():
        assert f" {family}" in shown
        for entry in registry:
            assert entry.name in shown
    assert "scenarios" in shown
    assert "krum_noise" in shown


def test_metrics_say_how_they_are_read(capsys):
    shown = ask(capsys, "list", "metrics").out
    assert "share = 0.1 · a share, from 0 to 1; more is better · Li 2020" in " ".join(shown.split())
    (loss,) = [each for each in json.loads(ask(capsys, "list", "metrics", "--json").out) if each["name"] == "loss"]
    assert (loss["words"], loss["better"], loss["form"], loss["least"], loss["most"]) == (
        "loss", "down", "magnitude", 0.0, None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["aggregators", "rules", "rule", "attack", "attacks", "latency law"])
def test_families_answer_to_their_nouns(name):
    assert family_named(name).family in FAMILIES


def test_json_holds_all_that_is_shown(capsys):
    (krum,) = [each for each in json.loads(ask(capsys, "list", "rules", "--json").out) if each["name"] == "krum"]
    assert krum["needs"] == "n ≥ 2f + 3"
    assert krum["required"] == ["f"]
    assert krum["settings"]["variant"]["default"] == "blanchard2017"
    names = json.loads(ask(capsys, "list", "--json").out)
    assert sorted(names) == sorted([*FAMILIES, "scenarios"])


def test_scenarios_are_listed_with_their_questions(capsys):
    answer = ask(capsys, "list", "scenarios")
    assert "krum_noise" in answer.out
    assert "?" in answer.out
    assert "fedsim run NAME" in answer.out


def test_sources_are_short():
    found = {entry.name: source(entry) for entry in registries()["aggregators"]}
    assert found["krum"] == "Blanchard 2017"
    assert found["fedavg"] == "McMahan 2017"
    assert all(len(text) < 30 for text in found.values())


def test_a_list_loads_neither_torch_nor_generators(tmp_path):
    code = (
        "import sys\nfrom cli.app import main\n"
        "try:\n    main(['list', 'aggregators'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy.random', 'scipy', 'joblib'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.strip() == "[]"
