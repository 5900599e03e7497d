"""Every metric equals its formula written as slow loops, and its peer where there is one."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, recall_score

from fedsim.metrics.classes import balanced_accuracy, worst_class_accuracy
from fedsim.metrics.examples import accuracy, loss
from fedsim.metrics.owners import accuracy_of_owners, accuracy_of_worst_owners


def case(seed):
    """Targets of unequal classes, some of which nobody has, and owners whose numbers have gaps."""
    draw = np.random.default_rng(seed)
    m = int(draw.integers(1, 80))
    targets = draw.choice([0, 1, 2, 5, 9], m, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    predictions = np.where(draw.random(m) < 0.6, targets, draw.integers(-1, 11, m)).astype(np.int32)
    return predictions, targets, draw.choice([3, 4, 17, 900, 901, 10**12], m)


def share_right(predictions, targets, chosen):
    return sum(predictions[i] == targets[i] for i in chosen) / len(chosen)


def grouped(predictions, targets, groups):
    """The accuracy in each group, by hand."""
    names = sorted(set(groups.tolist()))
    return [share_right(predictions, targets, [i for i, g in enumerate(groups) if g == name]) for name in names]


@pytest.mark.parametrize("seed", range(12))
def test_accuracies_by_hand(seed):
    predictions, targets, owners = case(seed)
    assert accuracy(predictions, targets) == share_right(predictions, targets, range(len(targets)))
    classes, whose = grouped(predictions, targets, targets), grouped(predictions, targets, owners)
    assert balanced_accuracy(predictions, targets) == pytest.approx(sum(classes) / len(classes), rel=1e-14)
    assert worst_class_accuracy(predictions, targets) == min(classes)
    assert accuracy_of_owners(predictions, targets, owners) == pytest.approx(sum(whose) / len(whose), rel=1e-14)


@pytest.mark.parametrize("seed", range(12))
def test_scikit_learn_agrees(seed):
    predictions, targets, _ = case(seed)
    assert accuracy(predictions, targets) == accuracy_score(targets, predictions)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        warnings.filterwarnings("ignore", message="A single label was found")
        peer = balanced_accuracy_score(targets, predictions)
    assert balanced_accuracy(predictions, targets) == pytest.approx(peer, rel=1e-14)
    recalls = recall_score(targets, predictions, labels=np.unique(targets), average=None)
    assert worst_class_accuracy(predictions, targets) == recalls.min()


def test_the_loss_is_that_of_scikit_learn():
    draw = np.random.default_rng(0)
    chances = draw.dirichlet(np.ones(4), 50)
    targets = np.concatenate([np.arange(4), draw.integers(0, 4, 46)])
    losses = -np.log(chances[np.arange(50), targets])
    assert loss(losses, float(losses.sum())) == pytest.approx(log_loss(targets, chances), rel=1e-12)


@pytest.mark.parametrize(("share", "counted"), [(0.01, 1), (0.1, 10), (0.29, 29), (0.3, 30), (0.301, 31), (1.0, 100)])
def test_the_worst_owners_are_a_share_rounded_up(share, counted):
    """Of a hundred owners with a hundred examples each the k-th has k right."""
    owners = np.repeat(np.arange(100), 100)
    right = np.tile(np.arange(100), 100) < owners
    found = accuracy_of_worst_owners(right.astype(np.int32), np.ones(10_000, int), owners, share=share)
    assert found == pytest.approx(np.arange(counted).mean() / 100, rel=1e-12)


def test_the_worst_of_few_owners_is_one_of_them():
    predictions, targets, owners = case(5)
    assert accuracy_of_worst_owners(predictions, targets, owners) == min(grouped(predictions, targets, owners))
