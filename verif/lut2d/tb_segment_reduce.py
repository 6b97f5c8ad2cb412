"""Testbench of segment_reduce: beats of partial sums in, every segment's sum compared with golden/lut2d.py."""

import numpy as np
import pyuvm

from lutloom.lut2d import segment_reduce
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

coverage = Coverage("lut2d", {"segment": [1, 2, 4, 8], "segment stall": ["none", "input", "output", "both"]})


class Sums(Scoreboard):
    """Compares what the header defines of a beat: as many outputs as there are segments."""

    def build_phase(self):
        super().build_phase()
        self.codes: list[int] = []
        self.sources = self.width = 0

    def write(self, word):
        size = 1 << self.codes[self.received]
        mask = (1 << self.width) - 1
        sums = tuple(word.data >> i * self.width & mask for i in range(self.sources // size))
        super().write((sums, word.last))


class ReduceTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        given = {name: int(value) for name, value in parameters().items()}
        self.sources, self.width = given.get("Sources", 8), given.get("Width", 32)
        bus = StreamBus(
            self.dut,
            "sums",
            "s_axis_tvalid",
            "s_axis_tready",
            {"data": "s_axis_tdata", "last": "s_axis_tlast", "code": "code_i"},
        )
        self.sums = make_agent(self, "sums", bus, "source", Stall.pick(self.stalls[0], self.seed))
        out = StreamBus.axis(self.dut, "m_axis", "data last")
        self.out = make_agent(self, "out", out, "sink", Stall.pick(self.stalls[1], self.seed + 1))
        self.results = Sums("results", self)

    def connect_phase(self):
        self.results.sources, self.results.width = self.sources, self.width
        self.out.ap.connect(self.results.analysis_export)

    async def stimulus(self):
        rng, limit, levels = np.random.default_rng(self.seed), 1 << self.width - 1, self.sources.bit_length() - 1
        words, mask = [], (1 << self.width) - 1
        for n in range(120):
            code = int(rng.integers(0, levels + 1))
            part = limit >> code  # a segment of these just fits
            extreme = [(-part), part - 1][n % 2]
            sums = np.full(self.sources, extreme) if n % 10 < 2 else rng.integers(-part, part, self.sources)
            want = tuple(int(v) & mask for v in segment_reduce(sums, 1 << code))
            self.results.expect([(want, n & 1)])
            self.results.codes.append(code)
            words.append((sum((int(v) & mask) << i * self.width for i, v in enumerate(sums)), n & 1, code))
            coverage.hit("segment", 1 << code)
        await self.sums.send(words)
        await self.results.drain(self.dut.clk_i, 2000)
        coverage.hit("segment stall", ["none", "input", "output", "both"][self.stalls[0] + 2 * self.stalls[1]])
        if self.stalls == (False, False):
            first = self.out.monitor.cycles[0] - self.sums.monitor.cycles[0]
            measure("latency segment_reduce", first, max(1, levels))
            seen = self.out.monitor.cycles
            rate = (len(seen) - 1) / (seen[-1] - seen[0])
            measure("throughput segment_reduce", rate, 1.0, "beats/cycle", at_least=True)


@pyuvm.test(timeout_time=100, timeout_unit="us")
class SegmentNoStall(ReduceTest):
    pass


@pyuvm.test(timeout_time=100, timeout_unit="us")
class SegmentInputStalls(ReduceTest):
    stalls = (True, False)


@pyuvm.test(timeout_time=100, timeout_unit="us")
class SegmentOutputStalls(ReduceTest):
    stalls = (False, True)


@pyuvm.test(timeout_time=100, timeout_unit="us")
class SegmentBothStall(ReduceTest):
    stalls = (True, True)
