"""lut2d and segment_reduce: golden model, RTL against golden, refused parameters, broken RTL that must be caught."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom import lut2d as golden
from verif.lib import Mutation, SimulationFailed, base_seed, simulate

TB = "verif.lut2d.tb"
SMALL = {"Units": 8, "BeatW": 64}
SETS = {
    "default": {},
    "small": SMALL,
    "shifter": {**SMALL, "DrainW": 1, "Slots": 5, "UseDsp": 0},
    "64 centroids, 12 bit": {**SMALL, "Centroids": 64, "EntryW": 12, "AccW": 32},
    "4 lanes, 4 tokens": dict(Units=8, Lanes=4, BeatW=128, Centroids=32, Tokens=4, Slots=4, MaxBlocks=1024),
    # the bound of the accumulators and of the narrow sums is reached exactly; a window is as short as it may be
    "tight": {**SMALL, "MaxBlocks": 64, "StartW": 22, "AccW": 23, "NarrowW": 13, "Slots": 15},
    # more blocks than AccW holds for any entries
    "promised": {**SMALL, "EntryW": 16, "AccW": 32, "SumPromised": 1},
    "no start values": {**SMALL, "Start": 0},
    # a slot's drain is longer than a block
    "5 tokens in turn": {**SMALL, "Start": 0, "Tokens": 5},
    "4 tokens, 2 in turn": {**SMALL, "Start": 0, "Tokens": 4, "Drains": 2},
    "2 tokens in turn, 8 steps": {**SMALL, "Start": 0, "Tokens": 2, "DrainW": 1, "Slots": 6},
}


@pytest.mark.parametrize("name", SETS)
def test_rtl(name):
    seeds = (base_seed(), base_seed() + 1) if name == "small" else (base_seed(),)
    for seed in seeds:
        assert (
            simulate(
                "lut2d", TB, name=name.replace(", ", "-").replace(" ", "-"), parameters=SETS[name], seed=seed
            ).tests
            == 7
        )


@pytest.mark.parametrize("parameters", [{}, {"Sources": 2, "Width": 9}], ids=["8", "2"])
def test_segment_reduce(parameters):
    name = f"segment-{len(parameters)}"
    outcome = simulate("lut2d", f"{TB}_segment_reduce", name=name, toplevel="segment_reduce", parameters=parameters)
    assert outcome.tests == 4


BROKEN = {
    # the sums of a closed bank go to the wrong exponent
    "exponent": ("lut2d_control.sv", "load_flush_q ? flush_exp_q : exp_q", "exp_q"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_rtl_is_caught(name):
    file, old, new = BROKEN[name]
    broken = Mutation(f"rtl/lut2d/{file}", old, new)
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("lut2d", TB, name=f"broken-{name}", parameters=SMALL, mutation=broken, waves_on_failure=False)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Units": 7}, "allowed: "),
        ({"Centroids": 17}, "allowed: 16, 32, 64"),
        ({"NarrowW": 9}, "allowed: windows"),
        ({"MaxBlocks": 2049}, "allowed: what AccW"),
        ({"EntryW": 16, "AccW": 32}, "allowed: what AccW"),
        ({"DrainW": 16}, "allowed: Units/DrainW a power"),
        ({"EntryW": 17}, "allowed: 4..16"),
        ({"Tokens": 4, "Start": 0, "Drains": 3}, "allowed: divisors of Tokens = 4"),
    ],
    ids=lambda v: "-".join(f"{k}{n}" for k, n in v.items()) if isinstance(v, dict) else "",
)
def test_refused_parameters(parameters, message):
    with pytest.raises(SimulationFailed, match=message):
        simulate("lut2d", TB, name="refused", parameters=parameters, waves_on_failure=False)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 9), st.sampled_from([2, 4]), st.sampled_from([16, 32, 64]), st.integers(0, 2**32)
)
def test_golden_is_the_formula(tokens, blocks, lanes, centroids, seed):
    """lut2d against the sum written out term by term in Python's integers."""
    rng = np.random.default_rng(seed)
    outputs = 8
    rows = rng.integers(-128, 128, (tokens, blocks, lanes, centroids))
    idx = rng.integers(0, centroids, (blocks, lanes, outputs))
    exponents, start = rng.integers(0, 8, blocks), rng.integers(-(1 << 26), 1 << 26, outputs)
    got = golden.lut2d(rows, idx, exponents, start)
    for t in range(tokens):
        for n in range(outputs):
            terms = (int(rows[t, b, l, idx[b, l, n]]) << int(exponents[b]) for b in range(blocks) for l in range(lanes))  # noqa: E741
            assert got[t, n] == int(start[n]) + sum(terms)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.sampled_from([16, 32, 64]), st.integers(1, 4), st.integers(0, 2**32))
