"""Testbench of sampler: commands and logits in, tokens and the best logits out, compared with golden/sampler.py."""

from dataclasses import dataclass

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom import fp32
from lutloom.sampler import sample, top_k
from verif.fp32.stimuli import INF, LATENCY, NAN, SIGN, F, I
from verif.fp32_reduce.vectors import KINDS, STALLS, pack
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

MS = dict(timeout_time=2, timeout_unit="ms")
MINUS_INF = INF | SIGN

coverage = Coverage(
    "sampler",
    {
        "mode": ["largest", "with noise"],
        "temperature": ["0.001", "below 1", "1", "above 1", "1000"],
        "values": list(KINDS),
        "vocabulary": ["one", "below TopK", "one beat", "last beat part filled", "last beat full", "49,152"],
        "winner": ["first", "last", "between", "0 because nothing is above -infinity"],
        "tie": ["in a beat", "between beats", "NaN in front"],
        "noise": ["takes another token than the largest"],
        "top": ["less than TopK", "TopK", "ties", "NaN among them", "a beat full of candidates"],
        "seed": ["0", "2^32 - 1"],
        "stall": STALLS,
        "outputs": ["token waits", "top waits"],
        "reset": ["in the logits", "while noise is on its way", "in top"],
        "error": ["more values than ids"],
    },
)


class Shape:
    """The build's parameters and what the RTL header promises for them."""

    def __init__(self):
        build = {"Lanes": 16, "NoiseLanes": 4, "TopK": 8, "IdW": 20} | parameters()
        for name, value in build.items():
            setattr(self, name, int(value))
        self.parts = self.Lanes // self.NoiseLanes
        self.token_latency = self.Lanes.bit_length() - 1 + 3
        noise = 7 + LATENCY["FromInt"] + 1 + 2 * LATENCY["Log"] + LATENCY["Add"]
        self.noise_latency = self.token_latency + noise + self.parts


@dataclass
class Job:
    """One token: logits uint32 [V], temperature (0: the largest), seed, step."""

    logits: np.ndarray
    temperature: float
    seed: int = 0
    step: int = 0

    def token(self) -> int:
        return sample(self.logits.view(F), self.temperature, self.seed, self.step)

    def command(self) -> tuple[int, int, int, int]:
        """(noise, inv_temp, seed, step)."""
        inverse = int(F(1 / self.temperature).view(I)) if self.temperature else 0x12345678
        return int(self.temperature != 0), inverse, self.seed, self.step

    def words(self, lanes: int) -> list[tuple[int, int, int]]:
        """(data, keep, last) of every beat."""
        missing = -len(self.logits) % lanes
        data = pack(np.concatenate([self.logits, np.full(missing, INF, I)]), lanes)  # what is not kept would win
        keep = (1 << lanes) - 1
        last = len(data) - 1
        return [(beat, keep >> missing if i == last else keep, int(i == last)) for i, beat in enumerate(data)]

    def top(self, k: int, width: int) -> list[tuple[int, int]]:
        """(data, last) of every entry; the logits as the core states them."""
        flushed = fp32.flush(self.logits.view(F))
        shown = (np.where(np.isnan(flushed), F(-np.inf), flushed) + F(0)).view(I)
        ids = top_k(flushed, k).tolist()
        return [(int(shown[i]) << width | i, int(n == len(ids) - 1)) for n, i in enumerate(ids)]


class SamplerEnv(uvm_env):
    stalls = (Stall.none(),) * 4  # commands, logits, tokens, top

    def build_phase(self):
        dut = cocotb.top
        fields = {name: f"s_cmd_{name}" for name in ("noise", "inv_temp", "seed", "step")}
        command = StreamBus(dut, "s_cmd", "s_cmd_tvalid", "s_cmd_tready", fields)
        self.command = make_agent(self, "command", command, "source", self.stalls[0])
        logits = StreamBus.axis(dut, "s_axis", "data keep last")
        self.logits = make_agent(self, "logits", logits, "source", self.stalls[1])
        self.token = make_agent(self, "token", StreamBus.axis(dut, "m_axis_token"), "sink", self.stalls[2])
        self.top = make_agent(self, "top", StreamBus.axis(dut, "m_axis_top", "data last"), "sink", self.stalls[3])
        self.tokens = Scoreboard("tokens", self)
        self.tops = Scoreboard("tops", self)

    def connect_phase(self):
        self.token.ap.connect(self.tokens.analysis_export)
        self.top.ap.connect(self.tops.analysis_export)


class SamplerTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        into, out = self.stalls
        ins = (Stall.pick(into, self.seed), Stall.pick(into, self.seed + 1))
        SamplerEnv.stalls = (*ins, Stall.pick(out, self.seed), Stall.pick(out, self.seed + 1))
        self.env = SamplerEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def job(self, count=None, name=None, temperature=None) -> Job:
        rng = self.np_rng
        count = count or int(rng.integers(1, min(1 << self.shape.IdW, 30 * self.shape.Lanes) + 1))
        name = name or self.rng.choice(list(KINDS))
        coverage.hit("values", name)
        if temperature is None:
            temperature = self.rng.choice([0, 0, 0.001, 0.7, 1, 1.5, 1000])
        return Job(KINDS[name](rng, count), temperature, self.rng.getrandbits(32), self.rng.getrandbits(10))

    def cover(self, job, token):
        lanes, count = self.shape.Lanes, len(job.logits)
        x = fp32.flush(job.logits.view(F))
        coverage.hit("mode", "with noise" if job.temperature else "largest")
        if job.temperature:
            names = {0.001: "0.001", 1: "1", 1000: "1000"}
            coverage.hit("temperature", names.get(job.temperature, "below 1" if job.temperature < 1 else "above 1"))
        for name, seen in (
            ("one", count == 1),
            ("below TopK", count < self.shape.TopK),
            ("one beat", count <= lanes),
            ("last beat part filled", count % lanes),
            ("last beat full", count % lanes == 0),
            ("49,152", count == 49152),
        ):
            if seen:
                coverage.hit("vocabulary", name)
        coverage.hit("winner", "first" if token == 0 else "last" if token == count - 1 else "between")
        ranks = np.where(np.isnan(x), F(-np.inf), x)
        largest = int(np.argmax(ranks))
        if ranks[largest] == -np.inf:
            coverage.hit("winner", "0 because nothing is above -infinity")
        if job.temperature:
            if token != largest:
                coverage.hit("noise", "takes another token than the largest")
        else:
            for other in np.flatnonzero(ranks == ranks[largest])[1:20]:
                coverage.hit("tie", "in a beat" if other // lanes == largest // lanes else "between beats")
            if np.isnan(x[:largest]).any():
                coverage.hit("tie", "NaN in front")
        best = top_k(x, self.shape.TopK)
        coverage.hit("top", "TopK" if len(best) == self.shape.TopK else "less than TopK")
        if len(np.unique(ranks[best])) < len(best):
            coverage.hit("top", "ties")
        if np.isnan(x[best]).any():
            coverage.hit("top", "NaN among them")
        if count > lanes > 1 and (ranks[lanes : 2 * lanes] > ranks[:lanes].max()).all() and count >= 2 * lanes:
            coverage.hit("top", "a beat full of candidates")
        if job.seed in (0, 0xFFFFFFFF):
            coverage.hit("seed", "2^32 - 1" if job.seed else "0")

    def expect(self, jobs):
        for job in jobs:
            token = job.token()
            self.cover(job, token)
            self.env.tokens.expect([token])
            self.env.tops.expect(job.top(self.shape.TopK, self.shape.IdW))

    def start(self, jobs):
        commands = [job.command() for job in jobs]
        words = [word for job in jobs for word in job.words(self.shape.Lanes)]
        return [cocotb.start_soon(self.env.command.send(commands)), cocotb.start_soon(self.env.logits.send(words))]

    async def play(self, jobs):
        self.expect(jobs)
        for task in self.start(jobs):
            await task
        await self.env.tokens.drain(self.dut.clk_i, 5000)
        await self.env.tops.drain(self.dut.clk_i, 5000)
        assert self.dut.error_o.value == 0

    async def stimulus(self):
        await self.play([self.job() for _ in range(12)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(SamplerTest):
    """Full rate: latencies and throughput are the header's."""

    async def stimulus(self):
        shape, env = self.shape, self.env
        lanes = shape.Lanes
        falling = np.linspace(40, -40, 20 * lanes).astype(F).view(I)  # only the first beats have candidates for top
        for temperature, latency, ahead, parts in (
            (0, shape.token_latency, 1, 1),
            (1, shape.noise_latency, 3 * 7 + 6, shape.parts),
        ):
            name = "with noise" if temperature else "largest"
            marks = [len(agent.monitor.cycles) for agent in (env.command, env.logits)]
            await self.play([Job(falling, temperature)])
            taken = env.logits.monitor.cycles[marks[1] :]
            measure(f"latency command to logits, {name}", taken[0] - env.command.monitor.cycles[marks[0]], ahead)
            measure(f"latency, {name}", env.token.monitor.cycles[-1] - taken[-1], latency)
            first_entry = env.top.monitor.cycles[-min(shape.TopK, len(falling))]
            measure(f"latency top, {name}", first_entry - taken[-1], 6)
            steady = taken[-10:]
            rate = 9 / (steady[-1] - steady[0])
            measure(f"throughput, {name}", rate, 1 / parts, "beats/cycle", at_least=True)
        rising = np.ascontiguousarray(falling[::-1])
        before = len(env.logits.monitor.cycles)
        await self.play([Job(rising, 0)])
        taken = env.logits.monitor.cycles[before:]
        rate = (len(taken) - 1) / (taken[-1] - taken[0])
        measure("throughput, every logit larger than all before", rate, 1 / lanes, "beats/cycle", at_least=True)
        await super().stimulus()


@pyuvm.test(**MS)
class InputStalls(SamplerTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(SamplerTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(SamplerTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Corners(SamplerTest):
    """Ties of all kinds, NaN, nothing above -infinity, tiny vocabularies, ends of the parameters."""

    async def stimulus(self):
        lanes, rng = self.shape.Lanes, self.np_rng
        jobs = []
        for word in (0, SIGN, 0x3F800000, MINUS_INF, NAN, INF, 1):
            for count in (1, lanes, 3 * lanes + 1):
                jobs.append(Job(np.full(count, word, I), 0))
        zeros = np.tile(np.array([SIGN, 0, 1, SIGN | 1], I), lanes)  # all equal
        nan_first = KINDS["normal"](rng, 2 * lanes)
        nan_first[: lanes + 1] = NAN
        few = np.full(2 * lanes, MINUS_INF, I)
        few[-1] = 0xFF7FFFFF
        high_last = KINDS["normal"](rng, 2 * lanes)
        high_last[lanes:] = 0x43000000 + np.arange(lanes, dtype=I)
        jobs += [Job(x, t) for x in (zeros, nan_first, few, high_last) for t in (0, 1)]
        jobs += [Job(np.full(2 * lanes, NAN, I), 1), self.job(5, "normal", 0), self.job(3 * lanes, "normal", 1000)]
        for seed, step in ((0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (1, 0)):
            jobs.append(Job(KINDS["normal"](rng, 3 * lanes + 1), 0.7, seed, step))
        jobs += [self.job(2 * lanes, name, t) for name in KINDS for t in (0, 1.5)]
        jobs += [self.job(1, "normal", 0), self.job(lanes, "normal", 0.001)]
        await self.play(jobs)


@pyuvm.test(**MS)
class WholeVocabulary(SamplerTest):
    """49,152 logits (or as many as there are ids), the largest and a draw."""

    async def stimulus(self):
        shape = self.shape
        count = min(49152, 1 << shape.IdW)
        if count == 49152 and shape.Lanes < 16:
            count = 100 * shape.Lanes - 1
        x = self.job(count, "normal", 0)
        before = len(self.env.logits.monitor.cycles)
        await self.play([x])
        taken = self.env.logits.monitor.cycles[before:]
        if count == 49152:
            spent, promised = taken[-1] - taken[0] - (len(taken) - 1), shape.TopK * np.log(count / shape.TopK)
            assert spent < 2 * promised, f"{spent} cycles went into top, the header says about {promised:.0f}"
            return
        await self.play([Job(x.logits, 1, 5, 7)])


@pyuvm.test(**MS)
class Reset(SamplerTest):
    """A reset anywhere forgets the token; a consumer that does not take holds the next command."""

    def build_phase(self):
        self.held = {"token": False, "top": False}
        super().build_phase()
        holds = (Stall("held", iter(lambda name=name: self.held[name], None)) for name in self.held)
        self.env.stalls = (Stall.none(), Stall.none(), *holds)

    async def stimulus(self):
        lanes = self.shape.Lanes
        for name in self.held:
            self.held[name] = True
            jobs = [self.job(2 * lanes, "normal", 0) for _ in range(2)]
            self.expect(jobs)
            before = len(self.env.command.monitor.cycles)
            tasks = self.start(jobs)
            await self.cycles(100)
            assert len(self.env.command.monitor.cycles) == before + 1, "the next command did not wait"
            coverage.hit("outputs", f"{name} waits")
            self.held[name] = False
            for task in tasks:
                await task
            await self.env.tokens.drain(self.dut.clk_i, 1000)
            await self.env.tops.drain(self.dut.clk_i, 1000)
        for how, temperature, wait in (
            ("in the logits", 0, 12),
            ("while noise is on its way", 1, 110),
            ("in top", 0, 4 * lanes + 40),
        ):
            self.held["top"] = how == "in top"
            job = self.job((8 if how == "in top" else 60) * lanes, "normal", temperature)
            tasks = self.start([job])
            for board in (self.env.tokens, self.env.tops):
                board.muted = True
            await self.cycles(wait)
            self.env.command.abort()
            self.env.logits.abort()
            await self.reset()
            coverage.hit("reset", how)
            assert self.dut.m_axis_token_tvalid.value == 0 and self.dut.m_axis_top_tvalid.value == 0
            for task in tasks:
                await task
            for board in (self.env.tokens, self.env.tops):
                board.muted = False
            self.held["top"] = False
            await self.play([self.job(), self.job()])


@pyuvm.test(**MS)
class TooMany(SamplerTest):
    """More values than ids: error_o stays until the reset, the token still comes."""

    async def stimulus(self):
        shape = self.shape
        if shape.IdW > 10:
            return
        job = self.job((1 << shape.IdW) + 1, "normal", 0)
        for board in (self.env.tokens, self.env.tops):
            board.muted = True
        for task in self.start([job]):
            await task
        await self.cycles(2 * len(job.logits) + 100)
        assert self.dut.error_o.value == 1
        assert len(self.env.tokens.heard) == 1
        coverage.hit("error", "more values than ids")
        for board in (self.env.tokens, self.env.tops):
            board.muted = False
        await self.reset()
        assert self.dut.error_o.value == 0
        await self.play([self.job(1 << shape.IdW)])
