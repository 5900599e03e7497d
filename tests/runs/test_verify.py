"""Anything in the record that is not what the scenario gives is found and named; an honest record repeats."""

import json
import shutil

import pytest

from fedsim.errors import ResultsConflict
from fedsim.execution.pool import Pool
from fedsim.provenance import host, versions
from fedsim.runs.reading import read_scenario
from fedsim.runs.replay import PHASES
from fedsim.runs.summary_file import MACHINE, asked, unfinished, written
from fedsim.runs.verify import verify
from tests.small_runs import DIGITS, content, held, run_in, scenario

GIVEN = scenario(
    DIGITS, "rounds=6", "output.checkpoint_every=2", "training.worker_momentum=0.5", "clients.dropout=0.1",
    rest=held(1, 2, 3, name="sign_flip"),
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    run_in(folder, GIVEN)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def change(folder, kind, round, field, make):
    """Change one field of the first event of a kind in a round; the round 0 means wherever it stands."""
    path = folder / "events.jsonl"
    lines = path.read_text().splitlines()
    for place, line in enumerate(lines):
        record = json.loads(line)
        if record["event"] == kind and (not round or record["round"] == round):
            record[field] = make(record[field])
            lines[place] = json.dumps(record, separators=(",", ":"))
            break
    path.write_text("\n".join(lines) + "\n")


def test_a_finished_run_repeats_whoever_does_the_work(finished):
    before = content(finished)
    for pool in (None, Pool(2, "threading"), Pool(1, "serial")):
        verdict = verify(finished, pool=pool)
        assert verdict.difference is None
        assert (verdict.first, verdict.last) == (1, 6)
        assert verdict.events == len((finished / "events.jsonl").read_text().splitlines())
        assert verdict.versions == {}
    assert content(finished) == before


@pytest.mark.parametrize(("rounds", "first_compared"), [((1, 3), 1), ((3, 4), 3), ((5, 5), 5), ((6, 6), 5)])
def test_a_part_begins_at_the_checkpoint_before_it(finished, rounds, first_compared):
    verdict = verify(finished, rounds)
    assert (verdict.first, verdict.last, verdict.difference) == (*rounds, None)
    kept = [json.loads(line) for line in (finished / "events.jsonl").read_text().splitlines()]
    expected = [e for e in kept if first_compared <= e.get("round", 0) <= rounds[1]]
    assert verdict.events == 1 + len(expected)


def add(amount):
    return lambda value: value + amount


CHANGES = [
    ("RunStarted", 0, "digest", lambda digest: "0" + digest[1:]),
    ("RunStarted", 0, "byzantine", add(1)),
    ("RoundStarted", 4, "cohort", lambda cohort: cohort[1:]),
    ("BatchTrained", 2, "losses", lambda losses: [losses[0] * (1 + 1e-15), *losses[1:]]),
    ("UpdatesForged", 1, "attack", lambda _: "alie"),
    ("Aggregated", 5, "weights", lambda weights: [0.0, *weights[1:]]),
    ("Aggregated", 3, "norm", lambda _: "nan"),
    ("RoundEnded", 6, "scores", lambda scores: scores | {"accuracy": scores["accuracy"] + 0.01}),
    ("RoundEnded", 1, "scores", lambda scores: scores | {"validation_loss": "nan"}),
    ("RoundEnded", 2, "scores", lambda _: {}),
    ("RunEnded", 0, "scores", lambda scores: scores | {"loss": scores["loss"] + 0.01}),
    ("RunEnded", 0, "final", add(0.01)),
    ("RunEnded", 0, "skipped", add(1)),
]


@pytest.mark.parametrize(("kind", "round", "field", "make"), CHANGES, ids=[f"{c[0]}.{c[2]}" for c in CHANGES])
def test_a_changed_value_is_named(copy, kind, round, field, make):
    change(copy, kind, round, field, make)
    difference = verify(copy).difference
    assert (difference.round, difference.phase, difference.field.partition(".")[0]) == (round, PHASES[kind], field)
    assert difference.recorded != difference.now


def test_any_flipped_digit_outside_the_clock_is_found(copy):
    data = (copy / "events.jsonl").read_bytes()
    lines = data.splitlines(keepends=True)
    for number, line in list(enumerate(lines))[1::3]:
        reach = line.partition(b',"wall":')[0]
        digits = [place for place, byte in enumerate(reach) if chr(byte).isdigit()]
        place = digits[(7 * number) % len(digits)]
        flipped = line[:place] + (b"3" if line[place : place + 1] != b"3" else b"4") + line[place + 1 :]
        (copy / "events.jsonl").write_bytes(b"".join([*lines[:number], flipped, *lines[number + 1 :]]))
        if float_equal(line, flipped):
            continue  # a digit beyond the precision of a double is no difference
        difference = verify(copy).difference
        assert difference is not None, (line, flipped)


def float_equal(first, second):
    try:
        return json.loads(first) == json.loads(second)
    except ValueError:
        return False


@pytest.mark.parametrize("damage", ["missing", "twice", "nonsense", "cut", "beyond"])
def test_a_line_too_few_or_too_many_or_no_line_at_all(copy, damage):
    path = copy / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if '"Aggregated"' in line and '"round":4' in line)
    changed = {
        "missing": lines[:place] + lines[place + 1 :],
        "twice": [*lines[:place], lines[place], *lines[place:]],
        "nonsense": [*lines[:place], "{nonsense}\n", *lines[place + 1 :]],
        "cut": lines[:place],
        "beyond": [*lines, lines[-1]],
    }[damage]
    path.write_text("".join(changed))
    difference = verify(copy).difference
    assert difference is not None
    assert difference.round == (0 if damage == "beyond" else 4)
    assert difference.phase in {"aggregation", "scoring", "closing"}


