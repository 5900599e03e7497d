"""`fedsim check` and `fedsim init`."""

import json
from pathlib import Path

import pytest

from cli.commands.init import starter
from fedsim.scenario.build import families
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import ask

SHIPPED = sorted(Path("scenarios").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_pass(capsys, path):
    answer = ask(capsys, "check", path)
    assert answer.code == 0
    assert answer.err == ""
    assert answer.out.startswith(f"{path}: {path.stem} · ")
    assert max(map(len, answer.out.splitlines()[1:])) <= 80
    assert "fails" not in answer.out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_file_is_reported(capsys, folder):
    (folder / "good.toml").write_text("# Good?\nrounds = 3\n")
    (folder / "bad.toml").write_text("roundz = 3\n")
    (folder / "worse.toml").write_text("rounds = \n")
    answer = ask(capsys, "check", "bad.toml", "good.toml", "worse.toml")
    assert answer.code == 2
    assert "good.toml: good · Good?" in answer.out
    assert "bad.toml: 1 problem\n\n  1 │ roundz = 3\n    │ ^^^^^^ unknown key" in answer.err
    assert "worse.toml: 1 problem" in answer.err


def test_json(capsys, folder):
    (folder / "good.toml").write_text('[aggregator]\nname = "krum"\nf = 3\n')
    (folder / "bad.toml").write_text("roundz = 3\n")
    answer = ask(capsys, "check", "good.toml", "bad.toml", "--json")
    good, bad = json.loads(answer.out)
    assert answer.code == 2
    assert good["valid"] is True
    assert good["guarantees"] == [{"verdict": "holds", "text": "krum needs n ≥ 2f + 3: n = 10, f = 3"}]
    assert bad["problems"] == [{"where": "roundz", "message": "unknown key; did you mean `rounds`?", "line": 1}]


def test_what_is_shown(capsys, folder):
    (folder / "mine.toml").write_text(
        '# Mine?\nrounds = 40\n[partition]\nname = "by_writer"\n[[attacks]]\nname = "noise"\nfraction = 0.2\n'
        '[[preaggregators]]\nname = "nnm"\nf = 3\n[aggregator]\nname = "krum"\nf = 3\n'
    )
    answer = ask(capsys, "check", "mine.toml")
    assert answer.out.splitlines()[:11] == [
        "mine.toml: mine · Mine?",
        "  data       glyphs by_writer",
        "  clients    100, 10 sampled in each of 40 rounds",
        "  training   mlp, sgd lr=0.05, 1 epoch of 32",
        "  attack     noise on 20 of 100",
        "             noise knows nobody's update; sees what its clients would have sent;",
        "             may call nothing",
        "  rule       nnm f=3 → krum f=3, unweighted (n ≥ 9 holds)",
        "  held out   100 root, 200 validation examples, taken from training before",
        "             clients get any; the test set stands apart",
        "  holds      nnm needs n > f: n = 10, f = 3",
    ]
    assert "  warning    1 round in 9 will sample more than f = 3" in answer.out
    assert "expect 4.4 of 40" in " ".join(answer.out.split())


def test_a_plain_name_is_a_shipped_scenario(capsys):
    assert ask(capsys, "check", "smoke").out.startswith("scenarios/smoke.toml: smoke")


class TestInit:
    def test_the_starter_passes(self, capsys, folder):
        assert ask(capsys, "init").out == (
            "scenario.toml written · fedsim check scenario.toml · fedsim run scenario.toml\n"
        )
        assert ask(capsys, "check", "scenario.toml").code == 0

    def test_nothing_is_replaced_unasked(self, capsys, folder):
        (folder / "mine.toml").write_text("mine")
        answer = ask(capsys, "init", "mine.toml")
        assert (answer.code, answer.err) == (
            1, "error: mine.toml exists; replace it with --force, or name another file\n",
        )  # fmt: skip
        assert (folder / "mine.toml").read_text() == "mine"
        assert ask(capsys, "init", "mine.toml", "--force").code == 0
        assert (folder / "mine.toml").read_text() == starter()

    def test_where_nothing_can_be_written(self, capsys, folder):
        assert ask(capsys, "init", "no/such/folder.toml").err == (
            "error: no/such/folder.toml cannot be written: No such file or directory\n"
        )

    def test_every_commented_key_can_be_uncommented(self):
        text = starter()
        keys = [line for line in text.splitlines() if line.startswith("# ") and " = " in line]
        settled = ("count", "ids", "per_round", "stop", "quorum", "deadline", "buffer")  # these exclude others
        settled += ("record_every", "record_limit", "at_least", "address")  # and these need another
        optional = [line for line in keys if line[2:].partition(" = ")[0].isidentifier()]
        assert len(optional) > 20
        for line in optional:
            if line[2:].partition(" = ")[0] not in settled:
                parse_scenario(text.replace(f"\n{line}\n", f"\n{line[2:]}\n", 1))

    def test_it_names_all_there_is_to_choose(self):
        squeezed = " ".join(starter().replace("\n# ", " ").split())
        for family in ("datasets", "partitions", "models", "aggregators", "optimizers", "latencies"):
            assert f"One of {', '.join(entry.name for entry in families()[family])}." in squeezed
        assert f"Any of {', '.join(entry.name for entry in families()['metrics'])}." in squeezed

    def test_no_line_is_too_long(self):
        assert max(map(len, starter().splitlines())) <= 100
