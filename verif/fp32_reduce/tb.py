"""Testbench of fp32_reduce: vectors in, a number for each out, compared with golden/fp32_reduce.py."""

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom.fp32_reduce import OPS, fp32_reduce
from verif.fp32.stimuli import LATENCY, NAN, SIGN, F, I
from verif.fp32_reduce.vectors import KINDS, RESULTS, STALLS, beats, result_kind
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

MS = dict(timeout_time=1, timeout_unit="ms")
LENGTHS = ["one beat", "two beats", "odd", "even", "power of two", "all that fit"]

coverage = Coverage(
    "fp32_reduce",
    {
        "op": OPS,
        "lanes": ["one", "several"],
        "length": [f"{op}: {name}" for op in OPS for name in LENGTHS],
        "values": [f"{op}: {name}" for op in OPS for name in KINDS],
        "result": [f"{op}: {name}" for op in OPS for name in RESULTS if (op, name) != ("max", "negative zero")],
        "order": ["adding one after the other gives other bits"],
        "padding": ["turns -0 into +0"],
        "stall": STALLS,
        "full": ["latency + 1 one-beat vectors wait"],
        "reset": ["in a vector", "results on their way"],
        "error": ["a vector too long, the next one right"],
    },
)


class Shape:
    """The build's parameters and what the RTL header promises for them."""

    def __init__(self):
        for name, value in ({"Op": 0, "Lanes": 16, "MaxBeats": 256} | parameters()).items():
            setattr(self, name, int(value))
        self.op = OPS[self.Op]
        levels = (self.Lanes.bit_length() - 1) + (self.MaxBeats.bit_length() - 1)
        self.latency = levels * LATENCY["Add" if self.op == "sum" else "Compare"] + 1


class ReduceEnv(uvm_env):
    stalls = (Stall.none(), Stall.none())

    def build_phase(self):
        dut = cocotb.top
        self.source = make_agent(self, "source", StreamBus.axis(dut, "s_axis", "data last"), "source", self.stalls[0])
        self.sink = make_agent(self, "sink", StreamBus.axis(dut, "m_axis"), "sink", self.stalls[1])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.sink.ap.connect(self.scoreboard.analysis_export)


class ReduceTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        ReduceEnv.stalls = tuple(Stall.pick(stalled, self.seed + i) for i, stalled in enumerate(self.stalls))
        self.env = ReduceEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def length(self) -> int:
        """Beats: short ones, and all up to the longest."""
        top = self.shape.MaxBeats
        return int(self.np_rng.integers(1, min(top, 9 if self.np_rng.random() < 0.8 else 40) + 1))

    def vector(self, length=None, name=None) -> np.ndarray:
        name = name or self.rng.choice(list(KINDS))
        coverage.hit("values", f"{self.shape.op}: {name}")
        return KINDS[name](self.np_rng, (length or self.length()) * self.shape.Lanes)

    def words(self, vectors):
        """uint32 vectors -> words to send and to expect; counts coverage."""
        words, expected = [], []
        for x in vectors:
            result = int(fp32_reduce(x.view(F), self.shape.op).view(I))
            self.cover(x, result)
            words += beats(x, self.shape.Lanes)
            expected.append(result)
        return words, expected

    def cover(self, x, result):
        op, count = self.shape.op, len(x) // self.shape.Lanes
        if count == self.shape.MaxBeats:
            coverage.hit("length", f"{op}: all that fit")
        name = {1: "one beat", 2: "two beats"}.get(count, "odd" if count % 2 else "even")
        coverage.hit("length", f"{op}: {'power of two' if count > 2 and count & count - 1 == 0 else name}")
        coverage.hit("result", f"{op}: {result_kind(result)}")
        coverage.hit("op", op)
        coverage.hit("lanes", "one" if self.shape.Lanes == 1 else "several")
        if op == "sum":
            with np.errstate(all="ignore"):
                if np.isfinite(x.view(F)).all() and np.cumsum(x.view(F))[-1].view(I) != result:
                    coverage.hit("order", "adding one after the other gives other bits")
            if (x == SIGN).all() and result == 0:
                coverage.hit("padding", "turns -0 into +0")

    async def play(self, vectors):
        words, expected = self.words(vectors)
        self.env.scoreboard.expect(expected)
        await self.env.source.send(words)
        await self.env.scoreboard.drain(self.dut.clk_i, 40 * len(vectors) + 1000)
        assert self.dut.error_o.value == 0

    async def stimulus(self):
        await self.play([self.vector() for _ in range(60)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(ReduceTest):
    """Full rate: latency and throughput are the header's."""

    async def stimulus(self):
        name, env = self.shape.op, self.env
        for length in (1, min(5, self.shape.MaxBeats)):
            await self.play([self.vector(length)])
            took = env.sink.monitor.cycles[-1] - env.source.monitor.cycles[-1]
            measure(f"latency {name}", took, self.shape.latency)
        before = len(env.source.monitor.cycles)
        await super().stimulus()
        taken = env.source.monitor.cycles[before:]
        rate = (len(taken) - 1) / (taken[-1] - taken[0])
        measure(f"throughput {name}", rate, 1.0, "beats/cycle", at_least=True)
        before = len(env.sink.monitor.cycles)
        await self.play([self.vector(1) for _ in range(100)])
        out = env.sink.monitor.cycles[before:]
        measure(f"throughput {name}, one-beat vectors", 99 / (out[-1] - out[0]), 1.0, "vectors/cycle", at_least=True)


@pyuvm.test(**MS)
class InputStalls(ReduceTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(ReduceTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(ReduceTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Corners(ReduceTest):
    """Every length up to 20 and the longest, every kind of values at short lengths, NaN at every place."""

    async def stimulus(self):
        top, lanes = self.shape.MaxBeats, self.shape.Lanes
        lengths = [n for n in [*range(1, 21), top - 1, top] if 1 <= n <= top]
        vectors = [self.vector(n, "normal") for n in lengths]
        vectors += [self.vector(n, name) for name in KINDS for n in (1, 2, 3, 5) if n <= top]
        vectors += [np.full(n * lanes, SIGN, I) for n in (1, 2, 3) if n <= top]
        for place in range(min(2, top) * lanes):
            x = self.vector(min(2, top), "normal")
            x[place] = NAN | place << 1
            vectors.append(x)
        await self.play(vectors)


@pyuvm.test(**MS)
class FullAndReset(ReduceTest):
    """A consumer that never takes: latency + 1 one-beat vectors wait; a reset forgets them, and half a vector."""

    def build_phase(self):
        self.held = True
        super().build_phase()
        self.env.stalls = (Stall.none(), Stall("held", iter(lambda: self.held, None)))

    async def stimulus(self):
        shape, top = self.shape, self.shape.MaxBeats
        for how in ("full", "results on their way", "in a vector"):
            self.held = True
            before = len(self.env.source.monitor.cycles)
            vectors = [self.vector(1) for _ in range(shape.latency + 20)]
            if how == "in a vector":
                vectors = [self.vector(min(3, top)), self.vector(top)]
            words, expected = self.words(vectors)
            if how == "in a vector":
                words, expected = words[:-1], expected[:1]
            self.env.scoreboard.expect(expected)
            sending = cocotb.start_soon(self.env.source.send(words))
            await self.cycles(2 * shape.latency + len(words) + 40)
            taken = len(self.env.source.monitor.cycles) - before
            if how != "in a vector":
                assert taken == shape.latency + 1, f"{taken} vectors taken, the header says {shape.latency + 1}"
                coverage.hit("full", "latency + 1 one-beat vectors wait")
            if how != "full":
                self.env.scoreboard.flush()
                self.env.source.abort()
                await self.reset()
                coverage.hit("reset", how)
                assert self.dut.m_axis_tvalid.value == 0, "a result survived the reset"
            self.held = False
            await sending
            await self.env.scoreboard.drain(self.dut.clk_i, 1000)
            await self.play([self.vector() for _ in range(10)])


@pyuvm.test(**MS)
class TooLong(ReduceTest):
    """One beat too many: error_o stays until the reset, nothing hangs, the following vectors are right."""

    async def stimulus(self):
        shape = self.shape
        self.env.scoreboard.muted = True
        await self.env.source.send(beats(KINDS["normal"](self.np_rng, (shape.MaxBeats + 1) * shape.Lanes), shape.Lanes))
        await self.cycles(2 * shape.latency)
        assert self.dut.error_o.value == 1
        assert len(self.env.scoreboard.heard) == 1
        self.env.scoreboard.muted = False
        words, expected = self.words([self.vector() for _ in range(10)])
        self.env.scoreboard.expect(expected)
        await self.env.source.send(words)
        await self.env.scoreboard.drain(self.dut.clk_i, 1000)
        assert self.dut.error_o.value == 1
        await self.reset()
        assert self.dut.error_o.value == 0
        coverage.hit("error", "a vector too long, the next one right")