def test_index_stream_reads_back(blocks, centroids, slots, seed):
    """A reader written from the format's description finds every exponent and index again, and nothing else."""
    rng = np.random.default_rng(seed)
    lanes, units, beat, bits = 2, 8, 64, golden.INDEX_BITS[centroids]
    idx = rng.integers(0, centroids, (blocks * lanes, slots * units)).astype(np.uint8)
    exponents = rng.integers(0, 3, blocks)
    beats = golden.pack_index_stream(
        idx, np.repeat(exponents, lanes), lanes=lanes, units=units, centroids=centroids, beat_bits=beat
    )
    values = [int.from_bytes(b.tobytes(), "little") for b in beats]
    end, exponent = 0, None
    for b in range(blocks):
        if b == end:
            header = values.pop(0)
            exponent, end = header & 7, header >> 16 & 0xFFFF
            assert b < end <= blocks and header == exponent | end << 16
        assert exponent == exponents[b]
        count = -(-slots * lanes * units * bits // beat)
        block = sum(value << i * beat for i, value in enumerate(values[:count]))
        del values[:count]
        for s in range(slots):
            for lane in range(lanes):
                for u in range(units):
                    field = block & (1 << bits) - 1
                    block >>= bits
                    assert field == idx[b * lanes + lane, s * units + u]
        assert block == 0
    assert not values


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(idx=np.full((4, 8), 16, np.uint8)), "below the centroid count"),
        (dict(exponents=np.array([0, 1, 1, 1])), "one exponent 0..7 a block"),
        (dict(exponents=np.full(4, 8)), "one exponent 0..7 a block"),
        (dict(idx=np.zeros((4, 9), np.uint8)), "multiples of"),
        (dict(idx=np.zeros((0, 8), np.uint8), exponents=np.zeros(0, int)), "0 blocks, allowed"),
    ],
)
def test_index_stream_refuses(change, message):
    arguments = dict(idx=np.zeros((4, 8), np.uint8), exponents=np.zeros(4, int)) | change
    with pytest.raises(ValueError, match=message):
        golden.pack_index_stream(**arguments, lanes=2, units=8, beat_bits=64)


def test_golden_equals_the_linear_layer():
    """The accumulators of covq's lookup are those of lut2d on the rows that its centroid indices pick."""
    from lutloom.covq import lookup_accumulate

    rng = np.random.default_rng(base_seed())
    tokens, positions, outputs = 3, 10, 16
    table = rng.integers(-128, 128, (positions, 1, 64, 16)).astype(np.int8)
    idx = rng.integers(0, 16, (positions, outputs)).astype(np.uint8)
    exponents = np.repeat(rng.integers(0, 8, positions // 2), 2).astype(np.uint8)
    start = rng.integers(-1000, 1000, outputs).astype(np.int32)
    found = rng.integers(0, 64, (tokens, positions)).astype(np.uint8)
    want = lookup_accumulate(found, table, idx, exponents[:, None], start)
    picked = table[np.arange(positions), 0, found]  # [T, P, 16]
    rows = picked.reshape(tokens, positions // 2, 2, 16)
    got = golden.lut2d(rows, idx.reshape(positions // 2, 2, outputs), exponents[::2], start)
    assert (got == want).all()
