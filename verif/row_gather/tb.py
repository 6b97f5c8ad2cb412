"""Testbench of row_gather: jobs and indices in, reads answered from Python, rows compared with golden/row_gather.py."""

import cocotb
import numpy as np
import pyuvm

from lutloom import row_gather as golden
from verif.lib.tb import CoreTest, measure
from verif.row_gather.env import COUNTS, STALLS, GatherEnv, Job, Shape, coverage

US = dict(timeout_time=500, timeout_unit="us")


class GatherTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        GatherEnv.stall_in, GatherEnv.stall_out = self.stalls
        GatherEnv.seed = self.seed
        self.env = GatherEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.next_base = 1 << 20

    def job(self, positions=None, k=None, c=None, groups=None, group=None, rows=1, base=None) -> Job:
        """A random job; what is not given is drawn. Tables contain the extreme entries often."""
        shape, rng = self.shape, self.rng
        k = k or rng.choice([k for k in COUNTS if k <= shape.Centroids])
        c = c or rng.choice([c for c in COUNTS if c <= shape.ActCentroids])
        groups = groups or rng.randint(rows, rows + 3)
        group = rng.randint(0, groups - rows) if group is None else group
        positions = positions or shape.Lanes * rng.randint(1, 8)
        limit = 1 << (shape.EntryW - 1)
        table = self.np_rng.integers(-limit, limit, (positions, c, groups, k))
        table[self.np_rng.random(table.shape) < 0.05] = -limit
        table[self.np_rng.random(table.shape) < 0.05] = limit - 1
        if base is None:
            base = self.next_base
            self.next_base += table.size * 4 // 4096 * 4096 + 8192
        return Job(table, self.np_rng.integers(0, c, positions), group, rows, base)

    def jobs(self):
        shape, k = self.shape, self.shape.Centroids
        most = shape.most_rows(16)
        yield self.job(positions=16 * shape.Lanes, k=k)
        for _ in range(4):
            yield self.job()
        yield self.job(rows=most, k=16, group=0)
        if most > 2:
            yield self.job(rows=most // 2, k=16, group=1, groups=most)

    def expect(self, jobs):
        for job in jobs:
            job.cover(self.shape)
            self.env.responder.hold(
                job.base, golden.pack_gather_table(job.table, self.shape.EntryW, self.shape.beat_bytes)
            )
            self.env.reads.expect(job.reads(self.shape))
            self.env.rows.expect(job.rows(self.shape))

    async def play(self, jobs, limit=20_000):
        jobs = list(jobs)
        self.expect(jobs)
        tasks = [
            cocotb.start_soon(self.env.job.send([job.fields(self.shape) for job in jobs])),
            cocotb.start_soon(self.env.cidx.send([int(c) for job in jobs for c in job.cidx])),
        ]
        for task in tasks:
            await task
        await self.env.rows.drain(self.dut.clk_i, limit)
        await self.cycles(2)
        assert self.dut.busy_o.value == 0 and self.dut.error_o.value == 0
        return jobs

    async def stimulus(self):
        if self.stalls[0]:
            self.env.responder.latency = lambda: self.rng.randint(0, 120)
        await self.play(self.jobs())
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])
        coverage.hit("memory", "Python responder")

    async def clear(self):
        """A pulse of clear_i with everything around the core cleared too."""
        self.dut.clear_i.value = 1
        self.env.responder.waiting.clear()
        await self.cycles(1)
        self.dut.clear_i.value = 0
        await self.cycles(1)


