"""Small tables that come with scikit-learn: one row an example, its columns standardised."""

from typing import Annotated, Any

import numpy as np
from annotated_types import Gt, Lt

from fedsim.datasets.contract import Dataset, Examples, dataset
from fedsim.datasets.splitting import held_out
from fedsim.datasets.standardising import standardised
from fedsim.randomness import Stream

TestFraction = Annotated[float, Gt(0), Lt(1), "share of every class held out for the test"]


@dataset("breast_cancer", kind="features", offline=True, shape=(30,), examples=569, classes=2)
def breast_cancer(stream: Stream, *, test_fraction: TestFraction = 0.2) -> Dataset:
    """569 tumours in two classes by 30 measurements of cell nuclei; needs no download.

    Formula:
        The test set takes test_fraction of each class, chosen at random. Every column is shifted and scaled to mean 0
        and variance 1 over the training set. Class 0 is malignant (212), class 1 benign (357).
    Assumes:
        The server knows the means and spreads of all training examples, clients' own included.
    Source:
        Street, Wolberg & Mangasarian, Nuclear feature extraction for breast tumor diagnosis, SPIE 1993.
    """
    from sklearn.datasets import load_breast_cancer

    return _table(load_breast_cancer(), test_fraction, stream)


@dataset("wine", kind="features", offline=True, shape=(13,), examples=178, classes=3)
def wine(stream: Stream, *, test_fraction: TestFraction = 0.2) -> Dataset:
    """178 wines of three growers by 13 chemical measurements; needs no download.

    Formula:
        The test set takes test_fraction of each class, chosen at random. Every column is shifted and scaled to mean 0
        and variance 1 over the training set.
    Assumes:
        The server knows the means and spreads of all training examples, clients' own included. The 142 training
        examples are fewer than the 300 that root and validation take by default: make both smaller.
    Source:
        Aeberhard & Forina, Wine, UCI Machine Learning Repository 1991.
    """
    from sklearn.datasets import load_wine

    return _table(load_wine(), test_fraction, stream)


def _table(found: Any, test_fraction: float, stream: Stream) -> Dataset:
    targets = found.target.astype(np.int64)
    held = held_out(targets, test_fraction, stream)
    train, test = standardised(found.data[~held], found.data[held])
    return Dataset(Examples(train, targets[~held]), Examples(test, targets[held]), len(found.target_names), "features")
