"""sampler: several shapes, and broken cores that must be caught."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.sampler.tb"
TESTS = 8
SETS = [
    {},
    {"Lanes": 64},
    {"Lanes": 4, "NoiseLanes": 2, "TopK": 3, "IdW": 9},
    {"Lanes": 1, "NoiseLanes": 1, "TopK": 1, "IdW": 7},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("sampler", TB, name=name, target="sim", parameters=parameters, seed=seed).tests == TESTS


def test_wrong_tie_is_caught():
    """The later of two equal logits wins: only ties show it."""
    broken = Mutation("rtl/sampler/sampler_best.sv", "rank[1] > best_q", "rank[1] >= best_q")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("sampler", TB, name="broken", target="sim", parameters=SETS[2], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 12}, "Lanes is 12, allowed: powers of two"),
        ({"NoiseLanes": 32}, "NoiseLanes is 32, allowed: powers of two up to 16"),
        ({"TopK": 0}, "TopK is 0, allowed: 1..64"),
        ({"IdW": 3}, "IdW is 3, allowed: log2"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("sampler", TB, name="refused", parameters=parameters)
