"""Testbench of swiglu: gate and up in, results out, compared with golden/swiglu.py."""

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom.swiglu import swiglu
from verif.fp32.stimuli import INF, LATENCY, NAN, SIGN, SPECIAL, F, I
from verif.fp32_reduce.vectors import KINDS, RESULTS, STALLS, beats, result_kind
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

MS = dict(timeout_time=1, timeout_unit="ms")
GATES = ["negative", "positive", "zero", "sigmoid 0", "sigmoid 1", "infinity", "negative infinity", "NaN"]

coverage = Coverage(
    "swiglu",
    {
        "gate": GATES,
        "values": list(KINDS),
        "result": RESULTS,
        "first": ["gate", "up", "both"],
        "stall": STALLS,
        "full": ["all it can hold"],
        "reset": ["beats on their way"],
        "error": ["tlast of gate alone", "tlast of up alone"],
    },
)


def gate_kinds(gate: np.ndarray) -> dict[str, bool]:
    """Which of GATES are among uint32 values."""
    x = gate.view(F)
    return {
        "negative": ((x < -1) & (x > -80)).any(),
        "positive": ((x > 1) & (x < 15)).any(),
        "zero": (x == 0).any(),
        "sigmoid 0": ((x < -104) & np.isfinite(x)).any(),
        "sigmoid 1": ((x > 20) & np.isfinite(x)).any(),
        "infinity": (gate == INF).any(),
        "negative infinity": (gate == INF | SIGN).any(),
        "NaN": np.isnan(x).any(),
    }


class SwigluEnv(uvm_env):
    stalls = (Stall.none(),) * 3  # gate, up, results

    def build_phase(self):
        dut = cocotb.top
        self.gate = make_agent(self, "gate", StreamBus.axis(dut, "s_axis_gate", "data last"), "source", self.stalls[0])
        self.up = make_agent(self, "up", StreamBus.axis(dut, "s_axis_up", "data last"), "source", self.stalls[1])
        self.y = make_agent(self, "y", StreamBus.axis(dut, "m_axis", "data last"), "sink", self.stalls[2])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.y.ap.connect(self.scoreboard.analysis_export)


class SwigluTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.lanes = int(parameters().get("Lanes", 16))
        self.latency = LATENCY["Sigmoid"] + 2 * LATENCY["Mul"] + 1
        into, out = self.stalls
        picks = (Stall.pick(into, self.seed), Stall.pick(into, self.seed + 1), Stall.pick(out, self.seed))
        SwigluEnv.stalls = picks
        self.env = SwigluEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))

    def pair(self, length=None, name=None) -> tuple[np.ndarray, np.ndarray]:
        """gate and up of one vector."""
        rng = self.np_rng
        n = (length or int(rng.integers(1, 9))) * self.lanes
        name = name or self.rng.choice(list(KINDS))
        coverage.hit("values", name)
        up = KINDS[name](rng, n)
        gate = up[rng.permutation(n)] if rng.random() < 0.3 else (30 * rng.standard_normal(n)).astype(F).view(I)
        return gate, up

    def words(self, pairs):
        """Words of gate and up to send, of results to expect; counts coverage."""
        words = [[], [], []]
        for gate, up in pairs:
            result = swiglu(gate.view(F), up.view(F)).view(I)
            for target, values in zip(words, (gate, up, result), strict=True):
                target += beats(values, self.lanes)
            for name, seen in gate_kinds(gate).items():
                if seen:
                    coverage.hit("gate", name)
            for word in np.unique(result):
                coverage.hit("result", result_kind(word))
        return words

    async def play(self, pairs, gate_waits=0, up_waits=0):
        """Each stream begins so many cycles later."""
        gate, up, expected = self.words(pairs)
        self.env.scoreboard.expect(expected)
        coverage.hit("first", "both" if gate_waits == up_waits else "up" if gate_waits else "gate")

        async def send(agent, words, waits):
            await self.cycles(waits)
            await agent.send(words)

        tasks = [cocotb.start_soon(send(self.env.gate, gate, gate_waits))]
        tasks.append(cocotb.start_soon(send(self.env.up, up, up_waits)))
        for task in tasks:
            await task
        await self.env.scoreboard.drain(self.dut.clk_i, 20 * len(expected) + 1000)
        assert self.dut.error_o.value == 0

    async def stimulus(self):
        await self.play([self.pair() for _ in range(30)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(SwigluTest):
    """Full rate: latency and throughput are the header's."""

    async def stimulus(self):
        env = self.env
        for waits in ({}, {"gate_waits": 9}, {"up_waits": 7}):
            await self.play([self.pair(1)], **waits)
            both = max(env.gate.monitor.cycles[-1], env.up.monitor.cycles[-1])
            measure("latency", env.y.monitor.cycles[-1] - both, self.latency)
        before = len(env.y.monitor.cycles)
        await super().stimulus()
        out = env.y.monitor.cycles[before:]
        measure("throughput", (len(out) - 1) / (out[-1] - out[0]), 1.0, "beats/cycle", at_least=True)


@pyuvm.test(**MS)
class InputStalls(SwigluTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(SwigluTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(SwigluTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Corners(SwigluTest):
    """Every special number with every other one; gates at the ends of the sigmoid."""

    async def stimulus(self):
        grid = np.stack([g.ravel() for g in np.meshgrid(SPECIAL, SPECIAL)])
        edges = np.concatenate([np.arange(-105, -85, 0.5), np.arange(-1, 1, 0.25), np.arange(12, 20)]).astype(F).view(I)
        more = np.stack([edges, self.np_rng.choice(SPECIAL, len(edges))])
        ends = np.array([[INF, INF | SIGN, NAN, 0], [0, 0x3F800000, 0, INF]], I)
        cases = np.concatenate([grid, more, ends], axis=1)
        cases = cases[:, : cases.shape[1] // self.lanes * self.lanes]
        await self.play([tuple(np.ascontiguousarray(row) for row in cases)])
        await self.play([self.pair(2, name) for name in KINDS])


@pyuvm.test(**MS)
class FullAndReset(SwigluTest):
    """A consumer that never takes: latency + 1 beats are held; a reset forgets them; the core works afterwards."""

    def build_phase(self):
        self.held = True
        super().build_phase()
        self.env.stalls = (Stall.none(), Stall.none(), Stall("held", iter(lambda: self.held, None)))

    async def stimulus(self):
        env = self.env
        for how in ("full", "reset"):
            self.held = True
            before = len(env.up.monitor.cycles)
            gate, up, expected = self.words([self.pair(self.latency + 30)])
            env.scoreboard.expect(expected)
            tasks = [cocotb.start_soon(env.gate.send(gate)), cocotb.start_soon(env.up.send(up))]
            await self.cycles(2 * self.latency)
            taken = len(env.up.monitor.cycles) - before
            assert taken == self.latency + 1, f"{taken} beats taken, the header says {self.latency + 1}"
            coverage.hit("full", "all it can hold")
            if how == "reset":
                env.scoreboard.flush()
                env.gate.abort()
                env.up.abort()
                await self.reset()
                coverage.hit("reset", "beats on their way")
                assert self.dut.m_axis_tvalid.value == 0, "a result survived the reset"
            self.held = False
            for task in tasks:
                await task
            await env.scoreboard.drain(self.dut.clk_i, 1000)
        await self.play([self.pair() for _ in range(4)])


@pyuvm.test(**MS)
class Errors(SwigluTest):
    """Vectors that end at different beats: error_o stays until the reset."""

    async def stimulus(self):
        for how in ("tlast of gate alone", "tlast of up alone"):
            gate, up, expected = self.words([self.pair(2)])
            if how == "tlast of gate alone":
                up[-1] = (up[-1][0], 0)
            else:
                gate[-1] = (gate[-1][0], 0)
                expected[-1] = (expected[-1][0], 0)
            self.env.scoreboard.expect(expected)
            tasks = [cocotb.start_soon(self.env.gate.send(gate)), cocotb.start_soon(self.env.up.send(up))]
            for task in tasks:
                await task
            await self.env.scoreboard.drain(self.dut.clk_i, 500)
            assert self.dut.error_o.value == 1
            coverage.hit("error", how)
            await self.reset()
            assert self.dut.error_o.value == 0
            await self.play([self.pair()])