def test_a_run_that_was_interrupted_repeats_as_far_as_it_went(copy):
    lines = (copy / "events.jsonl").read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if '"Aggregated"' in line and '"round":4' in line)
    (copy / "events.jsonl").write_text("".join(lines[:place]) + lines[place][:20])
    summary = json.loads((copy / "summary.json").read_text())
    told = asked(read_scenario(copy)) | unfinished("interrupted", 3) | {key: summary[key] for key in MACHINE}
    (copy / "summary.json").write_text(written(told))
    verdict = verify(copy)
    assert (verdict.last, verdict.difference) == (3, None)
    assert verdict.events == place


def test_damaged_checkpoints_are_passed_over_and_named(copy):
    damaged = sorted((copy / "checkpoints").glob("*/state.json"))
    for path in damaged:
        path.write_text("{}")
    verdict = verify(copy, (6, 6))
    assert verdict.played == 6
    assert {each.file for each in verdict.differences} == {f"checkpoints/{path.parent.name}" for path in damaged}


@pytest.mark.parametrize("file", ["metrics.csv", "summary.json", "model.safetensors", "scenario.toml", "events.jsonl"])
def test_a_changed_byte_of_any_file_is_found(copy, file):
    path = copy / file
    data = bytearray(path.read_bytes())
    place = data.index(b"0.", len(data) // 3) if file != "model.safetensors" else len(data) - 1
    if file == "scenario.toml":
        place = data.index(b"\n")
        data[place:place] = b" "
    elif file == "model.safetensors":
        data[place] ^= 1
    else:
        data[place + 2] = ord("9") if data[place + 2] != ord("9") else ord("8")
    path.write_bytes(bytes(data))
    verdict = verify(copy)
    assert verdict.difference is not None
    assert file in {each.file for each in verdict.differences}


def test_a_word_under_wall_does_not_hide_an_events_own(copy):
    path = copy / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if '"RoundEnded"' in line and '"round":4' in line)
    event = json.loads(lines[place])
    event["wall"] = event["wall"] | {"scores": event["scores"]}
    event["accuracy"] = 0.99
    lines[place] = json.dumps(event, separators=(",", ":")) + "\n"
    path.write_text("".join(lines))
    assert verify(copy).difference is not None


def test_a_line_after_the_end_is_found(copy):
    with (copy / "events.jsonl").open("a") as file:
        file.write("garbage\n")
    assert verify(copy).difference is not None


def test_a_file_that_is_gone_is_found(copy):
    (copy / "model.safetensors").unlink()
    assert verify(copy).difference.file == "model.safetensors"


def test_a_spot_check_plays_the_rounds_it_names_again(finished):
    verdict = verify(finished, spot=2, seed=7)
    assert verdict.difference is None
    assert len(verdict.spots.rounds) == 2
    assert verdict.spots == verify(finished, spot=2, seed=7).spots
    assert verdict.spots.unseen(1) == pytest.approx(4 / 6)
    assert verify(finished, spot=100).spots.rounds == (1, 2, 3, 4, 5, 6)
    assert any("rounds, which were not played again" in each for each in verdict.not_compared)


def test_a_spot_check_of_every_round_finds_a_changed_one(copy):
    path = copy / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    place = next(i for i, line in enumerate(lines) if '"Aggregated"' in line and '"round":5' in line)
    event = json.loads(lines[place])
    event["norm"] *= 1.5
    lines[place] = json.dumps(event, separators=(",", ":")) + "\n"
    path.write_text("".join(lines))
    assert verify(copy, spot=6).difference.round == 5


@pytest.mark.parametrize("rounds", [(0, 1), (3, 2), (1, 7), (7, 7)])
def test_rounds_that_are_not_there(finished, rounds):
    with pytest.raises(ResultsConflict, match=r"holds rounds 1 to 6: cannot verify \d to \d"):
        verify(finished, rounds)


def test_nothing_to_verify(copy, tmp_path):
    (copy / "events.jsonl").write_text("")
    with pytest.raises(ResultsConflict, match="no whole round"):
        verify(copy)
    with pytest.raises(ResultsConflict, match="no results folder"):
        verify(tmp_path / "absent")


def test_other_versions_are_told(copy):
    summary = json.loads((copy / "summary.json").read_text())
    (copy / "summary.json").write_text(json.dumps(summary | {"versions": summary["versions"] | {"torch": "1.0"}}))
    assert verify(copy, (1, 1)).versions == {"torch": ("1.0", versions()["torch"])}
    (copy / "summary.json").write_text(json.dumps(summary | {"versions": 7}))
    assert verify(copy, (1, 1)).versions == {}


def test_where_a_result_comes_from():
    import platform

    import numpy as np

    assert versions()["numpy"] == np.__version__
    assert versions()["python"] == platform.python_version()
    assert set(host()) == {"system", "machine", "processor", "cores", "byteorder"}
    assert host()["cores"] >= 1
    json.dumps([versions(), host()])
