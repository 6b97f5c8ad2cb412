"""rms_norm: vectors and heads in several shapes, and a core with wrong gains that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.rms_norm.tb"
TESTS = 7
SETS = [{}, {"Lanes": 4, "MaxBeats": 32}, {"Lanes": 1, "MaxBeats": 16}, {"Lanes": 64, "MaxBeats": 32}]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("rms_norm", TB, name=name, parameters=parameters, seed=seed).tests == TESTS


def test_wrong_stored_gain_is_caught():
    """The store always gives the gains of its first beat."""
    broken = Mutation("rtl/rms_norm/rms_norm_apply.sv", "read_q      <= store[index_q]", "read_q      <= store[0]")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("rms_norm", TB, name="broken", parameters=SETS[1], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 6}, "Lanes is 6, allowed: powers of two"),
        ({"MaxBeats": 1}, "MaxBeats is 1, allowed: powers of two from 2"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("rms_norm", TB, name="refused", parameters=parameters)
