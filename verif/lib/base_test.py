"""What every testbench starts with: clock, reset, seeds, parameters of the build, and the record at the end."""

from __future__ import annotations

import contextlib
import json
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import RisingEdge
from pyuvm import uvm_test

from verif.lib import record

CLOCK_NS = 4  # 250 MHz


def parameters() -> dict:
    """Parameters of this build as the runner passed them (only those that differ from the RTL's defaults)."""
    return json.loads(os.environ.get("LUTLOOM_PARAMETERS", "{}"))


class CoreTest(uvm_test):
    """Base of all core tests: override `stimulus()`; objections, clock and reset are handled here.

    `self.dut` is the toplevel, `self.rng` a `random.Random` of the run's seed, `self.param(name)` a build parameter
    read back from the elaborated model.
    """

    def build_phase(self):
        self.dut = cocotb.top
        self.seed = int(os.environ.get("COCOTB_RANDOM_SEED", cocotb.RANDOM_SEED))
        self.rng = random.Random(f"{self.seed}/{self.get_name()}/{type(self).__name__}")
        self.idle_inputs()

    def idle_inputs(self) -> None:
        """Quiet and in reset before the simulator evaluates anything: the model starts with random values."""
        handshakes = ("_tvalid", "_tready", "_valid_i", "_ready_i", "clear_i")
        for handle in self.dut:
            if handle._name in ("clk_i", "rst_ni") or handle._name.endswith(handshakes):
                with contextlib.suppress(TypeError):  # outputs cannot be set
                    handle.set(Immediate(0))

    def param(self, name: str) -> int:
        return int(getattr(self.dut, name).value.to_unsigned())

    async def cycles(self, count: int) -> None:
        for _ in range(count):
            await RisingEdge(self.dut.clk_i)

    async def pulse(self, name: str) -> None:
        """An input high for one cycle, and a cycle more for what it sets."""
        handle = getattr(self.dut, name)
        handle.value = 1
        await self.cycles(1)
        handle.value = 0
        await self.cycles(1)

    async def idle(self, cycles: int) -> None:
        """Wait until the core has nothing left to do, at most `cycles`."""
        for _ in range(cycles):
            await self.cycles(1)
            if self.dut.idle_o.value == 1:
                return
        raise AssertionError(f"not idle after {cycles} cycles")

    async def reset(self, cycles: int = 4) -> None:
        """Hold the synchronous reset for `cycles`; may be called at any time."""
        self.dut.rst_ni.value = 0
        await self.cycles(cycles)
        self.dut.rst_ni.value = 1
        await self.cycles(1)

    async def run_phase(self):
        self.raise_objection()
        Clock(self.dut.clk_i, CLOCK_NS, unit="ns").start()
        await self.reset()
        await self.stimulus()
        await self.cycles(8)  # anything that comes too much shows now
        self.drop_objection()

    async def stimulus(self) -> None:
        raise TypeError(f"{type(self).__name__} does not override stimulus()")

    def final_phase(self):
        record.save()
