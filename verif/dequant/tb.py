"""Testbench of dequant: accumulators, start values, scales, residuals in, results compared with golden/dequant.py."""

from dataclasses import replace

import cocotb
import numpy as np
import pyuvm

from verif.dequant.env import (
    HIGHEST,
    INF,
    INPUTS,
    LARGEST,
    LEAST,
    LOWEST,
    NAN,
    SIGN,
    STALLS,
    DequantEnv,
    F,
    I,
    Together,
    Vector,
    coverage,
    lanes,
    latency,
    starts,
    tokens,
    waiting,
)
from verif.lib.tb import CoreTest, measure

US = dict(timeout_time=500, timeout_unit="us")
USES = [(False, False), (True, False), (False, True), (True, True)]
SPECIAL = np.array(
    [0, SIGN, 1, SIGN | 1, LEAST - 1, LEAST, LARGEST, SIGN | LARGEST, INF, SIGN | INF, NAN, INF + 1, SIGN | NAN | 3,
     0x3F800000, 0xBF800000],
    I,
)  # fmt: skip


class DequantTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        DequantEnv.stalls, DequantEnv.seed = self.stalls, self.seed
        self.env = DequantEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.before = None

    def numbers(self, count: int, spread: int = 8) -> np.ndarray:
        rng = self.np_rng
        return (rng.standard_normal(count) * np.exp2(rng.integers(-spread, spread, count))).astype(F)

    def integers(self, count: int) -> np.ndarray:
        """int32 of all magnitudes."""
        rng = self.np_rng
        return (rng.integers(-(1 << 31), 1 << 31, count) >> rng.integers(0, 32, count)).astype(np.int32)

    def vector(self, beats=None, uses=None, start=None) -> Vector:
        """A random vector: accumulators of all magnitudes, the residual often close to the product."""
        rng = self.np_rng
        count = lanes() * (beats or int(rng.integers(1, 6)))
        act, residual = uses if uses is not None else USES[rng.integers(4)]
        vector = Vector(self.integers(count), self.numbers(count), self.numbers(1)[0] if act else None, None)
        if starts() and (start if start is not None else rng.random() < 0.5):
            vector.start = self.integers(count)
        if residual:
            vector.residual = np.where(rng.random(count) < 0.5, -vector.result(), self.numbers(count, 40)).astype(F)
        return vector

    def expect(self, vectors):
        """Expect the results of the vectors; returns the words of each input."""
        words = ([], [], [], [], [])
        for vector in vectors:
            vector.cover(self.before)
            self.before = vector
            self.env.scoreboard.expect(vector.results())
            for stream, part in zip(words, vector.words(), strict=True):
                stream += part
        return words

    def start(self, words, which=INPUTS):
        pairs = zip(INPUTS, self.env.inputs, words, strict=True)
        return [cocotb.start_soon(agent.send(part)) for name, agent, part in pairs if part and name in which]

    async def finish(self, tasks):
        for task in tasks:
            await task
        await self.env.scoreboard.drain(self.dut.clk_i, 5000)

    async def play(self, vectors):
        await self.finish(self.start(self.expect(vectors)))

    def some(self) -> Vector | Together:
        """A random vector, or several at once."""
        count = int(self.np_rng.integers(1, tokens() + 1))
        first = self.vector()
        return self.together(first, count)

    def together(self, first: Vector, count: int) -> Vector | Together:
        """`first` and others that may come with it."""
        others = [self.vector(len(first.acc) // lanes(), tuple(map(bool, first.uses))) for _ in range(count - 1)]
        for vector in others:
            vector.out_scale, vector.start = first.out_scale, first.start
        return Together([first, *others]) if others else first

    async def stimulus(self):
        await self.play([self.some() for _ in range(30)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**US)
class NoStall(DequantTest):
    """Latency and throughput are the header's, whichever input comes last."""

    async def stimulus(self):
        out = self.env.results.monitor.cycles
        for late in INPUTS:
            for start in range(
                starts(), int(late == "starts") - 1, -1
            ):  # the second finds use_start_i as the first left it
                words = self.expect([self.vector(2, (True, True), start)])
                taken = [len(part.monitor.cycles) for part in self.env.inputs]
                tasks = self.start(words, [name for name in INPUTS if name != late])
                await self.cycles(20)
                seen = len(out)
                early = [len(part.monitor.cycles) - n for part, n in zip(self.env.inputs, taken, strict=True)]
                assert not any(early), "a beat was taken without all its parts"
                await self.finish(tasks + self.start(words, [late]))
                when = self.env.inputs[0].monitor.cycles[-2]
                measure(f"latency {late}{', with start values' * start}", out[seen] - when, latency())
            if late != "starts" or starts():
                coverage.hit("last to come", late)
        seen = len(out)
        await self.play([self.vector(beats, start=False) for beats in (1, 1, 7, 2, 1, 30, 1)])
        rate = (len(out) - seen - 1) / (out[-1] - out[seen])
        measure("throughput", rate, 1.0, "beats/cycle", at_least=True)
        for count in sorted({1, tokens()}) if starts() else ():
            seen = len(out)
            await self.play([self.together(self.vector(beats, start=True), count) for beats in (1, 1, 7, 2, 1, 30, 1)])
            rate = (len(out) - seen - 1) / (out[-1] - out[seen])
            measure(f"throughput with start values, {count} at once", rate, 1.0, "beats/cycle", True)
        await super().stimulus()


@pyuvm.test(**US)
class InputStalls(DequantTest):
    stalls = (True, False)


@pyuvm.test(**US)
class OutputStalls(DequantTest):
    stalls = (False, True)


@pyuvm.test(**US)
class BothStall(DequantTest):
    stalls = (True, True)


@pyuvm.test(**US)
class Corners(DequantTest):
    """Special numbers against each other in every role; accumulators and their sums with start values at their ends
    and at ties; every change of use.
    """

    async def stimulus(self):
        order = [0, 0, 1, 1, 2, 2, 3, 3, 0, 2, 0, 3, 1, 3, 2, 1, 0]  # every use after every use
        await self.play([self.vector(1, USES[i], start=False) for i in order])
        pairs = [(start, i) for i in range(4) for start in (False, True, True, False)]
        await self.play([self.vector(1, USES[i], start) for start, i in pairs])
        vectors = []
        for act in SPECIAL.view(F):
            for uses in USES:
                vector = self.vector(max(1, 16 // lanes()), uses)
                count = len(vector.acc)
                vector.acc[:] = self.np_rng.choice([0, 1, -1, 5, -7, 1 << 20], count)
                vector.out_scale = np.resize(self.np_rng.permutation(SPECIAL), count).view(F)
                if uses[0]:
                    vector.act_scale = act
                if uses[1]:
                    vector.residual = np.resize(self.np_rng.permutation(SPECIAL), count).view(F)
                vectors.append(self.split(vector) if vector.starts else vector)
        await self.play(vectors)
        vectors = [self.whole(), self.cancelling(), self.small(), self.small(F(2.0**-60))]
        await self.play(vectors)
        if starts():
            await self.play([*map(self.split, vectors), self.sums()])

    def of(self, acc, out_scale, act_scale=None, residual=None) -> Vector:
        """A vector of whole beats, filled by repetition."""
        count = -(-len(acc) // lanes()) * lanes()
        out_scale = np.resize(np.asarray(out_scale, F), count)
        residual = residual if residual is None else np.resize(np.asarray(residual, F), count)
        return Vector(np.resize(np.asarray(acc, np.int64), count).astype(np.int32), out_scale, act_scale, residual)

    def split(self, vector: Vector) -> Vector:
        """The same vector, its accumulators as sums modulo 2^32."""
        start = self.np_rng.integers(-(1 << 31), 1 << 31, len(vector.acc)).astype(np.int32)
        return replace(vector, acc=(vector.acc.view(I) - start.view(I)).view(np.int32), start=start)

    def sums(self) -> Vector:
        """Sums that are zero or at the ends, that wrap by one, by much and to zero; start values of zero."""
        near = [LOWEST, LOWEST + 1, -(1 << 24) - 1, -1, 0, 1, (1 << 24) + 1, HIGHEST - 1, HIGHEST]
        acc, start = (grid.ravel() for grid in np.meshgrid(near, near))
        count = -(-len(acc) // lanes()) * lanes()
        vector = self.of(acc, [1])
        vector.start = np.resize(start, count).astype(np.int32)
        return vector

    def whole(self) -> Vector:
        """Powers of two, ties of 25 to 31 bits, both ends."""
        powers = [sign << n for n in range(31) for sign in (1, -1)]
        halves = [(odd << n) + (1 << n - 1) for n in range(1, 8) for odd in (1 << 23, (1 << 23) + 1, (1 << 24) - 1)]
        ties = halves + [-half for half in halves]
        ends = [0, -(1 << 31), (1 << 31) - 1, (1 << 31) - 64, (1 << 31) - 65]
        return self.of(powers + ties + ends, [1])

    def cancelling(self) -> Vector:
        """Sums that are zero: of opposite numbers, and of two negative zeros."""
        vector = self.of([1, -3, 1 << 30, 0, 5, -1, -1, 1], [1, 2, 3, -1, 2.0**-140, 2.0**-140, -0.0, -0.0], F(1))
        vector.residual = -vector.result()
        vector.residual[vector.result() == 0] = F(-0.0)
        return vector

    def small(self, act_scale=None) -> Vector:
        """Products around the least normal number, of both signs."""
        acc = np.array([1, -1, 3, -3, 1 << 20, -(1 << 20), (1 << 24) - 1, 1 - (1 << 24)])
        target = np.array([2.0**-126, 2.0**-127, 1.5 * 2.0**-127, 2.0**-126 * (1 - 2.0**-25)])
        scales = (np.resize(target, 8) / np.abs(acc) / (1 if act_scale is None else act_scale)).astype(F)
        return self.of(acc, scales, act_scale)


@pyuvm.test(**US)
class FullAndReset(DequantTest):
    """A consumer that never takes: 19 beats are held, 20 with Start. A reset in the middle of a vector forgets them and
    the start values of the next beat; then it works.
    """

    async def stimulus(self):
        env = self.env
        for how in ("full", "reset"):
            env.held = True
            seen = [len(agent.monitor.cycles) for agent in env.inputs[:2]]
            tasks = self.start(self.expect([self.vector(40, (True, True), start=True)]))
            await self.cycles(100)
            taken, scales = (len(agent.monitor.cycles) - n for agent, n in zip(env.inputs, seen, strict=False))
            assert taken == waiting(), f"{taken} beats taken, wanted {waiting()}"
            assert scales == taken, f"{scales} beats of scales taken, wanted {taken}"
            coverage.hit("waiting", f"{taken} beats")
            if how == "reset":
                env.scoreboard.flush()
                for agent in env.inputs:
                    agent.abort()
                await self.reset()
                coverage.hit("reset", "mid vector")
                for task in tasks:
                    await task
                await self.reset()  # beats that were taken while the sources gave up
                assert self.dut.m_axis_tvalid.value == 0, "a result survived the reset"
            env.held = False
            await self.finish(tasks)
            if how == "reset":  # start values left behind would be taken for this vector's
                await self.play([self.vector(2, start=True)])
        await self.play([self.vector() for _ in range(4)])
