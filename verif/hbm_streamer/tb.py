"""Testbench of hbm_streamer on a simulated AXI memory (hbm_streamer_bench.sv).

Random descriptors, stalls on every interface, every way to stop (memory errors, protocol errors, illegal descriptors),
reset and clear in mid-flight. Golden model: lutloom.hbm_streamer, which also says which bursts must be seen on AXI.
"""

import os
from collections import deque

import cocotb
import numpy as np
import pyuvm
from cocotb.handle import Immediate
from pyuvm import ConfigDB, uvm_env

from lutloom.hbm_streamer import Cause, Descriptor, hbm_streamer
from verif.lib.axi_read_mem import hash_bytes
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, StreamMonitor, make_agent, measure

BASE = 0x4000_0000  # of the bench's memory if its contents are not hashed
LATENCY = 30  # of the bench's memory
# The toplevel: the bench, or the bare core when `make sim` is given PARAMS; then only BareCore runs.
BENCH = os.environ.get("COCOTB_TOPLEVEL") != "hbm_streamer"
KNOBS = "latency_i ar_stall_i r_gap_i err_en_i err_addr_i err_resp_i err_last_i dead_i load_i foreign_i spurious_i"

coverage = Coverage(
    "hbm_streamer",
    {
        "descriptor": ["one beat", "one burst", "many bursts", "whole bursts", "crosses 4 KB", "ends at the top"],
        "width": [32, 64, 128, 256],
        "stall": ["none", "descriptors", "output", "memory", "all"],
        "full": ["window", "buffer"],
        "memory": ["hashed", "image", "image reloaded", "dead for a while"],
        "cause": [cause.name for cause in Cause if cause],
        "protocol": ["RLAST early", "RLAST missing", "RID", "EXOKAY", "not asked for"],
        "failing beat": ["first", "middle", "last"],
        "stop with": ["reads in flight", "beats in the buffer", "an address waiting", "nothing before"],
        "clear": ["idle", "reads in flight", "beats in the buffer", "an address waiting", "after an error", "held"],
        "reset": ["reads in flight"],
    },
)


class StreamerEnv(uvm_env):
    """Descriptor source, beat sink, a monitor on AR; scoreboards behind the latter two."""

    stall_desc = stall_out = None

    def build_phase(self):
        dut = cocotb.top
        desc = {"addr": "s_desc_addr", "nbytes": "s_desc_bytes", "tag": "s_desc_tag"}
        desc_bus = StreamBus(dut, "s_desc", "s_desc_tvalid", "s_desc_tready", desc)
        out_bus = StreamBus.axis(dut, "m_axis", "data last user")
        if BENCH:
            out_bus.rst_n = dut.out_live_o
        self.desc = make_agent(self, "desc", desc_bus, "source", self.stall_desc)
        self.out = make_agent(self, "out", out_bus, "sink", self.stall_out)
        ar_bus = StreamBus(dut, "ar", "m_axi_arvalid", "m_axi_arready", {"addr": "m_axi_araddr", "len": "m_axi_arlen"})
        ar_bus.clear = None  # AXI goes on during a clear
        ConfigDB().set(self, "ar", "BUS", ar_bus)
        ConfigDB().set(self, "ar", "STALL", Stall.none())
        self.ar = StreamMonitor("ar", self)
        self.beats = Scoreboard("beats", self)
        self.bursts = Scoreboard("bursts", self)

    def connect_phase(self):
        self.out.ap.connect(self.beats.analysis_export)
        self.ar.ap.connect(self.bursts.analysis_export)


