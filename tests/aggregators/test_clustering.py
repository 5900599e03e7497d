"""Rules that cluster, against naive clusterings or the same library on distances made naively."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN, MeanShift

from fedsim.aggregators._clusters import by_density, largest, two_groups, two_means
from fedsim.aggregators.alignment import alignins
from fedsim.aggregators.clustering import clipped_clustering, flame, signguard
from fedsim.aggregators.ranking import foundationfl, mandera
from fedsim.randomness import Stream
from tests.aggregators import oracles
from tests.aggregators.matrices import KINDS, doubled, outlying, plain

STREAM = Stream.root(3)
each_matrix = pytest.mark.parametrize("make", KINDS)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def attacked(n, d=12, seed=0, bad=3):
    rows = plain(n, d, seed) * 0.5 + 1
    rows[:bad] = -rows[:bad] * 3
    return rows


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_clipped_clustering_is_the_papers(n):
    past = np.array([0.2, 5.0, 0.1])
    for seed in range(6):
        rows = attacked(n, seed=seed, bad=1 if n > 2 else 0)
        if n == 2:
            rows[1] = rows[0] * 2
        verdict = clipped_clustering(rows, {"norms": past})
        if n > 2:
            close(verdict.update, oracles.clipped_clustering(rows, past))
        close(verdict.memory["norms"], [*past, *map(oracles.length, rows)])


def test_norms_of_all_rounds_are_remembered():
    first = clipped_clustering(attacked(7), None)
    second = clipped_clustering(attacked(5, seed=1), first.memory)
    assert len(second.memory["norms"]) == 12


@pytest.mark.parametrize("n", [4, 7, 12])
def test_flame_is_the_papers(n):
    for seed in range(6):
        rows = attacked(n, seed=seed, bad=n // 4)
        labels = HDBSCAN(
            min_cluster_size=n // 2 + 1, min_samples=2, metric="precomputed", allow_single_cluster=True, copy=True
        ).fit_predict(oracles.cosine_distances(rows))
        kept = np.flatnonzero(labels >= 0) if (labels >= 0).any() else range(n)
        verdict = flame(rows, STREAM, noise=0.0)
        close(verdict.update, oracles.clipped_to(rows, np.median([*map(oracles.length, rows)]), kept))


def test_flame_drops_those_who_point_away():
    rows = attacked(20, d=200, bad=6)
    assert not flame(rows, STREAM).weights[:6].any()


def test_flames_noise_is_a_share_of_the_median_norm():
    rows = attacked(9, d=5000)
    noise = flame(rows, STREAM, noise=0.1).update - flame(rows, STREAM, noise=0.0).update
    np.testing.assert_allclose(noise.std(), 0.1 * np.median(np.linalg.norm(rows, axis=1)), rtol=0.05)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_signguard_is_the_papers(share):
    for seed in range(8):
        rows = attacked(9, d=40, seed=seed)
        size = max(int(share * 40), 1)
        begin = int(STREAM.numpy().integers(0, 41 - size))
        points = oracles.sign_shares(rows[:, begin : begin + size])
        gaps = np.array([[oracles.length(a - b) for b in points] for a in points])
        bandwidth = np.mean([sorted(row)[9 // 2 - 1] for row in gaps])
        labels = (
            MeanShift(bandwidth=bandwidth, cluster_all=False).fit_predict(points) if bandwidth else np.zeros(9, int)
        )
        sizes = [np.sum(labels == name) for name in range(labels.max() + 1)]
        if sizes.count(max(sizes)) > 1:
            continue
        norms = [oracles.length(row) for row in rows]
        kept = [i for i in range(9) if labels[i] == np.argmax(sizes) and 0.1 < norms[i] / np.median(norms) < 3]
        expected = oracles.clipped_to(rows, sorted(norms)[4], kept) if kept else np.zeros(40)
        close(signguard(rows, STREAM, share=share).update, expected)


def test_signguard_keeps_no_row_of_unusual_norm():
    rows = plain(9, d=30) + 1
    rows[0] *= 10
    rows[1] *= 0.01
    assert not signguard(rows, STREAM).weights[:2].any()


@pytest.mark.parametrize("n", [3, 5, 7])
def test_mandera_is_the_papers(n):
    for make in (plain, outlying):
        for seed in range(4):
            rows = make(n, d=20, seed=seed)
            parts = oracles.two_means(oracles.rank_points(rows))
            close(mandera(rows).update, oracles.mean_of(rows, max(parts, key=len)))


@each_matrix
@pytest.mark.parametrize(("n", "f"), [(1, 0), (3, 1), (6, 2), (9, 3)])
def test_foundationfl_is_the_papers(make, n, f):
    for rule in ("trimmed_mean", "median"):
        for added in (0, 1, n // 2):
            rows = make(n)
            verdict = foundationfl(rows, f=f, rule=rule, synthetic=added)
            close(verdict.update, oracles.foundationfl(rows, f, rule, added))
            close(verdict.weights.sum(), 1)


@pytest.mark.parametrize("make", [plain, doubled, outlying])
@pytest.mark.parametrize("n", [1, 2, 5, 10])
def test_alignins_is_the_papers(make, n):
    for seed in range(4):
        rows, base = make(n, d=20, seed=seed), plain(1, d=20, seed=seed + 9)[0]
        counts = np.arange(3, n + 3)
        close(alignins(rows, counts, base).update, oracles.alignins(rows, counts, base))


@pytest.mark.parametrize("seed", range(5))
def test_two_means_are_the_best_of_all(seed):
    points = np.random.default_rng(seed).standard_normal((8, 2))
    labels = two_means(points)
    parts = sorted(map(sorted, oracles.two_means(points)))
    assert sorted([np.flatnonzero(labels == 0).tolist(), np.flatnonzero(labels == 1).tolist()]) == parts
    order = np.random.default_rng(seed).permutation(8)
    assert len(np.unique(labels[order] == two_means(points[order]))) == 1


def test_clusters_of_rows_that_are_all_alike():
    assert two_means(np.ones((5, 2))).tolist() == [0] * 5
    assert by_density(np.zeros((5, 5)), 3, 1).tolist() == [0] * 5
    assert two_groups(np.zeros((1, 1))).tolist() == [0]


def test_of_equally_large_clusters_the_tighter_counts_then_the_first():
    gaps = np.zeros((4, 4))
    gaps[0, 1] = gaps[1, 0] = 2.0
    gaps[2, 3] = gaps[3, 2] = 1.0
    assert largest(np.array([0, 0, 1, 1]), gaps).tolist() == [False, False, True, True]
    assert largest(np.array([1, 1, 0, 0]), np.zeros((4, 4))).tolist() == [True, True, False, False]
    assert not largest(np.array([-1, -1]), np.zeros((2, 2))).any()
