"""Testbench of fp32: one unit behind fp32_stream, operands in, results out, compared with golden/fp32.py."""

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from verif.fp32.coverage import STALLS, cover, coverage
from verif.fp32.stimuli import LATENCY, UNITS, corners, golden, random
from verif.lib.tb import CoreTest, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

UNIT = UNITS[int(parameters().get("Unit", 0))]
BITS = int(parameters().get("Bits", 32))
PROMISED = LATENCY[UNIT]


class UnitEnv(uvm_env):
    """Source, sink, scoreboard."""

    stalls = (Stall.none(), Stall.none())

    def build_phase(self):
        dut = cocotb.top
        operands = StreamBus.axis(dut, "s_axis", "data user last")
        self.source = make_agent(self, "source", operands, "source", self.stalls[0])
        results = StreamBus.axis(dut, "m_axis", "data user last")
        self.sink = make_agent(self, "sink", results, "sink", self.stalls[1])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.sink.ap.connect(self.scoreboard.analysis_export)


class UnitTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        UnitEnv.stalls = tuple(Stall.pick(stalled, self.seed + i) for i, stalled in enumerate(self.stalls))
        self.env = UnitEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def words(self, cases):
        """uint32 [n, 3] -> words (tdata, tuser, tlast) to send and to expect; counts coverage."""
        results, order = golden(UNIT, BITS, cases)
        cover(UNIT, BITS, cases, results)
        last = self.np_rng.integers(0, 2, len(cases)).tolist()
        operands = [a | b << 32 | c << 64 for a, b, c in cases.tolist()]
        subtract = (cases[:, 2] & 1).tolist()
        return list(zip(operands, subtract, last, strict=True)), list(
            zip(results.tolist(), order.tolist(), last, strict=True)
        )

    async def play(self, cases):
        words, expected = self.words(cases)
        self.env.scoreboard.expect(expected)
        await self.env.source.send(words)
        await self.env.scoreboard.drain(self.dut.clk_i, 20 * len(cases) + 1000)

    async def stimulus(self):
        await self.play(random(self.np_rng, UNIT, BITS, 600))
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class NoStall(UnitTest):
    """Full rate: latency and throughput are the header's."""

    async def stimulus(self):
        await super().stimulus()
        into, out = self.env.source.monitor.cycles, self.env.sink.monitor.cycles
        name = f"{UNIT}, {BITS} bits" if UNIT in ("FromInt", "ToInt") else UNIT
        measure(f"latency {name}", out[0] - into[0], PROMISED + 1)
        measure(f"throughput {name}", (len(out) - 1) / (out[-1] - out[0]), 1.0, "results/cycle", at_least=True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class InputStalls(UnitTest):
    stalls = (True, False)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class OutputStalls(UnitTest):
    stalls = (False, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class BothStall(UnitTest):
    stalls = (True, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Corners(UnitTest):
    """Every special number (with every other one) and the directed cases of the unit."""

    async def stimulus(self):
        await self.play(corners(self.np_rng, UNIT, BITS))


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class FullAndReset(UnitTest):
    """A consumer that never takes: latency + 2 results are held; a reset forgets them; the unit works afterwards."""

    def build_phase(self):
        self.held = True
        super().build_phase()
        self.env.stalls = (Stall.none(), Stall("held", iter(lambda: self.held, None)))

    async def stimulus(self):
        for how in ("full", "reset"):
            self.held = True
            before = len(self.env.source.monitor.cycles)
            words, expected = self.words(random(self.np_rng, UNIT, BITS, PROMISED + 30))
            self.env.scoreboard.expect(expected)
            sending = cocotb.start_soon(self.env.source.send(words))
            await self.cycles(2 * PROMISED + 60)
            taken = len(self.env.source.monitor.cycles) - before
            assert taken == PROMISED + 2, f"{taken} operands taken, the header says {PROMISED + 2}"
            coverage.hit("full", "latency + 2 results wait")
            if how == "reset":
                self.env.scoreboard.flush()
                self.env.source.abort()
                await self.reset()
                coverage.hit("reset", "in flight")
                assert self.dut.m_axis_tvalid.value == 0, "a result survived the reset"
            self.held = False
            await sending
            await self.env.scoreboard.drain(self.dut.clk_i, 1000)
        await self.play(random(self.np_rng, UNIT, BITS, 100))
