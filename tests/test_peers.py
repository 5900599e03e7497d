"""Where byzfl implements the same definition, it agrees."""

import numpy as np
import pytest

from fedsim.aggregators.clipping import centered_clip
from fedsim.aggregators.coordinatewise import median, trimmed_mean
from fedsim.aggregators.distance import krum, multi_krum
from fedsim.aggregators.geometric import geometric_median
from fedsim.preaggregators.clipping import clip
from fedsim.preaggregators.mixing import nnm
from tests.aggregators.matrices import outlying, plain

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("default"),  # byzfl's own warnings are not ours to forbid
]
byzfl = pytest.importorskip("byzfl", reason="byzfl is not installed")

each_matrix = pytest.mark.parametrize("make", [plain, outlying])
each_size = pytest.mark.parametrize(("n", "f"), [(7, 2), (10, 3), (13, 5)])


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


@each_matrix
@each_size
def test_coordinate_wise_rules(make, n, f):
    rows = make(n, d=50)
    close(median(rows).update, byzfl.Median()(rows.copy()))
    close(trimmed_mean(rows, f=f).update, byzfl.TrMean(f=f)(rows.copy()))


@each_matrix
@each_size
def test_krums(make, n, f):
    rows = make(n, d=50)
    close(krum(rows, f=f, variant="byzfl").update, byzfl.Krum(f=f)(rows.copy()))
    close(multi_krum(rows, f=f, variant="byzfl").update, byzfl.MultiKrum(f=f)(rows.copy()))


@each_size
def test_geometric_median_when_the_peer_is_let_converge(n, f):
    rows = plain(n, d=50)
    theirs = byzfl.GeometricMedian(nu=1e-9, T=500)(rows.copy())
    close(geometric_median(rows, np.ones(n), tolerance=1e-9).update, theirs)


@each_size
def test_centered_clipping(n, f):
    rows, previous = plain(n, d=50), np.zeros(50)
    theirs = byzfl.CenteredClipping(L=3, tau=2.0)(rows.copy())
    close(centered_clip(rows, previous, radius=2.0, steps=3).update, theirs)


@each_matrix
@each_size
def test_pre_aggregators(make, n, f):
    rows = make(n, d=50)
    close(nnm(rows, f=f).updates, byzfl.NNM(f=f)(rows.copy()))
    close(clip(rows, norm=2.0).updates, byzfl.Clipping(c=2.0)(rows.copy()))
