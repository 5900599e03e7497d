"""The papers' formulas once more, as slow loops in float64: nothing is shared with what they judge."""

import itertools
import math

import numpy as np


def fedavg(rows, counts):
    total = np.zeros(rows.shape[1])
    for row, count in zip(rows, counts, strict=True):
        total += float(count) * row.astype(float)
    return total / sum(float(count) for count in counts)


def median(rows):
    n, d = rows.shape
    result = np.zeros(d)
    for k in range(d):
        values = sorted(float(row[k]) for row in rows)
        result[k] = values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2
    return result


def trimmed_mean(rows, f):
    n, d = rows.shape
    result = np.zeros(d)
    for k in range(d):
        values = sorted(float(row[k]) for row in rows)
        result[k] = math.fsum(values[f : n - f]) / (n - 2 * f)
    return result


def survival(rows, low, high):
    """The share of the columns' ranks low … high − 1 that each row holds; equal values share their ranks."""
    n, d = rows.shape
    share = np.zeros(n)
    for k in range(d):
        values = sorted(float(row[k]) for row in rows)
        for i in range(n):
            equal = [rank for rank in range(n) if values[rank] == float(rows[i, k])]
            share[i] += len([rank for rank in equal if low <= rank < high]) / len(equal)
    return share / (d * (high - low))


def squared_distance(left, right):
    return math.fsum((float(a) - float(b)) ** 2 for a, b in zip(left, right, strict=True))


def krum_scores(rows, f, variant="blanchard2017"):
    n = len(rows)
    neighbours = n - f - 2 if variant == "blanchard2017" else n - f - 1
    scores = []
    for i in range(n):
        others = sorted(squared_distance(rows[i], rows[j]) for j in range(n) if j != i)
        scores.append(math.fsum(others[:neighbours]))
    return scores


def krum(rows, f, variant="blanchard2017"):
    scores = krum_scores(rows, f, variant)
    return rows[scores.index(min(scores))]


def multi_krum(rows, f, m=None, variant="blanchard2017"):
    scores = krum_scores(rows, f, variant)
    best = sorted(range(len(rows)), key=lambda i: (scores[i], i))[: len(rows) - f if m is None else m]
    return sum(rows[i].astype(float) for i in best) / len(best)


def total_distance(point, rows, pulls):
    return math.fsum(pull * math.sqrt(squared_distance(row, point)) for row, pull in zip(rows, pulls, strict=True))


def geometric_median(rows, pulls, steps=20_000):
    """Vardi and Zhang's modified Weiszfeld iteration, which also leaves or stays at a row correctly."""
    rows, pulls = rows.astype(float)[pulls > 0], pulls[pulls > 0]
    point = np.average(rows, axis=0, weights=pulls)
    for _ in range(steps):
        gaps = np.sqrt(((rows - point) ** 2).sum(axis=1))
        here, away = gaps < 1e-13, gaps >= 1e-13
        if not away.any():
            return point
        strength = pulls[away] / gaps[away]
        target = (strength[:, None] * rows[away]).sum(axis=0) / strength.sum()
        resultant = np.sqrt((((strength[:, None] * (rows[away] - point)).sum(axis=0)) ** 2).sum())
        stay = min(1.0, pulls[here].sum() / resultant) if resultant > 0 else 1.0
        following = (1 - stay) * target + stay * point
        if np.abs(following - point).max() < 1e-15 * (1 + np.abs(point).max()):
            break
        point = following
    best = min(range(len(rows)), key=lambda i: total_distance(rows[i], rows, pulls))
    at_row = total_distance(rows[best], rows, pulls) <= total_distance(point, rows, pulls)
    return rows[best] if at_row else point


def automatic_weights(distances, penalty):
    """Bisection for η in Σ max(η − d, 0) = λn."""
    n = len(distances)
    low, high = min(distances), max(distances) + penalty * n
    for _ in range(200):
        middle = (low + high) / 2
        if sum(max(middle - d, 0.0) for d in distances) > penalty * n:
            high = middle
        else:
            low = middle
    raw = np.array([max(high - d, 0.0) for d in distances])
    return raw / raw.sum()


def autogm(rows, penalty, turns=60):
    alphas = np.full(len(rows), 1 / len(rows))
    for _ in range(turns):
        point = geometric_median(rows, alphas, steps=3000)
        alphas = automatic_weights([math.sqrt(squared_distance(row, point)) for row in rows], penalty)
    return point


