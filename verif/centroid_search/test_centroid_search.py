"""centroid_search: golden model against float truth, RTL against golden, and broken RTL that must be caught."""

import numpy as np
import pytest

from lutloom.centroid_search import METRICS, centroid_search
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.centroid_search.tb"
CHEBYSHEV, L1, L2 = range(3)
SETS = [
    {},  # decode: Units 16, pure tree, one row per beat
    {"Units": 64, "ChainLen": 16, "Metric": L2},  # prefill: a vector a cycle
    {"Units": 4, "ChainLen": 4, "Metric": L1, "Centroids": 32, "Banks": 4},  # several rows a beat, one chain
    {"ChainLen": 16, "BeatW": 64},  # a beat is a quarter of a row
    {"Centroids": 16, "ChainLen": 4, "ActW": 6, "BeatW": 192, "Metric": L1},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("centroid_search", TB, name=name, parameters=parameters, seed=seed).tests == 8


def test_rtl_exhaustive():
    small = {"Centroids": 2, "Units": 2, "ActW": 2, "BeatW": 8, "Banks": 4, "Metric": L2}
    simulate("centroid_search", f"{TB}_exhaustive", name="exhaustive", parameters=small)


def test_wrong_tie_is_caught():
    """The later of two equally near rows wins: only ties show it."""
    file = "rtl/centroid_search/centroid_search_reduce.sv"
    later = Mutation(file, "node_dist[1] < best_dist_q", "node_dist[1] <= best_dist_q")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("centroid_search", TB, name="broken", mutation=later)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Units": 12}, "Units is 12, allowed: powers of two"),
        ({"ChainLen": 32}, "ChainLen is 32, allowed: powers of two 1..Units"),
        ({"BeatW": 200}, "BeatW is 200, allowed: 2.ActW times a power of two"),
        ({"Metric": 3}, "Metric is 3, allowed: 0..2"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("centroid_search", TB, name="refused", parameters=parameters)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype,bits", [(np.int8, 8), (np.int16, 12), (np.int64, 16)])
def test_golden_is_the_float_argmin(metric, dtype, bits):
    """Float64 holds these distances exactly; NumPy's argmin takes the first of equals."""
    rng = np.random.default_rng(base_seed())
    end = 1 << bits - 1
    x = rng.integers(-end, end, (500, 3, 2)).astype(dtype)
    books = rng.integers(-end, end, (3, 64, 2)).astype(dtype)
    x[:250] //= end // 4  # a coarse grid has many ties
    books[0] //= end // 4
    d = np.abs(x[:, :, None].astype(float) - books[None].astype(float))
    truth = {"chebyshev": d.max(-1), "l1": d.sum(-1), "l2": (d**2).sum(-1)}[metric].argmin(-1)
    got = centroid_search(x, books, metric)
    assert got.dtype == np.uint8 and (got == truth).all()
    for p in range(3):
        assert (centroid_search(x[:, p], books[p], metric) == truth[:, p]).all()


@pytest.mark.parametrize(
    "vectors,codebook,metric,message",
    [
        (np.zeros((4, 2), int), np.zeros((8, 2), int), "cosine", "metric: found 'cosine', allowed chebyshev"),
        (np.zeros((4, 2)), np.zeros((8, 2), int), "l1", "vectors: found dtype float64"),
        (np.zeros((4, 3), int), np.zeros((8, 2), int), "l1", r"vectors: found shape \(4, 3\)"),
        (np.zeros((4, 2), int), np.zeros((300, 2), int), "l1", "codebook: found shape"),
        (np.zeros((4, 5, 2), int), np.zeros((6, 8, 2), int), "l1", r"allowed \[T, 6, 2\]"),
    ],
)
def test_golden_refuses(vectors, codebook, metric, message):
    with pytest.raises(ValueError, match=message):
        centroid_search(vectors, codebook, metric)


def test_golden_of_nothing_is_nothing():
    assert centroid_search(np.zeros((0, 2), np.int8), np.zeros((4, 2), np.int8)).shape == (0,)
