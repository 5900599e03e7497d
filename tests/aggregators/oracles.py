"""Formulas of whole rows, as slow loops in float64: nothing is shared with what they judge."""

import itertools
import math

import numpy as np

from tests.oracles import median, squared_distance, trimmed_mean


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


def mda(rows, f):
    best = None
    for chosen in itertools.combinations(range(len(rows)), len(rows) - f):
        pairs = itertools.combinations(chosen, 2)
        width = max((squared_distance(rows[i], rows[j]) for i, j in pairs), default=0.0)
        if best is None or width < best[0]:
            best = width, chosen
    return best[1]


def spread(rows):
    return np.linalg.eigvalsh(covariance(rows, np.ones(len(rows)))[1])[-1]


def smea(rows, f):
    """The least greatest eigenvalue of the covariance of any n − f rows."""
    return min(spread(rows[list(chosen)]) for chosen in itertools.combinations(range(len(rows)), len(rows) - f))


def clipped_to(rows, bound, kept):
    """The mean of the kept rows, each no longer than the bound."""
    return sum(rows[i].astype(float) * min(1.0, bound / (length(rows[i]) or 1.0)) for i in kept) / len(kept)


def average_linkage(distances):
    """Agglomerative clustering by mean distances, until two clusters are left."""
    clusters = [[i] for i in range(len(distances))]
    while len(clusters) > 2:
        pairs = itertools.combinations(range(len(clusters)), 2)
        a, b = min(
            pairs, key=lambda pair: np.mean([distances[i][j] for i in clusters[pair[0]] for j in clusters[pair[1]]])
        )
        clusters[a] += clusters.pop(b)
    return clusters


def cosine_distances(rows):
    return np.array([[0.0 if i == j else 1 - cosine(a, b) for j, b in enumerate(rows)] for i, a in enumerate(rows)])


def clipped_clustering(rows, past):
    clusters = average_linkage(cosine_distances(rows))
    kept = max(clusters, key=len)
    return clipped_to(rows, np.median([*past, *map(length, rows)]), sorted(kept))


def sign_shares(part):
    counts = np.array([[np.mean(row > 0), np.mean(row == 0), np.mean(row < 0)] for row in part])
    return counts / np.where(counts.max(axis=0) > 0, counts.max(axis=0), 1)


def rank_points(rows):
    n, d = rows.shape
    ranks = np.zeros((n, d))
    for k in range(d):
        for i in range(n):
            less = sum(rows[j, k] < rows[i, k] for j in range(n))
            ranks[i, k] = less + (sum(rows[j, k] == rows[i, k] for j in range(n)) + 1) / 2
    return np.stack([ranks.mean(axis=1), ranks.std(axis=1)], axis=1)


def two_means(points):
    """The best division in two of all there are."""
    n, best = len(points), None
    for size in range(1, n):
        for chosen in itertools.combinations(range(n), size):
            others = [i for i in range(n) if i not in chosen]
            cost = sum(((points[part] - points[part].mean(axis=0)) ** 2).sum() for part in (list(chosen), others))
            if best is None or cost < best[0] - 1e-12:
                best = cost, list(chosen), others
    return best[1], best[2]


def foundationfl(rows, f, rule, added):
    high, low = rows.max(axis=0), rows.min(axis=0)
    scores = [min(squared_distance(row, high), squared_distance(row, low)) for row in rows]
    copied = rows[scores.index(max(scores))]
    everyone = np.concatenate([rows, np.repeat(copied[None], added, axis=0)])
    return median(everyone) if rule == "median" else trimmed_mean(everyone, f)


def deviations(scores):
    spread = float(np.std(scores))
    return [abs(score - float(np.median(scores))) / spread if spread > 1e-12 else 0.0 for score in scores]


def alignins(rows, counts, parameters, angle=1.0, sign=1.0, share=0.3):
    n, d = rows.shape
    main = max(int(share * d), 1)
    majority = [np.sign(sum(np.sign(value) for value in column)) for column in rows.T]
    aligned = []
    for row in rows:
        order = sorted(range(d), key=lambda k: (-abs(row[k]), k))[:main]
        aligned.append(sum(np.sign(row[k]) == majority[k] for k in order) / main)
    first, second = deviations([cosine(row, parameters) for row in rows]), deviations(aligned)
    kept = [i for i in range(n) if first[i] < angle - 1e-9 and second[i] < sign - 1e-9]
    if not kept:
        return np.zeros(d)
    bound = float(np.median([length(rows[i]) for i in kept]))
    total = sum(counts[i] for i in kept)
    return sum(counts[i] * rows[i].astype(float) * min(1.0, bound / (length(rows[i]) or 1.0)) for i in kept) / total