@pyuvm.test(**US)
class NoStall(GatherTest):
    """Latency and throughput are the header's."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        job = self.job(positions=16 * shape.Lanes, k=shape.Centroids)
        await self.play([job])
        job_at, cidx, reads = env.job.monitor.cycles[0], env.cidx.monitor.cycles, env.desc.monitor.cycles
        measure("latency job to first read", reads[0] - job_at, 9)
        measure("throughput reads", (len(reads) - 1) / (reads[-1] - reads[0]), 1.0, "reads/cycle", at_least=True)
        beats, rows = env.beat.monitor.cycles, env.row.monitor.cycles
        last_lane = (shape.Lanes - 1) * job.reads(shape)[0][1] // shape.beat_bytes  # its first beat
        measure(f"latency beat to row, LaneBeats {shape.LaneBeats}", rows[0] - beats[last_lane], shape.lane_latency)
        measure("throughput rows", (len(rows) - 1) / (rows[-1] - rows[0]), 1.0, "beats/cycle", at_least=True)
        # an index that comes late: the job is judged already
        job = self.job(positions=shape.Lanes)
        self.expect([job])
        await env.job.send([job.fields(shape)])
        await self.cycles(10)
        seen = len(cidx)
        read_seen = len(reads)
        await env.cidx.send(map(int, job.cidx))
        await env.rows.drain(self.dut.clk_i, 1000)
        measure("latency index to read", reads[read_seen] - cidx[seen], 5)
        await super().stimulus()


@pyuvm.test(**US)
class InputStalls(GatherTest):
    stalls = (True, False)


@pyuvm.test(**US)
class OutputStalls(GatherTest):
    stalls = (False, True)


@pyuvm.test(**US)
class BothStall(GatherTest):
    stalls = (True, True)


@pyuvm.test(**US)
class Corners(GatherTest):
    """Smallest jobs back to back, extreme indices, addresses that carry, every k and c."""

    async def stimulus(self):
        shape = self.shape
        tiny = [self.job(positions=shape.Lanes) for _ in range(8)]
        self.env.responder.latency = lambda: 400
        await self.play(tiny)
        taken = self.env.job.monitor.cycles
        if max(np.diff(taken)) > 200:  # the plans of the jobs before all waited for the memory
            coverage.hit("job", "the next waits for a plan")
        self.env.responder.latency = lambda: 0
        jobs = []
        for base in ((1 << 32) - 4096, (0xFEDC << 48) + (1 << 33) - 8192):
            job = self.job(positions=4 * shape.Lanes, base=base)
            job.cidx[0], job.cidx[-1] = 0, job.table.shape[1] - 1
            jobs.append(job)
        for k in COUNTS[: COUNTS.index(shape.Centroids) + 1]:
            for c in COUNTS[: COUNTS.index(shape.ActCentroids) + 1]:
                for group in (0, 1):
                    jobs.append(self.job(k=k, c=c, groups=2, group=group, positions=2 * shape.Lanes))
        for job in jobs:  # one by one: their tables may overlap
            await self.play([job])


@pyuvm.test(**US)
class Errors(GatherTest):
    """Every cause: the job before finishes, nothing of the illegal one comes out, clear_i leads back."""

    async def stimulus(self):
        shape = self.shape
        rows = shape.most_rows(16)
        bad = {
            "positions zero": dict(positions=0),
            "row_stride": dict(row_stride=shape.beat_bytes * 4 + 1),
            "base": dict(base=shape.beat_bytes // 2),
            "offset": dict(offset=shape.EntryW),
            "no rows": dict(rows_per_fetch=0),
            "too many rows": dict(rows_per_fetch=rows + 1, row_stride=2 * (rows + 1) * shape.beat_bytes),
            "past the row set": dict(offset=4 * shape.beat_bytes, row_stride=4 * shape.beat_bytes),
            "k_code": dict(k_code=3),
            "c_code": dict(c_code=3),
        }
        if shape.Lanes > 1:
            bad["positions odd"] = dict(positions=shape.Lanes + 1)
        if shape.Centroids < 64:
            bad["k above max"] = dict(k_code=COUNTS.index(shape.Centroids) + 1)
        good = dict(base=1 << 20, row_stride=4 * shape.beat_bytes, offset=0, positions=shape.Lanes)
        good |= dict(rows_per_fetch=1, k_code=0, c_code=0)
        limits = dict(lanes=shape.Lanes, k_max=shape.Centroids, c_max=shape.ActCentroids, entry_bits=shape.EntryW)
        limits |= dict(beat_bytes=shape.beat_bytes, lane_beats=shape.LaneBeats)
        for name, fields in bad.items():
            cause = golden.row_gather_cause(**(good | fields), **limits)
            assert cause, f"{name} should be illegal"
            before = self.job()
            self.expect([before])
            feed = cocotb.start_soon(self.env.cidx.send(map(int, before.cidx)))
            await self.env.job.send([before.fields(shape), tuple((good | fields).values())])
            await feed
            await self.env.rows.drain(self.dut.clk_i, 2000)
            await self.cycles(20)
            assert self.dut.error_o.value == 1 and self.dut.busy_o.value == 0, name
            assert self.dut.cause_o.value.to_unsigned() == cause, f"{name}: {self.dut.cause_o.value}, expected {cause}"
            assert self.dut.s_job_tready.value == 0, f"{name}: a job would be taken after an error"
            coverage.hit("cause", cause.name)
            await self.clear()
            assert self.dut.error_o.value == 0 and self.dut.s_job_tready.value == 1
            coverage.hit("clear", "after an error")
        await self.play([self.job()])


@pyuvm.test(**US)
class ResetAndClear(GatherTest):
    """Reset and clear in the middle of a job, at several moments; then the core works."""

    async def stimulus(self):
        for how in ("reset", "clear"):
            for moment in (3, 9, 30, self.rng.randint(10, 60)):
                job = self.job(positions=8 * self.shape.Lanes)
                self.expect([job])
                await self.env.job.send([job.fields(self.shape)])
                feed = cocotb.start_soon(self.env.cidx.send(map(int, job.cidx[:moment])))
                await self.cycles(moment)
                await feed
                assert self.dut.busy_o.value == 1
                if how == "reset":
                    self.env.responder.waiting.clear()
                    await self.reset()
                else:
                    await self.settle()
                    await self.clear()
                await self.cycles(1)
                assert self.dut.busy_o.value == 0 and self.dut.m_axis_row_tvalid.value == 0
                self.env.rows.flush(), self.env.reads.flush()
                coverage.hit(how, "mid job")
                await self.play([self.job()])

    async def settle(self):
        """Let the memory deliver what it was asked, as clear_i's contract demands of the streamer."""
        await self.cycles(60)
        while self.dut.s_axis_beat_tvalid.value == 1 or self.env.responder.waiting:
            await self.cycles(1)
