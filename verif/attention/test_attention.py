"""attention: tokens in several shapes, and a core with a wrong rescaling that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.attention.tb"
TESTS = 13
SETS = {
    "default": {},
    "group of 3": dict(QHeads=3, MaxHeadDim=64, ReadBeats=192, KvBeats=20, IdW=3, AddrW=40),
    "2 ways": dict(Ways=2, QHeads=1, MaxHeadDim=64, KvBeats=16, ReadBeats=256),
    "4 ways": dict(Ways=4, KvBeats=16),
    "alone": dict(QHeads=1, MaxHeadDim=16, WindowBytes=2048, ReadBeats=128, KvBeats=6),
    "int8": dict(KvBits=8),
    "int8 alone": dict(KvBits=8, QHeads=1, MaxHeadDim=32, WindowBytes=2048, ReadBeats=128, KvBeats=6, AddrW=40),
}


def bench(name, **more):
    return simulate("attention", TB, name=name.replace(" ", "-"), target="sim", **more)


@pytest.mark.parametrize("name", SETS)
def test_rtl(name):
    for seed in (base_seed(), base_seed() + 1) if name == "alone" else (base_seed(),):
        assert bench(name, parameters=SETS[name], seed=seed).tests == TESTS


BROKEN = {  # parameter set, mutation
    # the sums of earlier blocks are not rescaled when the maximum grows
    "forgets alpha": (
        "alone",
        Mutation("rtl/attention/attention_sum.sv", ".b_i(alpha_i)", ".b_i(fp32_pkg::One)"),
    ),
    # reads do not wait for the rows of the token before
    "reads too early": (
        "alone",
        Mutation("rtl/attention/attention_cache.sv", "rows_more = rows_done_q - rows_before_q;", "rows_more = '0;"),
    ),
    # every token's cache is taken for one that no token before it writes to
    "all fresh": (
        "alone",
        Mutation(
            "rtl/attention/attention_judge.sv", "job_q.fresh <= !some_q || (above_k && above_v);", "job_q.fresh <= 1;"
        ),
    ),
    # all ways multiply their keys by the first one's part of q
    "one way's q": (
        "2 ways",
        Mutation("rtl/attention/attention.sv", ".q_i(q[w])", ".q_i(q[0])"),
    ),
    # every scale is written to the first place of its beat
    "loses the place": (
        "int8 alone",
        Mutation("rtl/attention/attention_quantize.sv", "(2 * Lanes)'('hf) << {place, 2'b00}", "(2 * Lanes)'('hf)"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_core_is_caught(name):
    parameters, mutation = BROKEN[name]
    with pytest.raises(SimulationFailed, match="Mismatch"):
        bench(
            f"broken {name}",
            parameters=SETS[parameters],
            mutation=mutation,
            env={"COCOTB_TEST_FILTER": "Prefill|InputStalls"},
        )


@pytest.mark.parametrize(
    "parameters",
    [
        {"QHeads": 16},
        {"MaxHeadDim": 48},
        {"AddrW": 32},
        {"KvBeats": 2},
        {"KvBits": 4},
        {"MaxHeadDim": 16, "KvBits": 8},
        {"Ways": 3},
        {"MaxHeadDim": 32, "Ways": 4},
        {"KvBits": 8, "Ways": 2, "MaxHeadDim": 64},
    ],
    ids=str,
)
def test_illegal_parameters_are_refused(parameters):
    with pytest.raises(ElaborationRefused, match=rf"{next(iter(parameters))} is .*allowed: "):
        simulate("attention", TB, name="illegal", parameters={"QHeads": 1, "MaxHeadDim": 16} | parameters)
