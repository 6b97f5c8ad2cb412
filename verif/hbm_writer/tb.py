"""Testbench of hbm_writer on a simulated AXI memory (hbm_writer_bench.sv).

Random descriptors and data, stalls on every interface, every way to stop, reset and clear in mid-flight. Golden model:
lutloom.hbm_writer, which also says which bursts and beats must be seen on AXI.
"""

import cocotb
import numpy as np
import pyuvm
from cocotb.handle import Immediate
from pyuvm import ConfigDB, uvm_env

from lutloom.hbm_streamer import Cause, Descriptor, descriptor_cause
from lutloom.hbm_writer import hbm_writer
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, StreamMonitor, make_agent, measure

BASE = 0x4000_0000  # of the bench's memory if it keeps its contents
KNOBS = "latency_i aw_stall_i w_stall_i b_gap_i err_en_i err_addr_i err_resp_i dead_i foreign_i spurious_i peek_i"

coverage = Coverage(
    "hbm_writer",
    {
        "descriptor": ["one beat", "one burst", "many bursts", "whole bursts", "crosses 4 KB", "ends at the top"],
        "width": [32, 64, 128, 256],
        "stall": ["none", "descriptors", "data", "answers", "memory", "all"],
        "first": ["descriptor", "data"],
        "full": ["in flight", "buffer", "answers"],
        "strobes": ["all", "random"],
        "memory": ["any address", "kept contents", "dead for a while", "data before the address"],
        "cause": [cause.name for cause in Cause if cause],
        "protocol": ["BID", "EXOKAY", "not asked for"],
        "failing burst": ["first", "middle", "last"],
        "stop with": ["bursts in flight", "data in the buffer", "an address waiting", "nothing before"],
        "clear": ["idle", "bursts in flight", "data in the buffer", "an address waiting", "after an error", "held"],
        "reset": ["bursts in flight"],
    },
)


class WriterEnv(uvm_env):
    """Sources of descriptors and data, a sink of answers, monitors on AW and W; scoreboards behind the latter three."""

    stall_desc = stall_data = stall_done = None

    def build_phase(self):
        dut = cocotb.top
        desc = {"addr": "s_desc_addr", "nbytes": "s_desc_bytes", "tag": "s_desc_tag"}
        desc_bus = StreamBus(dut, "s_desc", "s_desc_tvalid", "s_desc_tready", desc)
        done = {"tag": "m_done_tag", "cause": "m_done_cause"}
        done_bus = StreamBus(dut, "m_done", "m_done_tvalid", "m_done_tready", done)
        done_bus.rst_n = dut.done_live_o
        self.desc = make_agent(self, "desc", desc_bus, "source", self.stall_desc)
        self.data = make_agent(self, "data", StreamBus.axis(dut, "s_axis"), "source", self.stall_data)
        self.done = make_agent(self, "done", done_bus, "sink", self.stall_done)
        self.aw = self.watch("aw", {"addr": "m_axi_awaddr", "len": "m_axi_awlen"})
        self.w = self.watch("w", {"data": "m_axi_wdata", "strobes": "m_axi_wstrb", "last": "m_axi_wlast"})
        self.bursts = Scoreboard("bursts", self)
        self.beats = Scoreboard("beats", self)
        self.answers = Scoreboard("answers", self)

    def watch(self, name, fields):
        bus = StreamBus(cocotb.top, name, f"m_axi_{name}valid", f"m_axi_{name}ready", fields)
        bus.clear = None  # AXI goes on during a clear
        ConfigDB().set(self, name, "BUS", bus)
        ConfigDB().set(self, name, "STALL", Stall.none())
        return StreamMonitor(name, self)

    def connect_phase(self):
        self.aw.ap.connect(self.bursts.analysis_export)
        self.w.ap.connect(self.beats.analysis_export)
        self.done.ap.connect(self.answers.analysis_export)

    def boards(self):
        return self.bursts, self.beats, self.answers


