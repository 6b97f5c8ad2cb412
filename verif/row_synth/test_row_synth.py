"""row_synth: RTL against golden, in front of lut2d, and broken RTL that must be caught."""

import numpy as np
import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.corefiles import core_files
from verif.lib.paths import ROOT
from verif.lib.runner import ElaborationRefused

TB = "verif.row_synth.tb"
SETS = [
    {},
    {"Lanes": 4, "Tokens": 2, "Centroids": 32, "ActW": 9, "EntryW": 8, "MaxShift": 12, "BeatW": 128},
    {"Lanes": 1, "Tokens": 8, "Centroids": 16, "ActW": 8, "EntryW": 12, "MaxShift": 0, "RingBeats": 2},
    {"Lanes": 8, "ActW": 10, "EntryW": 15, "BeatW": 128, "RingBeats": 64},  # the ring holds one block of 64 centroids
]


def names(parameters):
    return "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"


@pytest.mark.parametrize("parameters", SETS, ids=names)
def test_rtl(parameters):
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("row_synth", TB, name=names(parameters), parameters=parameters, seed=seed).tests == 7


def test_in_front_of_lut2d():
    """The row stream is what lut2d takes, and the packets of a wvq linear feed both."""
    lut2d = [str(path.relative_to(ROOT)) for path in core_files("lut2d").sources]
    common = [str(path.relative_to(ROOT)) for path in core_files("common").sources]
    extra = (*(path for path in lut2d if path not in common), "verif/row_synth/row_synth_lut2d_bench.sv")
    options = dict(toplevel="row_synth_lut2d_bench", extra_sources=extra)
    assert simulate("row_synth", f"{TB}_lut2d", name="lut2d", **options).tests == 2


def test_broken_rounding_is_caught():
    """Ties go up instead of to even."""
    broken = Mutation("rtl/row_synth/row_synth_entry.sv", "low[0] && !(zero_q && zero_low)", "low[0]")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("row_synth", TB, name="broken", parameters=SETS[0], mutation=broken)


def test_early_release_is_caught():
    """A block's room in the ring is given back with its first entry: beats that are still needed are overwritten."""
    broken = Mutation("rtl/row_synth/row_synth.sv", ".release_i(issue_last)", ".release_i(issue_first)")
    with pytest.raises(SimulationFailed, match=r"Mismatch|a_levels"):
        simulate("row_synth", TB, name="released", parameters=SETS[0], mutation=broken)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Lanes": 3}, "Lanes is 3, allowed: 1, 2, 4, 8"),
        ({"ActW": 13}, "ActW is 13, allowed: 8..12"),
        ({"BeatW": 512}, "BeatW is 512, allowed: 128, 256"),
        ({"RingBeats": 4}, "RingBeats is 4, allowed: powers of two >= 8"),
    ],
)
def test_illegal_parameters_are_refused(parameters, message):
    with pytest.raises(ElaborationRefused, match=message):
        simulate("row_synth", TB, name="refused", parameters=parameters)


def test_sum_never_overflows():
    """The header's claim: the largest sum and the largest rounding constant fit ActW + 9 bits."""
    for act_bits in range(8, 13):
        acts = np.array([-(1 << act_bits - 1), (1 << act_bits - 1) - 1])
        products = np.multiply.outer(acts, [-128, 127])
        limit = 1 << act_bits + 8
        assert -limit <= 2 * products.min() and 2 * products.max() + (1 << 14) < limit
