"""row_gather: golden model, RTL against golden, and broken RTL that must be caught."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom import row_gather as golden
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.corefiles import core_files
from verif.lib.paths import ROOT
from verif.lib.runner import ElaborationRefused

TB = "verif.row_gather.tb"
SETS = [
    {},
    {"Lanes": 4, "Centroids": 64},  # rows of one and two beats; half beats at K = 16
    {
        "Centroids": 32,
        "ActCentroids": 32,
        "EntryW": 16,
        "BeatW": 128,
        "LaneBeats": 8,
        "Tag": 5,
    },  # lanes are LUTRAM queues
    {"Lanes": 1, "Centroids": 64, "EntryW": 16, "LaneBeats": 6, "StrideW": 20},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("row_gather", TB, name=name, parameters=parameters, seed=seed).tests == 7


@pytest.mark.parametrize("parameters", [{}, {"Centroids": 64, "EntryW": 16}], ids=["default", "four beats a row"])
def test_with_hbm_streamer(parameters):
    """The descriptors fit the real streamer, and its latency is hidden."""
    streamer = [str(path.relative_to(ROOT)) for path in core_files("hbm_streamer").sources]
    common = [str(path.relative_to(ROOT)) for path in core_files("common").sources]
    bench = ("verif/lib/axi_read_mem.sv", "verif/row_gather/row_gather_bench.sv")
    extra = (*(path for path in streamer if path not in common), *bench)
    name = f"streamer-{len(parameters)}"
    options = dict(toplevel="row_gather_bench", parameters=parameters, extra_sources=extra)
    assert simulate("row_gather", f"{TB}_streamer", name=name, **options).tests == 2


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 3}, "Lanes is 3, allowed: 1, 2, 4, 8"),
        ({"EntryW": 12}, "EntryW is 12, allowed: 8, 16"),
        ({"Centroids": 64, "EntryW": 16, "LaneBeats": 2}, "LaneBeats is 2, allowed: >= 2 and >= the beats of a row"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("row_gather", TB, name="refused", parameters=parameters)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([(k, bits, beat) for k in (16, 32, 64) for bits in (8, 16) for beat in (16, 32, 64)]),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 2**32 - 1),
)
def test_golden_reads_hold_the_rows(layout, groups, positions, seed):
    """What the addresses of row_gather_reads point at in the packed image are the rows of row_gather."""
    k, bits, beat = layout
    rng = np.random.default_rng(seed)
    table = rng.integers(-(1 << bits - 1), 1 << bits - 1, (positions, 16, groups, k))
    cidx = rng.integers(0, 16, positions)
    image = golden.pack_gather_table(table, bits, beat)
    stride = golden.row_stride(groups, k, bits, beat)
    assert len(image) == positions * 16 * stride and stride % beat == 0
    count = int(rng.integers(1, groups + 1))
    group = int(rng.integers(0, groups - count + 1))
    offset, base = group * k * bits // 8, 7 * 4096
    addresses, length = golden.row_gather_reads(cidx, base, stride, offset, k, 16, count, bits, beat)
    want = golden.row_gather(table, cidx, group, count)
    for p, address in enumerate(map(int, addresses)):
        assert address % beat == 0 and length % beat == 0
        start = address - base + offset % beat
        got = np.frombuffer(image, f"<i{bits // 8}", count * k, start)
        assert (got.reshape(count, k) == want[p]).all()
        assert (want[p] == [[table[p, cidx[p], group + n, e] for e in range(k)] for n in range(count)]).all()


@pytest.mark.parametrize(
    "arguments,message",
    [
        ((np.zeros((2, 16, 1, 16), int), np.array([0, 16]), 0), "cidx is in"),
        ((np.zeros((2, 16, 1, 16), int), np.array([0, 1]), 1), "groups 1"),
        ((np.zeros((2, 16, 16), int), np.array([0, 1]), 0), "allowed \\[P, C, G, K\\]"),
    ],
)
def test_golden_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        golden.row_gather(*arguments)


def test_golden_refuses_wide_entries():
    with pytest.raises(ValueError, match="allowed \\[-128, 127\\]"):
        golden.pack_gather_table(np.full((1, 16, 1, 16), 128))


def test_wrong_half_is_caught():
    """A serialiser that forgets the start entry after the first fetch: only rows inside a beat show it."""
    file = "rtl/row_gather/row_gather_serialise.sv"
    broken = Mutation(file, "entry_q <= fetch_done ? start_q", "entry_q <= fetch_done ? '0")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("row_gather", TB, name="broken", mutation=broken)
