"""Testbench of axi_cdc: random words through all five channels at once, between clocks of every relation.

LUTLOOM_RATIO chooses the clocks, see CLOCKS. Golden model: lutloom.axi_cdc, what goes in comes out in order.
"""

import os
from itertools import count

import cocotb
import pyuvm
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from pyuvm import uvm_env

from lutloom.axi_cdc import CHANNELS, axi_cdc, capacity
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure

# periods of clk_i and m_clk_i in ps, and how late m_clk_i begins
CLOCKS = {
    "250:400": (4000, 2500, 700),
    "400:250": (2500, 4000, 700),
    "1:1": (4000, 4000, 1300),
    "3:1": (2000, 6000, 0),
    "jitter": (4000, 3000, 0),
}
RATIO = os.environ.get("LUTLOOM_RATIO", "250:400")

coverage = Coverage(
    "axi_cdc",
    {
        "clocks": list(CLOCKS),
        "stall": ["none", "sources", "sinks", "both"],
        "full": list(CHANNELS),
        "empty again": list(CHANNELS),
        "streaming": list(CHANNELS),
        "reset": ["words inside", "clk_i first", "m_clk_i first"],
    },
)


class CdcEnv(uvm_env):
    """A source and a sink for every channel, a scoreboard behind the sink."""

    stall_in = stall_out = None

    def build_phase(self):
        self.sources, self.sinks, self.boards = {}, {}, {}
        for n, (name, (fields, forward)) in enumerate(CHANNELS.items()):
            near, far = ("s", "m") if forward else ("m", "s")
            self.sources[name] = self.agent(f"{name}_in", near, name, fields, "source", type(self).stall_in(n))
            self.sinks[name] = self.agent(f"{name}_out", far, name, fields, "sink", type(self).stall_out(n))
            self.boards[name] = Scoreboard(f"{name}_words", self)

    def agent(self, label, side, name, fields, role, stall):
        dut, prefix = cocotb.top, f"{side}_axi_{name}"
        bus = StreamBus(dut, label, f"{prefix}valid", f"{prefix}ready", {f: f"{prefix}{f}" for f in fields})
        if side == "m":
            bus.clk, bus.rst_n = dut.m_clk_i, dut.m_rst_ni
        return make_agent(self, label, bus, role, stall)

    def connect_phase(self):
        for name, sink in self.sinks.items():
            sink.ap.connect(self.boards[name].analysis_export)


