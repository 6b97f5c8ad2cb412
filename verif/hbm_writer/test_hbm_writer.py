"""hbm_writer: parameter sets on the pyuvm bench, broken ones, the golden model by itself."""

import numpy as np
import pytest

from lutloom.hbm_streamer import Cause, Descriptor
from lutloom.hbm_writer import hbm_writer
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TESTS = 13

SETS = {
    "default": {},
    "narrow": dict(DataW=32, MaxBurstBytes=64, BufferBeats=33, Outstanding=5, AddrW=40, TagW=3),
    "longest": dict(MaxBurstBytes=4096, BufferBeats=256, Outstanding=2, AddrW=32),
    "tiny": dict(DataW=64, MaxBurstBytes=8, BufferBeats=4, Outstanding=3, TagW=1, BytesW=20),
    "contents": dict(DataW=128, MaxBurstBytes=256, Any=0, Strobes=1),
}


def bench(name, **more):
    return simulate("hbm_writer", "verif.hbm_writer.tb", name=name, target="sim", **more)


@pytest.mark.parametrize("name", SETS)
def test_bench(name):
    for seed in (base_seed(), base_seed() + 1):
        assert bench(name, parameters=SETS[name], seed=seed).tests == TESTS


BROKEN = {
    # the answer comes although the descriptor has more bursts
    "answers too early": (
        Mutation("rtl/hbm_writer/hbm_writer_answer.sv", "!b_fail && head_last && !stop_o", "!b_fail && !stop_o"),
        "none was expected|Mismatch|a_done_has_descriptor|a_answer_has_room",
    ),
    # a burst begins before all its data are in the buffer
    "issues without data": (
        Mutation("rtl/hbm_writer/hbm_writer_issue.sv", "s_legal_i && !have_then[HaveW] && room", "s_legal_i && room"),
        "Mismatch|Error|Assertion",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_writer_is_caught(name):
    mutation, match = BROKEN[name]
    with pytest.raises(SimulationFailed, match=match):
        bench(f"broken-{name.replace(' ', '-')}", mutation=mutation)


@pytest.mark.parametrize(
    "parameters",
    [
        {"DataW": 48},
        {"MaxBurstBytes": 8},
        {"MaxBurstBytes": 8192},
        {"BufferBeats": 8},
        {"Outstanding": 1},
        {"TagW": 0},
        {"AddrW": 12},
        {"BytesW": 5},
    ],
    ids=str,
)
def test_illegal_parameters_are_refused(parameters):
    with pytest.raises(ElaborationRefused, match=rf"{next(iter(parameters))} is .*allowed: "):
        simulate("hbm_writer", "verif.hbm_writer.tb", name="illegal", parameters=parameters)


def test_golden_stops_where_it_must():
    data = np.arange(320, dtype=np.uint8).reshape(10, 32)
    two = [Descriptor(4064, 64, 3), Descriptor(0, 96, 4)]
    good = hbm_writer(two, data)
    assert [(addr, len(rows)) for addr, rows in good.bursts] == [(4064, 1), (4096, 1), (0, 3)]
    assert good.answers == [(3, Cause.NONE), (4, Cause.NONE)] and good.beats == 5
    assert (np.concatenate([rows for _, rows in good.bursts]) == data[:5]).all()
    bad = hbm_writer(two, data, faults={4100: Cause.SLVERR, 32: Cause.DECERR})
    assert bad.answers == [(3, Cause.SLVERR)] and (bad.error_addr, bad.error_tag) == (4096, 3)
    odd = hbm_writer([two[1], Descriptor(1, 32, 9), two[0]], data)
    assert odd.answers == [(4, Cause.NONE), (9, Cause.DESC_ALIGN)] and (odd.error_addr, odd.beats) == (1, 3)
