"""rope: heads in several shapes, and a broken core that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.rope.tb"
TESTS = 7
SETS = [{}, {"Lanes": 4, "MaxHeadDim": 128}, {"Lanes": 2, "MaxHeadDim": 4}, {"Lanes": 64, "MaxHeadDim": 128}]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("rope", TB, name=name, parameters=parameters, seed=seed).tests == TESTS


def test_exchanged_halves_are_caught():
    broken = Mutation("rtl/rope/rope_rotate.sv", "pass_q ? high_i : low_i", "pass_q ? low_i : high_i")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("rope", TB, name="broken", parameters=SETS[2], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 1}, "Lanes is 1, allowed: powers of two from 2"),
        ({"MaxHeadDim": 16}, "MaxHeadDim is 16, allowed: powers of two from 32"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("rope", TB, name="refused", parameters=parameters)
