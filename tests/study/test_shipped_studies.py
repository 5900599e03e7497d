"""Every shipped study loads and can be played; its page names it, and shows the tables that its runs make."""

import csv
from pathlib import Path

import pytest

from fedsim.scenario.shipped import shipped_studies
from fedsim.study.cells import cells_of
from fedsim.study.plan import SEED, read_plan
from fedsim.study.tables import as_markdown, study_tables
from tests.cli.recorded_run import ask

STUDIES = [path.stem for path in shipped_studies()]
DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = {
    "six_rules": "six-rules.md",
    "bucketing_small": "bucketing.md",
    "bucketing": "bucketing.md",
    "byzfl_small": "byzfl-benchmark.md",
    "byzfl_benchmark": "byzfl-benchmark.md",
    "not_waiting": "asynchronous.md",
}
PLAYED = {
    "six_rules": ("means", "worst", "ranks"),
    "bucketing_small": ("means", "worst"),
    "byzfl_small": ("means", "worst"),
    "not_waiting": ("means",),
}
"""Studies whose runs are in docs/<study>.csv, with the tables that the page shows."""


@pytest.mark.parametrize("name", STUDIES)
def test_it_asks_a_question_and_loads(name):
    plan = read_plan(name)
    assert plan.question.endswith("?")
    assert cells_of(plan)


@pytest.mark.parametrize("name", STUDIES)
def test_a_dry_run_lists_every_cell(name, tmp_path, capsys):
    answer = ask(capsys, "sweep", name, "--dry-run", "--out", str(tmp_path / "out"))
    assert answer.code == 0
    count = len(cells_of(read_plan(name)))
    assert answer.out.count("\n  new ") == count
    assert not (tmp_path / "out").exists()


def test_every_study_has_its_page():
    assert set(PAGES) == set(STUDIES) - {"digits"}


@pytest.mark.parametrize("name", PAGES)
def test_its_page_names_the_study_its_rules_and_its_attacks(name):
    page, plan = (DOCS / PAGES[name]).read_text(encoding="utf-8"), read_plan(name)
    assert f"fedsim sweep {name}" in page
    axes = {axis.name: [level.label for level in axis.levels] for axis in plan.axes}
    unnamed = [label for axis in ("rule", "attack") for label in axes[axis] if f"`{label}`" not in page]
    assert not unnamed


@pytest.mark.parametrize("name", PLAYED)
def test_the_page_shows_what_the_runs_on_record_say(name):
    page = (DOCS / PAGES[name]).read_text(encoding="utf-8")
    for table in tables_on_record(name):
        if table.name in PLAYED[name]:
            body = as_markdown(table).split("\n\n")[1]
            assert body in page, f"{table.name} is not what docs/{name}.csv gives:\n{body}"


def tables_on_record(name):
    """The tables that the study as it ships makes of the runs in its CSV; every cell must be there, and no other."""
    plan = read_plan(name)
    axes = {axis.name: [level.label for level in axis.levels] for axis in plan.axes} | {
        SEED: list(map(str, plan.seeds))
    }
    with (DOCS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        records = [row | {key: float(row[key]) for key in ("final", "best")} for row in csv.DictReader(file)]
    planned = [cell.labels for cell in cells_of(plan)]
    assert [{axis: record[axis] for axis in axes} for record in records] == planned
    return study_tables(records, axes, plan.questions, planned)
