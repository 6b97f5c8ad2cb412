"""Testbench of rope: commands, table rows and heads in, rotated heads out, compared with golden/rope.py."""

from dataclasses import dataclass

import cocotb
import numpy as np
import pyuvm
from pyuvm import uvm_env

from lutloom.rope import rope, rope_table
from verif.fp32.stimuli import LATENCY, F, I
from verif.fp32_reduce.vectors import KINDS, RESULTS, STALLS, beats, result_kind
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure, parameters

MS = dict(timeout_time=1, timeout_unit="ms")
THETAS = [1e4, 1e5, 1e6]

coverage = Coverage(
    "rope",
    {
        "half": ["one beat", "several beats", "all that fit"],
        "heads": ["one", "several"],
        "position": ["0", "other", "2^20 - 1"],
        "theta": [f"{theta:g}" for theta in THETAS],
        "values": list(KINDS),
        "table": ["of the golden model", "any bits"],
        "result": RESULTS,
        "head dim": ["as before", "changes"],
        "row": ["before the heads", "after the heads"],
        "stall": STALLS,
        "full": ["the ring"],
        "reset": ["heads waiting", "results waiting"],
        "error": ["head_dim no multiple", "head_dim too large", "head_dim 0", "no heads", "head tlast", "row tlast"],
    },
)


