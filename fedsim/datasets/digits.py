"""Real handwritten digits that come with scikit-learn."""

from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from fedsim.datasets.contract import Dataset, Examples, dataset
from fedsim.datasets.splitting import held_out
from fedsim.randomness import Stream

DEPTH = 16  # grey levels of the originals above black


@dataset("digits", kind="images", offline=True, shape=(1, 8, 8), examples=1797, classes=10)
def digits(
    stream: Stream,
    *,
    test_fraction: Annotated[float, Gt(0), Lt(1), "share of every class held out for the test"] = 0.2,
) -> Dataset:
    """1,797 real handwritten digits of 8 × 8 pixels; needs no download.

    Formula:
        Of each class, the test set takes test_fraction of the examples (rounded, at least one, never all),
        chosen at random; the training set keeps the rest in their order. Grey levels 0–16 become 0–255.
    Source:
        Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository 1998.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.rint(found.images * (255 / DEPTH)).astype(np.uint8)[:, None]
    labels = found.target.astype(np.int64)
    held = held_out(labels, test_fraction, stream)
    train, test = (Examples(images[rows], labels[rows]) for rows in (~held, held))
    return Dataset(train, test, classes=10)
