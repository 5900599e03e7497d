"""Formulas of whole rows, as slow loops in float64: nothing is shared with what they judge."""

import math

import numpy as np

from tests.oracles import median, squared_distance


def mean_of(rows, chosen):
    return sum(rows[i].astype(float) for i in chosen) / len(chosen)


def length(row):
    return math.sqrt(math.fsum(float(x) ** 2 for x in row))


def least(scores, count):
    return sorted(sorted(range(len(scores)), key=lambda i: (scores[i], i))[:count])


def nearest_mean(values, middle, kept):
    order = sorted(range(len(values)), key=lambda i: (abs(values[i] - middle), i))[:kept]
    return math.fsum(values[i] for i in order) / kept, order


def meamed(rows, f):
    return _nearest_by_coordinate(rows, median(rows), len(rows) - f)


def phocas(rows, f):
    n = len(rows)
    middle = [math.fsum(sorted(map(float, column))[f : n - f]) / (n - 2 * f) for column in rows.T]
    return _nearest_by_coordinate(rows, middle, n - f)


def _nearest_by_coordinate(rows, middle, kept):
    n, d = rows.shape
    result, shares = np.zeros(d), np.zeros(n)
    for k in range(d):
        result[k], order = nearest_mean([float(row[k]) for row in rows], middle[k], kept)
        shares[order] += 1 / (kept * d)
    return result, shares


def bulyan_choice(rows, f):
    """The θ = n − 2f rows that Krum takes out in turn."""
    remaining, chosen = list(range(len(rows))), []
    while len(chosen) < len(rows) - 2 * f:
        best = _krum_order(rows, remaining, f)[0]
        chosen.append(best)
        remaining.remove(best)
    return sorted(chosen)


def _krum_order(rows, remaining, f):
    m = len(remaining)
    scores = {}
    for i in remaining:
        others = sorted(squared_distance(rows[i], rows[j]) for j in remaining if j != i)
        scores[i] = math.fsum(others[: max(m - f - 2, 1)])
    return sorted(remaining, key=lambda i: (scores[i], i))


def bulyan(rows, f):
    chosen = rows[bulyan_choice(rows, f)].astype(float)
    return _nearest_by_coordinate(chosen, median(chosen), len(chosen) - 2 * f)[0]


def bulyan_of_averages(rows, f):
    n = len(rows)
    remaining, averages = list(range(n)), []
    for turn in range(n - 2 * f - 2):
        order = _krum_order(rows, remaining, f)
        averages.append(mean_of(rows, order[: n - f - 2 - turn]))
        remaining.remove(order[0])
    chosen = np.array(averages)
    return _nearest_by_coordinate(chosen, median(chosen), len(chosen) - 2 * f)[0]


def medoid(rows):
    totals = [math.fsum(math.sqrt(squared_distance(a, b)) for b in rows) for a in rows]
    return rows[totals.index(min(totals))]


def one_mean(rows, f):
    best = None
    for i in range(len(rows)):
        order = sorted(range(len(rows)), key=lambda j: (-1 if i == j else squared_distance(rows[i], rows[j]), j))
        near = order[: len(rows) - f]
        spread = math.fsum(squared_distance(rows[i], rows[j]) for j in near)
        if best is None or spread < best[0]:
            best = spread, near
    return mean_of(rows, best[1])


def monna(rows, f, index):
    gaps = [-1 if i == index else squared_distance(row, rows[index]) for i, row in enumerate(rows)]
    return mean_of(rows, least(gaps, len(rows) - f))


def aksel(rows, f):
    middle = median(rows)
    return mean_of(rows, least([squared_distance(row, middle) for row in rows], len(rows) - f))


def cosine(a, b):
    norms = length(a) * length(b)
    return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True)) / norms if norms else 0.0


def fltrust(rows, trusted):
    trust = [max(0.0, cosine(row, trusted)) for row in rows]
    scaled = [t * length(trusted) / length(row) * row.astype(float) for t, row in zip(trust, rows, strict=True) if t]
    return sum(scaled) / math.fsum(trust)


def cge(rows, f):
    return mean_of(rows, least([length(row) for row in rows], len(rows) - f))


def norm_bound(rows, norm):
    return sum(row * min(1.0, norm / length(row)) if length(row) else row for row in rows.astype(float)) / len(rows)


def crfl(rows, counts, parameters, norm):
    moved = parameters + sum(m * row for m, row in zip(counts, rows.astype(float), strict=True)) / sum(counts)
    return moved * min(1.0, norm / length(moved)) - parameters


def rlr(rows, threshold):
    result = []
    for column in rows.astype(float).T:
        surplus = abs(sum(np.sign(value) for value in column))
        result.append((1 if surplus >= threshold else -1) * math.fsum(column) / len(column))
    return np.array(result)


def sign_majority(rows, lr):
    return np.array([lr * np.sign(sum(np.sign(value) for value in column)) for column in rows.T])


def covariance(rows, weights):
    """The weighted mean and covariance, by their definitions."""
    rows = rows.astype(float)
    middle = sum(w * row for w, row in zip(weights, rows, strict=True)) / sum(weights)
    spread = sum(w * np.outer(row - middle, row - middle) for w, row in zip(weights, rows, strict=True))
    return middle, spread / sum(weights)


def caf(rows, f):
    c, best = np.ones(len(rows)), None
    while f and c.sum() > len(rows) - 2 * f:
        middle, spread = covariance(rows, c)
        values, vectors = np.linalg.eigh(spread)
        if best is None or values[-1] < best[0]:
            best = values[-1], middle
        squares = [float((row - middle) @ vectors[:, -1]) ** 2 for row in rows]
        worst = max(s for s, weight in zip(squares, c, strict=True) if weight > 0)
        if worst <= 1e-28:
            break
        c = np.array([w * max(1 - s / worst, 0) for w, s in zip(c, squares, strict=True)])
    return best[1] if best else mean_of(rows, range(len(rows)))


def dnc(rows, f, chosen_columns):
    n, votes = len(rows), np.zeros(len(rows), int)
    for columns in chosen_columns:
        sample = rows[:, columns] - rows[:, columns].mean(axis=0)
        direction = np.linalg.svd(sample)[2][0]
        votes[least([float(row @ direction) ** 2 for row in sample], n - f)] += 1
    return mean_of(rows, np.flatnonzero(votes == votes.max()))


def arc(rows, f):
    n = len(rows)
    order = sorted(range(n), key=lambda i: (length(rows[i]), i))
    limit, result = length(rows[order[n - 1 - 2 * f * (n - f) // n]]), rows.astype(float).copy()
    for i in order[n - 2 * f * (n - f) // n :]:
        if length(rows[i]) > limit:
            result[i] *= limit / length(rows[i])
    return result
