"""row_gather behind the real hbm_streamer and a hashed AXI memory: rows as golden picks them out of the same memory."""

import cocotb
import numpy as np
import pyuvm

from lutloom import row_gather as golden
from verif.lib.axi_read_mem import hash_bytes
from verif.lib.tb import CoreTest, measure
from verif.row_gather.env import COUNTS, GatherEnv, Job, Shape, coverage

US = dict(timeout_time=500, timeout_unit="us")
LATENCY = 75  # cycles of the memory: 300 ns at 250 MHz


class StreamerTest(CoreTest):
    stalls = (False, False)
    knobs = (LATENCY, 0, 0)  # latency, address stalls, gaps between beats

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        GatherEnv.stall_in, GatherEnv.stall_out = self.stalls
        GatherEnv.seed = self.seed
        for name, value in zip(("latency_i", "ar_stall_i", "r_gap_i"), self.knobs, strict=True):
            getattr(self.dut, name).value = value
        self.dut.seed_i.value = self.seed
        self.env = GatherEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def job(self, positions, k, c, groups, rows=1) -> Job:
        """The table is what the memory holds at a random place."""
        shape, rng = self.shape, self.rng
        stride = golden.row_stride(groups, k, shape.EntryW, shape.beat_bytes)
        base = rng.getrandbits(40) // shape.beat_bytes * shape.beat_bytes
        sets = hash_bytes(base, positions * c * stride).view(f"<i{shape.EntryW // 8}").reshape(positions, c, -1)
        table = sets[:, :, : groups * k].reshape(positions, c, groups, k)
        return Job(table, self.np_rng.integers(0, c, positions), rng.randint(0, groups - rows), rows, base)

    async def play(self, jobs):
        for job in jobs:
            self.env.rows.expect(job.rows(self.shape))
        tasks = [
            cocotb.start_soon(self.env.job.send([job.fields(self.shape) for job in jobs])),
            cocotb.start_soon(self.env.cidx.send([int(c) for job in jobs for c in job.cidx])),
        ]
        for task in tasks:
            await task
        await self.env.rows.drain(self.dut.clk_i, 20_000)
        assert self.dut.error_o.value == 0
        coverage.hit("memory", "hbm_streamer")

    async def stimulus(self):
        shape, rng = self.shape, self.rng
        jobs = []
        for k in COUNTS[: COUNTS.index(shape.Centroids) + 1]:
            for c in COUNTS:
                jobs.append(self.job(shape.Lanes * rng.randint(1, 12), k, c, rng.randint(1, 5)))
        await self.play(jobs)


@pyuvm.test(**US)
class FullRate(StreamerTest):
    """One block in K cycles although the memory answers 75 cycles later: enough reads are in flight."""

    async def stimulus(self):
        shape = self.shape
        job = self.job(40 * shape.Lanes, shape.Centroids, 64, 12)
        await self.play([job])
        rows = self.env.row.monitor.cycles
        rate = (len(rows) - 1) / (rows[-1] - rows[0])
        measure(f"throughput rows, memory latency {LATENCY}", rate, 1.0, "beats/cycle", at_least=True)
        await super().stimulus()


@pyuvm.test(**US)
class Stalls(StreamerTest):
    stalls = (True, True)
    knobs = (40, 120, 120)
