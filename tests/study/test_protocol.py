"""What reviewers ask: each question is open where it should be, and the lines that are offered close it."""

import copy
import json
from pathlib import Path

import pytest
import tomli
import tomli_w

import fedsim
from fedsim.scenario.load import load_scenario
from fedsim.study.protocol.review import CHECKS, review, review_scenario
from tests.cli.recorded_run import ask

SOUND = """
seeds = 3

[base]
rounds = 8
data = { name = "csv", file = "own.csv", target = "class" }
model = "logistic"
partition = { name = "dirichlet", alpha = 0.3 }
clients = { population = 12, sampled = 8, sampling = "stratified" }
evaluation = { metrics = ["worst_class_accuracy"] }

[variants.rule]
mean = { aggregator = "fedavg" }
trimmed_mean = { aggregator = { name = "trimmed_mean", f = 3 } }

[variants.attack]
none = { attacks = [] }
adaptive = { attacks = [{ name = "optimal_alie", fraction = 0.25 }] }
"""
ATTACK = SOUND[SOUND.index("[variants.attack]") :]
CSV = '{ name = "csv", file = "own.csv", target = "class" }'
FAULTS = {
    "seeds": ("seeds = 3", "seeds = 1"),
    "seeds ": ("seeds = 3", "seeds = [7, 9]"),
    "chosen on test": ("seeds = 3", 'seeds = 3\nstatistics = { score = "best" }'),
    "chosen on test ": ("seeds = 3", 'seeds = 3\nstatistics = { score = "selected" }'),
    "tuned on test": (ATTACK, ATTACK + '[axes]\n"training.optimizer.lr" = [0.1, 0.01]'),
    "tuned on test ": ("\nmean = ", '\nother = { aggregator = { name = "geometric_median", tolerance = 1e-3 } }\n'
                       'another = { aggregator = { name = "geometric_median", tolerance = 1e-4 } }\nmean = '),
    "adaptive": ("optimal_alie", "alie"),
    "control": ("none = { attacks = [] }", ""),
    "undefended": ('mean = { aggregator = "fedavg" }', 'median = { aggregator = "median" }'),
    "unlike clients": ('{ name = "dirichlet", alpha = 0.3 }', '"iid"'),
    "unlike clients ": ('{ name = "dirichlet", alpha = 0.3 }', '{ name = "virtual", samples = 20 }'),
    "easy data": (CSV, '"digits"'),
    "f": ("f = 3", "f = 2"),
    "bound": ('sampled = 8, sampling = "stratified"', "sampled = 7"),
    "bound ": ("fraction = 0.25", "fraction = 0.5"),
    "worst served": ('["worst_class_accuracy"]', "[]"),
    "course": ("evaluation = { ", "evaluation = { every = 8, "),
    "lasting": ('name = "optimal_alie", fraction = 0.25', 'name = "backdoor_pixel", fraction = 0.25'),
}  # fmt: skip
SHAPES = {
    "a list of values": ("adaptive", '[axes]\nattacks = [[], [{ name = "alie", fraction = 0.25 }]]'),
    "a list without a control": ("control", '[axes]\nattacks = [[{ name = "optimal_alie", fraction = 0.25 }]]'),
    "a part of an adversary": ("control", '[axes]\n"attacks[0].fraction" = [0.2, 0.25]'),
    "a name only": ("control", '[axes]\n"attacks[0].name" = ["optimal_alie", "optimal_ipm"]'),
    "axes in step": ("control", 'zip = [["attack", "partition.alpha"]]\naxes."partition.alpha" = [0.2, 0.3]\n'
                     '[variants.attack]\na = { attacks = [{ name = "optimal_alie", fraction = 0.25 }] }\n'
                     'b = { attacks = [{ name = "optimal_ipm", fraction = 0.25 }] }'),
    "every in the axis": ("course", ATTACK + '[axes]\n"evaluation.every" = [8, 7]'),
    "every in a variant": ("course", ATTACK + '[variants.seldom]\na = { evaluation.every = 8 }\nb = { rounds = 9 }'),
    "a bound in the base": ("bound", '[axes]\nmodel = ["logistic", "mlp"]'),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{k % 7},{k % 11},{k % 3}" for k in range(400))
    (tmp_path / "own.csv").write_text(f"a,b,class\n{rows}\n")
    return tmp_path


def open_questions(path):
    return [answer.name for answer in review(path).findings]


def mend(answer):
    """Do with the files what a person would do who reads the lines."""
    assert answer.mends, f"nothing mends {answer.name}"
    for each in answer.mends:
        path = Path(each.into)
        table = tomli.loads(path.read_text()) if path.is_file() else {}
        for keys in each.takes_out:
            take_out(table, keys)
        path.write_text(tomli_w.dumps(merged(table, tomli.loads(each.lines))))
    return [Path(each.into) for each in answer.mends if each.is_new]


def take_out(table, keys):
    for key in keys[:-1]:
        table = table[key]
    del table[keys[-1]]


def merged(table, more):
    """Keys of `more` under the tables that they belong to, in the places of those that stand there."""
    table = copy.deepcopy(table)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(table.get(key), dict) and "name" not in value
        table[key] = merged(table[key], value) if both else value
    return table


def test_a_sound_study_leaves_no_question_open(folder):
    (folder / "s.toml").write_text(SOUND)
    assert open_questions("s.toml") == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_question_is_asked_and_its_lines_answer_it(folder, fault):
    old, new = FAULTS[fault]
    text = SOUND.replace(old, new)
    assert text != SOUND
    if "selected" in new:
        text = text.replace("evaluation = { ", "evaluation = { validation = 0, ")
    if fault == "bound":
        text = text.replace("0.25", "0.4")
    if fault == "lasting":
        text = text.replace(CSV, '"fashion_mnist"')
    (folder / "s.toml").write_text(text)
    found = {answer.name: answer for answer in review("s.toml").findings}
    assert fault.strip() in found
    assert mend(found[fault.strip()]) == []
    assert fault.strip() not in open_questions("s.toml")


@pytest.mark.parametrize("shape", SHAPES)
def test_lines_suit_however_a_study_is_written(folder, shape):
    name, text = SHAPES[shape]
    start = SOUND[: SOUND.index("[variants.attack]")]
    given = 'attacks = [{ name = "optimal_alie", fraction = 0.2 }]\n'
    if shape in ("a part of an adversary", "a name only"):
        start = start.replace("rounds = 8\n", f"rounds = 8\n{given}")
    if shape == "a bound in the base":
        start = start.replace("rounds = 8\n", f"rounds = 8\n{given.replace('0.2 ', '0.5 ')}")
    head, _, tail = text.partition("[variants.attack]") if text.startswith("zip") else ("", "", text)
    body = f"[variants.attack]{tail}" if head else tail
    (folder / "s.toml").write_text(head + start + body)
    found = {answer.name: answer for answer in review("s.toml").findings}
    assert name in found
    mend(found[name])
    assert name not in open_questions("s.toml")


def test_keys_of_a_base_in_a_file_are_mended_there(folder):
    base, rest = SOUND.split("[base]")[1].split("[variants.rule]")
    (folder / "base.toml").write_text(base.replace('["worst_class_accuracy"]', "[]"))
    (folder / "s.toml").write_text(f'base = "base.toml"\nseeds = 3\n[variants.rule]{rest}')
    (answer,) = review("s.toml").findings
    assert [Path(each.into).name for each in answer.mends] == ["base.toml"]
    mend(answer)
    assert open_questions("s.toml") == []


def test_one_scenario_grows_into_a_study_that_leaves_nothing_open(folder):
    (folder / "mine.toml").write_text(
        f'data = {CSV}\nmodel = "logistic"\npartition = "shards"\nrounds = 9\n'
        "clients = { population = 20, sampled = 10 }\n"
        'attacks = [{ name = "alie", count = 6 }]\naggregator = { name = "krum", f = 3 }\n'
        "evaluation = { every = 9, validation = 0 }\n"
    )
    subject, mended = Path("mine.toml"), []
    assert len(review(subject).findings) == 9
    while findings := review(subject).findings:
        mended.append(findings[0].name)
        assert len(mended) < 20, mended
        subject = next(iter(mend(findings[0])), subject)
    assert subject.name == "mine_study.toml"
    assert set(mended) <= {check.name for check in CHECKS}


def test_a_scenario_that_is_loaded_already(folder):
    (folder / "mine.toml").write_text('data = "digits"\nmodel = "logistic"\naggregator = "median"\n')
    loaded = load_scenario("mine.toml")
    verdicts = {answer.name: answer.verdict for answer in review_scenario(loaded, "mine.toml").answers}
    assert verdicts == {answer.name: answer.verdict for answer in fedsim.review("mine.toml").answers}
    assert verdicts["control"] == "not asked"


class TestCommand:
    def test_advice_is_no_failure_unless_that_is_asked_for(self, folder, capsys):
        (folder / "s.toml").write_text(SOUND.replace("seeds = 3", "seeds = 1"))
        assert ask(capsys, "check", "s.toml", "--protocol").code == 0
        answer = ask(capsys, "check", "s.toml", "--protocol", "--strict")
        assert answer.code == 1
        assert "s.toml: what reviewers ask · 1 question of 13 open" in answer.out
        assert "✗ seeds           one seed: nothing can be told from chance" in answer.out
        assert answer.out.endswith("     in s.toml:\n       seeds = 5\n\n")
        (folder / "s.toml").write_text(SOUND)
        answer = ask(capsys, "check", "s.toml", "--protocol", "--strict")
        assert (answer.code, answer.out.splitlines()[0]) == (0, "s.toml: what reviewers ask · no question open")

    def test_json(self, folder, capsys):
        (folder / "s.toml").write_text(SOUND.replace("seeds = 3", "seeds = 1"))
        (folder / "wrong.toml").write_text("roundz = 3")
        answer = ask(capsys, "check", "s.toml", "wrong.toml", "--protocol", "--json")
        right, wrong = json.loads(answer.out)
        assert answer.code == 2
        (finding,) = [each for each in right["answers"] if each["verdict"] == "finding"]
        assert finding["mends"] == [{"into": "s.toml", "new": False, "take_out": [], "lines": "seeds = 5\n"}]
        assert wrong["problems"][0]["where"] == "roundz"

    def test_what_does_not_go_together(self, folder, capsys):
        assert "--strict: belongs to --protocol" in ask(capsys, "check", "x.toml", "--strict").err
        assert "leave out --data" in ask(capsys, "check", "x.toml", "--protocol", "--data").err

    def test_shipped_ones_by_their_plain_names(self, capsys):
        answer = ask(capsys, "check", "digits", "smoke", "--protocol")
        assert answer.code == 0
        assert "studies/digits.toml: what" in answer.out
        assert "scenarios/smoke.toml: what" in answer.out
        assert max(map(len, answer.out.splitlines())) <= 80
