"""A packed study: tables follow from runs, runs from the plan, and rounds are drawn from all of them."""

import json
import shutil

import pytest

import fedsim
from fedsim.errors import ResultsConflict
from tests.proof.forging import forge_norm, repacked
from tests.study.small_study import STUDY, study_in


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for _ in fedsim.sweep(study_in(folder), folder / "out"):
        pass
    fedsim.load_study(study_in(folder, f'folder = "{folder}/out"\n{STUDY}')).write()
    return fedsim.pack(folder / "out", folder / "small.zip").path


def test_a_study_is_checked_as_a_whole_and_in_spots(archive):
    spot = fedsim.verify_archive(archive, spot=3, seed=2)
    assert spot.difference is None
    assert (spot.done, len(spot.runs), len(spot.spots.rounds)) == (24, 8, 3)
    assert 3 <= spot.played < 10
    whole = fedsim.verify_archive(archive)
    assert (whole.difference, whole.played) == (None, 24)
    assert not any("which scenario the plan gives" in each for each in whole.not_compared)
    with pytest.raises(ResultsConflict, match="is of a study, each of whose runs has its rounds: give --spot"):
        fedsim.verify_archive(archive, (1, 2))


def change_a_table(folder):
    table = folder / "means.csv"
    table.write_text(table.read_text().replace("0.", "0.9", 1))


def swap_labels(folder):
    path = folder / "study.json"
    table = json.loads(path.read_text())
    first, second = table["cells"][0], table["cells"][4]
    first["labels"], second["labels"] = second["labels"], first["labels"]
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def lose_a_cell(folder):
    path = folder / "study.json"
    table = json.loads(path.read_text())
    table["cells"] = table["cells"][1:]
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def forge_a_run(folder):
    forge_norm(sorted((folder / "cells").iterdir())[2], 2)


LIES = {
    "a table": (change_a_table, "means.csv"),
    "labels": (swap_labels, "cells.csv"),
    "a cell less": (lose_a_cell, "cells.csv"),
    "a run": (forge_a_run, "events.jsonl"),
}


@pytest.mark.parametrize("what", LIES)
def test_lies_are_found(archive, tmp_path, what):
    change, file = LIES[what]
    lying = repacked(archive, tmp_path / "lying.zip", change, tmp_path / "beside")
    verdict = fedsim.verify_archive(lying, spot=None if what == "a run" else 1)
    assert verdict.difference.file.endswith(file)


def test_labels_that_are_consistent_and_wrong_are_found(archive, tmp_path):
    def swap_and_make_tables(folder):
        swap_labels(folder)
        for name, text in fedsim.load_study(folder).files().items():
            (folder / name).write_text(text)

    lying = repacked(archive, tmp_path / "lying.zip", swap_and_make_tables, tmp_path / "beside")
    assert fedsim.verify_archive(lying, spot=1).difference.field.startswith("rule=")


def test_what_is_not_finished_is_left_out_and_told(archive, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(archive.parent / "out", folder)
    shutil.rmtree(sorted((folder / "cells").iterdir())[0])
    packed = fedsim.pack(folder, tmp_path / "part.zip")
    assert (packed.left, len(packed.manifest.runs)) == (1, 7)
    assert fedsim.verify_archive(packed.path, spot=1).difference is None
    shutil.rmtree(folder / "cells")
    with pytest.raises(ResultsConflict, match="no cell is finished; fedsim sweep plays them"):
        fedsim.pack(folder, tmp_path / "none.zip")