def centered_clip(rows, previous, radius, steps):
    centre = previous.astype(float)
    for _ in range(steps):
        move = np.zeros_like(centre)
        for row in rows.astype(float):
            gap = row - centre
            length = math.sqrt(math.fsum(gap**2))
            move += gap * (1.0 if length == 0 else min(1.0, radius / length))
        centre = centre + move / len(rows)
    return centre


def information_scores(logits):
    n, examples, classes = logits.shape
    scores = np.zeros(n)
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            total = 0.0
            for e in range(examples):
                left, right = standardised(logits[i, e]), standardised(logits[j, e])
                correlation = sum(a * b for a, b in zip(left, right, strict=True)) / classes
                correlation = min(max(correlation, -1.0), 1.0)
                total += -0.5 * math.log(1 - correlation**2 + 1e-10)
            scores[i] += total / examples / (n - 1)
    return scores


def standardised(values):
    values = [float(value) for value in values]
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return [(value - mean) / (deviation + 1e-10) for value in values]


def fedmi(rows, logits, k=2.0):
    scores = information_scores(logits)
    middle = np.median(scores)
    spread = np.median([abs(score - middle) for score in scores])
    kept = [i for i in range(len(rows)) if abs(scores[i] - middle) <= k * spread]
    return sum(rows[i].astype(float) for i in kept) / len(kept)


def agmami_alphas(logits, penalty):
    scores = information_scores(logits)
    gaps = sorted(abs(a - b) for a, b in itertools.combinations(scores, 2))
    half = len(scores) // 2 + 1
    unit = gaps[math.comb(half, 2) - 1]
    alphas = np.full(len(scores), 1 / len(scores))
    for _ in range(100):
        centre = weighted_median(scores, alphas)
        alphas = automatic_weights([abs(score - centre) for score in scores], penalty * unit)
    return alphas


def research_alphas(scores, penalty=0.3):
    """The study's description, in lists: distances of all turns, alphas from the first n of them, 100 turns."""
    n, distances = len(scores), []
    alphas = [1 / n] * n
    for _ in range(100):
        median = sum(a * s for a, s in zip(alphas, scores, strict=True)) / sum(alphas)
        cost = sum(a * abs(s - median) for a, s in zip(alphas, scores, strict=True))
        for _ in range(100):
            pulls = [a / max(1e-5, abs(s - median)) for a, s in zip(alphas, scores, strict=True)]
            median = sum(p * s for p, s in zip(pulls, scores, strict=True)) / sum(pulls)
            last, cost = cost, sum(a * abs(s - median) for a, s in zip(alphas, scores, strict=True))
            if abs(last - cost) < 1e-6 * cost:
                break
        distances += [abs(s - median) for s in scores]
        ordered, filled = sorted(distances), 0.0
        for count, distance in enumerate(ordered, 1):
            filled += distance
            if (filled + penalty * n) / count < distance:
                break
            level = (filled + penalty * n) / count
        alphas = [max(level - distance, 0) / (penalty * n) for distance in distances[:n]]
        if not any(alphas):
            break
    return np.array(alphas)


def weighted_median(values, amounts):
    """The middle of all minimisers of Σ amount·|value − point|, found by trying every value."""
    costs = {v: sum(a * abs(u - v) for u, a in zip(values, amounts, strict=True)) for v in values}
    least = min(costs.values())
    best = [v for v, cost in costs.items() if cost <= least * (1 + 1e-12)]
    return (min(best) + max(best)) / 2


def nnm(rows, f):
    n = len(rows)
    mixed = np.zeros(rows.shape)
    for i in range(n):
        order = sorted(range(n), key=lambda j: (-1.0 if i == j else squared_distance(rows[i], rows[j]), j))
        mixed[i] = sum(rows[j].astype(float) for j in order[: n - f]) / (n - f)
    return mixed


def clip(rows, norm):
    result = []
    for row in rows.astype(float):
        length = math.sqrt(math.fsum(row**2))
        result.append(row if length <= norm else row * (norm / length))
    return np.array(result)


def bucketing(rows, order, s):
    starts = range(0, len(rows), s)
    return np.array([np.mean([rows[i].astype(float) for i in order[start : start + s]], axis=0) for start in starts])
