"""A packed run can be checked by anybody, and one that lies is found with the chance that is stated."""

import itertools
import shutil
import zipfile

import pytest

import fedsim
from fedsim.errors import ResultsConflict
from fedsim.runs.spot_checks import draw, reach
from fedsim.scenario.load import parse_scenario
from tests.own_code import RULE, SMALL
from tests.proof.forging import forge_norm, repacked
from tests.small_runs import DIGITS, held, run_in, scenario

GIVEN = scenario(
    DIGITS, "rounds=6", "output.checkpoint_every=2", "training.worker_momentum=0.5",
    rest=held(1, 2, 3, name="sign_flip"),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "mine"
    run_in(folder, GIVEN)
    return folder


@pytest.fixture(scope="module")
def archive(run):
    return fedsim.pack(run, run.parent / "mine.zip").path


def test_the_same_run_gives_the_same_bytes(run, archive, tmp_path):
    shutil.copytree(run, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "accuracy.png").write_bytes(b"a figure")
    (tmp_path / "elsewhere" / "notes.txt").write_text("mine")
    again = fedsim.pack(tmp_path / "elsewhere", tmp_path / "again.zip")
    assert again.path.read_bytes() == archive.read_bytes()
    assert again.manifest.runs[0].rounds == 6
    assert again.checkpoints == {"": [2, 4, 6]}


def test_a_whole_check_and_a_spot_check(archive):
    whole = fedsim.verify_archive(archive)
    assert (whole.difference, whole.played, whole.done) == (None, 6, 6)
    assert whole.signer is None
    spot = fedsim.verify_archive(archive, spot=2, seed=3)
    assert spot.difference is None
    assert spot.spots == fedsim.verify_archive(archive, spot=2, seed=3).spots
    assert fedsim.verify_archive(archive, (3, 4)).played == 2
    assert not list(archive.parent.glob(".*"))


def on_the_way(rounds, checkpoints, wrong):
    """Whether a round is played when these are drawn, each from the checkpoint before it."""
    return any(max([c for c in (0, *checkpoints) if c < round]) < wrong <= round for round in rounds)


@pytest.mark.parametrize("checkpoints", [(), (2, 4, 6), (5,), (1, 2, 3, 4, 5, 6)])
@pytest.mark.parametrize("drawn", [1, 2, 5, 6])
def test_the_chance_that_is_stated_is_that_of_all_draws(checkpoints, drawn):
    draws = list(itertools.combinations(range(1, 7), drawn))
    shares = [sum(on_the_way(each, checkpoints, wrong) for each in draws) / len(draws) for wrong in range(1, 7)]
    spots = draw(drawn, reach(6, checkpoints), seed=1)
    assert spots.least == pytest.approx(min(shares))
    assert spots.mean == pytest.approx(sum(shares) / 6)


def test_a_forged_round_is_found_when_it_is_played_and_only_then(archive, tmp_path):
    lying = repacked(archive, tmp_path / "lying.zip", lambda folder: forge_norm(folder, 3), tmp_path / "beside")
    seeds = {on_the_way(draw(1, reach(6, (2, 4, 6)), seed).rounds, (2, 4, 6), 3): seed for seed in range(12)}
    assert fedsim.verify_archive(lying, spot=1, seed=seeds[False]).difference is None
    found = fedsim.verify_archive(lying, spot=1, seed=seeds[True]).difference
    assert (found.round, found.field) == (3, "norm")


def test_a_manifest_that_tells_of_another_run_is_found(archive, tmp_path):
    def shorten(folder):
        (folder / "summary.json").write_text((folder / "summary.json").read_text().replace('"final": 0', '"final": 1'))

    lying = repacked(archive, tmp_path / "lying.zip", shorten, tmp_path / "beside")
    assert fedsim.verify_archive(lying, spot=1).difference.file == "summary.json"


def test_what_cannot_be_packed(run, archive, tmp_path):
    with pytest.raises(ResultsConflict, match="is there already; choose another --out, or replace it with --force"):
        fedsim.pack(run, archive)
    shutil.copytree(run, tmp_path / "copy")
    table = tmp_path / "copy" / "metrics.csv"
    table.write_text(table.read_text().replace("1", "2", 1))
    with pytest.raises(ResultsConflict, match=r"does not agree with itself, first in metrics.csv"):
        fedsim.pack(tmp_path / "copy", tmp_path / "no.zip")
    for event in fedsim.perform(GIVEN, tmp_path / "begun"):
        if getattr(event, "round", 0) == 2:
            break
    with pytest.raises(ResultsConflict, match=r"is not finished \(1 of 6 rounds\): fedsim resume"):
        fedsim.pack(tmp_path / "begun", tmp_path / "no.zip")
    with pytest.raises(ResultsConflict, match="there is no nowhere: give a run's results folder, or a study's"):
        fedsim.pack("nowhere")
    with pytest.raises(ResultsConflict, match="is no study's file: give the results folder"):
        fedsim.pack(archive, tmp_path / "no.zip")
    assert not (tmp_path / "no.zip").exists()


def test_a_fork_is_packed_with_what_it_comes_from(run, tmp_path):
    for _ in fedsim.fork(run, 4, {"aggregator": "median"}, tmp_path / "fork"):
        pass
    packed = fedsim.pack(tmp_path / "fork", tmp_path / "fork.zip")
    assert "origin/scenario.toml" in zipfile.ZipFile(packed.path).namelist()
    shutil.rmtree(tmp_path / "fork")
    assert fedsim.verify_archive(packed.path).difference is None


def test_own_code_is_run_only_when_somebody_agrees(own, tmp_path):
    own("my_rules.py", RULE)
    own("mine.toml", f'plugins = ["my_rules.py"]\naggregator = "mine"\n{SMALL}')
    for _ in fedsim.perform("mine.toml", "mine"):
        pass
    packed = fedsim.pack("mine")
    own("my_rules.py", "raise RuntimeError('not this one')")
    with pytest.raises(ResultsConflict, match=r"holds own code \(plugins/my_rules.py\), which would run with your"):
        fedsim.verify_archive(packed.path, spot=1)
    verdict = fedsim.verify_archive(packed.path, spot=1, kept_code=True)
    assert verdict.difference is None


def test_own_code_that_is_named_behind_the_manifests_back_is_not_run(archive, own, tmp_path):
    def name_code(folder):
        scenario = folder / "scenario.toml"
        scenario.write_text(
            f'plugins = ["{folder.parent}/evil.py"]\n{scenario.read_text()}'.replace("plugins = []\n", "")
        )

    own("evil.py", "open('ran', 'w').close()")
    lying = repacked(archive, tmp_path / "lying.zip", name_code, tmp_path / "beside")
    with pytest.raises(ResultsConflict, match=r"own code is asked for, and --no-plugins runs none"):
        fedsim.verify_archive(lying, spot=1)
    assert not (tmp_path / "ran").exists()


def test_data_that_are_not_there_are_told(tmp_path):
    import numpy as np

    file = tmp_path / "mine.npz"
    np.savez(file, inputs=np.random.default_rng(1).random((200, 5), np.float32), targets=np.arange(200) % 3)
    text = f'data = {{ name = "npz", file = "{file}" }}\nmodel = "logistic"\nrounds = 2\n'
    text += "clients = { population = 4, sampled = 4 }\nevaluation = { validation = 10 }\nroot = { size = 10 }\n"
    run_in(tmp_path / "mine", parse_scenario(text))
    packed = fedsim.pack(tmp_path / "mine", tmp_path / "mine.zip")
    assert packed.manifest.needs == (str(file),)
    assert any(
        "files that it reads and does not hold" in each for each in fedsim.verify_archive(packed.path).not_compared
    )
    file.unlink()
    with pytest.raises(fedsim.FedsimError, match=r"mine\.npz"):
        fedsim.verify_archive(packed.path)
