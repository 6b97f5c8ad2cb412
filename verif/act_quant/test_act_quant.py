"""act_quant: RTL against golden, broken RTL that must be caught, and the constants of the package."""

import re

import numpy as np
import pytest

from lutloom import fp32
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.paths import ROOT
from verif.lib.runner import ElaborationRefused

TB = "verif.act_quant.tb"
SETS = [
    {},
    {"Lanes": 4, "MaxBeats": 16},
    {"Lanes": 1, "MaxBeats": 32, "RingBeats": 32},  # the ring holds the longest vector and nothing more
    {"Lanes": 64, "MaxBeats": 16},
]


def names(parameters):
    return "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"


@pytest.mark.parametrize("parameters", SETS, ids=names)
def test_rtl(parameters):
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("act_quant", TB, name=names(parameters), parameters=parameters, seed=seed).tests == 9


BROKEN = {
    # a zero vector keeps its infinite inverse: 0 * infinity
    "dead": Mutation("rtl/act_quant/act_quant_factors.sv", "wire dead = inverse == Infinity;", "wire dead = 1'b0;"),
    # the largest magnitude of a vector is carried into the next
    "carried": Mutation(
        "rtl/act_quant/act_quant_absmax.sv", "valid && (first_q || node[1] > most_q)", "valid && node[1] > most_q"
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_core_is_caught(what):
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("act_quant", TB, name=f"broken-{what}", parameters=SETS[1], mutation=BROKEN[what])


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 3}, "Lanes is 3, allowed: powers of two up to 64"),
        ({"MaxBeats": 100}, "MaxBeats is 100, allowed: powers of two from 4"),
        ({"MaxBeats": 64, "RingBeats": 32}, "RingBeats is 32, allowed: powers of two from MaxBeats = 64"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("act_quant", TB, name="refused", parameters=parameters)


def test_constants():
    """qmax and 1/qmax in the package are those of the golden model."""
    package = (ROOT / "rtl/act_quant/act_quant_pkg.sv").read_text()
    for function, value in (("largest", lambda q: q), ("step", lambda q: 1 / q)):
        body = package.partition(f"{function}(input")[2].partition("endfunction")[0]
        found = [int(word.replace("_", ""), 16) for word in re.findall(r"32'h(\w+)", body)]
        assert found == [int(np.float32(value((1 << b - 1) - 1)).view(np.uint32)) for b in range(8, 13)]


def test_no_clipping_is_needed():
    """The header's claim: no product comes near qmax + 1/2, over an eighth of the mantissas of amax."""
    amax = (np.arange(0, 1 << 23, 8, dtype=np.uint32) | np.uint32(0x3F800000)).view(np.float32)
    reciprocal = fp32.reciprocal(amax)
    for bits in range(8, 13):
        qmax = (1 << bits - 1) - 1
        largest = fp32.mul(amax, fp32.mul(np.float32(qmax), reciprocal)).astype(np.float64)
        assert largest.max() <= qmax * (1 + 2.4 * 2.0**-23)
