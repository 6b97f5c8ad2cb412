"""What runs inside the simulator for `lutloom generate --on rtl`, the demo and long tests: one job through the driver.

LUTLOOM_JOB names a JSON file, see `verif.qwen3_accel.simulation`. Every token is a line of the file `result` as soon as
it is there; at the end one line with the counters, or with what went wrong.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles

from lutloom.errors import UserError
from lutloom.host import Accelerator
from verif.lib.axi_memory import AxiMemory
from verif.lib.base_test import CLOCK_NS
from verif.lib.card import CHANNELS, CardTransport, bridge


async def power_up(dut) -> CardTransport:
    """Clocks, quiet inputs, reset: the transport to the card. LUTLOOM_HBM_NS: period of the memory's own clock."""
    for name in ("clk_i", "rst_ni", "hbm_clk_i", "hbm_rst_ni", *(f"s_axil_{channel}" for channel in CHANNELS)):
        getattr(dut, name).set(Immediate(0))  # before anything is evaluated: the model begins with random values
    Clock(dut.clk_i, CLOCK_NS, unit="ns", impl="gpi").start()
    if "LUTLOOM_HBM_NS" in os.environ:
        Clock(dut.hbm_clk_i, float(os.environ["LUTLOOM_HBM_NS"]), unit="ns", impl="gpi").start()
    await reset(dut)
    return CardTransport(dut, AxiMemory())


async def reset(dut) -> None:
    """Of both clocks."""
    dut.rst_ni.value = dut.hbm_rst_ni.value = 0
    await ClockCycles(dut.clk_i, 8)
    dut.rst_ni.value = dut.hbm_rst_ni.value = 1
    await ClockCycles(dut.clk_i, 8)


@cocotb.test()
async def job(dut):
    """The job."""
    transport = await power_up(dut)
    job = json.loads(Path(os.environ["LUTLOOM_JOB"]).read_text())
    with Path(job["result"]).open("w", buffering=1) as result:

        def run() -> None:
            def write(record: dict) -> None:
                result.write(json.dumps(record) + "\n")

            try:
                generate(Accelerator(transport), job, write)
            except UserError as error:
                write({"error": str(error)})

        await bridge(run)()


def generate(card: Accelerator, job: dict, write) -> None:
    """Load, generate, count."""
    card.load(job["image"])
    before = 0
    options = {key: job[key] for key in ("temperature", "seed", "stop")}
    for token in card.generate(job["prompt"], job["count"], **options):
        cycles = card.counters().cycles
        write({"token": token, "cycles": cycles - before})
        before = cycles
    counters = asdict(card.counters())
    for key in ("busy", "bytes"):
        counters[key] = {member.name.lower(): value for member, value in counters[key].items()}
    write({"ended_by": card.ended_by.name.lower(), "counters": counters})
