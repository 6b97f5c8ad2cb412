"""Testbench of the queues of rtl/common: fifo, fifo_block and spill_register have the same ports.

Golden model: what went in comes out, in order. The toplevel is chosen by the build.
"""

import cocotb
import pyuvm
from pyuvm import uvm_env

from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure

LATENCY = {"spill_register": 1, "fifo": 1, "fifo_block": 3}  # the headers' promises

coverage = Coverage(
    "common",
    {
        "queue": [f"{top} {state}" for top in LATENCY for state in ("full", "empty", "streaming")],
        "stall": ["none", "input", "output", "both"],
        "clear": ["while filled"],
        "reset": ["while filled"],
    },
)


class QueueEnv(uvm_env):
    """Source agent -> queue -> sink agent; the scoreboard hears the sink side."""

    stall_in = stall_out = None

    def build_phase(self):
        dut = cocotb.top
        self.source = make_agent(
            self, "source", StreamBus(dut, "s", "s_valid_i", "s_ready_o", {"data": "s_data_i"}), "source", self.stall_in
        )
        self.sink = make_agent(
            self, "sink", StreamBus(dut, "m", "m_valid_o", "m_ready_i", {"data": "m_data_o"}), "sink", self.stall_out
        )
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.sink.ap.connect(self.scoreboard.analysis_export)


class QueueTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.top = self.dut._name
        if hasattr(self.dut, "clear_i"):
            self.dut.clear_i.value = 0
        QueueEnv.stall_in = Stall.pick(self.stalls[0], self.seed)
        QueueEnv.stall_out = Stall.pick(self.stalls[1], self.seed + 1)
        self.env = QueueEnv("env", self)

    def words(self, count):
        return [self.rng.getrandbits(len(self.dut.s_data_i)) for _ in range(count)]

    async def stimulus(self):
        words = self.words(300)
        self.env.scoreboard.expect(words)
        await self.env.source.send(words)
        await self.env.scoreboard.drain(self.dut.clk_i, 2000)
        coverage.hit("stall", ["none", "input", "output", "both"][self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class NoStall(QueueTest):
    """Full rate: latency and throughput are the header's."""

    async def stimulus(self):
        await super().stimulus()
        into, out = self.env.source.monitor.cycles, self.env.sink.monitor.cycles
        measure(f"latency {self.top}", out[0] - into[0], LATENCY[self.top])
        measure(f"throughput {self.top}", (len(out) - 1) / (out[-1] - out[0]), 1.0, "words/cycle", at_least=True)
        coverage.hit("queue", f"{self.top} streaming")


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class InputStalls(QueueTest):
    stalls = (True, False)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class OutputStalls(QueueTest):
    stalls = (False, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class BothStall(QueueTest):
    stalls = (True, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class FillAndDrain(QueueTest):
    """A consumer that never takes: the queue fills to its capacity and refuses; then all comes out."""

    def build_phase(self):
        super().build_phase()
        self.held = True
        QueueEnv.stall_out = Stall("held", iter(lambda: self.held, None))

    async def stimulus(self):
        words = self.words(int(self.capacity()) + 20)
        self.env.scoreboard.expect(words)
        sending = cocotb.start_soon(self.env.source.send(words))
        await self.cycles(self.capacity() + 40)
        accepted = len(self.env.source.monitor.cycles)
        assert accepted == self.capacity(), f"took {accepted} words, the capacity is {self.capacity()}"
        coverage.hit("queue", f"{self.top} full")
        self.held = False
        await sending
        await self.env.scoreboard.drain(self.dut.clk_i, 2 * len(words) + 20)
        await self.cycles(2)
        assert self.dut.m_valid_o.value == 0
        coverage.hit("queue", f"{self.top} empty")

    def capacity(self) -> int:
        extra = {"spill_register": 2, "fifo": 0, "fifo_block": 2}[self.top]
        return extra + (0 if self.top == "spill_register" else int(self.dut.Depth.value.to_unsigned()))


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class ResetAndClear(FillAndDrain):
    """What is held is dropped by reset and by clear; the queue works afterwards."""

    async def stimulus(self):
        for how in ("reset", "clear") if hasattr(self.dut, "clear_i") else ("reset",):
            self.held = True
            await self.env.source.send(self.words(min(2, self.capacity())))
            if how == "reset":
                await self.reset()
            else:
                self.dut.clear_i.value = 1
                await self.cycles(1)
                self.dut.clear_i.value = 0
                await self.cycles(1)
            assert self.dut.m_valid_o.value == 0, f"{how} left words behind"
            coverage.hit(how, "while filled")
            self.held = False
            words = self.words(50)
            self.env.scoreboard.expect(words)
            await self.env.source.send(words)
            await self.env.scoreboard.drain(self.dut.clk_i, 200)
