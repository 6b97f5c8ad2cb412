"""Codebooks and vectors for centroid_search, and the functional coverage that they reach.

A job is (codebook int [c, 2], vectors int [n, 2]): the vectors use that codebook, then it is released.
"""

import itertools

import numpy as np


def uniform(rng, shape, count, vectors):
    """Anything the format holds."""
    return (
        rng.integers(shape.low, shape.high + 1, (count, 2)),
        rng.integers(shape.low, shape.high + 1, (vectors, 2)),
    )


def crowded(rng, shape, count, vectors):
    """Values within +-3 of a random point (+-1 in narrow formats): ties nearly always."""
    reach = min(3, (shape.high - shape.low) // 4 + 1)
    centre = rng.integers(shape.low + reach, max(shape.high - reach, shape.low + reach) + 1, 2)
    near = [centre + rng.integers(-reach, reach + 1, (n, 2)) for n in (count, vectors)]
    return tuple(np.clip(points, shape.low, shape.high) for points in near)


def extreme(rng, shape, count, vectors):
    """Only the lowest and the highest value: the largest distances, and most centroids equal."""
    ends = np.array([shape.low, shape.high])
    return ends[rng.integers(0, 2, (count, 2))], ends[rng.integers(0, 2, (vectors, 2))]


def mixed(rng, shape, books):
    """Random kinds, runtime counts, and vectors per codebook (1 in half of the cases)."""
    jobs = []
    for _ in range(books):
        kind = (uniform, crowded, extreme)[rng.integers(3)]
        count = int(rng.choice(shape.counts))
        jobs.append(kind(rng, shape, count, 1 if rng.random() < 0.5 else int(rng.integers(2, 12))))
    return jobs


def corners(rng, shape):
    far = np.array([shape.high, shape.high])
    jobs = []
    for count in shape.counts:
        # all centroids equal: index 0, also at the largest distance there is
        jobs.append((np.tile([shape.low, shape.low], (count, 1)), np.array([far, [0, 0], [shape.low, shape.low]])))
        # exactly one near centroid at every index
        for i in range(count):
            book = np.tile(far, (count, 1))
            book[i] = (-1, 1)
            jobs.append((book, np.array([[shape.low, 0]] if i % 2 else [[-1, 1]])))
        # two equally near centroids on opposite sides
        step = 1 if shape.ActW < 4 else 2
        pairs = list(itertools.combinations(range(count), 2))
        if len(pairs) > 150:
            pairs = [pairs[n] for n in rng.choice(len(pairs), 150, replace=False)]
            pairs += [(0, count - 1), (0, shape.Units % count), (count - 2, count - 1)]
        for i, j in pairs:
            book = np.tile(far, (count, 1))
            book[i], book[j] = (-1 - step, 0), (-1 + step, 0)
            jobs.append((book, np.array([[-1, 0]])))
    return jobs


def distances(codebook, points, metric):
    """int [n, c], written independently of the golden model's arithmetic (int64, no keys)."""
    d = np.abs(np.asarray(points, np.int64)[:, None] - np.asarray(codebook, np.int64)[None])
    return {"chebyshev": d.max(-1), "l1": d.sum(-1), "l2": (d * d).sum(-1)}[metric]


def cover(coverage, shape, codebook, points, index):
    count = len(codebook)
    if count in (16, 32, 64):
        coverage.hit("count", count)
    order = "count below Units" if count < shape.Units else "one row" if count == shape.Units else "several rows"
    coverage.hit("row", order)
    per_beat = shape.per_beat
    coverage.hit(
        "beat",
        "part of a row" if per_beat < shape.Units else "one row" if per_beat == shape.Units else "several rows",
    )
    coverage.hit("codebook", "streaming" if len(points) == 1 else "held")
    dist = distances(codebook, points, shape.metric)
    span = shape.high - shape.low
    largest = {"chebyshev": span, "l1": 2 * span, "l2": 2 * span * span}[shape.metric]
    both = np.concatenate([codebook, points])
    for name, seen in (
        ("lowest", (both == shape.low).any()),
        ("highest", (both == shape.high).any()),
        ("largest distance", (dist == largest).any()),
    ):
        if seen:
            coverage.hit("values", name)
    for n, best in enumerate(map(int, index)):
        assert best == int(dist[n].argmin())
        coverage.hit("winner", "first" if best == 0 else "last" if best == count - 1 else "between")
        others = [int(i) for i in np.flatnonzero(dist[n] == dist[n, best]) if i != best]
        if not others:
            coverage.hit("tie", "none")
        elif len(others) == count - 1:
            coverage.hit("tie", "all equal")
        for other in set(others):
            row, unit = best // shape.Units == other // shape.Units, best % shape.Units == other % shape.Units
            coverage.hit("tie", "same row" if row else "same unit" if unit else "different row and unit")
