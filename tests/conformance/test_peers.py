"""fedsim beside each package that is installed, and the page that tells of all of them."""

import re
from pathlib import Path

import pytest

from cli.commands.conform import markdown
from fedsim.conformance import compare, conform, installed_peers, known_peers
from fedsim.registry import registries

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def found():
    if not installed_peers():
        pytest.skip("no package to compare with is installed")
    return list(conform())


def test_nothing_is_unexplained(found):
    assert [finding for finding in found if finding.outcome == "unexplained"] == []


def test_every_name_is_one_of_fedsims(found):
    for finding in found:
        assert registries()[finding.family][finding.name].name == finding.name


def table(text):
    """(package, name) -> what its cell says, and the note that it points to in words."""
    notes = dict(re.findall(r"^(\d+)\. (.*)$", text, re.M))
    cells, heads = {}, []
    for line in text.splitlines():
        first, *others = [each.strip() for each in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith(("|---", "| `")):
            heads = others
        elif line.startswith("| `"):
            for head, cell in zip(heads, others, strict=True):
                kind, _, number = cell.partition(" ")
                cells[head.split()[0], first.strip("`")] = notes[number] if kind == "note" else kind
    return cells


def test_the_page_says_what_the_command_says(found):
    page, here = table(PAGE.read_text(encoding="utf-8")), table(markdown(found))
    peers = {peer.name for peer in installed_peers()}
    told = {key: cell for key, cell in page.items() if key[0] in peers and cell != "–"}
    assert told == {key: cell for key, cell in here.items() if cell != "–"}


def test_the_page_has_every_package_that_there_is_an_adapter_for():
    cells = table(PAGE.read_text(encoding="utf-8"))
    assert {package for package, _ in cells} == {peer.name for peer in known_peers()}
    assert "DIFFERS" not in cells.values()


@pytest.mark.skipif(not any(peer.name == "byzfl" for peer in installed_peers()), reason="byzfl is not installed")
def test_a_rule_that_is_wrong_is_found(monkeypatch):
    peer = next(peer for peer in installed_peers() if peer.name == "byzfl")
    shared = next(each for each in peer.shared() if each.name == "trimmed_mean")
    wrong = shared.__class__(**{**vars(shared), "keywords": lambda case: {"f": case.f - 1}})
    assert compare.compare(peer, wrong).outcome == "unexplained"
