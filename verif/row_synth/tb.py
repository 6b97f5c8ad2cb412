"""Testbench of row_synth: jobs, activations and codebooks in, rows compared with golden/row_synth.py."""

import cocotb
import numpy as np
import pyuvm

from verif.lib.tb import CoreTest, measure
from verif.row_synth.env import COUNTS, STALLS, Cause, Job, Shape, SynthEnv, coverage

US = dict(timeout_time=1000, timeout_unit="us")


class SynthTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        SynthEnv.stall_in, SynthEnv.stall_out = self.stalls
        SynthEnv.seed = self.seed
        self.env = SynthEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def job(self, blocks=None, k=None, shift=None) -> Job:
        """A random job; what is not given is drawn. Magnitudes differ and the extreme values are frequent."""
        shape, rng = self.shape, self.np_rng
        k = k or self.rng.choice(shape.counts())
        positions = shape.Lanes * (blocks or self.rng.randint(1, 5))
        shift = self.rng.randint(0, shape.MaxShift) if shift is None else shift
        limit = 1 << shape.ActW - 1
        act = rng.integers(-limit, limit, (shape.Tokens, positions, 2)) >> rng.integers(0, 6, (positions, 1))
        act[rng.random(act.shape) < 0.1] = -limit
        act[rng.random(act.shape) < 0.1] = limit - 1
        codebook = rng.integers(-128, 128, (positions, k, 2)) >> rng.integers(0, 4, (positions, k, 1))
        codebook[rng.random(codebook.shape) < 0.05] = -128
        codebook[rng.random(codebook.shape) < 0.05] = 127
        return Job(act, codebook.astype(np.int8), shift)

    def start(self, jobs, *, job=True, act=True, codebook=True):
        """Begin to send what the flags say; returns the tasks."""
        shape, env = self.shape, self.env
        words = (
            (job, env.job, [job.fields(shape) for job in jobs]),
            (act, env.act, [beat for job in jobs for beat in job.acts(shape)]),
            (codebook, env.codebook, [beat for job in jobs for beat in job.beats(shape)]),
        )
        return [cocotb.start_soon(agent.send(stream)) for flag, agent, stream in words if flag]

    def expect(self, jobs):
        for job in jobs:
            job.cover(self.shape)
            self.env.rows.expect(job.rows(self.shape))

    async def finish(self, tasks, limit=20_000):
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
        await self.play([self.job() for _ in range(8)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])
        coverage.hit("consumer", "scoreboard")
        if self.env.codebook.monitor.stalled:
            coverage.hit("codebook", "held: no room")

    async def clear(self):
        self.dut.clear_i.value = 1
        await self.cycles(1)
        self.dut.clear_i.value = 0
        await self.cycles(1)