class Shape:
    """The build's parameters and what the RTL header promises for them."""

    def __init__(self):
        for name, value in ({"Lanes": 16, "MaxHeadDim": 256} | parameters()).items():
            setattr(self, name, int(value))
        self.latency = LATENCY["Mul"] + LATENCY["Add"] + 3
        self.dims = [d for d in range(2 * self.Lanes, self.MaxHeadDim + 1, 2 * self.Lanes)]
        self.places = 1 << (self.MaxHeadDim // self.Lanes + 2).bit_length()


@dataclass
class Job:
    """One position: its table row uint32 [D/2, 2], its heads uint32 [heads, D]."""

    row: np.ndarray
    heads: np.ndarray

    def result(self) -> np.ndarray:
        return rope(self.heads.view(F), self.row.view(F)).view(I)


class RopeEnv(uvm_env):
    stalls = (Stall.none(),) * 4  # commands, rows, heads, results

    def build_phase(self):
        dut = cocotb.top
        fields = {"head_dim": "s_cmd_head_dim", "heads": "s_cmd_heads"}
        command = StreamBus(dut, "s_cmd", "s_cmd_tvalid", "s_cmd_tready", fields)
        self.command = make_agent(self, "command", command, "source", self.stalls[0])
        self.row = make_agent(self, "row", StreamBus.axis(dut, "s_axis_row", "data last"), "source", self.stalls[1])
        self.x = make_agent(self, "x", StreamBus.axis(dut, "s_axis", "data last"), "source", self.stalls[2])
        self.y = make_agent(self, "y", StreamBus.axis(dut, "m_axis", "data last"), "sink", self.stalls[3])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.y.ap.connect(self.scoreboard.analysis_export)


class RopeTest(CoreTest):
    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        self.shape = Shape()
        into, out = self.stalls
        RopeEnv.stalls = (*(Stall.pick(into, self.seed + i) for i in range(3)), Stall.pick(out, self.seed))
        self.env = RopeEnv("env", self)
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        self.dim = None

    def job(self, dim=None, heads=None, name=None, position=None) -> Job:
        rng, shape = self.np_rng, self.shape
        dim = dim or int(rng.choice(shape.dims))
        heads = heads or int(rng.integers(1, 5))
        name = name or self.rng.choice(list(KINDS))
        theta = self.rng.choice(THETAS)
        if rng.random() < 0.1:
            row = KINDS["any_bits"](rng, dim).reshape(-1, 2)
            coverage.hit("table", "any bits")
        else:
            position = int(rng.integers(0, 4096)) if position is None else position
            row = self.row(theta, dim, position)
            coverage.hit("table", "of the golden model")
            coverage.hit("theta", f"{theta:g}")
            coverage.hit("position", {0: "0", (1 << 20) - 1: "2^20 - 1"}.get(position, "other"))
        half = dim // 2 // shape.Lanes
        coverage.hit("half", "one beat" if half == 1 else "several beats")
        if dim == shape.MaxHeadDim:
            coverage.hit("half", "all that fit")
        coverage.hit("heads", "one" if heads == 1 else "several")
        coverage.hit("values", name)
        if self.dim:
            coverage.hit("head dim", "as before" if self.dim == dim else "changes")
        self.dim = dim
        return Job(row, KINDS[name](rng, heads * dim).reshape(heads, dim))

    @staticmethod
    def row(theta, dim, position) -> np.ndarray:
        """Row `position` of the table, without the rows before it."""
        if position < 4096:
            return rope_table(theta, dim, position + 1)[position].view(I)
        angle = position * theta ** -(np.arange(0, dim, 2, dtype=np.float64) / dim)
        return np.stack((np.cos(angle), np.sin(angle)), axis=-1).astype(F).view(I)

    def words(self, jobs):
        """Words of commands, rows and heads to send, of results to expect; counts coverage."""
        lanes, commands, rows, x, expected = self.shape.Lanes, [], [], [], []
        for job in jobs:
            result = job.result()
            commands.append((job.heads.shape[1], len(job.heads)))
            rows += beats(job.row.reshape(-1), lanes)
            for head, rotated in zip(job.heads, result, strict=True):
                x += beats(head, lanes)
                expected += beats(rotated, lanes)
            for word in np.unique(result):
                coverage.hit("result", result_kind(word))
        return commands, rows, x, expected

    def start(self, commands, rows, x):
        env = self.env
        pairs = ((env.command, commands), (env.row, rows), (env.x, x))
        return [cocotb.start_soon(agent.send(words)) for agent, words in pairs if words]

    async def play(self, jobs):
        commands, rows, x, expected = self.words(jobs)
        self.env.scoreboard.expect(expected)
        for task in self.start(commands, rows, x):
            await task
        await self.env.scoreboard.drain(self.dut.clk_i, 40 * len(expected) + 1000)
        assert self.dut.error_o.value == 0

    async def stimulus(self):
        await self.play([self.job() for _ in range(25)])
        coverage.hit("stall", STALLS[self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(**MS)
class NoStall(RopeTest):
    """Full rate: latency and throughput are the header's."""

    async def stimulus(self):
        env, shape = self.env, self.shape
        for dim in (shape.dims[0], shape.dims[-1]):
            job = self.job(dim, 1)
            commands, rows, x, expected = self.words([job])
            for task in self.start(commands, rows, []):
                await task
            await self.cycles(3)
            coverage.hit("row", "before the heads")
            env.scoreboard.expect(expected)
            await env.x.send(x)
            await env.scoreboard.drain(self.dut.clk_i, 1000)
            half = dim // 2 // shape.Lanes
            taken, out = env.x.monitor.cycles[-2 * half :], env.y.monitor.cycles[-2 * half :]
            measure("latency", out[0] - taken[half], shape.latency)
            jobs = [self.job(dim, 6) for _ in range(3)] + [self.job(dim, 1) for _ in range(4)]
            marks = [(agent, len(agent.monitor.cycles)) for agent in (env.x, env.y)]
            await self.play(jobs)
            spans = [agent.monitor.cycles[mark + 2 * half :] for agent, mark in marks]  # behind the first head and row
            rate = min((len(cycles) - 1) / (cycles[-1] - cycles[0]) for cycles in spans)
            name = {2 * shape.Lanes: "D = 2 Lanes", shape.MaxHeadDim: "D = MaxHeadDim"}[dim]
            measure(f"throughput, {name}", rate, 1.0, "beats/cycle", at_least=True)
        await super().stimulus()


@pyuvm.test(**MS)
class InputStalls(RopeTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class OutputStalls(RopeTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(RopeTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Corners(RopeTest):
    """Every kind of values, every D, first and last position; rows that come late."""

    async def stimulus(self):
        await self.play([self.job(self.shape.dims[0], 2, name) for name in KINDS for _ in range(3)])
        await self.play([self.job(dim, 1, "normal") for dim in self.shape.dims])
        await self.play([self.job(heads=3, name="normal", position=p) for _ in range(3) for p in (0, (1 << 20) - 1)])
        commands, rows, x, expected = self.words([self.job(), self.job()])
        self.env.scoreboard.expect(expected)
        tasks = self.start(commands, [], x)
        await self.cycles(60)
        coverage.hit("row", "after the heads")
        for task in [*self.start([], rows, []), *tasks]:
            await task
        await self.env.scoreboard.drain(self.dut.clk_i, 1000)


@pyuvm.test(**MS)
class FullAndReset(RopeTest):
    """Heads without a row fill the ring; a consumer that never takes; a reset forgets all; afterwards all is well."""

    def build_phase(self):
        self.held = True
        super().build_phase()
        self.env.stalls = (*(Stall.none(),) * 3, Stall("held", iter(lambda: self.held, None)))

    async def stimulus(self):
        shape = self.shape
        top = shape.MaxHeadDim
        for how in ("full", "heads waiting", "results waiting"):
            self.held = True
            jobs = [self.job(top, 4) for _ in range(3)]
            commands, rows, x, expected = self.words(jobs)
            self.env.scoreboard.expect(expected)
            before = len(self.env.x.monitor.cycles)
            tasks = self.start(commands, rows if how == "results waiting" else [], x)
            await self.cycles(8 * shape.places + 60)
            taken = len(self.env.x.monitor.cycles) - before
            if how == "full":
                assert 2 * top // shape.Lanes <= taken <= 2 * shape.places, f"{taken} beats in the ring"
                coverage.hit("full", "the ring")
                self.held = False
                tasks += self.start([], rows, [])
            else:
                self.env.scoreboard.flush()
                for agent in (self.env.command, self.env.row, self.env.x):
                    agent.abort()
                await self.reset()
                coverage.hit("reset", how)
                assert self.dut.m_axis_tvalid.value == 0, "a result survived the reset"
                self.held = False
            for task in tasks:
                await task
            await self.env.scoreboard.drain(self.dut.clk_i, 2000)
            await self.play([self.job() for _ in range(4)])


@pyuvm.test(**MS)
class Errors(RopeTest):
    """error_o stays until the reset; illegal commands are dropped; after the reset all is well."""

    async def stimulus(self):
        lanes, top = self.shape.Lanes, self.shape.MaxHeadDim
        dim = 2 * lanes
        await self.broken("head_dim no multiple", (dim + 1, 1))
        await self.broken("head_dim 0", (0, 1))
        await self.broken("no heads", (dim, 0))
        await self.broken("head_dim too large", (top + dim, 1))
        job = self.job(dim, 2, "normal")
        commands, rows, x, expected = self.words([job])
        wrong_x = [(data, 0) for data, _ in x]
        await self.broken("head tlast", commands[0], rows, wrong_x, expected)
        wrong_rows = [(data, 1) for data, _ in rows]
        await self.broken("row tlast", commands[0], wrong_rows, x, expected)

    async def broken(self, how, command, rows=(), x=(), expected=()):
        """The result of a wrong tlast is right all the same: D counts."""
        if how == "head_dim too large" and command[0] >= 1 << (2 * self.shape.MaxHeadDim - 1).bit_length():
            return  # does not fit the port
        self.env.scoreboard.expect(expected)
        for task in self.start([command], list(rows), list(x)):
            await task
        await self.env.scoreboard.drain(self.dut.clk_i, 500)
        await self.cycles(5)
        assert self.dut.error_o.value == 1, how
        coverage.hit("error", how)
        await self.reset()
        assert self.dut.error_o.value == 0
        await self.play([self.job() for _ in range(2)])
