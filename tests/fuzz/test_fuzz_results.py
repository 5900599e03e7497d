"""Whatever stands in a results folder is gone on with, verified, or refused in words; nothing outside is touched."""

import json
import shutil

import pytest

from fedsim.errors import FedsimError
from fedsim.execution.pool import Pool
from fedsim.runs.checkpoints import _sealed, load_checkpoint
from fedsim.runs.event_json import read_event
from fedsim.runs.folder import claim, read_summary, reopen
from fedsim.runs.metrics_file import table_of
from fedsim.runs.reading import read_events, read_scenario
from fedsim.runs.verify import verify
from tests.fuzz.mutations import mutated_bytes, mutated_json, mutated_text, seeded, watched
from tests.small_runs import DIGITS, content, held, run_in, scenario

GIVEN = scenario(
    DIGITS, "rounds=4", "output.checkpoint_every=2", "clients.sampled=4", "training.worker_momentum=0.5",
    'clients.latency={name="exponential"}', "clients.deadline=1.0", 'clients.late="keep"',
    rest=held(1, 2, name="sign_flip"),
)  # fmt: skip
FILES = [
    "events.jsonl", "events.jsonl", "events.jsonl", "summary.json", "scenario.toml", "metrics.csv",
    "checkpoints/round-00000004/state.json", "checkpoints/round-00000004/state.safetensors",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run_in(folder, GIVEN)
    return folder


@pytest.fixture
def victim(finished, tmp_path):
    """A copy to be mistreated, among files that are nobody's business."""
    (tmp_path / "thesis.tex").write_text("mine")
    shutil.copytree(finished, tmp_path / "victim")
    return tmp_path / "victim"


def unfinished(folder):
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"status": "running"}))


def mistreated(folder, finished, draw):
    """One file made hostile, the others as they were."""
    name = draw.choice(FILES)
    data = (finished / name).read_bytes()
    text = draw.random() < 0.4 and not name.endswith("safetensors")
    changed = mutated_text(data.decode(), draw).encode() if text else mutated_bytes(data, draw)
    (folder / name).write_bytes(changed)
    return name, changed


def read_everything(folder):
    list(table_of(read_events(folder)))
    read_summary(folder)
    for path in (folder / "checkpoints").iterdir():
        refused(load_checkpoint, path)
    refused(read_scenario, folder)


def refused(function, *arguments):
    """Call it; a refusal in words is an answer, anything else is not."""
    try:
        function(*arguments)
    except FedsimError as error:
        assert str(error)


def test_reading_folders_that_were_mistreated(finished, victim):
    draw = seeded(1)
    for _ in range(700):
        name, changed = mistreated(victim, finished, draw)
        with watched((name, changed)):
            read_everything(victim)
        shutil.copyfile(finished / name, victim / name)
    assert content(victim) == content(finished)


def begun(folder):
    with claim(GIVEN, folder) as claimed:
        claimed.begin()


def test_going_on_with_folders_that_were_mistreated(finished, victim):
    draw, outside = seeded(2), victim.parent
    for number in range(120):
        unfinished(victim)
        name, changed = mistreated(victim, finished, draw)
        with watched((name, changed)):
            refused(begun, victim)
            if number % 5 == 0 and name != "scenario.toml":
                run_in(victim, GIVEN)
                whole = content(victim) == content(finished)
                if not whole:  # a value changed into another that may be: nobody but a verification can tell
                    assert name == "events.jsonl"
                    assert verify(victim, pool=Pool(1, "serial")).difference, changed
        shutil.rmtree(victim)
        shutil.copytree(finished, victim)
        assert {entry.name for entry in outside.iterdir()} == {"victim", "thesis.tex"}
    assert (outside / "thesis.tex").read_text() == "mine"


def test_verifying_folders_that_were_mistreated(finished, victim):
    draw, pool, found = seeded(3), Pool(1, "serial"), 0
    for _ in range(150):
        name, changed = mistreated(victim, finished, draw)
        if name != "scenario.toml":
            with watched((name, changed)):
                try:
                    found += verify(victim, pool=pool).difference is not None
                except FedsimError as error:
                    assert str(error)
        shutil.copyfile(finished / name, victim / name)
    assert found > 20


def test_reopening_scenarios_that_were_mistreated(finished, victim):
    draw = seeded(4)
    text = (finished / "scenario.toml").read_text()
    for _ in range(400):
        changed = mutated_text(text, draw)
        (victim / "scenario.toml").write_text(changed)
        with watched(changed):
            refused(lambda: reopen(victim).close())


def test_lines_that_are_nearly_events(finished):
    draw = seeded(5)
    lines = (finished / "events.jsonl").read_text().splitlines()
    good = 0
    for _ in range(3_000):
        line = draw.choice(lines)
        changed = json.dumps(mutated_json(json.loads(line), draw)) if draw.random() < 0.7 else mutated_text(line, draw)
        with watched(changed):
            try:
                read_event(changed)
                good += 1
            except ValueError as error:
                assert str(error)
    assert 0 < good < 2_000


def test_checkpoints_that_are_sealed_and_strange(finished, victim):
    """Even somebody who knows how to seal a checkpoint gets a refusal, or a state of the right round."""
    draw, path = seeded(6), victim / "checkpoints" / "round-00000004"
    rest = json.loads(json.loads((path / "state.json").read_bytes())["body"])
    for _ in range(700):
        changed = mutated_json(rest, draw)
        (path / "state.json").write_bytes(_sealed(changed))
        with watched(changed):
            refused(load_checkpoint, path)
