"""Testbench of rms_norm: vectors and gains in, normed vectors out, compared with golden/rms_norm.py."""

from dataclasses import dataclass

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom.rms_norm import rms_norm
from verif.fp32.stimuli import LATENCY, F, I
from verif.fp32_reduce.vectors import KINDS, RESULTS, STALLS, beats, pack, result_kind
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

MS = dict(timeout_time=1, timeout_unit="ms")

coverage = Coverage(
    "rms_norm",
    {
        "length": ["one beat", "several beats", "all that fit"],
        "gain": ["streamed", "reused", "reused again", "streamed after reuse"],
        "values": list(KINDS),
        "result": RESULTS,
        "eps": ["zero", "positive"],
        "stall": STALLS,
        "gains": ["before the factor", "after the factor"],
        "full": ["the queue", "the factors"],
        "reset": ["in a vector", "factors on their way", "results waiting"],
        "error": ["vector too long", "gains end early", "gains end late", "stored gains of another length"],
    },
)


class Shape:
    """The build's parameters and what the RTL header promises for them."""

    def __init__(self):
        for name, value in ({"Lanes": 16, "MaxBeats": 256} | parameters()).items():
            setattr(self, name, int(value))
        levels = (self.Lanes.bit_length() - 1) + (self.MaxBeats.bit_length() - 1)
        self.latency = (levels + 1) * LATENCY["Add"] + 4 * LATENCY["Mul"] + LATENCY["Rsqrt"] + 3


@dataclass
class Job:
    """One vector, uint32 [n]; its gains, uint32 [n]; whether they are those of the vector before."""

    x: np.ndarray
    gain: np.ndarray
    reuse: bool
    eps: np.float32

    def result(self) -> np.ndarray:
        return rms_norm(self.x.view(F), self.gain.view(F), self.eps).view(I)

    def words(self, lanes: int) -> list[tuple]:
        """(data, last, inv_n, eps, reuse) of every beat."""
        side = int(F(1 / len(self.x)).view(I)), int(self.eps.view(I)), int(self.reuse)
        return [(*beat, *side) for beat in beats(self.x, lanes)]


class NormEnv(uvm_env):
    stalls = (Stall.none(), Stall.none(), Stall.none())  # vectors, gains, results

    def build_phase(self):
        dut = cocotb.top
        side = {"inv_n": "inv_n_i", "eps": "eps_i", "reuse": "reuse_gain_i"}  # travel like payload fields
        names = {"data": "s_axis_tdata", "last": "s_axis_tlast", **side}
        x = StreamBus(dut, "s_axis", "s_axis_tvalid", "s_axis_tready", names)
        self.x = make_agent(self, "x", x, "source", self.stalls[0])
        self.gain = make_agent(self, "gain", StreamBus.axis(dut, "s_axis_gain", "data last"), "source", self.stalls[1])
        self.y = make_agent(self, "y", StreamBus.axis(dut, "m_axis", "data last"), "sink", self.stalls[2])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.y.ap.connect(self.scoreboard.analysis_export)


class NormTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        into, out = self.stalls
        picks = (Stall.pick(into, self.seed), Stall.pick(into, self.seed + 1), Stall.pick(out, self.seed))
        NormEnv.stalls = picks
        self.env = NormEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.previous = None  # the job before

    def job(self, length=None, name=None, reuse=False) -> Job:
        """A random vector of `length` beats; with `reuse` its gains are those of the job before."""
        rng, top = self.np_rng, self.shape.MaxBeats
        length = length or int(rng.integers(1, min(top, 9 if rng.random() < 0.8 else 40) + 1))
        name = name or self.rng.choice(list(KINDS))
        coverage.hit("values", name)
        before = self.previous
        n = len(before.x) if reuse else length * self.shape.Lanes
        gain = before.gain if reuse else KINDS["any_bits" if rng.random() < 0.1 else "normal"](rng, n)
        eps = F(rng.choice([0, 1e-6, 1e-5]))
        job = Job(KINDS[name](rng, n), gain, reuse, eps)
        if reuse:
            coverage.hit("gain", "reused again" if before.reuse else "reused")
        else:
            coverage.hit("gain", "streamed after reuse" if before and before.reuse else "streamed")
        self.previous = job
        return job

    def jobs(self, count: int) -> list[Job]:
        return [self.job(reuse=self.previous is not None and self.rng.random() < 0.5) for _ in range(count)]

    def words(self, jobs):
        """Words of vectors and gains to send, of results to expect; counts coverage."""
        lanes, x, gain, expected = self.shape.Lanes, [], [], []
        for job in jobs:
            result = job.result()
            x += job.words(lanes)
            gain += [] if job.reuse else beats(job.gain, lanes)
            expected += beats(result, lanes)
            length = len(job.x) // lanes
            coverage.hit("length", "one beat" if length == 1 else "several beats")
            if length == self.shape.MaxBeats:
                coverage.hit("length", "all that fit")
            coverage.hit("eps", "positive" if job.eps else "zero")
            for word in np.unique(result):
                coverage.hit("result", result_kind(word))
        return x, gain, expected

    async def play(self, jobs, gains_wait=0):
        """Gains begin `gains_wait` cycles after the vectors."""
        x, gain, expected = self.words(jobs)
        self.env.scoreboard.expect(expected)
        sending = cocotb.start_soon(self.env.x.send(x))
        await self.cycles(gains_wait)
        if gain:
            await self.env.gain.send(gain)
        await sending
        await self.env.scoreboard.drain(self.dut.clk_i, 40 * len(expected) + 2000)
        assert self.dut.error_o.value == 0

    async def stimulus(self):
        await self.play(self.jobs(40))
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(NormTest):
    """Full rate: latency and throughput are the header's."""

    async def stimulus(self):
        env, top = self.env, self.shape.MaxBeats
        for length in (1, min(36, top)):
            await self.play([self.job(length)])
            first = env.y.monitor.cycles[-length]
            measure("latency", first - env.x.monitor.cycles[-1], self.shape.latency)
        coverage.hit("gains", "before the factor")
        await self.rate("throughput, long vectors", [self.job(min(36, top), "normal") for _ in range(12)])
        await self.rate("throughput, heads", [self.job(min(4, top), reuse=bool(i)) for i in range(60)])
        await self.rate("throughput, one-beat vectors", [self.job(1, reuse=bool(i % 3)) for i in range(200)])
        await super().stimulus()

    async def rate(self, what, jobs):
        """Beats taken and delivered a cycle, the slower of the two."""
        marks = [(agent, len(agent.monitor.cycles)) for agent in (self.env.x, self.env.y)]
        await self.play(jobs)
        spans = [agent.monitor.cycles[mark:] for agent, mark in marks]
        rate = min((len(cycles) - 1) / (cycles[-1] - cycles[0]) for cycles in spans)
        measure(what, rate, 1.0, "beats/cycle", at_least=True)


