"""Every registered dataset keeps the contract; those that need no download are loaded whole."""

import subprocess
import sys

import numpy as np
import pytest

from fedsim.array_types import silent
from fedsim.datasets.contract import check_dataset, datasets
from fedsim.errors import DataUnavailable
from fedsim.paths import path_settings
from fedsim.randomness import Stream

ENTRIES = list(datasets)
OFFLINE = [entry for entry in ENTRIES if entry.traits["offline"]]
REMOTE = [entry for entry in ENTRIES if not entry.traits["offline"] and not path_settings(entry.settings)]
STORED = {"images": ("uint8", "float32"), "features": ("float32",), "tokens": ("uint8", "uint16", "int32", "int64")}
TOLD = ("kind", "task", "shape", "examples", "owners")
HEAVY = ("torch", "torchvision", "matplotlib", "sklearn", "PIL", "joblib", "scipy")


def by_name(entries):
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


def load(entry, seed=0):
    supplied = {"stream": Stream.root(seed), "progress": silent}
    return entry.function(*(supplied[name] for name in entry.supplied))


@by_name(ENTRIES)
def test_documented(entry):
    if entry.sections:  # one line alone is a draft, and a page is whole
        assert entry.sections["Source"]
        assert all(setting.meaning for setting in entry.settings.values())


@by_name(ENTRIES)
def test_every_setting_has_a_default(entry):
    own = path_settings(entry.settings)  # files of one's own are nowhere by default, and their columns have any name
    assert own or not any(setting.required for setting in entry.settings.values())


@by_name(OFFLINE)
def test_an_offline_dataset_keeps_the_contract(entry):
    data = load(entry)
    for part in (data.train, data.test):
        assert len(part) > 0
        assert part.inputs.shape == (len(part), *data.shape)
        assert part.inputs.dtype.name in STORED[data.kind]
        assert part.targets.dtype == np.int64
        assert data.task == "next_token" or set(np.unique(part.targets)) == set(range(data.classes))
        assert part.owners is None or (part.owners.dtype == np.int64 and len(part.owners) == len(part))


@by_name(OFFLINE)
def test_what_is_said_beforehand_of_an_offline_dataset_is_true(entry):
    settings = {name: setting.default for name, setting in entry.settings.items()}
    told = {name: entry.traits[name](settings) for name in TOLD if entry.traits[name]}
    data = check_dataset(load(entry))
    owners = None if data.train.owners is None else len(np.unique(data.train.owners))
    found = {"kind": data.kind, "task": data.task, "shape": data.shape, "owners": owners}
    found["examples"] = len(data.train) + len(data.test)
    assert told == {name: found[name] for name in told}


@by_name(OFFLINE)
def test_an_offline_dataset_is_the_same_from_the_same_address(entry):
    first, again, other = load(entry), load(entry), load(entry, seed=1)
    np.testing.assert_array_equal(first.train.inputs, again.train.inputs)
    np.testing.assert_array_equal(first.test.targets, again.test.targets)
    assert not np.array_equal(first.test.inputs[:50], other.test.inputs[:50])


@by_name(OFFLINE)
def test_train_and_test_share_no_image(entry):
    data = load(entry)
    seen = {image.tobytes() for image in data.train.inputs}
    assert not any(image.tobytes() in seen for image in data.test.inputs)


@by_name([entry for entry in REMOTE if "folder" in entry.settings])
def test_missing_files_are_one_clear_refusal_that_names_the_folder(entry, tmp_path):
    supplied = {"stream": Stream.root(0), "progress": silent}
    with pytest.raises(DataUnavailable, match=f"put .* into {tmp_path / 'mine'}"):
        entry.function(*(supplied[name] for name in entry.supplied), folder=str(tmp_path / "mine"))


def test_listing_the_datasets_imports_nothing_heavy():
    program = (
        "import sys; from fedsim.datasets.contract import datasets; assert list(datasets);"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]; assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
