"""fp32_reduce: sums and maxima in several shapes, and a broken tree that must be caught."""

import numpy as np
import pytest

from lutloom import fp32
from lutloom.fp32_reduce import fp32_reduce
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.runner import ElaborationRefused

TB = "verif.fp32_reduce.tb"
TESTS = 7
SETS = [
    {},
    {"Lanes": 4, "MaxBeats": 32},
    {"Lanes": 1, "MaxBeats": 64},
    {"Op": 1},
    {"Op": 1, "Lanes": 1, "MaxBeats": 16},
    {"Op": 1, "Lanes": 2, "MaxBeats": 1},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("fp32_reduce", TB, name=name, parameters=parameters, seed=seed).tests == TESTS


def test_missing_padding_is_caught():
    """An odd value at the end is passed on instead of added to +0: only -0 shows it."""
    broken = Mutation("rtl/fp32_reduce/fp32_reduce_level.sv", "32'h0000_0000", "32'h8000_0000")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("fp32_reduce", TB, name="broken", parameters=SETS[1], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Op": 2}, "Op is 2, allowed: 0, 1"),
        ({"Lanes": 3}, "Lanes is 3, allowed: powers of two"),
        ({"MaxBeats": 24}, "MaxBeats is 24, allowed: powers of two"),
        ({"Lanes": 1, "MaxBeats": 1}, "MaxBeats is 1, allowed: >= 2 with one lane"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("fp32_reduce", TB, name="refused", parameters=parameters)


def test_golden():
    x = np.random.default_rng(base_seed()).standard_normal((5, 48)).astype(np.float32)
    assert (fp32_reduce(x, "sum") == fp32.reduce_sum(x)).all()
    assert (fp32_reduce(x, "max") == x.max(-1)).all()
    with pytest.raises(ValueError, match="found 'min', allowed sum, max"):
        fp32_reduce(x, "min")