@pyuvm.test(**MS)
class InputStalls(NormTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(NormTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(NormTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Corners(NormTest):
    """Every kind of values at short lengths, the longest vector, and gains that come late."""

    async def stimulus(self):
        top = self.shape.MaxBeats
        lengths = [n for n in (1, 2, 3, 5) if n <= top]
        await self.play([self.job(n, name, reuse) for name in KINDS for n in lengths for reuse in (False, True)])
        await self.play([self.job(top, "normal"), self.job(top, "normal", reuse=True), self.job(1)])
        await self.play([self.job(3, "normal"), self.job(2)], gains_wait=3 * self.shape.latency)
        coverage.hit("gains", "after the factor")


@pyuvm.test(**MS)
class FullAndReset(NormTest):
    """A consumer that never takes fills the queue; a reset forgets everything; afterwards all is well."""

    def build_phase(self):
        self.held = True
        super().build_phase()
        self.env.stalls = (Stall.none(), Stall.none(), Stall("held", iter(lambda: self.held, None)))

    async def stimulus(self):
        shape = self.shape
        top = shape.MaxBeats
        depth = top + shape.latency - 7  # of the queue; 13 more beats in the read path and the output
        runs = {
            "the queue": ([self.job(top) for _ in range(depth // top + 3)], 2 * depth),
            "the factors": ([self.job(1) for _ in range(depth + 40)], 2 * depth),
            "results waiting": ([self.job(4), self.job(2)], 2 * shape.latency),
            "factors on their way": ([self.job(4), self.job(2)], shape.latency // 2),
            "in a vector": ([self.job(3), self.job(6)], 7),
        }
        for how, (jobs, wait) in runs.items():
            self.held = True
            x, gain, expected = self.words(jobs)
            before = len(self.env.x.monitor.cycles)
            self.env.scoreboard.expect(expected)
            tasks = [cocotb.start_soon(self.env.x.send(x)), cocotb.start_soon(self.env.gain.send(gain))]
            await self.cycles(wait)
            if how.startswith("the"):
                taken = len(self.env.x.monitor.cycles) - before
                most = depth + 13 if how == "the queue" else shape.latency + 16
                assert taken == most < len(x), f"{how}: {taken} of {len(x)} beats taken, {most} fit"
                assert self.dut.s_axis_tready.value == 0
                coverage.hit("full", how)
            else:
                self.env.scoreboard.flush()
                self.env.x.abort()
                self.env.gain.abort()
                await self.reset()
                coverage.hit("reset", how)
                assert self.dut.m_axis_tvalid.value == 0, "a result survived the reset"
            self.held = False
            for task in tasks:
                await task
            await self.env.scoreboard.drain(self.dut.clk_i, 20 * depth)
            self.previous = None
            await self.play(self.jobs(8))


@pyuvm.test(**MS)
class Errors(NormTest):
    """error_o stays until the reset and every beat still comes out; after the reset all is well."""

    async def stimulus(self):
        lanes, top = self.shape.Lanes, self.shape.MaxBeats
        three, two = self.job(2, "normal"), self.job(1, "normal")
        gain3, gain2 = pack(three.gain, lanes), pack(two.gain, lanes)
        good = [(g, int(i == 1)) for i, g in enumerate(gain3)]
        long = Job(KINDS["normal"](self.np_rng, (top + 1) * lanes), three.gain, False, three.eps)
        await self.broken("gains end early", three.words(lanes), [(gain3[0], 1), (gain3[1], 1)])
        await self.broken("gains end late", two.words(lanes), [(gain2[0], 0)])
        other = Job(two.x, two.gain, True, two.eps)
        await self.broken("stored gains of another length", three.words(lanes) + other.words(lanes), good)
        await self.broken("vector too long", long.words(lanes), good[:1])

    async def broken(self, how, x, gain):
        env = self.env
        env.scoreboard.muted, env.scoreboard.heard = True, []
        sending = cocotb.start_soon(env.x.send(x))
        await env.gain.send(gain)
        await sending
        await self.cycles(2 * self.shape.latency + len(x))
        assert self.dut.error_o.value == 1, how
        assert len(env.scoreboard.heard) == len(x), f"{how}: {len(env.scoreboard.heard)} of {len(x)} beats came out"
        coverage.hit("error", how)
        env.scoreboard.muted = False
        await self.reset()
        assert self.dut.error_o.value == 0
        self.previous = None
        await self.play(self.jobs(5))