class StreamerTest(CoreTest):
    """Helpers of all tests; `stalls` names the interfaces that stall."""

    stalls = ()

    def build_phase(self):
        super().build_phase()
        dut = self.dut
        if BENCH:
            for knob in KNOBS.split():
                getattr(dut, knob).set(Immediate(0))
            dut.seed_i.value = self.seed & 0xFFFF_FFFF
        else:
            for name in ["arready", "rvalid", "rid", "rdata", "rresp", "rlast"]:
                getattr(dut, f"m_axi_{name}").set(Immediate(0))
        self.data_w, self.addr_w, self.tag_w = self.param("DataW"), self.param("AddrW"), self.param("TagW")
        self.beat = self.data_w // 8
        self.max_burst = self.param("MaxBurstBytes")
        self.window = self.param("WindowBytes")
        self.buffer = self.param("BufferBeats")
        self.hashed = not BENCH or bool(self.param("Hash"))
        self.held = False  # the consumer takes nothing
        if "memory" in self.stalls:
            dut.ar_stall_i.value, dut.r_gap_i.value = 128, 80
        pattern = Stall.pick("output" in self.stalls, self.seed + 1)
        StreamerEnv.stall_desc = Stall.pick("descriptors" in self.stalls, self.seed)
        StreamerEnv.stall_out = Stall("held", iter(lambda: self.held or pattern(), None))
        self.env = StreamerEnv("env", self)
        coverage.hit("width", self.data_w)
        coverage.hit("memory", "hashed" if self.hashed else "image")

    # ---- stimulus ----

    def memory(self):
        return hash_bytes if self.hashed else np.fromfile(os.environ["IMAGE"], np.uint8)

    def place(self, nbytes: int, align: int = 0, offset: int = 0) -> int:
        """A random address (a multiple of `align` or of a beat, plus `offset`) with room for nbytes."""
        align = align or self.beat
        low, size = (0, 1 << self.addr_w) if self.hashed else (BASE, self.param("MemBytes"))
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
            top = 1 << self.addr_w if self.hashed else BASE + self.param("MemBytes")
            return Descriptor(top - nbytes, nbytes, tag)
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

    # ---- running and checking ----

    def expect(self, descs, faults=None):
        """What the golden model says, handed to the scoreboards."""
        want = hbm_streamer(
            descs,
            self.memory(),
            data_w=self.data_w,
            addr_w=self.addr_w,
            max_burst_bytes=self.max_burst,
            base=0 if self.hashed else BASE,
            faults=faults,
        )
        self.env.beats.expect(
            (int.from_bytes(row.tobytes(), "little"), int(last), int(tag))
            for row, last, tag in zip(want.data, want.last, want.tag, strict=True)
        )
        self.env.bursts.expect((addr, beats - 1) for addr, beats in want.bursts)
        return want

    async def until(self, signal, value: int = 1, cycles: int = 20_000) -> None:
        for _ in range(cycles):
            if signal.value == value:
                return
            await self.cycles(1)
        raise AssertionError(f"{signal._name} is not {value} after {cycles} cycles: a hang")

    async def run_clean(self, descs) -> None:
        """No error: all beats, all bursts, idle at the end."""
        self.expect(descs)
        await self.env.desc.send(descs)
        await self.env.beats.drain(self.dut.clk_i, 20_000)
        await self.env.bursts.drain(self.dut.clk_i, 10)
        await self.cycles(2)
        assert self.dut.idle_o.value == 1 and self.dut.busy_o.value == 0, "not idle after the last beat"
        assert self.dut.error_o.value == 0

    async def run_failing(self, descs, faults=None) -> None:
        """An error: the beats before it, cause, address, tag, quiet; then clear."""
        dut, env = self.dut, self.env
        want = self.expect(descs, faults)
        sender = cocotb.start_soon(env.desc.send(descs))
        for _ in range(600):
            if dut.error_o.value == 1:
                break
            await self.cycles(1)
        else:
            self.held = False  # the buffer may be too small for all beats before the failing one
        await self.until(dut.error_o)
        if env.beats.expected:
            coverage.hit("stop with", "beats in the buffer")
        if dut.m_axi_arvalid.value == 1:
            coverage.hit("stop with", "an address waiting")
        if dut.busy_o.value == 1 and dut.m_axi_rvalid.value == 1:
            coverage.hit("stop with", "reads in flight")
        if len(want.data) == 0:
            coverage.hit("stop with", "nothing before")
        self.held = False
        await env.beats.drain(dut.clk_i, 20_000)
        await self.until(dut.idle_o)
        got = [int(s.value.to_unsigned()) for s in (dut.error_cause_o, dut.error_addr_o, dut.error_tag_o)]
        wanted = [want.cause, want.error_addr, want.error_tag]
        assert got == wanted, f"Mismatch: stopped with cause, address, tag {got}, expected {wanted}"
        coverage.hit("cause", want.cause.name)
        await self.cycles(self.window // self.beat + 80)  # nothing more may come
        assert dut.s_desc_tready.value == 0 and dut.m_axis_tvalid.value == 0 and dut.m_axi_arvalid.value == 0
        if want.cause in (Cause.DESC_ALIGN, Cause.DESC_ZERO, Cause.DESC_RANGE):
            assert not env.bursts.expected, "not all legal descriptors before the illegal one were read"
        env.bursts.flush()
        await self.clear()
        await sender
        coverage.hit("clear", "after an error")

    async def clear(self, cycles: int = 1) -> None:
        """Pulse clear_i (withdrawing what the driver offers) and wait until it is done."""
        dut = self.dut
        dut.clear_i.value = 1
        self.env.desc.abort()
        await self.cycles(cycles)
        dut.clear_i.value = 0
        await self.cycles(1)
        await self.until(dut.idle_o)
        await self.cycles(1)
        assert dut.error_o.value == 0 and dut.m_axis_tvalid.value == 0 and dut.m_axi_arvalid.value == 0
        self.env.beats.flush()
        self.env.bursts.flush()

    def fault(self, addr: int, resp: int = 0, last: int = 0) -> None:
        dut = self.dut
        dut.err_en_i.value, dut.err_addr_i.value = int(resp != 0 or last != 0), addr
        dut.err_resp_i.value, dut.err_last_i.value = resp, last


class RandomTest(StreamerTest):
    count = 40

    async def stimulus(self):
        await self.run_clean(self.descriptors(self.count))
        name = "all" if len(self.stalls) > 1 else (*self.stalls, "none")[0]
        coverage.hit("stall", name)
        for what in ("window", "buffer"):
            if getattr(self.dut, f"{what}_full_o").value == 1:
                coverage.hit("full", what)


@pyuvm.test(skip=not BENCH, timeout_time=1, timeout_unit="ms")
class NoStall(RandomTest):
    """Full rate, and the header's latencies from idle."""

    async def stimulus(self):
        await super().stimulus()
        env = self.env
        first = [len(m.cycles) for m in (env.desc.monitor, env.ar, env.out.monitor)]
        await self.run_clean([self.descriptor("one beat")])
        desc, ar, out = (m.cycles[n] for m, n in zip((env.desc.monitor, env.ar, env.out.monitor), first, strict=True))
        measure("latency descriptor to address", ar - desc, 4)
        measure("latency address to beat less the memory's", out - ar - LATENCY, 4)


@pyuvm.test(skip=not BENCH, timeout_time=1, timeout_unit="ms")
class DescriptorStalls(RandomTest):
    stalls = ("descriptors",)


@pyuvm.test(skip=not BENCH, timeout_time=2, timeout_unit="ms")
class OutputStalls(RandomTest):
    stalls = ("output",)


@pyuvm.test(skip=not BENCH, timeout_time=2, timeout_unit="ms")
class MemoryStalls(RandomTest):
    stalls = ("memory",)


@pyuvm.test(skip=not BENCH, timeout_time=2, timeout_unit="ms")
class AllStall(RandomTest):
    stalls = ("descriptors", "output", "memory")


@pyuvm.test(skip=not BENCH, timeout_time=2, timeout_unit="ms")
class RunAhead(StreamerTest):
    """A consumer that never takes: reads go on until the buffer's room is promised, then all comes out."""

    async def stimulus(self):
        dut = self.dut
        descs = [self.descriptor("one beat") for _ in range(self.buffer + 20)]
        self.held = True
        self.expect(descs)
        sender = cocotb.start_soon(self.env.desc.send(descs))
        await self.cycles(self.buffer + LATENCY * 4 + self.buffer * LATENCY // self.param("FetchDescs"))
        assert len(self.env.ar.cycles) == self.buffer, f"{len(self.env.ar.cycles)} reads, {self.buffer} have room"
        assert dut.buffer_full_o.value == 1
        coverage.hit("full", "buffer")
        self.held = False
        await sender
        await self.env.beats.drain(dut.clk_i, 20_000)


@pyuvm.test(skip=not BENCH, timeout_time=2, timeout_unit="ms")
class DeadMemory(StreamerTest):
    """A memory that pauses for long: nothing is lost, nothing is reported; the window is used up to its end."""

    async def stimulus(self):
        descs = [self.descriptor("whole bursts") for _ in range(self.window // self.max_burst + 2)]
        self.dut.dead_i.value = 1
        self.expect(descs)
        sender = cocotb.start_soon(self.env.desc.send(descs))
        await self.cycles(600)
        assert self.dut.busy_o.value == 1 and self.dut.error_o.value == 0
        if self.dut.window_full_o.value == 1:
            coverage.hit("full", "window")
        self.dut.dead_i.value = 0
        await sender
        await self.env.beats.drain(self.dut.clk_i, 20_000)
        coverage.hit("memory", "dead for a while")


@pyuvm.test(skip=not BENCH, timeout_time=10, timeout_unit="ms")
class MemoryErrors(StreamerTest):
    """SLVERR, DECERR and every protocol error at the first, a middle or the last beat of a descriptor."""

    stalls = ("memory",)

    async def stimulus(self):
        rng = self.rng
        kinds = [(Cause.SLVERR, 2, 0), (Cause.DECERR, 3, 0), (Cause.PROTOCOL, 1, 0), (Cause.PROTOCOL, 0, 1)]
        for turn in range(16):
            cause, resp, last = kinds[turn % 4]
            descs = self.descriptors(4)
            victim = self.descriptor("many bursts")
            where = ("first", "middle", "last")[turn % 3]
            beats = victim.nbytes // self.beat
            at = {"first": 0, "middle": rng.randrange(1, beats - 1), "last": beats - 1}[where]
            addr = victim.addr + at * self.beat
            if last:
                end = addr + self.beat == victim.addr + victim.nbytes or (addr + self.beat) % self.max_burst == 0
                coverage.hit("protocol", "RLAST missing" if end else "RLAST early")
            elif resp == 1:
                coverage.hit("protocol", "EXOKAY")
            self.fault(addr, resp, last)
            self.dut.ar_stall_i.value = 0 if turn % 2 else 200
            self.held = bool(turn % 4 == 1)  # then the good beats wait in the buffer when the error comes
            descs += [victim, *self.descriptors(4)]
            await self.run_failing(descs, {addr: cause})
            coverage.hit("failing beat", where)
            self.fault(0)
            await self.run_clean(self.descriptors(3))


@pyuvm.test(skip=not BENCH, timeout_time=5, timeout_unit="ms")
class OddAnswers(StreamerTest):
    """A foreign RID; a beat that nobody asked for."""

    async def stimulus(self):
        dut = self.dut
        self.dut.foreign_i.value = 1
        desc = self.descriptor("one beat")
        await self.run_failing([desc, *self.descriptors(3)], {desc.addr: Cause.PROTOCOL})
        coverage.hit("protocol", "RID")
        dut.foreign_i.value = 0
        await self.run_clean(self.descriptors(3))
        dut.spurious_i.value = 1
        await self.cycles(1)
        dut.spurious_i.value = 0
        await self.until(dut.error_o)
        assert dut.error_cause_o.value == Cause.PROTOCOL and dut.error_addr_o.value == 0 and dut.error_tag_o.value == 0
        coverage.hit("protocol", "not asked for")
        await self.clear()
        await self.run_clean(self.descriptors(3))


@pyuvm.test(skip=not BENCH, timeout_time=5, timeout_unit="ms")
class IllegalDescriptors(StreamerTest):
    """Each rule broken, alone and behind legal descriptors; an error of the memory before it goes first."""

    async def stimulus(self):
        beat, top = self.beat, 1 << self.addr_w
        low = BASE if not self.hashed else 0
        longest = (1 << self.param("BytesW")) - beat
        bad = [
            Descriptor(low + 1, beat, 1),
            Descriptor(low + beat // 2, 5 * beat, 2),
            Descriptor(low, beat + 1, 3),
            Descriptor(low + beat, 1, 4),
            Descriptor(low + beat, 0, 5),
            Descriptor(top - beat, 2 * beat, 6),
            Descriptor(top - beat, longest, 7),
            Descriptor(top - 4 * beat, 5 * beat, 8),
            Descriptor(top - 1, 0, 9),
        ]
        for desc in bad:
            desc = desc._replace(tag=desc.tag % (1 << self.tag_w))
            for before in (0, 3):
                await self.run_failing([*self.descriptors(before), desc, *self.descriptors(2)])
            await self.run_clean(self.descriptors(2))
        victim = self.descriptor("one beat")
        self.fault(victim.addr, 2)
        await self.run_failing([victim, bad[0]._replace(tag=0)], {victim.addr: Cause.SLVERR})
        self.fault(0)
        await self.run_clean(self.descriptors(3))


@pyuvm.test(skip=not BENCH, timeout_time=5, timeout_unit="ms")
class ClearAnywhere(StreamerTest):
    """clear_i at any moment drops everything and the core works afterwards."""

    async def stimulus(self):
        dut, rng = self.dut, self.rng
        await self.clear()
        coverage.hit("clear", "idle")
        await self.run_clean(self.descriptors(2))
        for turn in range(12):
            self.held = turn % 3 == 0
            dut.ar_stall_i.value = 250 if turn % 3 == 1 else 0
            descs = self.descriptors(20)
            self.expect(descs)
            sender = cocotb.start_soon(self.env.desc.send(descs))
            await self.cycles(rng.randint(1, 120))
            if turn % 3 == 1:
                await self.until(dut.m_axi_arvalid)
            in_flight = len(self.env.ar.cycles) > 0 and dut.busy_o.value == 1 and dut.m_axi_rvalid.value == 1
            for hit, state in (
                (in_flight, "reads in flight"),
                (self.held and dut.m_axis_tvalid.value == 1, "beats in the buffer"),
                (dut.m_axi_arvalid.value == 1 and dut.m_axi_arready.value == 0, "an address waiting"),
                (turn % 4 == 3, "held"),
            ):
                if hit:
                    coverage.hit("clear", state)
            await self.clear(cycles=300 if turn % 4 == 3 else 1)
            await sender
            self.held = False
            dut.ar_stall_i.value = 0
            await self.run_clean(self.descriptors(3))


@pyuvm.test(skip=not BENCH, timeout_time=5, timeout_unit="ms")
class ResetAnywhere(StreamerTest):
    """Reset (of core and memory together) in mid-flight."""

    async def stimulus(self):
        for _ in range(6):
            descs = self.descriptors(20)
            self.expect(descs)
            sender = cocotb.start_soon(self.env.desc.send(descs))
            await self.cycles(self.rng.randint(20, 120))
            if self.dut.m_axi_rvalid.value == 1:
                coverage.hit("reset", "reads in flight")
            await self.reset()
            await sender
            self.env.beats.flush()
            self.env.bursts.flush()
            assert self.dut.idle_o.value == 1 and self.dut.m_axis_tvalid.value == 0
            await self.run_clean(self.descriptors(3))


@pyuvm.test(skip=not BENCH or "IMAGE" not in os.environ, timeout_time=2, timeout_unit="ms")
class ImageMemory(StreamerTest):
    """Contents from a file, read anew on load_i; reads past its end answer DECERR."""

    async def stimulus(self):
        image = np.fromfile(os.environ["IMAGE"], np.uint8)
        end = BASE + image.size
        await self.run_clean([Descriptor(BASE, 3000 // self.beat * self.beat, 1)])
        image[:] = np.random.default_rng(self.seed).integers(0, 256, image.size)
        image.tofile(os.environ["IMAGE"])
        self.dut.load_i.value = 1
        await self.cycles(1)
        self.dut.load_i.value = 0
        await self.cycles(1)
        await self.run_clean([Descriptor(BASE, 3000 // self.beat * self.beat, 1), *self.descriptors(10)])
        coverage.hit("memory", "image reloaded")
        await self.run_failing([Descriptor(end - 4 * self.beat, 6 * self.beat, 1)])


@pyuvm.test(skip=BENCH, timeout_time=5, timeout_unit="ms")
class BareCore(StreamerTest):
    """The core by itself with the memory in Python, for any parameters: data, latencies, one error of each side."""

    async def serve(self) -> None:
        """AXI memory: LATENCY cycles, one beat a cycle; `self.failing` is the address that answers SLVERR."""
        dut, waiting, now = self.dut, deque(), 0
        while True:
            await self.cycles(1)
            now += 1
            if dut.m_axi_arvalid.value == 1 and dut.m_axi_arready.value == 1:
                addr, beats = dut.m_axi_araddr.value.to_unsigned(), dut.m_axi_arlen.value.to_unsigned() + 1
                waiting += [(now + LATENCY, addr + i * self.beat, i == beats - 1) for i in range(beats)]
            valid = bool(waiting) and waiting[0][0] <= now + 1
            dut.m_axi_rvalid.value = int(valid)
            if valid:
                _, addr, last = waiting.popleft()
                dut.m_axi_rdata.value = int.from_bytes(hash_bytes(addr, self.beat).tobytes(), "little")
                dut.m_axi_rresp.value = 2 if addr == self.failing else 0
                dut.m_axi_rlast.value = int(last)

    async def stimulus(self):
        dut, env = self.dut, self.env
        self.failing = None
        dut.m_axi_arready.value = 1
        cocotb.start_soon(self.serve())
        await self.run_clean([self.descriptor("one beat")])
        desc, ar, out = (m.cycles[0] for m in (env.desc.monitor, env.ar, env.out.monitor))
        measure("latency descriptor to address", ar - desc, 4)
        measure("latency address to beat less the memory's", out - ar - LATENCY, 4)
        await self.run_clean(self.descriptors(30))
        for descs in (self.descriptors(4), [*self.descriptors(3), Descriptor(0, 0, 1)]):
            self.failing = descs[2].addr if descs[-1].nbytes else None
            await self.run_failing(descs, {self.failing: Cause.SLVERR} if self.failing is not None else None)
            self.failing = None
            await self.run_clean(self.descriptors(3))
