"""swiglu: several widths, and a broken core that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.swiglu.tb"
TESTS = 7
SETS = [{}, {"Lanes": 1}, {"Lanes": 2}, {"Lanes": 64}]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("swiglu", TB, name=name, target="sim", parameters=parameters, seed=seed).tests == TESTS


def test_late_gate_is_caught():
    """The gate meets the sigmoid of the value before it."""
    broken = Mutation("rtl/swiglu/swiglu_lane.sv", "Cycles(SigmoidLatency))", "Cycles(SigmoidLatency - 1))")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("swiglu", TB, name="broken", target="sim", parameters=SETS[1], mutation=broken)


def test_illegal_parameters_are_refused():
    with pytest.raises(ElaborationRefused, match="Lanes is 3, allowed: powers of two"):
        simulate("swiglu", TB, name="refused", parameters={"Lanes": 3})
