"""hbm_streamer: parameter sets on the pyuvm bench, bulk streams, broken ones, the golden model by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lutloom.hbm_streamer import Cause, Descriptor, hbm_streamer, split_bursts
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

BENCH = ("verif/lib/axi_read_mem.sv", "verif/hbm_streamer/hbm_streamer_bench.sv")
STREAM = ("verif/lib/axi_read_mem.sv", "verif/hbm_streamer/tb_stream.sv")
TESTS = 14

SETS = {
    "default": {},
    "narrow": dict(DataW=32, WindowBytes=256, MaxBurstBytes=64, BufferBeats=80, FetchDescs=16, AddrW=40),
    "longest": dict(DataW=128, WindowBytes=8192, MaxBurstBytes=4096, BufferBeats=515, FetchDescs=32, AddrW=32),
    "tiny": dict(DataW=64, WindowBytes=1000, MaxBurstBytes=8, BufferBeats=125, FetchDescs=2, TagW=1, BytesW=20),
}


def bench(name, **more):
    return simulate("hbm_streamer", "verif.hbm_streamer.tb", name=name, toplevel="hbm_streamer_bench", **more)


@pytest.mark.parametrize("name", SETS)
def test_bench(name):
    for seed in (base_seed(), base_seed() + 1):
        assert bench(name, parameters=SETS[name], seed=seed, extra_sources=BENCH).tests == TESTS


def test_bare_core():
    """What `make sim CORE=hbm_streamer PARAMS=...` runs."""
    simulate("hbm_streamer", "verif.hbm_streamer.tb", name="bare", parameters={"DataW": 128, "TagW": 4})


def test_image(tmp_path):
    image = tmp_path / "image.bin"
    np.random.default_rng(base_seed()).integers(0, 256, 16384, dtype=np.uint8).tofile(image)
    bench(
        "image",
        parameters={"Hash": 0, "DataW": 64},
        extra_sources=BENCH,
        env={"IMAGE": image, "COCOTB_TEST_FILTER": "NoStall|AllStall|ImageMemory"},
        plusargs=(f"+axi_read_mem={image}",),
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        dict(DataW=32, WindowBytes=1024, MaxBurstBytes=64, BufferBeats=256),
        dict(DataW=64, WindowBytes=2000, BufferBeats=251, FetchDescs=7),
    ],
    ids=["default", "narrow", "odd sizes"],
)
def test_bulk(parameters, request):
    name = f"bulk-{request.node.callspec.id.replace(' ', '-')}"
    outcome = simulate(
        "hbm_streamer",
        "verif.hbm_streamer.tb_stream",
        name=name,
        toplevel="tb_stream",
        parameters=parameters,
        extra_sources=STREAM,
    )
    assert outcome.tests == 4


BROKEN = {
    # a beat after an error still gets through
    "delivers after the error": (
        Mutation(
            "rtl/hbm_streamer/hbm_streamer_track.sv", "beat_cause == CauseNone && !stop_o", "beat_cause == CauseNone"
        ),
        "none was expected|a_no_overflow|Mismatch",
    ),
    # the burst limit forgets the start within the chunk
    "bursts leave their chunk": (
        Mutation(
            "rtl/hbm_streamer/hbm_streamer_split.sv",
            "BeatsW'(ChunkBeats) - BeatsW'((",
            "BeatsW'(ChunkBeats) - 0 * BeatsW'((",
        ),
        "a_burst_in_chunk|a_4k_border",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_streamer_is_caught(name):
    mutation, match = BROKEN[name]
    with pytest.raises(SimulationFailed, match=match):
        bench(f"broken-{name.replace(' ', '-')}", mutation=mutation, extra_sources=BENCH)


@pytest.mark.parametrize(
    "parameters",
    [
        {"DataW": 48},
        {"MaxBurstBytes": 8},
        {"MaxBurstBytes": 8192},
        {"WindowBytes": 256},
        {"BufferBeats": 64},
        {"FetchDescs": 1},
        {"TagW": 0},
        {"AddrW": 12},
        {"BytesW": 5},
    ],
    ids=str,
)
def test_illegal_parameters_are_refused(parameters):
    with pytest.raises(ElaborationRefused, match=rf"{next(iter(parameters))} is .*allowed: "):
        simulate("hbm_streamer", "verif.hbm_streamer.tb", name="illegal", parameters=parameters)


@given(
    start=st.integers(0, 3000),
    beats=st.integers(1, 2000),
    width=st.sampled_from([32, 64, 128, 256]),
    longest=st.sampled_from([32, 512, 1024]),
)
def test_golden_bursts_cover_and_keep_the_rules(start, beats, width, longest):
    beat = width // 8
    bursts = split_bursts(start * beat, beats * beat, data_w=width, max_burst_bytes=longest)
    at = start * beat
    for addr, count in bursts:
        assert addr == at and count >= 1
        assert addr // longest == (addr + count * beat - 1) // longest  # within one chunk, so within 4 KB
        at += count * beat
    assert at == (start + beats) * beat


def test_golden_stops_where_it_must():
    memory = np.arange(1024, dtype=np.uint32).view(np.uint8)  # 4096 bytes
    whole = hbm_streamer([Descriptor(0, 4096, 3)], memory)
    assert whole.cause == Cause.NONE and (whole.data.reshape(-1) == memory).all()
    assert whole.last.sum() == 1 and whole.last[-1] and (whole.tag == 3).all()
    past = hbm_streamer([Descriptor(4064, 64, 1), Descriptor(0, 32, 2)], memory)
    assert (past.cause, past.error_addr, past.error_tag, len(past.data)) == (Cause.DECERR, 4096, 1, 1)
    assert not past.last.any()
    fault = hbm_streamer([Descriptor(0, 96, 1)], memory, faults={32: Cause.SLVERR, 64: Cause.DECERR})
    assert (fault.cause, fault.error_addr, len(fault.data)) == (Cause.SLVERR, 32, 1)
    for addr, nbytes, cause in (
        (1, 0, Cause.DESC_ALIGN),
        (0, 31, Cause.DESC_ALIGN),
        (0, 0, Cause.DESC_ZERO),
        (2**64 - 32, 64, Cause.DESC_RANGE),
    ):
        bad = hbm_streamer([Descriptor(0, 32, 1), Descriptor(addr, nbytes, 9)], memory)
        assert (bad.cause, bad.error_addr, bad.error_tag, len(bad.data)) == (cause, addr, 9, 1)
        assert bad.bursts == [(0, 1)]
