"""Testbench of row_table: jobs, tables and indices in, rows compared with golden/row_table.py."""

import cocotb
import numpy as np
import pyuvm

from lutloom import row_table as golden
from lutloom.row_gather import COUNTS
from verif.lib.tb import CoreTest, measure
from verif.row_table.env import STALLS, Job, Shape, TableEnv, coverage

US = dict(timeout_time=2000, timeout_unit="us")


class TableTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        TableEnv.stall_in, TableEnv.stall_out = self.stalls
        TableEnv.seed = self.seed
        self.env = TableEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def job(self, positions=None, tokens=None, k=None, c=None) -> Job:
        """A random job; what is not given is drawn. Tables contain the extreme entries often."""
        shape, rng = self.shape, self.rng
        k = k or rng.choice([k for k in COUNTS if k <= shape.Centroids])
        c = c or rng.choice([c for c in COUNTS if c <= shape.ActCentroids])
        most = min(shape.capacity(k, c) // shape.Lanes, 6)
        positions = positions or shape.Lanes * rng.randint(1, most)
        tokens = tokens or rng.randint(1, 3 * shape.Tokens)
        limit = 1 << (shape.EntryW - 1)
        table = self.np_rng.integers(-limit, limit, (positions, c, k))
        table[self.np_rng.random(table.shape) < 0.05] = -limit
        table[self.np_rng.random(table.shape) < 0.05] = limit - 1
        return Job(table, self.np_rng.integers(0, c, (tokens, positions)))

    def jobs(self):
        shape = self.shape
        yield self.job(k=shape.Centroids, c=shape.ActCentroids, tokens=2 * shape.Tokens)
        for _ in range(3):
            yield self.job()
        if shape.TablePositions > 64:
            return  # filling a deep ring takes minutes here; the parameter sets of test_row_table.py do it
        k, c = shape.Centroids, min(32, shape.ActCentroids)
        yield self.job(shape.capacity(k, c), tokens=shape.Tokens + 1, k=k, c=c)
        yield self.job(shape.capacity(k, 16) + 2 * shape.Lanes, tokens=shape.Tokens, k=k, c=16)

    def start(self, jobs, *, job=True, table=True, cidx=True):
        """Begin to send what the flags say; returns the tasks."""
        shape, env = self.shape, self.env
        words = (
            (job, env.job, [job.fields(shape) for job in jobs]),
            (table, env.table, [beat for job in jobs for beat in job.beats(shape)]),
            (cidx, env.cidx, [index for job in jobs for index in job.indices(shape)]),
        )
        return [cocotb.start_soon(agent.send(stream)) for flag, agent, stream in words if flag]

    def expect(self, jobs):
        for job in jobs:
            job.cover(self.shape)
            self.env.rows.expect(job.rows(self.shape))

    async def finish(self, tasks, limit=60_000):
        for task in tasks:
            await task
        await self.env.rows.drain(self.dut.clk_i, limit)
        await self.cycles(2)
        assert self.dut.busy_o.value == 0 and self.dut.error_o.value == 0

    async def play(self, jobs):
        jobs = list(jobs)
        self.expect(jobs)
        await self.finish(self.start(jobs))

    async def stimulus(self):
        await self.play(self.jobs())
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])
        if self.env.table.monitor.stalled:
            coverage.hit("load", "held: no room")

    async def clear(self):
        self.dut.clear_i.value = 1
        await self.cycles(1)
        self.dut.clear_i.value = 0
        await self.cycles(1)


