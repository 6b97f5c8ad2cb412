"""embed with the real hbm_streamer and a hashed AXI memory: rows are what the memory holds there."""

import cocotb
import numpy as np
import pyuvm

from verif.embed.env import UNIT, EmbedEnv, Job, Shape, coverage
from verif.lib.axi_read_mem import hash_bytes
from verif.lib.tb import CoreTest, Stall, measure

LATENCY = 75  # cycles of the memory: 300 ns at 250 MHz


@pyuvm.test(timeout_time=500, timeout_unit="us")
class Streamer(CoreTest):
    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        EmbedEnv.direct, EmbedEnv.stalls = False, (Stall.none(),) * 4
        for name, value in (("latency_i", LATENCY), ("ar_stall_i", 0), ("r_gap_i", 0), ("seed_i", self.seed)):
            getattr(self.dut, name).value = value
        self.env = EmbedEnv("env", self)

    def job(self, n: int) -> Job:
        base = UNIT * self.rng.getrandbits(30)
        stride = -(-2 * n // UNIT)
        rows = self.rng.randint(1, 1 << 16)
        token = self.rng.randrange(rows)
        row = hash_bytes(base + UNIT * stride * token, 2 * n).view("<u2")
        return Job(token, row.astype(np.uint16), base, stride, rows)

    async def play(self, jobs):
        for job in jobs:
            self.env.results.expect(job.expected(self.shape))
        asking = cocotb.start_soon(self.env.id.send([job.command() for job in jobs]))
        await asking
        await self.env.results.drain(self.dut.clk_i, 4000)
        assert self.dut.error_o.value == 0
        coverage.hit("memory", "hbm_streamer")

    async def stimulus(self):
        shape = self.shape
        await self.play([self.job(36 * shape.per_beat) for _ in range(10)])
        out = self.env.y.monitor.cycles
        rate = (len(out) - 1) / (out[-1] - out[0])
        measure(f"throughput, memory latency {LATENCY}", rate, 1.0, "beats/cycle", at_least=True)
        await self.play([self.job(self.rng.randint(1, 20) * shape.Lanes * 2) for _ in range(20)])
