"""Every registered name, key and command has its place in the site, and links lead somewhere."""

import re

import pytest
import typer

from cli.app import app
from cli.keys import key_pages
from docs.site import guides
from docs.site.__main__ import write_pages
from docs.site.algorithms import HEADINGS, TIMES, place
from docs.site.beside import read
from fedsim.registry import registries

ENTRIES = [entry for registry in registries().values() for entry in registry]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("sources")
    guides.copy_guides(made)
    write_pages(made, {("aggregators", "krum"): "/figures/aggregators.krum.png"})
    return made


def test_every_name_has_a_page_with_its_sections(folder):
    for entry in ENTRIES:
        text = place(folder, entry).read_text(encoding="utf-8")
        assert text.startswith(f"# {entry.name}\n")
        missing = [title for title in entry.sections if f"## {TITLED.get(title, title)}\n" not in text]
        assert missing == [], entry.name
        assert all(f"`{name}`\n: " in text for name in entry.settings)
    assert set(HEADINGS) == {entry.family for entry in ENTRIES}


TITLED = {"Differs": "How others define it"}


def test_a_figure_is_shown_where_there_is_one(folder):
    assert "(/figures/aggregators.krum.png)" in (folder / "reference/aggregators/krum.md").read_text(encoding="utf-8")
    assert "figures/" not in (folder / "reference/aggregators/mean.md").read_text(encoding="utf-8")


def test_a_rule_that_names_its_cost_links_to_what_was_measured(folder):
    for entry in ENTRIES:
        if entry.family in ("aggregators", "preaggregators"):
            assert f"(/{TIMES})" in place(folder, entry).read_text(encoding="utf-8"), entry.name
    assert "### Rules on" in (folder / TIMES).read_text(encoding="utf-8")


def test_what_other_packages_make_of_it_is_told(folder):
    krum = (folder / "reference/aggregators/krum.md").read_text(encoding="utf-8")
    assert re.search(r"- flwr [\d.]+: equal to the last bit", krum)
    assert re.search(r"- byzfl [\d.]+: a score sums \{math\}`n - f - 1` distances", krum)
    compared = read(guides.HOUSE / "docs" / "conformance.md")
    assert all((family, name) in {(entry.family, entry.name) for entry in ENTRIES} for family, name in compared.cells)


def test_every_key_of_a_scenario_is_told(folder):
    text = (folder / "scenario-file.md").read_text(encoding="utf-8")
    for path in key_pages():
        assert f"`{path.rpartition('.')[2]}`\n: " in text or f"(scenario-{path})=" in text, path


def test_every_command_and_option_is_told(folder):
    text = (folder / "command-line.md").read_text(encoding="utf-8")
    for name, command in typer.main.get_command(app).commands.items():
        assert f"## fedsim {name}\n" in text
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
        assert all(option in text for option in options), name


def test_links_between_pages_lead_somewhere(folder):
    for page in folder.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for target in guides.local_links(text):
            found = folder / target[1:] if target.startswith("/") else page.parent / target
            assert found.exists() or target.startswith("/figures/"), f"{page.relative_to(folder)}: {target}"
    labels = {
        label for page in folder.glob("*.md") for label in re.findall(r"^\((.+)\)=$", page.read_text("utf-8"), re.M)
    }
    linked = {
        target for page in folder.glob("*.md") for target in re.findall(r"\]\(#([^)]+)\)", page.read_text("utf-8"))
    }
    assert linked <= labels


def test_every_page_is_in_the_tree_of_contents(folder):
    listed = {"index"}
    for page in folder.rglob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            names = [re.sub(r".*<(.+)>", r"\1", name) for name in names]
            listed |= {(page.parent / name).relative_to(folder).as_posix() for name in names}
    assert listed == {page.relative_to(folder).with_suffix("").as_posix() for page in folder.rglob("*.md")}


def test_a_link_that_leads_nowhere_is_told(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("see [the other](other.md)", encoding="utf-8")
    monkeypatch.setattr(guides, "HOUSE", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"README.md links to other.md, which is not there"):
        guides.copy_guides(tmp_path / "sources")