@pyuvm.test(**US)
class NoStall(TableTest):
    """Latency and throughput are the header's."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        k, c = shape.Centroids, min(32, shape.ActCentroids)
        jobs = [self.job(2 * shape.Lanes, tokens=3 * shape.Tokens, k=k, c=c) for _ in range(2)]
        self.expect(jobs)
        # both tables are on chip before the first index comes
        for task in self.start(jobs[:1], table=False, cidx=False) + self.start(jobs, job=False, cidx=False):
            await task
        loaded = env.table.monitor.cycles
        measure("throughput table", (len(loaded) - 1) / (loaded[-1] - loaded[0]), 1.0, "beats/cycle", at_least=True)
        await self.cycles(10)
        await self.finish(self.start(jobs[1:], table=False, cidx=False) + self.start(jobs, job=False, table=False))
        coverage.hit("load", "ahead of use")
        index, rows = env.cidx.monitor.cycles, env.row.monitor.cycles
        measure(f"latency index to row, R = {shape.rows}", rows[0] - index[shape.rows - 1], shape.index_latency)
        firsts = rows[::k]  # of every block of both jobs
        per_block = (firsts[-1] - firsts[0]) / (len(firsts) - 1)
        measure(f"throughput, K = {k}, R = {shape.rows}", per_block, shape.block_cycles(k), "cycles/block")
        # indices wait for the table
        job = self.job(2 * shape.Lanes, tokens=1)
        self.expect([job])
        before, table_before = len(rows), len(loaded)
        tasks = self.start([job], table=False)
        await self.cycles(200)
        assert len(rows) == before, "a row without a table"
        await self.finish(self.start([job], job=False, cidx=False) + tasks)
        last_beat = loaded[table_before + len(job.beats(shape)) // 2 - 1]  # of the first of two blocks
        measure(f"latency table to row, R = {shape.rows}", rows[before] - last_beat, shape.table_latency)
        coverage.hit("load", "chased by use")
        await super().stimulus()


@pyuvm.test(**US)
class InputStalls(TableTest):
    stalls = (True, False)


@pyuvm.test(**US)
class OutputStalls(TableTest):
    stalls = (False, True)


@pyuvm.test(**US)
class BothStall(TableTest):
    stalls = (True, True)


@pyuvm.test(**US)
class Corners(TableTest):
    """Every k and c, extreme indices, one-block jobs, a full ring and the next table behind it."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        jobs = []
        for k in COUNTS[: COUNTS.index(shape.Centroids) + 1]:
            for c in COUNTS[: COUNTS.index(shape.ActCentroids) + 1]:
                jobs.append(self.job(shape.Lanes, tokens=1 + shape.Tokens * (c == 16), k=k, c=c))
        jobs[0].cidx[:] = 0
        jobs[-1].cidx[:] = jobs[-1].table.shape[1] - 1
        await self.play(jobs)
        k, c = shape.Centroids, shape.ActCentroids
        full = [self.job(shape.TablePositions, tokens=2 * shape.Tokens, k=k, c=c) for _ in range(2)]
        if shape.TablePositions <= 16:
            beats = len(env.table.monitor.cycles)
            rows = len(env.row.monitor.cycles)
            await self.play(full)
            second = env.table.monitor.cycles[beats + len(full[0].beats(shape))]  # first beat of the second table
            assert second < env.row.monitor.cycles[rows + len(full[0].rows(shape)) - 1]
            coverage.hit("load", "next job during the last pass")


@pyuvm.test(**US)
class Errors(TableTest):
    """Every cause: the job before finishes, nothing of the illegal one comes out, clear_i leads back."""

    async def stimulus(self):
        shape = self.shape
        over = shape.TablePositions + shape.Lanes
        biggest = dict(k_code=COUNTS.index(shape.Centroids), c_code=COUNTS.index(shape.ActCentroids))
        bad = {
            "zero": dict(positions=0),
            "passes": dict(passes=0),
            "k_code": dict(k_code=3),
            "c_code": dict(c_code=3),
            "capacity": dict(positions=over, passes=2, **biggest),
        }
        if shape.Lanes > 1:
            bad["odd"] = dict(positions=shape.Lanes + 1)
        if shape.ActCentroids < 64:
            bad["c above max"] = dict(c_code=COUNTS.index(shape.ActCentroids) + 1)
        good = dict(positions=shape.Lanes, passes=1, k_code=0, c_code=0)
        limits = dict(lanes=shape.Lanes, k_max=shape.Centroids, c_max=shape.ActCentroids)
        for name, fields in bad.items():
            cause = golden.row_table_cause(**(good | fields), **limits, table_positions=shape.TablePositions)
            assert cause, f"{name} should be illegal"
            before = self.job(shape.Lanes)
            self.expect([before])
            tasks = self.start([before])
            await tasks[0]
            await self.env.job.send([tuple((good | fields).values())])
            for task in tasks[1:]:
                await task
            await self.env.rows.drain(self.dut.clk_i, 5000)
            await self.cycles(20)
            assert self.dut.error_o.value == 1 and self.dut.busy_o.value == 0, name
            assert self.dut.cause_o.value.to_unsigned() == cause, f"{name}: {self.dut.cause_o.value}, expected {cause}"
            assert self.dut.s_job_tready.value == 0, f"{name}: a job would be taken after an error"
            coverage.hit("cause", cause.name)
            await self.env.table.send([0] * 5)  # what a refused job's table leaves behind must not matter
            await self.clear()
            assert self.dut.error_o.value == 0 and self.dut.s_job_tready.value == 1
            coverage.hit("clear", "after an error")
        await self.play([self.job()])


@pyuvm.test(**US)
class ResetAndClear(TableTest):
    """Reset and clear in the middle of a job, at several moments; then the core works."""

    async def stimulus(self):
        shape = self.shape
        for how in ("reset", "clear"):
            for moment in (5, 40, 70, self.rng.randint(10, 150)):
                job = self.job(2 * shape.Lanes, tokens=3 * shape.Tokens)
                self.expect([job])
                for task in self.start([job], cidx=False):
                    await task
                feed = cocotb.start_soon(self.env.cidx.send(job.indices(shape)[: moment // 2]))
                await self.cycles(moment)
                await feed
                assert self.dut.busy_o.value == 1
                await (self.reset() if how == "reset" else self.clear())
                await self.cycles(1)
                assert self.dut.busy_o.value == 0 and self.dut.m_axis_row_tvalid.value == 0
                self.env.rows.flush()
                coverage.hit(how, "mid job")
                await self.play([self.job()])