class WriterTest(CoreTest):
    """Helpers of all tests; `stalls` names the interfaces that stall."""

    stalls = ()

    def build_phase(self):
        super().build_phase()
        dut = self.dut
        for knob in KNOBS.split():
            getattr(dut, knob).set(Immediate(0))
        dut.seed_i.value = self.seed & 0xFFFF_FFFF
        self.data_w, self.addr_w, self.tag_w = self.param("DataW"), self.param("AddrW"), self.param("TagW")
        self.beat = self.data_w // 8
        self.max_burst, self.buffer = self.param("MaxBurstBytes"), self.param("BufferBeats")
        self.outstanding = self.param("Outstanding")
        self.any, self.partial = bool(self.param("Any")), bool(self.param("Strobes"))
        self.held = False  # the answers are not taken
        if "memory" in self.stalls:
            dut.aw_stall_i.value, dut.w_stall_i.value, dut.b_gap_i.value = 128, 80, 128
        pattern = Stall.pick("answers" in self.stalls, self.seed + 2)
        WriterEnv.stall_desc = Stall.pick("descriptors" in self.stalls, self.seed)
        WriterEnv.stall_data = Stall.pick("data" in self.stalls, self.seed + 1)
        WriterEnv.stall_done = Stall("held", iter(lambda: self.held or pattern(), None))
        self.env = WriterEnv("env", self)
        coverage.hit("width", self.data_w)
        coverage.hit("strobes", "random" if self.partial else "all")
        coverage.hit("memory", "any address" if self.any else "kept contents")

    # ---- stimulus ----

    def place(self, nbytes: int, align: int = 0, offset: int = 0) -> int:
        """A random address (a multiple of `align` or of a beat, plus `offset`) with room for nbytes."""
        align = align or self.beat
        low, size = (0, 1 << self.addr_w) if self.any else (BASE, self.param("MemBytes"))
        return low + self.rng.randrange((size - nbytes - offset) // align) * align + offset

    def descriptor(self, kind: str) -> Descriptor:
        rng, beat, burst = self.rng, self.beat, self.max_burst
        tag = rng.getrandbits(self.tag_w)
        if kind == "one beat":
            return Descriptor(self.place(beat), beat, tag)
        if kind == "one burst":
            beats = rng.randint(1, burst // beat)
            return Descriptor(self.place(burst, burst, rng.randint(0, burst // beat - beats) * beat), beats * beat, tag)
        if kind == "whole bursts":
            nbytes = burst * rng.randint(1, 3)
            return Descriptor(self.place(nbytes, burst), nbytes, tag)
        if kind == "crosses 4 KB":
            before, after = beat * rng.randint(1, 20), beat * rng.randint(1, 20)
            return Descriptor(self.place(4096 + after, 4096, 4096 - before), before + after, tag)
        if kind == "ends at the top":
            nbytes = beat * rng.randint(1, 40)
            return Descriptor((1 << self.addr_w if self.any else BASE + self.param("MemBytes")) - nbytes, nbytes, tag)
        nbytes = min(burst * 2 + beat * rng.randint(1, 60), 200 * beat)
        return Descriptor(self.place(nbytes), nbytes, tag)

    def descriptors(self, count: int) -> list[Descriptor]:
        kinds = (
            ["one beat"] * 4 + ["one burst"] * 3 + ["many bursts", "whole bursts", "crosses 4 KB", "ends at the top"]
        )
        descs = []
        for _ in range(count):
            kind = self.rng.choice(kinds)
            descs.append(self.descriptor(kind))
            coverage.hit("descriptor", kind)
        return descs

    def stream(self, descs) -> np.ndarray:
        """Random data for descriptors: uint8 [beats, bytes of a beat]."""
        beats = sum(d.nbytes // self.beat for d in descs)
        rng = np.random.default_rng(self.rng.getrandbits(32))
        return rng.integers(0, 256, (beats, self.beat), np.uint8)

    # ---- running and checking ----

    @staticmethod
    def words(data: np.ndarray) -> list[int]:
        return [int.from_bytes(row.tobytes(), "little") for row in data]

    def strobes(self, rows: np.ndarray) -> np.ndarray:
        """Strobes of beats uint8 [beats, bytes of a beat], packed: the beats' own lowest bits, or all."""
        lowest, mask = rows[:, : -(-self.beat // 8)], (1 << min(self.beat, 8)) - 1
        return lowest & mask if self.partial else np.full_like(lowest, mask)

    def expect(self, descs, data, faults=None):
        """What the golden model says, handed to the scoreboards."""
        sizes = dict(data_w=self.data_w, addr_w=self.addr_w, max_burst_bytes=self.max_burst)
        want = hbm_writer(descs, data, faults=faults, **sizes)
        self.env.bursts.expect((addr, len(rows) - 1) for addr, rows in want.bursts)
        for _, rows in want.bursts:
            words = zip(self.words(rows), self.words(self.strobes(rows)), strict=True)
            self.env.beats.expect((word, strobes, int(i == len(rows) - 1)) for i, (word, strobes) in enumerate(words))
        self.env.answers.expect((tag, int(cause)) for tag, cause in want.answers)
        return want

    def start(self, descs, data) -> list:
        """Descriptors and data on their way; either may be first."""
        return [
            cocotb.start_soon(self.env.desc.send(descs)),
            cocotb.start_soon(self.env.data.send(self.words(data))),
        ]

    async def until(self, signal, value: int = 1, cycles: int = 20_000) -> None:
        for _ in range(cycles):
            if signal.value == value:
                return
            await self.cycles(1)
        raise AssertionError(f"{signal._name} is not {value} after {cycles} cycles: a hang")

    async def run_clean(self, descs) -> None:
        """No error: all bursts, all beats, all answers, idle at the end."""
        data = self.stream(descs)
        self.expect(descs, data)
        for task in self.start(descs, data):
            await task
        await self.env.answers.drain(self.dut.clk_i, 20_000)
        assert not self.env.bursts.expected and not self.env.beats.expected, "answered before everything was written"
        await self.cycles(2)
        assert self.dut.idle_o.value == 1 and self.dut.busy_o.value == 0, "not idle after the last answer"
        assert self.dut.error_o.value == 0

    async def run_failing(self, descs, faults=None) -> None:
        """An error: the answers up to it, cause, address, tag, quiet; the data are taken; then clear."""
        dut, env = self.dut, self.env
        data = self.stream([d for d in descs if not descriptor_cause(d, data_w=self.data_w, addr_w=self.addr_w)])
        want = self.expect(descs, data, faults)
        tasks = self.start(descs, data)
        await self.until(dut.error_o)
        if dut.m_axi_awvalid.value == 1:
            coverage.hit("stop with", "an address waiting")
        if dut.busy_o.value == 1 and env.bursts.received > 1:
            coverage.hit("stop with", "bursts in flight")
        if not env.data.driver.busy and env.beats.expected:
            coverage.hit("stop with", "data in the buffer")
        if len(want.answers) == 1:
            coverage.hit("stop with", "nothing before")
        await env.answers.drain(dut.clk_i, 20_000)
        await self.until(dut.idle_o)
        got = [int(s.value.to_unsigned()) for s in (dut.error_cause_o, dut.error_addr_o, dut.error_tag_o)]
        wanted = [want.cause, want.error_addr, want.error_tag]
        assert got == wanted, f"Mismatch: stopped with cause, address, tag {got}, expected {wanted}"
        coverage.hit("cause", want.cause.name)
        await tasks[1]  # all data are taken and dropped
        await self.cycles(200)  # nothing more may come
        assert dut.s_desc_tready.value == 0 and dut.m_axi_awvalid.value == 0 and dut.m_axi_wvalid.value == 0
        assert dut.s_axis_tready.value == 1 and dut.m_done_tvalid.value == 0
        if want.cause in (Cause.DESC_ALIGN, Cause.DESC_ZERO, Cause.DESC_RANGE):
            assert not env.bursts.expected, "not all legal descriptors before the illegal one were written"
        assert (len(env.bursts.expected) == 0) == (len(env.beats.expected) == 0)
        await self.clear()
        await tasks[0]
        coverage.hit("clear", "after an error")

    async def clear(self, cycles: int = 1) -> None:
        """Pulse clear_i (withdrawing what the drivers offer) and wait until it is done."""
        dut = self.dut
        dut.clear_i.value = 1
        self.env.desc.abort()
        self.env.data.abort()
        await self.cycles(cycles)
        dut.clear_i.value = 0
        await self.cycles(1)
        await self.until(dut.idle_o)
        await self.cycles(1)
        assert dut.error_o.value == 0 and dut.m_done_tvalid.value == 0
        assert dut.m_axi_awvalid.value == 0 and dut.m_axi_wvalid.value == 0
        for board in self.env.boards():
            board.flush()

    def fault(self, addr: int, resp: int) -> None:
        dut = self.dut
        dut.err_en_i.value, dut.err_addr_i.value, dut.err_resp_i.value = int(resp != 0), addr, resp


class RandomTest(WriterTest):
    count = 40

    async def stimulus(self):
        await self.run_clean(self.descriptors(self.count))
        coverage.hit("stall", "all" if len(self.stalls) > 1 else (*self.stalls, "none")[0])
        if self.dut.outstanding_full_o.value == 1:
            coverage.hit("full", "in flight")


MS = dict(timeout_time=4, timeout_unit="ms")


@pyuvm.test(**MS)
class NoStall(RandomTest):
    """The header's latencies from idle; its throughput at full rate, just beyond, and far beyond."""

    async def stimulus(self):
        env, dut, latency = self.env, self.dut, 30
        await super().stimulus()
        for kind in ("descriptor", "data"):  # which of the two comes last
            monitors = (env.desc.monitor, env.data.monitor, env.aw, env.w, env.done.monitor)
            seen = [len(m.cycles) for m in monitors]
            desc = self.descriptor("one beat")
            data = self.stream([desc])
            self.expect([desc], data)
            sends = [lambda d=desc: env.desc.send([d]), lambda w=data: env.data.send(self.words(w))]
            for send in sends if kind == "data" else sends[::-1]:
                await send()
                await self.cycles(8)
            await env.answers.drain(dut.clk_i, 1000)
            desc_at, data_at, aw, w, done = (m.cycles[n] for m, n in zip(monitors, seen, strict=True))
            if kind == "descriptor":
                measure("latency descriptor to address", aw - desc_at, 4)
                measure("latency descriptor to data", w - desc_at, 4)
                coverage.hit("first", "data")
            else:
                measure("latency beat to address", aw - data_at, 2)
                measure("latency beat to W", w - data_at, 3)
                coverage.hit("first", "descriptor")
            measure("latency W to answer less the memory's", done - w - latency, 2)
        b, o = self.max_burst // self.beat, self.outstanding
        for lag in (o * b - b - 3, o * b - b + 3, 2 * o * b + 40):
            if lag < 2 or self.buffer < 2 * b:
                continue
            dut.latency_i.value = lag
            seen = len(env.w.cycles)
            bursts = 3 * o + 1
            await self.run_clean([Descriptor(self.place(self.max_burst, self.max_burst), self.max_burst, 1)] * bursts)
            starts = env.w.cycles[seen::b]
            measure(f"throughput, L = {lag}", (starts[3 * o] - starts[o]) / 2, max(o * b, lag + 3 + b), "cycles/window")
        dut.latency_i.value = 0


@pyuvm.test(**MS)
class DescriptorStalls(RandomTest):
    stalls = ("descriptors",)


@pyuvm.test(**MS)
class DataStalls(RandomTest):
    stalls = ("data",)


@pyuvm.test(**MS)
class AnswerStalls(RandomTest):
    stalls = ("answers",)


@pyuvm.test(**MS)
class MemoryStalls(RandomTest):
    stalls = ("memory",)


@pyuvm.test(**MS)
class AllStall(RandomTest):
    stalls = ("descriptors", "data", "answers", "memory")


@pyuvm.test(**MS)
class Full(WriterTest):
    """Answers that nobody takes stop the issue; data without descriptors fill the buffer; a memory that pauses."""

    async def stimulus(self):
        dut, env = self.dut, self.env
        self.held = True
        descs = [self.descriptor("one beat") for _ in range(self.outstanding + 6)]
        data = self.stream(descs)
        self.expect(descs, data)
        tasks = self.start(descs, data)
        await self.cycles(100 + 4 * len(descs))
        left = len(env.bursts.expected)
        assert left == 6, f"{left} bursts are not issued, 6 have no place for their answer"
        coverage.hit("full", "answers")
        self.held = False
        for task in tasks:
            await task
        await env.answers.drain(dut.clk_i, 2000)

        descs = [self.descriptor("one beat") for _ in range(self.buffer + 20)]
        data = self.stream(descs)
        self.expect(descs, data)
        sender = cocotb.start_soon(env.data.send(self.words(data)))
        await self.cycles(self.buffer + 30)
        assert dut.s_axis_tready.value == 0 and env.data.driver.busy and dut.m_axi_awvalid.value == 0
        coverage.hit("full", "buffer")
        dut.dead_i.value = 1
        other = cocotb.start_soon(env.desc.send(descs))
        await self.cycles(600)
        assert dut.busy_o.value == 1 and dut.error_o.value == 0
        assert dut.outstanding_full_o.value == 1
        coverage.hit("full", "in flight")
        dut.dead_i.value = 0
        await sender
        await other
        await env.answers.drain(dut.clk_i, 20_000)
        coverage.hit("memory", "dead for a while")

        dut.aw_stall_i.value = 250  # W may be taken first
        before = env.w.cycles[:], env.aw.cycles[:]
        await self.run_clean([self.descriptor("one beat") for _ in range(12)])
        for w, aw in zip(env.w.cycles[len(before[0]) :], env.aw.cycles[len(before[1]) :], strict=True):
            if w < aw:
                coverage.hit("memory", "data before the address")


@pyuvm.test(timeout_time=10, timeout_unit="ms")
class MemoryErrors(WriterTest):
    """SLVERR, DECERR and EXOKAY for the first, a middle or the last burst of a descriptor."""

    stalls = ("memory",)

    async def stimulus(self):
        kinds = [(Cause.SLVERR, 2), (Cause.DECERR, 3), (Cause.PROTOCOL, 1)]
        for turn in range(12):
            cause, resp = kinds[turn % 3]
            where = ("first", "middle", "last")[turn // 3 % 3]
            nbytes = 3 * self.max_burst
            victim = Descriptor(self.place(nbytes, self.max_burst), nbytes, self.rng.getrandbits(self.tag_w))
            addr = victim.addr + self.max_burst * ("first", "middle", "last").index(where)
            self.fault(addr, resp)
            self.dut.aw_stall_i.value = 0 if turn % 2 else 250
            self.dut.b_gap_i.value = 0 if turn % 4 else 200
            if resp == 1:
                coverage.hit("protocol", "EXOKAY")
            await self.run_failing([*self.descriptors(4 * (turn % 2)), victim, *self.descriptors(6)], {addr: cause})
            coverage.hit("failing burst", where)
            self.fault(0, 0)
            await self.run_clean(self.descriptors(3))


@pyuvm.test(timeout_time=5, timeout_unit="ms")
class OddAnswers(WriterTest):
    """A foreign BID; an answer that nobody asked for."""

    async def stimulus(self):
        dut = self.dut
        dut.foreign_i.value = 1
        desc = self.descriptor("one beat")
        await self.run_failing([desc, *self.descriptors(3)], {desc.addr: Cause.PROTOCOL})
        coverage.hit("protocol", "BID")
        dut.foreign_i.value = 0
        await self.run_clean(self.descriptors(3))
        dut.spurious_i.value = 1
        await self.cycles(1)
        dut.spurious_i.value = 0
        await self.until(dut.error_o)
        assert dut.error_cause_o.value == Cause.PROTOCOL and dut.error_addr_o.value == 0 and dut.error_tag_o.value == 0
        await self.cycles(20)
        assert dut.m_done_tvalid.value == 0 and dut.idle_o.value == 1
        coverage.hit("protocol", "not asked for")
        await self.clear()
        await self.run_clean(self.descriptors(3))


@pyuvm.test(timeout_time=5, timeout_unit="ms")
class IllegalDescriptors(WriterTest):
    """Each rule broken, alone and behind legal descriptors; an error of the memory before it goes first."""

    async def stimulus(self):
        beat, top = self.beat, 1 << self.addr_w
        low = BASE if not self.any else 0
        bad = [
            Descriptor(low + 1, beat, 1),
            Descriptor(low, beat + 1, 3),
            Descriptor(low + beat, 0, 5),
            Descriptor(top - beat, 2 * beat, 6),
            Descriptor(top - beat, (1 << self.param("BytesW")) - beat, 7),
        ]
        for desc in bad:
            desc = desc._replace(tag=desc.tag % (1 << self.tag_w))
            for before in (0, 3):
                await self.run_failing([*self.descriptors(before), desc, *self.descriptors(2)])
            await self.run_clean(self.descriptors(2))
        victim = self.descriptor("one beat")
        self.fault(victim.addr, 2)
        await self.run_failing([victim, bad[0]._replace(tag=0)], {victim.addr: Cause.SLVERR})
        self.fault(0, 0)
        await self.run_clean(self.descriptors(3))


@pyuvm.test(timeout_time=5, timeout_unit="ms")
class ClearAnywhere(WriterTest):
    """clear_i at any moment drops everything and the core works afterwards."""

    async def stimulus(self):
        dut, rng, env = self.dut, self.rng, self.env
        await self.clear()
        coverage.hit("clear", "idle")
        await self.run_clean(self.descriptors(2))
        for turn in range(12):
            self.held = turn % 3 == 0
            dut.aw_stall_i.value = 250 if turn % 3 == 1 else 0
            descs = self.descriptors(20)
            data = self.stream(descs)
            self.expect(descs, data)
            tasks = self.start(descs, data)
            await self.cycles(rng.randint(1, 120))
            if turn % 3 == 1:
                await self.until(dut.m_axi_awvalid)
            for hit, state in (
                (dut.busy_o.value == 1 and len(env.w.cycles) > 0, "bursts in flight"),
                (len(env.data.monitor.cycles) > len(env.w.cycles), "data in the buffer"),
                (dut.m_axi_awvalid.value == 1 and dut.m_axi_awready.value == 0, "an address waiting"),
                (turn % 4 == 3, "held"),
            ):
                if hit:
                    coverage.hit("clear", state)
            await self.clear(cycles=300 if turn % 4 == 3 else 1)
            for task in tasks:
                await task
            self.held = False
            dut.aw_stall_i.value = 0
            await self.run_clean(self.descriptors(3))


@pyuvm.test(timeout_time=5, timeout_unit="ms")
class ResetAnywhere(WriterTest):
    """Reset (of core and memory together) in mid-flight."""

    async def stimulus(self):
        for _ in range(6):
            descs = self.descriptors(20)
            data = self.stream(descs)
            self.expect(descs, data)
            tasks = self.start(descs, data)
            await self.cycles(self.rng.randint(20, 120))
            if self.env.w.cycles and self.dut.busy_o.value == 1:
                coverage.hit("reset", "bursts in flight")
            await self.reset()
            for task in tasks:
                await task
            for board in self.env.boards():
                board.flush()
            assert self.dut.idle_o.value == 1 and self.dut.m_done_tvalid.value == 0
            await self.run_clean(self.descriptors(3))


@pyuvm.test(timeout_time=5, timeout_unit="ms")
class Contents(WriterTest):
    """With a memory that keeps them: what it holds at the end is what was written last; writes behind its end fail."""

    async def stimulus(self):
        if self.any:
            return
        dut, size = self.dut, self.param("MemBytes")
        memory, known = np.zeros(size, np.uint8), np.zeros(size, bool)  # written by this test
        for _ in range(3):
            descs = self.descriptors(15)
            data = self.stream(descs)
            for addr, rows in self.expect(descs, data).bursts:
                written = np.unpackbits(self.strobes(rows), axis=1, bitorder="little")[:, : self.beat].reshape(-1) == 1
                place = slice(addr - BASE, addr - BASE + rows.size)
                memory[place][written] = rows.reshape(-1)[written]
                known[place][written] = True
            for task in self.start(descs, data):
                await task
            await self.env.answers.drain(dut.clk_i, 20_000)
        words, masks = memory.view("<u4"), (known * np.uint8(255)).view("<u4")
        for i in self.rng.sample(list(np.flatnonzero(masks)), 200):
            dut.peek_i.value = 4 * int(i)
            await self.cycles(1)
            found = int(dut.peek_o.value.to_unsigned()) & int(masks[i])
            assert found == int(words[i] & masks[i]), f"Mismatch at byte {4 * i}"
        desc = Descriptor(BASE + size, self.beat, 1)
        await self.run_failing([desc, *self.descriptors(2)], {desc.addr: Cause.DECERR})
