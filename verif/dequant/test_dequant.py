"""dequant: RTL against golden, and broken RTL that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.dequant.tb"
SETS = [{}, {"Lanes": 4, "Tokens": 3}, {"Lanes": 1}, {"Lanes": 64}]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: f"Lanes{p.get('Lanes', 16)}")
def test_rtl(parameters):
    name = f"Lanes{parameters.get('Lanes', 16)}"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("dequant", TB, name=name, parameters=parameters, seed=seed).tests == 6


BROKEN = {
    # +0 instead of -0 is added where there is no residual: a negative zero is lost
    "zero": Mutation("rtl/dequant/dequant.sv", "MinusZero = 32'h8000_0000", "MinusZero = 32'h0000_0000"),
    # of vectors that come at once all get the first one's scale
    "token": Mutation("rtl/dequant/dequant.sv", "act_q[token_q] <= act_in", "act_q <= {Tokens{act_in}}"),
    # the vector's scale only reaches its first beat
    "scale": Mutation(
        "rtl/dequant/dequant.sv", "first_q ? s_axis_act_tdata : act_q[token_q]", "first_q ? s_axis_act_tdata : One"
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_core_is_caught(what):
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate(
            "dequant", TB, name=f"broken-{what}", parameters=SETS[1 if what == "token" else 2], mutation=BROKEN[what]
        )


def test_illegal_parameters_are_refused():
    with pytest.raises(ElaborationRefused, match="Lanes is 3, allowed: powers of two"):
        simulate("dequant", TB, name="refused", parameters={"Lanes": 3})
    with pytest.raises(ElaborationRefused, match="Tokens is 0, allowed: >= 1"):
        simulate("dequant", TB, name="refused", parameters={"Tokens": 0})
