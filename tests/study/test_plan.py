"""Studies read: axes, ranges, variants, zips, exclusions, seeds; and everything that is wrong with them, at once."""

import pytest

from fedsim.errors import ScenarioError
from fedsim.study.cells import cells_of, chosen
from fedsim.study.plan import read_plan
from tests.study.small_study import STUDY, study_in


def cells(folder, text):
    return cells_of(read_plan(study_in(folder, text), folder / "out"))


def problems(folder, text):
    with pytest.raises(ScenarioError) as raised:
        cells(folder, text)
    return {problem.where: problem.message for problem in raised.value.problems}


def test_every_combination_is_a_cell_with_its_own_scenario(tmp_path):
    found = cells(tmp_path, STUDY)
    assert [cell.name for cell in found[:3]] == [
        "rule=mean attack=none seed=1", "rule=mean attack=none seed=2", "rule=mean attack=flip seed=1",
    ]  # fmt: skip
    assert len({cell.folder for cell in found}) == len(found) == 8
    last = found[-1].scenario
    assert (last.aggregator.name, last.attacks[0].name, last.seed, last.rounds) == ("median", "sign_flip", 2, 3)
    assert last.question == "Which rule is best?"


AXES = """
base = { data = "digits", model = "logistic", clients = { population = 12, sampled = 6 } }
[axes]
"training.optimizer.lr" = { from = 0.1, to = 0.3, step = 0.1 }
clients.dropout = [0.0, 0.5]
rounds = { from = 2, to = 6, step = 2 }
"partition" = ["iid", { name = "dirichlet", alpha = 0.5 }]
"""


def test_axes_are_lists_and_ranges_over_keys_however_they_are_written(tmp_path):
    plan = read_plan(study_in(tmp_path, AXES), tmp_path)
    levels = {axis.name: [level.label for level in axis.levels] for axis in plan.axes}
    assert levels == {
        "training.optimizer.lr": ["0.1", "0.2", "0.3"],
        "clients.dropout": ["0.0", "0.5"],
        "rounds": ["2", "4", "6"],
        "partition": ["iid", "dirichlet alpha=0.5"],
    }
    found = cells_of(plan)
    assert len(found) == 3 * 2 * 3 * 2
    assert {cell.scenario.training.optimizer.settings["lr"] for cell in found} == {0.1, 0.2, 0.3}
    assert found[-1].scenario.partition.settings["alpha"] == 0.5


def test_a_logarithmic_range_has_its_ends(tmp_path):
    text = 'base = {data = "digits"}\n[axes]\n"training.optimizer.lr" = {from = 0.01, to = 1, count = 3, scale = "log"}'
    plan = read_plan(study_in(tmp_path, text), tmp_path)
    assert [level.label for level in plan.axes[0].levels] == ["0.01", "0.1", "1.0"]


def test_a_variant_sets_the_keys_it_gives_and_leaves_the_rest(tmp_path):
    text = STUDY.replace(
        "[variants.rule]", "[variants.work]\nmuch = { training = { epochs = 3 }, rounds = 2 }\n[variants.rule]"
    )
    text = text.replace("[variants.work]", "[base.training]\nbatch_size = 8\n[variants.work]")
    scenario = cells(tmp_path, text)[0].scenario
    assert (scenario.training.epochs, scenario.training.batch_size, scenario.rounds) == (3, 8, 2)


def test_zipped_axes_go_in_step(tmp_path):
    text = STUDY.replace("seeds = 2", 'seeds = [5]\nzip = [["rule", "attack"]]')
    found = [(cell.coordinates["rule"], cell.coordinates["attack"], cell.seed) for cell in cells(tmp_path, text)]
    assert found == [("mean", "none", 5), ("median", "flip", 5)]


def test_excluded_cells_are_left_out(tmp_path):
    text = STUDY.replace(
        "seeds = 2", 'seeds = 2\nexclude = [{rule = "mean", attack = ["flip"]}, {rule = "median", seed = 2}]'
    )
    names = [cell.name for cell in cells(tmp_path, text)]
    assert "rule=mean attack=flip seed=1" not in names
    assert "rule=median attack=none seed=2" not in names
    assert len(names) == 4