def foolsgold(rows, histories, confidence=1.0):
    n = len(rows)
    likeness = [[0.0 if i == j else cosine(histories[i], histories[j]) for j in range(n)] for i in range(n)]
    most = [max(row) for row in likeness]
    for i in range(n):
        for j in range(n):
            if i != j and most[j] > most[i]:
                likeness[i][j] *= most[i] / most[j]
    alphas = [min(max(1 - max(row), 0.0), 1.0) for row in likeness]
    alphas = [alpha / max(alphas) for alpha in alphas]
    alphas = [0.99 if alpha == 1 else alpha for alpha in alphas]
    alphas = [confidence * (math.log(alpha / (1 - alpha)) + 0.5) if alpha > 0 else 0.0 for alpha in alphas]
    alphas = [min(max(alpha, 0.0), 1.0) for alpha in alphas]
    return sum(alpha * row.astype(float) for alpha, row in zip(alphas, rows, strict=True)) / sum(alphas), alphas


def afa(rows, counts, good, bad):
    """One round: the mean, who was kept, with good and bad verdicts so far."""
    weight = [a / (a + b) * m for a, b, m in zip(good, bad, counts, strict=True)]
    kept, slack = list(range(len(rows))), 2.0
    while True:
        total = sum(weight[i] for i in kept)
        mean = sum(weight[i] * rows[i].astype(float) for i in kept) / total
        scores = {i: cosine(rows[i], mean) for i in kept}
        values = list(scores.values())
        middle, width = float(np.median(values)), float(np.std(values))
        if float(np.mean(values)) < middle:
            out = [i for i in kept if scores[i] < middle - slack * width]
        else:
            out = [i for i in kept if scores[i] > middle + slack * width]
        if not out or width < 1e-9:
            return mean, kept
        kept = [i for i in kept if i not in out]
        slack += 0.5


def hessian_product(steps, changes, direction):
    """The matrix that L-BFGS builds by its updates, one pair after another, applied to a direction.

    B ← B − Bs(Bs)ᵀ/(sᵀBs) + yyᵀ/(yᵀs), from σ times the identity.
    """
    sigma = float(changes[-1] @ steps[-1]) / float(steps[-1] @ steps[-1])
    matrix = sigma * np.eye(len(direction))
    for s, y in zip(steps, changes, strict=True):
        along = matrix @ s
        matrix = matrix - np.outer(along, along) / (s @ along) + np.outer(y, y) / (y @ s)
    return matrix @ direction


def zeno(rows, losses, f, penalty):
    scores = [-loss - penalty * length(row) ** 2 for loss, row in zip(losses, rows, strict=True)]
    return mean_of(rows, least([-score for score in scores], len(rows) - f))


def fedgreed(rows, counts, loss):
    order = sorted(range(len(rows)), key=lambda i: (loss(rows[i]), i))
    best = None
    for k in range(1, len(rows) + 1):
        total = sum(counts[i] for i in order[:k])
        mean = sum(counts[i] * rows[i].astype(float) for i in order[:k]) / total
        if best is not None and loss(mean) > loss(best):
            break
        best = mean
    return best


def lasa(rows, layers, sparsity=0.3, norm=2.0, sign=1.0):
    rows = rows.astype(float)
    bound = float(np.median([length(row) for row in rows]))
    clipped = [row * min(1.0, bound / (length(row) or 1.0)) for row in rows]
    sparse = []
    for whole in clipped:
        row = whole.copy()
        main = [k for layer in layers if len(layer.shape) in (2, 4) for k in range(layer.begin, layer.end)]
        for k in sorted(main, key=lambda k: abs(row[k]))[: math.ceil(sparsity * len(main))]:
            row[k] = 0.0
        sparse.append(row)
    result = np.zeros(rows.shape[1])
    for layer in layers:
        norms = deviations([length(row[layer.stretch]) for row in sparse])
        purities = deviations([_purity(row[layer.stretch]) for row in sparse])
        kept = [i for i in range(len(rows)) if norms[i] < norm - 1e-9 and purities[i] < sign - 1e-9]
        kept = kept or range(len(rows))
        result[layer.stretch] = sum(clipped[i][layer.stretch] for i in kept) / len(kept)
    return result


def _purity(part):
    signs = [np.sign(value) for value in part]
    return 0.5 * (1 + sum(signs) / (sum(map(abs, signs)) or 1))


