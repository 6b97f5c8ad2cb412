"""Testbench of act_quant: vectors in, integers and scales compared with golden/act_quant.py."""

import cocotb
import numpy as np
import pyuvm

from lutloom import fp32
from verif.act_quant.env import (
    INF,
    LARGEST,
    LEAST,
    NAN,
    SIGN,
    STALLS,
    F,
    I,
    QuantEnv,
    Shape,
    cover,
    coverage,
    results_of,
    words_of,
)
from verif.lib.tb import CoreTest, measure

US = dict(timeout_time=1000, timeout_unit="us")


class QuantTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        QuantEnv.stalls, QuantEnv.seed = self.stalls, self.seed
        self.env = QuantEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def vector(self, beats=None, exponent=None) -> np.ndarray:
        """float32 [beats * Lanes] of normal numbers around 2^exponent."""
        rng = self.np_rng
        beats = beats or int(rng.integers(1, min(self.shape.beats, 12) + 1))
        exponent = int(rng.integers(-60, 60)) if exponent is None else exponent
        return (rng.standard_normal(beats * self.shape.lanes) * 2.0**exponent).astype(F)

    def bits(self) -> int:
        return int(self.np_rng.integers(8, 13))

    def expect(self, vectors):
        """Count coverage and expect the results of (x, bits) pairs; returns the words to send."""
        words = []
        for x, bits in vectors:
            cover(x, bits, self.shape)
            integers, scale = results_of(x, bits, self.shape.lanes)
            self.env.integers_board.expect(integers)
            self.env.scales_board.expect([scale])
            words += words_of(x, bits, self.shape.lanes)
        return words

    async def drain(self, limit=20_000):
        for board in (self.env.integers_board, self.env.scales_board):
            await board.drain(self.dut.clk_i, limit)

    async def play(self, vectors):
        await self.env.values.send(self.expect(vectors))
        await self.drain()
        assert self.dut.error_o.value == 0

    async def stimulus(self):
        lengths = [1, 2, 3, None, None, None, 1, 1, 40]
        vectors = [(self.vector(n and min(n, self.shape.beats)), self.bits()) for n in lengths]
        await self.play(vectors)
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**US)
class NoStall(QuantTest):
    """Latency and throughput are the header's."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        await self.play([(self.vector(3), 9)])
        into, out, scale = (agent.monitor.cycles for agent in (env.values, env.integers, env.scales))
        measure(f"latency to integers, {shape.lanes} lanes", out[0] - into[-1], shape.latency)
        measure(f"latency to scale, {shape.lanes} lanes", scale[0] - into[-1], shape.scale_latency)
        coverage.hit("scale taken", "before its integers")
        for beats, count in ((shape.beats, 3), (2, 80), (1, 150)):
            seen = len(into)
            await self.play([(self.vector(beats), self.bits()) for _ in range(count)])
            rate = (len(into) - seen - 1) / (into[-1] - into[seen])
            if beats == 1:
                measure("throughput, vectors of one beat", rate, 32 / (shape.scale_latency + 1), "beats/cycle", True)
            elif shape.ring >= beats + shape.scale_latency + 4:
                measure(f"throughput, vectors of {beats} beats", rate, 1.0, "beats/cycle", at_least=True)
        coverage.hit("ring", "runs around its end")
        await super().stimulus()


@pyuvm.test(**US)
class InputStalls(QuantTest):
    stalls = (True, False)


@pyuvm.test(**US)
class OutputStalls(QuantTest):
    stalls = (False, True)


@pyuvm.test(**US)
class BothStall(QuantTest):
    stalls = (True, True)


@pyuvm.test(**US)
class Corners(QuantTest):
    """Special numbers at every place, the ends of the range of amax, ties, with every number of bits."""

    async def stimulus(self):
        vectors = []
        for bits in range(8, 13):
            for word in (
                0,
                SIGN,
                1,
                LEAST - 1,
                LEAST,
                INF,
                INF | SIGN,
                NAN,
                INF + 1,
                NAN | SIGN | 5,
                LARGEST,
                0x7E800001,
            ):
                vectors += [(self.vector_with(word, place), bits) for place in (0, -1)]
            vectors += [(x, bits) for x in (*self.constants(), *self.small(bits), self.ties(bits))]
            for place in (0, -1):  # the largest alone at one end
                x = self.vector(3, 0)
                x[place] = -100
                vectors.append((x, bits))
        await self.play(vectors)

    def vector_with(self, word: int, place: int) -> np.ndarray:
        x = self.vector(2, 0)
        x.view(I)[place] = word
        return x

    def constants(self):
        """Nothing but one number, of both signs in turn."""
        for word in (0, 1, LEAST - 1, LEAST, LARGEST, INF, NAN):
            x = np.full(2 * self.shape.lanes, word, I)
            x[::2] |= I(SIGN)
            yield x.view(F)

    def small(self, bits: int):
        """amax at the least number whose inverse is finite, just below it, and a few more."""
        qmax = F((1 << bits - 1) - 1)
        words = np.arange(LEAST, LEAST + (16 << 23), 1 << 20).astype(I)
        dead = np.isinf(fp32.mul(qmax, fp32.reciprocal(words.view(F))))
        low, high = int(words[dead][-1]), int(words[~dead][0])
        while high - low > 1:
            middle = (low + high) // 2
            if np.isinf(fp32.mul(qmax, fp32.reciprocal(np.array([middle], I).view(F))))[0]:
                low = middle
            else:
                high = middle
        for word in (low - 1, low, high, high + 1, high + (1 << 23)):
            x = self.np_rng.uniform(-1, 1, 2 * self.shape.lanes).astype(F)
            yield (x / np.abs(x).max() * np.array([word], I).view(F)).astype(F)

    def ties(self, bits: int) -> np.ndarray:
        """Values whose products are halves."""
        qmax = (1 << bits - 1) - 1
        amax = F(self.np_rng.uniform(1, 2))
        inverse = fp32.mul(F(qmax), fp32.reciprocal(amax))
        halves = (np.arange(-qmax + 1, qmax) + 0.5).astype(F)
        near = (halves / inverse).view(I)[:, None] + np.arange(-2, 3, dtype=np.int32).astype(I)
        exact = (near.view(F) * inverse) == halves[:, None]
        found = np.append(near.view(F)[exact], amax)
        found = self.np_rng.permutation(found[found <= amax])[: self.shape.beats * self.shape.lanes - 1]
        found = np.append(found[: 15 * self.shape.lanes - 1], amax)
        return np.append(found, np.zeros(-len(found) % self.shape.lanes, F)).astype(F)


@pyuvm.test(**US)
class Held(QuantTest):
    """Consumers that never take: the ring fills, 32 vectors wait; all come out right when they take."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        for beats, count in ((1, 40), (shape.beats, 2 * shape.ring // shape.beats + 2)):
            words = self.expect([(self.vector(beats), self.bits()) for _ in range(count)])
            env.held = True
            seen = len(env.values.monitor.cycles)
            sending = cocotb.start_soon(env.values.send(words))
            await self.cycles(2 * shape.ring + 200)
            taken = len(env.values.monitor.cycles) - seen
            if beats == 1:  # their integers wait in the ring and the queue
                assert taken == 32, f"{taken} vectors taken, the header says 32"
                coverage.hit("waiting", "32 vectors")
            else:
                assert shape.ring <= taken <= shape.ring + 13, f"{taken} beats taken, the ring holds {shape.ring}"
                coverage.hit("ring", "full")
            env.held = False
            await sending
            await self.drain()
        self.late_scale()

    def late_scale(self):
        integers, scales = (agent.monitor.cycles for agent in (self.env.integers, self.env.scales))
        if scales[-1] > integers[-1]:
            coverage.hit("scale taken", "after its integers")


