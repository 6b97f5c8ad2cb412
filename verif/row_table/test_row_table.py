"""row_table: golden model, RTL against golden, and broken RTL that must be caught."""

import numpy as np
import pytest
from lutloom import row_table as golden

from verif.lib import Mutation, SimulationFailed, base_seed, simulate

TB = "verif.row_table.tb"
SETS = [
    {"TablePositions": 16},  # 16 rows: one index, one piece, one beat a cycle
    {"TablePositions": 8, "Lanes": 4, "Centroids": 32, "BeatW": 128},  # 32 rows: two squares for 16 beats
    {"TablePositions": 8, "Tokens": 1, "Centroids": 64, "ActCentroids": 16, "EntryW": 16, "BeatW": 128},
    {"TablePositions": 4, "Tokens": 4, "Lanes": 1, "Centroids": 64, "ActCentroids": 32},
]


@pytest.mark.parametrize("parameters", SETS, ids=lambda p: "-".join(f"{k}{v}" for k, v in p.items()))
def test_rtl(parameters):
    name = "-".join(f"{k}{v}" for k, v in parameters.items())
    for seed in (base_seed(), base_seed() + 1):
        assert simulate("row_table", TB, name=name, parameters=parameters, seed=seed).tests == 7


def test_early_credit_is_caught():
    """A square's room is given back one cycle too early: its successor overwrites the last row."""
    file = "rtl/row_table/row_table.sv"
    broken = Mutation(file, ".WriteLead(4)", ".WriteLead(5)")
    with pytest.raises(SimulationFailed, match="Mismatch|a_no_overwrite"):
        simulate("row_table", TB, name="broken", parameters=SETS[0], mutation=broken)
