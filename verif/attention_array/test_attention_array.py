"""attention_array: heads dealt out to engines of one and of four ways, and broken cores that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.attention_array.tb"
TESTS = 10
SETS = {
    "2 engines": dict(Engines=2, Ways=1, QHeads=3, MaxHeadDim=64),
    "4 engines of 4 ways": dict(Engines=4, Ways=4, QHeads=1, MaxHeadDim=128, KvBeats=16, IdW=2),
    "int8": dict(Engines=2, QHeads=1, MaxHeadDim=32, KvBits=8, AddrW=40),
}


def bench(name, **more):
    return simulate("attention_array", TB, name=name.replace(" ", "-"), target="sim", **more)


@pytest.mark.parametrize("name", SETS)
def test_rtl(name):
    assert bench(name, parameters=SETS[name], seed=base_seed()).tests == TESTS


BROKEN = {
    # a kv head's keys go to the other engine
    "keys astray": Mutation(
        "rtl/attention_array/attention_array.sv", "k_any && k_turn == EngineW'(e)", "k_any && k_turn != EngineW'(e)"
    ),
    # results are taken from engine 0 first, whosever turn it is
    "order lost": Mutation("rtl/attention_array/attention_array.sv", "{y_last, y_data[y_turn]}", "{y_last, y_data[0]}"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_core_is_caught(name):
    with pytest.raises(SimulationFailed, match="Mismatch"):
        bench(
            f"broken {name}",
            parameters=dict(QHeads=1, MaxHeadDim=32),
            mutation=BROKEN[name],
            env={"COCOTB_TEST_FILTER": "InputStalls"},
        )


@pytest.mark.parametrize("parameters", [{"Engines": 3}, {"Ways": 3}, {"KvBits": 8, "Ways": 2}], ids=str)
def test_illegal_parameters_are_refused(parameters):
    with pytest.raises(ElaborationRefused, match=rf"{next(iter(parameters))} is .*allowed: "):
        simulate("attention_array", TB, name="illegal", parameters={"QHeads": 1, "MaxHeadDim": 64} | parameters)