@pyuvm.test(**US)
class NoStall(SynthTest):
    """Latency and throughput are the header's."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        rows = env.row.monitor.cycles
        # from each input that comes last
        for last, agent in (("job", env.job), ("act", env.act), ("codebook", env.codebook)):
            job = self.job(blocks=1)
            self.expect([job])
            tasks = self.start([job], **{last: False})
            await self.cycles(100)
            seen = len(rows)
            await self.finish(tasks + self.start([job], **{name: name == last for name in ("job", "act", "codebook")}))
            promised = shape.latency + (last == "job")
            measure(f"latency {last} to row, {shape.Lanes} lanes", rows[seen] - agent.monitor.cycles[-1], promised)
        coverage.hit("codebook", "last to come")
        coverage.hit("activations", "last to come")
        # blocks and jobs without gaps, where the ring holds more than the block in use
        roomy = [k for k in shape.counts() if 2 * shape.block_beats(k) < shape.RingBeats]
        if roomy:
            jobs = [self.job(blocks=3, k=k) for k in roomy * 2]
            seen = len(rows)
            await self.play(jobs)
            rate = (len(rows) - seen - 1) / (rows[-1] - rows[seen])
            measure("throughput", rate, 1.0, "row beats/cycle", at_least=True)
            coverage.hit("job", "begins when the one before ends")
            coverage.hit("codebook", "ahead of use")
            coverage.hit("activations", "ahead of use")
        await super().stimulus()


@pyuvm.test(**US)
class InputStalls(SynthTest):
    stalls = (True, False)


@pyuvm.test(**US)
class OutputStalls(SynthTest):
    stalls = (False, True)


@pyuvm.test(**US)
class BothStall(SynthTest):
    stalls = (True, True)


@pyuvm.test(**US)
class Corners(SynthTest):
    """Every K, every shift; all extreme pairs; entries at the limits of clipping; ties."""

    async def stimulus(self):
        shape = self.shape
        jobs = [self.job(blocks=1, k=k) for k in shape.counts()]
        limit = 1 << shape.ActW - 1
        acts = np.array([(a, b) for a in (-limit, limit - 1, 0) for b in (-limit, limit - 1, 1)])
        weights = np.array([(v, w) for v in (-128, 127, 0, 1) for w in (-128, 127, 0, 1)], np.int8)
        for shift in range(shape.MaxShift + 1):
            job = self.job(blocks=1, k=16, shift=shift)
            job.act[:] = acts[self.np_rng.integers(len(acts), size=job.act.shape[:2])]
            job.codebook[:] = weights
            jobs += [job, self.near_the_limits(shift)]
        await self.play(jobs)

    def near_the_limits(self, shift: int) -> Job:
        """Entries from two below to two above the highest and lowest, and halves between them."""
        shape = self.shape
        job = self.job(blocks=2, k=16, shift=shift)
        limit = 1 << shape.EntryW - 1
        for t, p in np.ndindex(job.act.shape[:2]):
            # a0 * 127 + a1 * w1, w1 = 0..15: from just below the wanted total on
            edge = limit if (t + p) % 2 else -limit
            target = int(edge * 2**shift) - 2 ** max(shift - 1, 0) - int(self.rng.randint(0, 4))
            most = (1 << shape.ActW - 1) - 1
            a0 = np.clip(target // 127, -most, most)
            job.act[t, p] = a0, min(max(1, 2**shift // 4), most)
            if t == 0:
                first = target - 127 * a0
                job.codebook[p, :, 0] = 127
                job.codebook[p, :, 1] = np.clip(first // job.act[t, p, 1] + np.arange(16), -128, 127)
        return job


@pyuvm.test(**US)
class Errors(SynthTest):
    """Every cause: the job before finishes, nothing of the illegal one comes out, clear_i leads back."""

    async def stimulus(self):
        shape = self.shape
        bad = [(Cause.CODE, (1, 3, 0)), (Cause.BLOCKS, (0, 0, 0))]
        if shape.Centroids < 64:
            bad.append((Cause.CODE, (1, COUNTS.index(shape.Centroids) + 1, 0)))
        if shape.MaxShift < 15:
            bad += [(Cause.SHIFT, (1, 0, shape.MaxShift + 1)), (Cause.SHIFT, (1, 0, 15))]
        for cause, fields in bad:
            before = self.job(blocks=1)
            self.expect([before])
            tasks = self.start([before])
            await tasks[0]
            await self.env.job.send([fields])
            for task in tasks[1:]:
                await task
            await self.env.rows.drain(self.dut.clk_i, 1000)
            await self.cycles(20)
            found = self.dut.cause_o.value.to_unsigned()
            assert self.dut.error_o.value == 1 and self.dut.busy_o.value == 0, cause
            assert found == cause, f"cause {found}, expected {cause}"
            assert self.dut.s_job_tready.value == 0, f"{cause}: a job would be taken after an error"
            coverage.hit("cause", cause.name)
            await self.env.codebook.send([0])  # what is left of a refused job must not matter
            await self.env.act.send([0])
            await self.clear()
            assert self.dut.error_o.value == 0 and self.dut.s_job_tready.value == 1
            coverage.hit("clear", "after an error")
        await self.play([self.job()])


@pyuvm.test(**US)
class ResetAndClear(SynthTest):
    """Reset and clear in the middle of a job, at several moments; then the core works."""

    async def stimulus(self):
        for how in ("reset", "clear"):
            for moment in (30, 45, self.rng.randint(30, 70)):
                job = self.job(blocks=6, k=self.shape.Centroids)
                self.expect([job])
                tasks = self.start([job])
                await self.cycles(moment)
                assert self.dut.busy_o.value == 1
                for agent in (self.env.act, self.env.codebook):
                    agent.abort()
                await (self.reset() if how == "reset" else self.clear())
                for task in tasks:
                    await task
                if how == "clear":  # words that were taken while the sources gave up
                    await self.clear()
                assert self.dut.busy_o.value == 0 and self.dut.m_axis_row_tvalid.value == 0
                self.env.rows.flush()
                coverage.hit(how, "mid job")
                await self.play([self.job()])
