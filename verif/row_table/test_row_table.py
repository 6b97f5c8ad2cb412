"""row_table: golden model, RTL against golden, and broken RTL that must be caught."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lutloom import row_table as golden
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.row_table.tb"
SETS = [
    {"TablePositions": 16},  # 16 rows: one index, one piece, one beat a cycle
    {"TablePositions": 8, "Lanes": 4, "Centroids": 32, "BeatW": 128},  # 32 rows: two squares for 16 beats
    {"TablePositions": 8, "Tokens": 1, "Centroids": 64, "ActCentroids": 16, "EntryW": 16, "BeatW": 128},
    {"TablePositions": 4, "Tokens": 4, "Lanes": 1, "Centroids": 64, "ActCentroids": 32},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()))
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items())
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("row_table", TB, name=name, parameters=parameters, seed=seed).tests == 7


def test_early_credit_is_caught():
    """A square's room is given back one cycle too early: its successor overwrites the last row."""
    file = "rtl/row_table/row_table.sv"
    broken = Mutation(file, ".WriteLead(4)", ".WriteLead(5)")
    with pytest.raises(SimulationFailed, match=r"Mismatch|a_no_overwrite"):
        simulate("row_table", TB, name="broken", parameters=SETS[0], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Tokens": 3}, "Tokens is 3, allowed: 1, 2, 4, 8, 16"),
        ({"TablePositions": 24}, "TablePositions is 24, allowed: a power of two >= Lanes"),
        ({"BeatW": 64}, "BeatW is 64, allowed: 128, 256, 512"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("row_table", TB, name="refused", parameters=parameters)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([8, 16]), st.sampled_from([1, 2, 4]), st.sampled_from([1, 4, 8]), st.integers(1, 20), st.integers(0)
)
def test_golden_streams(bits, lanes, tokens, count, seed):
    """Table, index and row streams agree: each beat is what its index picks out of the packed table, entry by entry."""
    rng = np.random.default_rng(seed)
    positions, c, k = lanes * int(rng.integers(1, 4)), 16, 16
    table = rng.integers(-(1 << bits - 1), 1 << bits - 1, (positions, c, k))
    cidx = rng.integers(0, c, (count, positions))
    packed = np.frombuffer(golden.pack_table_stream(table, bits), f"<i{bits // 8}")
    indices = iter(golden.row_table_indices(cidx, tokens, lanes))
    beats = golden.row_table_stream(table, cidx, tokens, lanes)
    rows = golden.row_table(table, cidx)
    passes = -(-count // tokens)
    assert len(beats) == passes * positions // lanes * k
    for number in range(passes * positions // lanes):
        turn, block = divmod(number, positions // lanes)
        for lane in range(lanes):
            for token in range(tokens):
                p, t, index = block * lanes + lane, turn * tokens + token, int(next(indices))
                got = beats[number * k : (number + 1) * k, token * lanes + lane]
                assert (got == packed[(p * c + index) * k :][:k]).all()
                if t < count:
                    assert (got == rows[t, p]).all() and index == cidx[t, p]
    assert next(indices, None) is None


@pytest.mark.parametrize(
    "arguments,message",
    [
        ((np.zeros((2, 16, 16), int), np.array([[0, 16]])), "cidx is in"),
        ((np.zeros((2, 16, 16), int), np.array([0, 1])), "allowed [P, C, K] and [T, P]"),
    ],
)
def test_golden_refuses(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        golden.row_table(*arguments)