def lfighter(rows, weight, bias):
    n = len(rows)
    weights = [row[weight.stretch].reshape(weight.shape).astype(float) for row in rows]
    change = [sum(length(w[c]) for w in weights) for c in range(weight.shape[0])]
    if bias is not None:
        change = [total + sum(abs(row[bias.begin + c]) for row in rows) for c, total in enumerate(change)]
    most = sorted(sorted(range(len(change)), key=lambda c: -change[c])[:2])
    points = np.array([np.concatenate([w[c] for c in most]) for w in weights])
    best = None
    for part in two_means(points):
        worst = [min([0.0, *(cosine(points[i], points[j]) for j in part if j != i)]) for i in part]
        weighed = len(part) / n * (1 - sum(worst) / len(part))
        if best is None or weighed > best[0]:
            best = weighed, part
    return mean_of(rows, sorted(best[1]))


def auror(rows, columns, distance):
    """The mean of those who are not in the smaller cluster of most indicative coordinates."""
    votes, indicative = np.zeros(len(rows)), 0
    for k in columns:
        low, high = two_means(rows[:, [k]].astype(float))
        if abs(rows[high, k].mean() - rows[low, k].mean()) < distance:
            continue
        indicative += 1
        if len(low) != len(high):
            votes[min(low, high, key=len)] += 1
    return mean_of(rows, [i for i in range(len(rows)) if votes[i] <= indicative / 2]), indicative


def by_copies(rows, counts):
    """As many copies of each row as there are examples behind it."""
    return np.repeat(rows, counts, axis=0)


def centered_clip_by_copies(rows, counts, previous, radius, steps):
    centre = previous.astype(float)
    for _ in range(steps):
        gaps = [row - centre for row in by_copies(rows, counts)]
        centre = centre + sum(gap * min(1.0, radius / (length(gap) or 1.0)) for gap in gaps) / len(gaps)
    return centre


def zeno_plus(rows, trusted, penalty, slack):
    """Each row on its own: scaled, scored, and taken or not."""
    taken = []
    for row in rows.astype(float):
        if not length(row):
            continue
        scaled = row * (length(trusted) / length(row))
        along = math.fsum(float(x) * float(y) for x, y in zip(scaled, trusted, strict=True))
        if along - penalty * length(scaled) ** 2 >= -slack:
            taken.append(scaled)
    return sum(taken) / len(taken) if taken else np.zeros(rows.shape[1])


class Kardam:
    """A server that steps again and again, with everything that it ever saw at hand."""

    def __init__(self, share, dampen):
        self.share, self.dampen = share, dampen
        self.latest, self.met, self.senders, self.last = {}, set(), [], None

    def step(self, rows, ages, clients, parameters):
        """The aggregate, and who was accepted."""
        self.met |= {int(client) for client in clients}
        f = int(self.share * len(self.met) + 1e-9)
        coefficients = [self.coefficient(row, parameters) for row in rows]
        self.latest |= {int(c): k for c, k in zip(clients, coefficients, strict=True) if k is not None}
        known = sorted(self.latest.values())
        greatest = known[max(len(known) - 1 - f, 0)] if known else math.inf
        kept = []
        for i, client in enumerate(clients):
            often = f and int(client) in self.senders[-2 * f :]
            if not often and (coefficients[i] is None or coefficients[i] <= greatest):
                kept.append(i)
                self.senders.append(int(client))
        if not kept:
            return np.zeros(rows.shape[1]), kept
        self.last = mean_of(rows, kept), parameters.copy()
        return sum(self.dampen(ages[i]) * rows[i].astype(float) for i in kept) / len(kept), kept

    def coefficient(self, row, parameters):
        if self.last is None:
            return None
        way = length(parameters - self.last[1])
        return length(row - self.last[0]) / way if way else None


def three_clusters(values):
    """The members of the uppermost of the three best clusters on a line, trying all borders."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    points, best = [values[i] for i in order], None
    for a, b in itertools.combinations(range(1, len(points)), 2):
        cost = sum(np.var(part) * len(part) for part in (points[:a], points[a:b], points[b:]))
        if best is None or cost < best[0]:
            best = cost, b
    return sorted(order[best[1] :])


class AsyncFilter:
    """All rows that were ever judged, by the step at which their clients began."""

    def __init__(self):
        self.judged = {}

    def step(self, number, rows, counts, ages):
        refused = []
        for age in sorted(set(ages)):
            group = [i for i in range(len(rows)) if ages[i] == age]
            if len(group) < 3:
                continue
            seen = self.judged.setdefault(number - age, [])
            seen += [rows[i].astype(float) for i in group]
            centre = sum(seen) / len(seen)
            gaps = [length(rows[i] - centre) for i in group]
            refused += [group[k] for k in three_clusters([gap / sum(gaps) for gap in gaps])]
        kept = [i for i in range(len(rows)) if i not in refused]
        total = sum(counts[i] for i in kept)
        return sum(counts[i] * rows[i].astype(float) for i in kept) / total, kept
