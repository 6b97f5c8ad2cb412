"""hbm2e, the HBM of system simulations: its timing, its page, its picture."""

import json

import pytest

from verif.hbm2e.figure import draw, tables
from verif.lib import Mutation, SimulationFailed, simulate
from verif.lib.hbm2e import SOURCES, Hbm
from verif.lib.paths import RESULTS, ROOT


def run(name, **options):
    return simulate(
        "hbm_streamer",
        "verif.hbm2e.tb",
        name=name,
        toplevel="hbm2e_bench",
        extra_sources=(*SOURCES, "verif/hbm2e/hbm2e_master.sv", "verif/hbm2e/hbm2e_bench.sv"),
        **options,
    )


def test_hbm2e():
    """All of tb.py; the tables of docs/hbm2e.md are those of the model and what was measured."""
    outcome = run("hbm2e")
    print((outcome.run_dir / "speed.txt").read_text())
    figures = json.loads((outcome.run_dir / "figures.json").read_text())
    RESULTS.mkdir(parents=True, exist_ok=True)
    draw(figures, RESULTS / "hbm2e.png")
    page = (ROOT / "docs" / "hbm2e.md").read_text()
    for table in tables(figures):
        assert table in page, f"docs/hbm2e.md lacks:\n{table}"


def test_broken_timing_is_caught():
    """Columns are read as soon as their row is asked for."""
    broken = Mutation("verif/lib/hbm2e.cpp", "bank.column[kRead] = t + clocks[k_tRCDRD]", "bank.column[kRead] = t")
    with pytest.raises(SimulationFailed, match=r"miss: \d+ cycles, wanted"):
        run("hbm2e-broken", parameters={"Ports": 2}, mutation=broken, env={"COCOTB_TEST_FILTER": "Latency"})


def test_no_simulation_no_hbm():
    with pytest.raises(RuntimeError, match="no hbm2e"):
        Hbm()