class CdcTest(CoreTest):
    """Clocks, resets and traffic; `stalls`: of the sources, of the sinks."""

    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        dut = self.dut
        self.held = False  # no sink takes anything
        for handle in (dut.m_clk_i, dut.m_rst_ni):
            handle.value = 0
        for name, (_, forward) in CHANNELS.items():
            near, far = ("s", "m") if forward else ("m", "s")
            getattr(dut, f"{near}_axi_{name}valid").value = 0
            getattr(dut, f"{far}_axi_{name}ready").value = 0
        CdcEnv.stall_in = lambda n: Stall.pick(self.stalls[0], self.seed + n)
        CdcEnv.stall_out = self.sink_stall
        self.env = CdcEnv("env", self)
        self.depth, self.stages = self.param("Depth"), self.param("Stages")

    def sink_stall(self, n: int) -> Stall:
        pattern = Stall.pick(self.stalls[1], self.seed + 7 + n)
        return Stall("held", iter(lambda: self.held or pattern(), None))

    async def jittering(self, clock, period: int) -> None:
        """Every half period is its own, from half to one and a half times the nominal one."""
        for level in count():
            clock.value = level & 1
            await Timer(self.rng.randrange(period // 4, 3 * period // 4), unit="ps")

    async def run_phase(self):
        self.raise_objection()
        near, far, late = CLOCKS[RATIO]
        dut = self.dut
        if RATIO == "jitter":
            cocotb.start_soon(self.jittering(dut.clk_i, near))
            cocotb.start_soon(self.jittering(dut.m_clk_i, far))
        else:
            Clock(dut.clk_i, near, unit="ps").start()
            await Timer(late + 1, unit="ps")
            Clock(dut.m_clk_i, far, unit="ps").start()
        await self.reset()
        await self.stimulus()
        await self.both(8)
        coverage.hit("clocks", RATIO)
        self.drop_objection()

    async def edges(self, clock, number: int) -> None:
        for _ in range(number):
            await RisingEdge(clock)

    async def both(self, number: int) -> None:
        """So many edges of either clock."""
        other = cocotb.start_soon(self.edges(self.dut.m_clk_i, number))
        await self.edges(self.dut.clk_i, number)
        await other

    async def reset(self, first: str = "", apart: int = 20) -> None:
        """Both low for three edges of either clock; `first` says which of the two rises so many edges earlier."""
        dut = self.dut
        resets = {"clk_i": (dut.clk_i, dut.rst_ni), "m_clk_i": (dut.m_clk_i, dut.m_rst_ni)}

        async def switch(name: str, level: int) -> None:
            clock, reset = resets[name]
            await RisingEdge(clock)
            reset.value = level

        for name in resets:
            await switch(name, 0)
        await self.both(3)
        names = sorted(resets, key=lambda name: name != first)
        await switch(names[0], 1)
        if first:
            await self.both(apart)
        await switch(names[1], 1)
        await self.both(1)

    def words(self, name: str, number: int) -> list[tuple]:
        widths = [len(signal) for signal in self.env.sources[name].monitor.bus.fields]
        return [tuple(self.rng.getrandbits(width) for width in widths) for _ in range(number)]

    async def send(self, number: int) -> list:
        """Random words on their way in every channel, expected at its end: the senders."""
        senders = []
        for name, source in self.env.sources.items():
            words = self.words(name, number)
            self.env.boards[name].expect(axi_cdc(words))
            senders.append(cocotb.start_soon(source.send(words)))
        return senders

    async def finish(self, senders: list) -> None:
        for sender in senders:
            await sender
        for name, board in self.env.boards.items():
            await board.drain(self.env.sinks[name].monitor.bus.clk, 5000)
            coverage.hit("empty again", name)

    async def stimulus(self):
        await self.finish(await self.send(150))
        coverage.hit("stall", ["none", "sources", "sinks", "both"][self.stalls[0] + 2 * self.stalls[1]])


MS = dict(timeout_time=1, timeout_unit="ms")


@pyuvm.test(**MS)
class NoStall(CdcTest):
    """Full rate in every channel: a word a clock of the slower side. Latency of single words."""

    async def stimulus(self):
        await super().stimulus()
        env = self.env
        slow = max((CLOCKS[RATIO][0], "s"), (CLOCKS[RATIO][1], "m"))[1]
        rates = []
        for name, (_, forward) in CHANNELS.items():
            side = env.sources[name] if (slow == "s") == forward else env.sinks[name]
            cycles = side.monitor.cycles[40:140]  # of the slower clock, when the channel is in full flow
            rates.append((len(cycles) - 1) / (cycles[-1] - cycles[0]))
            if rates[-1] > 0.9:
                coverage.hit("streaming", name)
        if RATIO != "jitter" and self.depth >= 2 * self.stages + 6:
            measure(f"throughput of the slowest channel, {RATIO}", min(rates), 1.0, "words/cycle", at_least=True)
        edges = set()
        for name in CHANNELS:
            for _ in range(5):
                await Timer(self.rng.randrange(1, 9000), unit="ps")
                edges.add(await self.single(name))
        assert max(edges) <= self.stages + 3, f"a word came after {max(edges)} edges"
        measure(f"latency at least, {RATIO}", min(edges), self.stages + 2)

    async def single(self, name: str) -> int:
        """One word through an empty channel: with which edge of the other side it is seen after it was taken."""
        source, sink = self.env.sources[name].monitor, self.env.sinks[name].monitor
        taken, seen = len(source.cycles), len(sink.cycles)
        words = self.words(name, 1)
        self.env.boards[name].expect(axi_cdc(words))
        sender = cocotb.start_soon(self.env.sources[name].send(words))
        while len(source.cycles) == taken:
            await RisingEdge(source.bus.clk)
        edges = 0
        while len(sink.cycles) == seen:
            await RisingEdge(sink.bus.clk)
            edges += 1
        await sender
        return edges - 1  # with the last of them it left


@pyuvm.test(**MS)
class SourcesStall(CdcTest):
    stalls = (True, False)


@pyuvm.test(**MS)
class SinksStall(CdcTest):
    stalls = (False, True)


@pyuvm.test(**MS)
class BothStall(CdcTest):
    stalls = (True, True)


@pyuvm.test(**MS)
class Full(CdcTest):
    """Nobody takes anything: every channel takes what it can hold, not one word more; then all comes out."""

    async def stimulus(self):
        self.held = True
        senders = await self.send(capacity(self.depth) + 20)
        await self.both(3 * self.depth + 40)
        for name, source in self.env.sources.items():
            taken = len(source.monitor.cycles)
            assert taken == capacity(self.depth), f"{name} took {taken} words, holds {capacity(self.depth)}"
            coverage.hit("full", name)
        self.held = False
        await self.finish(senders)


@pyuvm.test(**MS)
class Resets(CdcTest):
    """Resets with words inside, rising in either order far apart; traffic right afterwards is not lost."""

    async def stimulus(self):
        env = self.env
        for first in ("", "clk_i", "m_clk_i"):
            self.held = True
            senders = await self.send(self.depth // 2)
            for sender in senders:
                await sender
            await self.both(10)
            assert all(board.expected for board in env.boards.values())
            coverage.hit("reset", "words inside")
            for board in env.boards.values():
                board.flush()
            if not first:
                await self.reset()
                self.held = False
            else:
                resetting = cocotb.start_soon(self.reset(first))
                await self.both(12)
                self.held = False  # one side is up: its sources send while the other still is in reset
                senders = []
                for name, (_, forward) in CHANNELS.items():
                    if forward == (first == "clk_i"):
                        words = self.words(name, self.depth + 10)
                        env.boards[name].expect(axi_cdc(words))
                        senders.append(cocotb.start_soon(env.sources[name].send(words)))
                await resetting
                await self.finish(senders)
                coverage.hit("reset", f"{first} first")
            await self.finish(await self.send(30))
