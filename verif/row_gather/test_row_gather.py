"""row_gather: golden model, RTL against golden, and broken RTL that must be caught."""

import numpy as np
import pytest
from lutloom import row_gather as golden

from verif.lib import Mutation, SimulationFailed, base_seed, simulate

TB = "verif.row_gather.tb"
SETS = [
    {},
    {"Lanes": 4, "Centroids": 64},  # rows of one and two beats; half beats at K = 16
    {"Centroids": 32, "ActCentroids": 32, "EntryW": 16, "BeatW": 128, "LaneBeats": 8, "Tag": 5},  # lanes are LUTRAM queues
    {"Lanes": 1, "Centroids": 64, "EntryW": 16, "LaneBeats": 6, "StrideW": 20},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()) or "default")
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items()) or "default"
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("row_gather", TB, name=name, parameters=parameters, seed=seed).tests == 7


def test_wrong_half_is_caught():
    """A serialiser that forgets the start entry after the first fetch: only rows inside a beat show it."""
    file = "rtl/row_gather/row_gather_serialise.sv"
    broken = Mutation(file, "entry_q <= fetch_done ? start_q", "entry_q <= fetch_done ? '0")
    with pytest.raises(SimulationFailed, match="Mismatch"):
        simulate("row_gather", TB, name="broken", mutation=broken)
