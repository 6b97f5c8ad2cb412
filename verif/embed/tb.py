"""Testbench of embed: ids in, reads out; beats in, fp32 values out, compared with golden/embed.py."""

import cocotb
import numpy as np
import pyuvm

from verif.embed.env import CAUSES, SPECIAL, STALLS, UNIT, EmbedEnv, Job, Shape, coverage
from verif.fp32_reduce.vectors import result_kind
from verif.lib.tb import CoreTest, Stall, measure

MS = dict(timeout_time=1, timeout_unit="ms")


class EmbedTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        into, out = self.stalls
        ids, reads, beats, y = (Stall.pick(s, self.seed + i) for i, s in enumerate((into, out, into, out)))
        EmbedEnv.stalls, EmbedEnv.direct = (ids, reads, beats, y), True
        self.env = EmbedEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.before = None

    def job(self, beats=None, token=None) -> Job:
        """A row of `beats` output beats; half of the tables are those of the job before."""
        rng, lanes = self.np_rng, self.shape.Lanes
        n = (beats or int(rng.integers(1, 12))) * lanes
        row = rng.integers(0, 1 << 16, n, dtype=np.uint16)
        special = rng.random(n) < 0.2
        row[special] = rng.choice(SPECIAL, int(special.sum()))
        least = -(-2 * n // UNIT)
        table = self.before
        if table is None or least > table.stride or rng.random() < 0.5:
            stride = least + int(rng.integers(0, 3))
            rows = int(rng.integers(1, 1 << self.shape.IdW))
            base = UNIT * self.rng.getrandbits(self.rng.choice([20, 26, 40, 57]))
        else:
            stride, rows, base = table.stride, table.rows, table.base
        if token is None:
            token = int(rng.choice([0, rows - 1, rng.integers(0, rows)]))
        self.before = Job(token, row, base, stride, rows)
        return self.before

    def cover(self, jobs):
        shape = self.shape
        for before, job in zip([None, *jobs[:-1]], jobs, strict=True):
            length = job.read(shape)[1]
            coverage.hit("row", "one beat" if length == shape.beat_bytes else "several beats")
            if len(job.row) % shape.per_beat:
                coverage.hit("row", "ends inside a beat")
            if 2 * len(job.row) == UNIT * job.stride:
                coverage.hit("row", "fills its stride")
            coverage.hit("id", "0" if job.token == 0 else "last row" if job.token == job.rows - 1 else "between")
            if before:
                same = (before.base, before.stride) == (job.base, job.stride)
                coverage.hit("table", "as before" if same else "changes from id to id")
                if same and before.token == job.token:
                    coverage.hit("id", "the same again")
            product = UNIT * job.stride * job.token
            if product >> 32:
                coverage.hit("address", "product above bit 32")
            if (job.base & 0xFFFFFFFF) + (product & 0xFFFFFFFF) >> 32:
                coverage.hit("address", "carries into bit 32")
            magnitude = job.row & 0x7FFF
            for name, seen in (
                ("subnormal", (magnitude > 0) & (magnitude < 0x80)),
                ("NaN", magnitude == 0x7FC0),
                ("NaN payload", (magnitude > 0x7F80) & (magnitude != 0x7FC0)),
            ):
                if seen.any():
                    coverage.hit("values", name)
            for word in np.unique(job.result()):
                coverage.hit("result", result_kind(word))

    def expect(self, jobs):
        self.cover(jobs)
        for job in jobs:
            self.env.reads.expect([job.read(self.shape)])
            self.env.results.expect(job.expected(self.shape))

    async def play(self, jobs):
        self.expect(jobs)
        asking = cocotb.start_soon(self.env.id.send([job.command() for job in jobs]))
        await self.env.beat.send([beat for job in jobs for beat in job.beats(self.shape)])
        await asking
        await self.env.results.drain(self.dut.clk_i, 5000)
        await self.cycles(2)
        assert self.dut.error_o.value == 0 and self.dut.busy_o.value == 0
        coverage.hit("memory", "beats from the test")

    async def stimulus(self):
        await self.play([self.job() for _ in range(40)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(EmbedTest):
    """Full rate: latencies and throughput are the header's."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        job = self.job(8)
        self.expect([job])
        await env.id.send([job.command()])
        await self.cycles(10)
        measure("latency id to read", env.read.monitor.cycles[-1] - env.id.monitor.cycles[-1], 4)
        await env.beat.send(job.beats(shape))
        await env.results.drain(self.dut.clk_i, 100)
        measure("latency beat to its last values", env.y.monitor.cycles[-1] - env.beat.monitor.cycles[-1], 2)
        rate = min(1.0, shape.per_beat / shape.Lanes)
        jobs = [self.job(8) for _ in range(12)]
        before = len(env.y.monitor.cycles)
        await self.play(jobs)
        out = env.y.monitor.cycles[before:]
        measure("throughput", (len(out) - 1) / (out[-1] - out[0]), rate, "beats/cycle", at_least=True)
        before = len(env.id.monitor.cycles)
        await self.play([self.job(1) for _ in range(20)])
        taken = env.id.monitor.cycles[before:]
        measure("throughput ids", 19 / (taken[-1] - taken[0]), 1 / 5, "ids/cycle", at_least=True)
        await super().stimulus()


@pyuvm.test(**MS)
class InputStalls(EmbedTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(EmbedTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(EmbedTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Corners(EmbedTest):
    """Addresses that carry, the same row again, rows that fill their stride, as many reads as may wait."""

    async def stimulus(self):
        shape = self.shape
        top = (1 << shape.IdW) - 1
        row = np.resize(SPECIAL, 4 * shape.Lanes).astype(np.uint16)
        stride = -(-2 * len(row) // UNIT)
        full = np.resize(SPECIAL, max(shape.Lanes, 32) * stride)
        jobs = [
            Job(top, row, (1 << 32) - UNIT, 4095, top + 1),
            Job(top, row, (1 << 60) + 0xFFFFFFC0, 4095, top + 1),
            *[Job(5, row, UNIT << 24, stride, 6)] * 2,
            Job(1, full, 0, 2 * len(full) // UNIT, 2),
            Job(0, row, 0xFFFFFFC0, stride, 1),
        ]
        await self.play(jobs)
        jobs = [self.job(2) for _ in range(shape.Ahead + 3)]
        self.expect(jobs)
        before = len(self.env.read.monitor.cycles)
        asking = cocotb.start_soon(self.env.id.send([job.command() for job in jobs]))
        await self.cycles(10 * len(jobs))
        assert len(self.env.read.monitor.cycles) - before == shape.Ahead, "other than Ahead reads wait"
        coverage.hit("ahead", "all reads that may wait")
        await self.env.beat.send([beat for job in jobs for beat in job.beats(shape)])
        await asking
        await self.env.results.drain(self.dut.clk_i, 1000)


@pyuvm.test(**MS)
class Reset(EmbedTest):
    """A reset in the middle of rows forgets them; the core works afterwards."""

    async def stimulus(self):
        for wait in (6, 15, 31):
            jobs = [self.job(10) for _ in range(6)]
            boards = (self.env.reads, self.env.results)
            for board in boards:
                board.muted = True
            words = [beat for job in jobs for beat in job.beats(self.shape)]
            tasks = [cocotb.start_soon(self.env.id.send([job.command() for job in jobs]))]
            tasks.append(cocotb.start_soon(self.env.beat.send(words)))
            await self.cycles(wait)
            self.env.id.abort()
            self.env.beat.abort()
            await self.reset()
            for task in tasks:
                await task
            assert self.dut.m_axis_tvalid.value == 0 and self.dut.busy_o.value == 0
            for board in boards:
                board.muted = False
            coverage.hit("reset", "mid row")
            await self.play([self.job() for _ in range(3)])


@pyuvm.test(**MS)
class Errors(EmbedTest):
    """Illegal ids and tables: no read; error and cause stay until clear_i; the rows before are finished."""

    async def stimulus(self):
        row = np.resize(SPECIAL, 2 * self.shape.Lanes).astype(np.uint16)
        stride = -(-2 * len(row) // UNIT)
        top = 1 << self.shape.IdW
        wrong = [
            ("CauseId", (7, 0, stride, len(row), 7)),
            ("CauseId", (0xFFFFFFFF, 0, stride, len(row), 7)),
            ("CauseId", (top, 0, stride, len(row), 2 * top)),
            ("CauseRow", (0, 0, stride, 0, 7)),
            ("CauseRow", (0, 0, stride, 32 * stride + self.shape.Lanes, 7)),
            ("CauseBase", (0, UNIT // 2, stride, len(row), 7)),
        ]
        if self.shape.Lanes > 1:
            wrong.append(("CauseRow", (0, 0, stride, self.shape.Lanes + 1, 7)))
        for cause, command in wrong:
            good = self.job(3)
            self.expect([good])
            await self.env.id.send([good.command(), command])
            await self.cycles(10)
            assert self.dut.error_o.value == 1, command
            assert self.dut.cause_o.value.to_unsigned() == CAUSES.index(cause), command
            assert self.dut.s_axis_id_tready.value == 0
            coverage.hit("cause", cause)
            await self.env.beat.send(good.beats(self.shape))
            await self.env.results.drain(self.dut.clk_i, 200)
            assert self.dut.error_o.value == 1
            self.dut.clear_i.value = 1
            await self.cycles(1)
            self.dut.clear_i.value = 0
            await self.cycles(2)
            assert self.dut.error_o.value == 0 and self.dut.cause_o.value.to_unsigned() == 0
            coverage.hit("clear", "after an error")
            await self.play([self.job(), self.job()])