@pyuvm.test(**US)
class LateScales(QuantTest):
    """The scales are taken long after their integers."""

    async def stimulus(self):
        env = self.env
        env.scales.sink.stall = lambda: self.waiting
        self.waiting = True
        vectors = [(self.vector(2), self.bits()) for _ in range(5)]
        await env.values.send(self.expect(vectors))
        await env.integers_board.drain(self.dut.clk_i, 2000)
        assert env.scales_board.received == 0
        self.waiting = False
        await self.drain()
        coverage.hit("scale taken", "after its integers")


@pyuvm.test(**US)
class Errors(QuantTest):
    """Vectors that are too long are cut, bits out of range are the nearest; error_o tells it until the reset."""

    async def stimulus(self):
        shape = self.shape
        long = self.vector(shape.beats + 3, 0)
        cut = shape.beats * shape.lanes
        for name, x, bits, parts in (
            ("too long", long, 9, [(long[:cut], 9), (long[cut:], 9)]),
            ("bits below 8", self.vector(2), 7, None),
            ("bits above 12", self.vector(2), 13, None),
        ):
            assert self.dut.error_o.value == 0
            self.expect(parts or [(x, min(max(bits, 8), 12))])
            await self.env.values.send(words_of(x, bits, shape.lanes))
            await self.drain()
            assert self.dut.error_o.value == 1, name
            coverage.hit("error", name)
            await self.reset()
        await self.play([(self.vector(), self.bits())])


@pyuvm.test(**US)
class Reset(QuantTest):
    """A reset while a vector is stored, and while one is read; then the core works."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        beats = min(shape.beats, 40)
        for where, moment in (("while storing", beats // 2), ("while reading", beats + shape.latency + 5)):
            words = self.expect([(self.vector(beats), self.bits()) for _ in range(4)])
            sending = cocotb.start_soon(env.values.send(words))
            await self.cycles(moment)
            assert (env.integers_board.received > 0) == (where == "while reading")
            env.values.abort()
            await self.reset()
            await sending
            for board in (env.integers_board, env.scales_board):
                board.flush()
            coverage.hit("reset", where)
            await self.reset()  # a word that was taken while the source gave up
            received = env.integers_board.received
            await self.play([(self.vector(), self.bits()) for _ in range(3)])
            assert env.integers_board.received > received
