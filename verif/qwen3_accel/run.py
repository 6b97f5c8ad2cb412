"""What runs inside the simulator for `lutloom generate --on rtl`, the demo, `lutloom perf` and long tests: one job
through the driver.

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
from lutloom.kv_state import KvState
from lutloom.synthetic import random_state
from verif.lib.axi_memory import AxiMemory
from verif.lib.base_test import CLOCK_NS
from verif.lib.card import CHANNELS, CardTransport, bridge
from verif.lib.hbm2e import Hbm


async def power_up(dut, hbm: dict | None = None) -> CardTransport:
    """Clocks, quiet inputs, reset: the transport to the card. LUTLOOM_HBM_NS: period of the memory's own clock.

    hbm: parameters of the HBM2e, in a simulation that has one.
    """
    for name in ("clk_i", "rst_ni", "hbm_clk_i", "hbm_rst_ni", *(f"s_axil_{channel}" for channel in CHANNELS)):
        getattr(dut, name).set(Immediate(0))  # before anything is evaluated: the model begins with random values
    if hbm:
        Hbm().set(**hbm)
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
    job = json.loads(Path(os.environ["LUTLOOM_JOB"]).read_text())
    transport = await power_up(dut, job["hbm"])
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
    """Load, put a text into the cache if the job has one, generate, count."""
    image = card.load(job["image"])
    if job["text"]:
        card.restore(KvState.read(job["text"], image))
    elif job["random_text"]:
        card.restore(random_state(image, **job["random_text"]))
    fresh = not (job["text"] or job["random_text"])
    if job["hbm"]:
        Hbm().clear()
    before = 0
    options = {key: job[key] for key in ("temperature", "seed", "stop")}
    for token in card.generate(job["prompt"], job["count"], fresh=fresh, **options):
        cycles = card.counters().cycles
        write({"token": token, "cycles": cycles - before})
        before = cycles
    counters = asdict(card.counters())
    for key in ("busy", "bytes"):
        counters[key] = {member.name.lower(): value for member, value in counters[key].items()}
    write({"ended_by": card.ended_by.name.lower(), "counters": counters, "hbm": memory_statistics(job, card)})


def memory_statistics(job: dict, card: Accelerator) -> dict:
    """What the HBM2e did since the start: of every pseudo-channel and every port."""
    if not job["hbm"]:
        return {}
    hbm, ports = Hbm(), range(card.identity.ports)
    return {
        "parameters": {name: parameter.value for name, parameter in hbm.parameters().items()},
        "channels": [asdict(hbm.channel(n)) | {"efficiency": hbm.channel(n).efficiency} for n in range(Hbm.CHANNELS)],
        "ports": [asdict(hbm.port(n)) for n in ports],
    }
