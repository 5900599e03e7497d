"""Tables that come with scikit-learn: whole, split by class, standardised by the training set."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine

import fedsim
from fedsim.datasets.standardising import standardised
from fedsim.datasets.tabular import breast_cancer, wine
from fedsim.randomness import Stream
from fedsim.scenario.load import parse_scenario

TABLES = pytest.mark.parametrize(("make", "source"), [(breast_cancer, load_breast_cancer), (wine, load_wine)])


@TABLES
def test_columns_are_the_originals_shifted_and_scaled_by_the_training_set(make, source):
    data, original = make(Stream.root(3)), source()
    everything = np.concatenate([data.train.inputs, data.test.inputs])
    assert sorted(np.bincount(original.target)) == sorted(
        np.bincount(data.train.targets) + np.bincount(data.test.targets)
    )
    np.testing.assert_allclose(data.train.inputs.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.inputs.std(axis=0), 1, atol=1e-5)
    for column in range(original.data.shape[1]):
        ranks = np.corrcoef(np.sort(everything[:, column]), np.sort(original.data[:, column]))
        assert ranks[0, 1] == pytest.approx(1, abs=1e-5)


@TABLES
@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_the_same_share_of_every_class_is_tested(make, source, fraction):
    data = make(Stream.root(0), test_fraction=fraction)
    assert list(np.bincount(data.test.targets)) == [round(fraction * n) for n in np.bincount(source().target)]


def test_a_constant_column_is_zero_and_stays_finite():
    train, test = standardised(np.array([[7.1, 1], [7.1, 3]] * 50), np.array([[7.1, 5], [8.1, 2]]))
    np.testing.assert_array_equal(train[:, 0], 0)
    np.testing.assert_allclose(test, [[0, 3], [1, 0]], atol=1e-6)


@pytest.mark.parametrize("model", ["mlp", "logistic"])
def test_a_table_is_learnt_with_the_same_bits_on_two_workers(model):
    text = f"""
rounds = 15
data = "breast_cancer"
model = "{model}"
root.size = 20
evaluation.validation = 20
clients.population = 10
aggregator = "fedavg"
"""
    one, two = (
        list(fedsim.simulate(parse_scenario(text, [f"execution.workers={workers}", *kernel])))
        for workers, kernel in ((1, []), (2, []))
    )
    assert one == two
    assert one[-1].final > 0.9
    loop = list(fedsim.simulate(parse_scenario(text, ["execution.workers=1", 'training.kernel="loop"'])))[-1]
    assert loop.final_loss == pytest.approx(one[-1].final_loss, rel=1e-3)
