"""axi_memory, the memory of system simulations, with two ports and with eight."""

import pytest

from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.axi_memory import SOURCES, AxiMemory


def run(name, ports, **options):
    return simulate(
        "hbm_writer",  # which brings hbm_streamer too
        "verif.axi_memory.tb",
        name=name,
        toplevel="axi_memory_bench",
        extra_sources=(*SOURCES, "verif/axi_memory/axi_memory_bench.sv"),
        parameters={"Ports": ports},
        seed=base_seed(),
        **options,
    )


@pytest.mark.parametrize("ports", [2, 8])
def test_memory(ports):
    outcome = run(f"axi_memory{ports}", ports)
    print((outcome.run_dir / "speed.txt").read_text())


def test_broken_memory_is_caught():
    """Bursts take effect a beat early."""
    broken = Mutation("verif/lib/axi_memory.sv", "64'(write_beat_q) << SizeW", "64'(write_beat_q - 8'd1) << SizeW")
    with pytest.raises(SimulationFailed):
        run("axi_memory-broken", 2, mutation=broken)


def test_no_simulation_no_memory():
    with pytest.raises(RuntimeError, match="no axi_memory"):
        AxiMemory()
