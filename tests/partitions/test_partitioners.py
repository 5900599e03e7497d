"""Partitioners of flwr-datasets: a stand-in of their form, and their own where they are installed."""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest

from fedsim.errors import ScenarioError
from fedsim.scenario.load import parse_scenario
from fedsim.simulation.federation import build_federation

TEXT = """
rounds = 1
data = "digits"
model = "logistic"
[clients]
population = 6
sampled = 3
[root]
size = 20
[evaluation]
validation = 30
"""
PARTITIONERS = '''
import numpy as np

class EveryNth:
    """Deals examples of a column's values in turn."""

    def __init__(self, num_partitions: int, partition_by: str, skip: int = 0, seed: int = 42) -> None:
        self.count, self.by, self.skip, self.seed, self.dataset = num_partitions, partition_by, skip, seed, None

    @property
    def num_partitions(self) -> int:
        return self.count

    def load_partition(self, partition_id: int):
        order = np.argsort(self.dataset[self.by], kind="stable")[self.skip:]
        order = np.random.default_rng(self.seed).permutation(order)
        return {name: np.asarray(column)[order[partition_id::self.count]] for name, column in self.dataset.items()}
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The file of a partitioner, and in the place of a datasets.Dataset a dictionary of columns."""
    module = ModuleType("datasets")
    module.Dataset = type("Dataset", (), {"from_dict": staticmethod(dict)})
    monkeypatch.setitem(sys.modules, "datasets", module)
    (tmp_path / "mine.py").write_text(PARTITIONERS)
    return f"{tmp_path / 'mine.py'}:EveryNth"


def federation(name, *changes, text=TEXT, **settings):
    table = ", ".join([f'name = "{name}"', *(f"{key} = {value}" for key, value in settings.items())])
    return build_federation(parse_scenario(text, [f"partition={{{table}}}", *changes]))


def shares(built):
    return [built.shares[client].tolist() for client in range(built.population)]


def test_a_class_that_deals_a_dataset_is_a_partition(own):
    built = federation(own, partition_by='"label"')
    assert built.population == 6
    assert sorted(np.concatenate(shares(built)).tolist()) == [*range(len(built.held))]
    assert np.ptp([len(share) for share in shares(built)]) <= 1


def test_its_seed_is_the_partitions_own(own):
    one, again, other = (shares(federation(own, f"seed={s}", partition_by='"label"')) for s in (1, 1, 2))
    assert one == again != other


def test_it_may_leave_examples_out(own):
    built = federation(own, partition_by='"label"', skip=100)
    assert sum(map(len, shares(built))) == len(built.held) - 100


def test_nobody_is_left_empty(own):
    with pytest.raises(ScenarioError, match=r"its partition \d of 6 is empty: every client needs an example"):
        federation(own, partition_by='"label"', skip=1744)


def test_settings_are_its_own(own):
    with pytest.raises(ScenarioError, match=r"partition.partition_by: missing"):
        federation(own)
    with pytest.raises(ScenarioError, match=r"partition.skpi: unknown key; did you mean `skip`"):
        federation(own, partition_by='"label"', skpi=3)


def test_without_the_package_it_says_what_to_install(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ScenarioError, match=r"partitioners deal a datasets\.Dataset: pip install flwr-datasets"):
        federation(own, partition_by='"label"')


INSTALLED = pytest.mark.skipif(not find_spec("flwr_datasets"), reason="flwr-datasets is not installed")
GLYPHS = TEXT.replace('"digits"', '{ name = "glyphs", writers = 9, samples = 62 }').replace("population = 6\n", "")


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # theirs
@INSTALLED
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("IidPartitioner", {}),
        ("DirichletPartitioner", {"partition_by": '"label"', "alpha": 0.3, "min_partition_size": 5}),
        ("ShardPartitioner", {"partition_by": '"label"', "num_shards_per_partition": 2}),
        ("PathologicalPartitioner", {"partition_by": '"label"', "num_classes_per_partition": 2}),
        ("LinearPartitioner", {}),
    ],
)
def test_theirs_deal_our_examples(name, settings):
    built = federation(f"flwr_datasets.partitioner:{name}", **settings)
    assert built.population == 6
    dealt = np.concatenate(shares(built))
    assert len(set(dealt.tolist())) == len(dealt) > 0.5 * len(built.held)
    if name == "PathologicalPartitioner":
        targets = built.train.targets[built.held]
        assert [len(set(targets[share].tolist())) for share in shares(built)] == [2] * 6


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # theirs
@INSTALLED
def test_theirs_draw_from_our_seed():
    given = {"partition_by": '"label"', "alpha": 0.3}
    name = "flwr_datasets.partitioner:DirichletPartitioner"
    one, again, other = (shares(federation(name, f"seed={seed}", **given)) for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")  # theirs
@INSTALLED
def test_theirs_know_our_owners():
    text = GLYPHS.replace("sampled = 3", "population = 9\nsampled = 3").replace("logistic", "lenet5")
    built = federation("flwr_datasets.partitioner:NaturalIdPartitioner", text=text, partition_by='"owner"')
    owners = built.train.owners[built.held]
    assert [len(set(owners[share].tolist())) for share in shares(built)] == [1] * 9
