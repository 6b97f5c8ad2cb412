"""Testbench of lut2d: jobs, rows, index beats and start values in, accumulators compared with golden/lut2d.py."""

import cocotb
import numpy as np
import pyuvm

from verif.lib.tb import CoreTest, measure
from verif.lut2d.env import CODES, STALLS, Env, Job, Shape, coverage

MS = dict(timeout_time=2, timeout_unit="ms")


class LookupTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        Env.stall_in, Env.stall_out = self.stalls
        Env.seed = self.seed
        self.env = Env("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def job(self, blocks=None, slots=None, centroids=None, exponents=None) -> Job:
        """A random job; what is not given is drawn. Extreme entries come often."""
        shape, rng = self.shape, self.np_rng
        blocks = blocks or int(rng.integers(1, 12))
        slots = slots or int(rng.integers(1, shape.Slots + 1))
        centroids = centroids or int(rng.choice([c for c in CODES if c <= shape.Centroids]))
        limit = 1 << (shape.EntryW - 1)
        rows = rng.integers(-limit, limit, (shape.Tokens, blocks, shape.Lanes, centroids))
        rows[rng.random(rows.shape) < 0.1] = -limit
        rows[rng.random(rows.shape) < 0.1] = limit - 1
        idx = rng.integers(0, centroids, (blocks, shape.Lanes, slots * shape.Units))
        if exponents is None:
            exponents = np.sort(rng.integers(0, 8, blocks))
        room = 1 << (shape.StartW - 1)
        start = rng.integers(-room, room, slots * shape.Units) if shape.Start else np.zeros(slots * shape.Units, int)
        # whole turns: what fills others up may be anything
        tokens = shape.Drains * int(rng.integers(1, shape.turns + 1))
        return Job(rows, idx, np.asarray(exponents), start, tokens)

    def flat(self, value: int, blocks: int, start: int, exponent: int = 7) -> Job:
        """Every entry and every start value the same."""
        job = self.job(blocks=blocks, slots=2, centroids=16, exponents=np.full(blocks, exponent))
        job.rows[:], job.start[:] = value, start if self.shape.Start else 0
        return job

    async def play(self, jobs, drain=20_000):
        jobs, env, shape = list(jobs), self.env, self.shape
        for job in jobs:
            job.cover(shape)
            env.results.expect(job.results(shape))
        tasks = [
            env.job.send([(job.blocks, job.slots(shape), CODES[job.centroids], job.tokens) for job in jobs]),
            env.row.send([word for job in jobs for word in job.row_words(shape)]),
            env.idx.send([word for job in jobs for word in job.index_words(shape)]),
            env.start.send([word for job in jobs for word in job.start_words(shape)] if shape.Start else []),
        ]
        for task in [cocotb.start_soon(task) for task in tasks]:
            await task
        await env.results.drain(self.dut.clk_i, drain)

    def jobs(self):
        shape = self.shape
        yield self.job(blocks=3, slots=shape.Slots)
        for slots in (1, 2, min(3, shape.Slots)):
            yield self.job(blocks=5, slots=slots)
        for _ in range(3):
            yield self.job()
        yield self.job(blocks=6, exponents=self.np_rng.permutation(8)[:6])
        yield self.job(blocks=2 * shape.window + 3, exponents=np.full(2 * shape.window + 3, 3))
        yield self.job(blocks=1)

    async def stimulus(self):
        await self.play(self.jobs())
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(LookupTest):
    pass


@pyuvm.test(**MS)
class InputStalls(LookupTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(LookupTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(LookupTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Promises(LookupTest):
    """Cycles of a block, of a change of exponent and of a job, and the drain's latency, as the header has them."""

    def runs(self, count: int, length: int) -> Job:
        """A full job of `count` runs of `length` blocks: neighbours differ in their exponent."""
        exponents = np.repeat(np.arange(count) % 2 * 5, length)
        job = self.job(len(exponents), self.shape.Slots, self.shape.Centroids, exponents)
        job.tokens = self.shape.Tokens
        return job

    async def stimulus(self):
        shape, cycles_of = self.shape, self.env.idx.monitor.cycles
        slots = shape.Slots
        beats = -(-slots * (shape.Centroids.bit_length() - 1) // 4)
        block = max(slots, shape.Centroids, beats)  # cycles
        pause = 3 if shape.Start else 0  # where a slot takes start values or delivers
        step = shape.steps * shape.turns  # of a drained slot
        step += pause if shape.steps < 8 else 0
        lookups = slots * shape.Units * shape.Lanes

        def rate(what: str, blocks: int, cycles: int, promised_cycles: int):
            promised = blocks * lookups / promised_cycles
            measure(f"throughput {what}", blocks * lookups / cycles, promised, "lookups/cycle", at_least=True)

        # one run; the first block waits for its row, the slots of the first Window blocks perhaps for the drain
        length = shape.window + (shape.window - slots) // 2
        await self.play([self.runs(1, length)])
        wait = max(0, step - block) * slots  # for the drain, at a take
        rate("one exponent", length - 1, cycles_of[-1] - cycles_of[beats], (length - 1) * block + slots * 4 + wait)
        results = self.env.acc.monitor.cycles
        # a word a cycle, and no slot of the last block still goes to the drain
        if shape.Centroids == 16 and slots > 3 and (length - 1 + slots) % shape.window >= slots:
            latency = results[0] - cycles_of[-slots]
            promised = slots + 8 if shape.Start else 12
            measure("latency last block's first word to first result", latency, promised)
        span = (slots * shape.turns - 1) * (shape.steps + pause) + shape.steps - 1
        measure("latency first to last result", results[-1] - results[0], span)

        # a run's takes begin with its block Window - Slots and wait until the drain of the run before is done; without
        # start values a run of a window has none
        take_wait = max(0, slots * step + 8 - (shape.window - slots) * block) if shape.Start else 0
        # changes of exponent, far apart and in every block; the first run's drain is slower by the start values
        for what, length, cycles in (
            ("long runs", shape.window, max(shape.window * block + take_wait, slots * step) + slots + 2),
            ("an exponent a block", 1, max(block + slots + 2, slots * step + 1)),
        ):
            del cycles_of[:]
            await self.play([self.runs(6, length)])
            heads = cycles_of[:: length * beats + 1]
            rate(what, 3 * length, heads[5] - heads[2], 3 * cycles)


@pyuvm.test(**MS)
class Corners(LookupTest):
    """The overflow bound from both sides, starts alone, single blocks back to back, every exponent alone."""

    async def stimulus(self):
        shape = self.shape
        high, room = (1 << (shape.EntryW - 1)) - 1, 1 << (shape.StartW - 1)
        # as many blocks as the bound allows; small elaborated MaxBlocks makes that quick
        blocks = min(shape.MaxBlocks, 3 * shape.window)
        await self.play([self.flat(high, blocks, room - 1)])
        coverage.hit("corner", "most positive")
        await self.play([self.flat(-high - 1, blocks, -room)])
        coverage.hit("corner", "most negative")
        await self.play([self.flat(0, 1, room - 1), self.flat(0, 1, -room)])
        coverage.hit("corner", "start alone")
        await self.play(self.job(blocks=1, exponents=[e]) for e in range(8))
        coverage.hit("corner", "back to back")
        if shape.SumPromised:
            job = self.flat(high, 600, 0)  # 300 blocks are enough for more than 2^31
            job.rows[:, 300:] = -high
            await self.play([job])
            coverage.hit("corner", "wraps on the way")


@pyuvm.test(**MS)
class Reset(LookupTest):
    """A reset in the middle of a job, and in the middle of its drain, leaves nothing behind."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        agents = (env.job, env.row, env.idx, env.start)
        for name, wait in (("reset in a job", False), ("reset in a drain", True)):
            job = self.job(blocks=6, slots=shape.Slots)
            env.results.expect(job.results(shape))
            tasks = [
                cocotb.start_soon(agent.send(words))
                for agent, words in zip(
                    agents,
                    (
                        [(job.blocks, job.slots(shape), CODES[job.centroids], job.tokens)],
                        job.row_words(shape),
                        job.index_words(shape),
                        job.start_words(shape),
                    ),
                    strict=True,
                )
            ]
            await self.cycles(60)
            while wait and self.dut.m_axis_acc_tvalid.value != 1:
                await self.cycles(1)
            for agent in agents:
                agent.driver.abort()
            await self.reset()
            for task in tasks:
                await task
            env.results.flush()
            coverage.hit("corner", name)
            await self.play([self.job(), self.job(blocks=2)])