def test_a_base_is_also_a_file_beside_the_study_or_a_shipped_scenario(tmp_path):
    (tmp_path / "mine.toml").write_text('rounds = 4\ndata = "digits"\n')
    axes = "\n[axes]\nseed_is_not_here = [1]\n".replace("seed_is_not_here", '"training.epochs"')
    assert cells(tmp_path, f'base = "mine.toml"{axes}')[0].scenario.rounds == 4
    assert cells(tmp_path, f'base = "smoke"{axes}')[0].scenario.aggregator.name == "trimmed_mean"


WRONG = [
    ('base = "nowhere.toml"', "base", "cannot be read"),
    ('[axes]\nagregator = ["fedavg"]', "axes.agregator", "unknown key; did you mean `aggregator`?"),
    ('[axes]\n"training.optimizer.lrr" = [1]', "axes.training.optimizer.lrr", "did you mean `lr`?"),
    ('[axes]\nseed = [1, 2]', "axes.seed", "give `seeds = [1, 2, 3]`"),
    ('[axes]\n"execution.workers" = [1, 2]', "axes.execution.workers", "it changes no result"),
    ("[axes]\nrounds = []", "axes.rounds", "must be a list of values or a range"),
    ("[axes]\nrounds = [2, 2]", "axes.rounds", "2 stands in it twice"),
    ("[axes]\nrounds = {from = 5, to = 1}", "axes.rounds", "goes backwards"),
    ("[axes]\nrounds = {from = 1, to = 5, stepp = 1}", "axes.rounds", "did you mean `step`?"),
    ("[axes]\nrounds = {from = 1, to = 5, step = 0}", "axes.rounds", "above 0"),
    ('zip = [["rounds", "training.epochs"]]\n[axes]\nrounds = [1, 2]\n"training.epochs" = [1]', "zip",
     "axes in step need as many values each: rounds has 2, training.epochs has 1"),
    ('zip = [["rounds", "round"]]\n[axes]\nrounds = [1, 2]', "zip", "did you mean `rounds`?"),
    ('exclude = [{rounds = 7}]\n[axes]\nrounds = [1, 2]', "exclude[0]", "rounds has no value 7"),
    ("seeds = 0", "seeds", "must be how many"),
    ("seeds = [1, 1]", "seeds", "names a seed twice"),
    ("sedes = 3", "sedes", "did you mean `seeds`?"),
    ('[statistics]\nscore = "accurracy"', "statistics.score", "did you mean `accuracy`?"),
    ('[statistics]\ninterval = "z"', "statistics.interval", 'is "t" or "bootstrap"'),
    ('[statistics]\ncompare = "rule"', "statistics.compare", "is no axis"),
    ('[variants.final]\na = {rounds = 1}', "variants.final", "heads a column of its own"),
    ('[variants.rule]\nkrum = "krum"', "variants.rule", "must name variants"),
    ('[variants.a]\nx = {rounds = 1}\n[axes]\nrounds = [1]', "axes.rounds", "is set by the axis a too"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "message"), WRONG)
def test_what_is_wrong_is_told_at_its_place(tmp_path, text, where, message):
    found = problems(tmp_path, text)
    assert message in found[where]


def test_all_wrong_cells_are_told_at_once_each_mistake_once(tmp_path):
    text = STUDY.replace("median = {", 'krum = { aggregator = { name = "krum", f = 3 } }\nmedian = {')
    text = text.replace('"sign_flip", fraction = 0.25', '"sign_flipp", fraction = 0.25').replace(
        "rounds = 3", "rounds = 0"
    )
    found = problems(tmp_path, text)
    assert found.keys() == {"variants.rule.krum", "variants.attack.flip", "base.rounds"}
    assert "needs n ≥ 2f + 3" in found["variants.rule.krum"]
    assert "did you mean `sign_flip`?" in found["variants.attack.flip"]
    assert "(3 of 6: " in found["variants.attack.flip"]


def test_patterns_and_shards_choose_cells(tmp_path):
    found = cells(tmp_path, STUDY)
    assert {cell.coordinates["rule"] for cell in chosen(found, ["med*"])} == {"median"}
    assert [cell.name for cell in chosen(found, ["rule=mean,seed=2"])] == [
        "rule=mean attack=none seed=2", "rule=mean attack=flip seed=2",
    ]  # fmt: skip
    shards = [chosen(found, (), (number, 3)) for number in (1, 2, 3)]
    assert sorted(cell.name for shard in shards for cell in shard) == sorted(cell.name for cell in found)
    with pytest.raises(ValueError, match="did you mean `rule`"):
        chosen(found, ["rul=mean"])
    with pytest.raises(ValueError, match="no cell is like krum"):
        chosen(found, ["krum"])
