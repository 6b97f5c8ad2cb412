"""Testbench of attention: tokens over caches in simulated memories, one a port, compared with golden/attention.py.

What the core appends is checked by what later tokens get: they read it from the memory, where it appears only when the
write is answered.
"""

from dataclasses import dataclass
from pathlib import Path

import cocotb
import numpy as np
import pyuvm
from cocotb.handle import Immediate
from pyuvm import uvm_env

from lutloom.attention import attention, kv_bytes, kv_head_bytes, kv_image, kv_quantize, kv_stored
from lutloom.hbm_streamer import Cause
from verif.fp32.stimuli import LATENCY
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent, measure

BASE_K, BASE_V, WAY_BYTES = 0x4000_0000, 0x9000_0000, 0x100_0000  # of attention_bench
KNOBS = (
    "latency_i write_latency_i ar_stall_i r_gap_i err_side_i err_addr_i err_resp_i dead_i skew_i stop_i load_i mark_i"
)
CONTEXTS = [1, 7, 8, 9, 15, 16, 17, 255, 256, 257, 1000]
FAULTS = {"command": 1, "read k": 2, "read v": 3, "write k": 4, "write v": 5}
ORDER = ["read k", "read v", "write k", "write v"]  # bits of err_side_i
WRITES = ORDER[2:]
STALLS = ["none", "inputs", "outputs", "memory", "all"]

coverage = Coverage(
    "attention",
    {
        "context": [*CONTEXTS, "other"],
        "last block": ["one position", "partial", "full"],
        "group": ["one head", "some heads", "all lanes"],
        "kv heads": ["one", "two", "more"],
        "head_dim": ["one beat", "power of two", "odd beats", "longest"],
        "values": ["normal", "large", "tiny", "huge v", "subnormal v", "any bits"],
        "result": ["number", "zero", "infinite", "NaN"],
        "tokens": ["decode", "prefill", "another shape behind"],
        "stall": STALLS,
        "cache": ["bf16", "int8"],
        "ways": [1, 2, 4],
        "reads ahead": ["another layer", "not of the same", "not of a lower address"],
        "place of the scale": ["first", "between", "last"],  # int8: in its beat
        "fault": list(FAULTS),
        "failing write": ["numbers", "codes", "scale"],
        "refused": [
            "alignment",
            "base",
            "position",
            "max_context",
            "head_dim",
            "kv_heads",
            "group too large",
            "no multiple",
        ],
        "clear": ["idle", "in flight", "after an error", "stopped"],
        "reset": ["in flight"],
    },
)


@dataclass
class Shape:
    """Of a layer: its cache has [kv_heads, room, dim] numbers per side."""

    kv_heads: int
    group: int
    dim: int
    room: int

    @property
    def heads(self) -> int:
        return self.kv_heads * self.group


class AttentionEnv(uvm_env):
    stalls = (Stall.none(),) * 5  # commands, q, k, v, results

    def build_phase(self):
        dut = cocotb.top
        fields = "position max_context cache_k cache_v heads kv_heads head_dim scale"
        cmd = StreamBus(dut, "cmd", "s_cmd_tvalid", "s_cmd_tready", {f: f"s_cmd_{f}" for f in fields.split()})
        self.cmd = make_agent(self, "cmd", cmd, "source", self.stalls[0])
        self.q, self.k, self.v = (
            make_agent(self, side, StreamBus.axis(dut, f"s_axis_{side}"), "source", self.stalls[1 + i])
            for i, side in enumerate("qkv")
        )
        out = StreamBus.axis(dut, "m_axis", "data last")
        out.rst_n = dut.out_live_o
        self.y = make_agent(self, "y", out, "sink", self.stalls[4])
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.y.ap.connect(self.scoreboard.analysis_export)


def pack(x: np.ndarray, ways: int) -> list[int]:
    """float32 [..., n * 16 * ways] -> lines of 16 * ways values."""
    return [int.from_bytes(row.tobytes(), "little") for row in np.ascontiguousarray(x, "<f4").reshape(-1, 16 * ways)]


def way_of(cache: np.ndarray, way: int, ways: int) -> np.ndarray:
    """What a port has of [KV, room, D]: dimensions d with (d / 16) % ways == way."""
    return np.ascontiguousarray(cache.reshape(*cache.shape[:2], -1, ways, 16)[:, :, :, way])


class AttentionTest(CoreTest):
    stalls = ()

    def build_phase(self):
        super().build_phase()
        dut = self.dut
        for knob in KNOBS.split():
            getattr(dut, knob).set(Immediate(0))
        dut.seed_i.value = self.seed & 0xFFFF
        self.lanes, self.max_dim = self.param("QHeads"), self.param("MaxHeadDim")
        self.mem_bytes = self.param("MemBytes")
        self.kv_bits = self.param("KvBits")
        self.ways = self.param("Ways")
        self.least_dim = 32 if self.kv_bits == 8 else 16 * self.ways
        coverage.hit("ways", self.ways)
        coverage.hit("cache", "int8" if self.kv_bits == 8 else "bf16")
        self.np_rng = np.random.default_rng(self.rng.getrandbits(32))
        into, out = ("inputs" in self.stalls, "outputs" in self.stalls)
        AttentionEnv.stalls = (
            *(Stall.pick(into, self.seed + i) for i in range(4)),
            Stall.pick(out, self.seed),
        )
        if "memory" in self.stalls:
            dut.ar_stall_i.value, dut.r_gap_i.value = 128, 100
        self.env = AttentionEnv("env", self)

    # ---- caches ----

    def values(self, shape, kind, side) -> np.ndarray:
        """Random float32 for q, k or v."""
        coverage.hit("values", kind)
        rng = self.np_rng
        if kind == "any bits":
            x = rng.standard_normal(shape).astype(np.float32)
            odd = rng.random(shape) < 0.02
            x[odd] = rng.integers(0, 1 << 32, shape, np.uint32).view(np.float32)[odd]
            return x
        factor = {"large": 1e17, "tiny": 1e-20}.get(kind, 1)
        if side == "v":
            factor = {"huge v": 2e38, "subnormal v": 1e-39}.get(kind, factor)
        return (rng.standard_normal(shape) * factor).astype(np.float32)

    def start_layer(self, shape: Shape, kind="normal") -> None:
        """A new cache with random contents at a random address, in the memories too."""
        self.shape, self.kind = shape, kind
        cache = (shape.kv_heads, shape.room, shape.dim)
        values = [self.values(cache, kind, side) for side in "kv"]
        self.k, self.v = (kv_stored(x, self.kv_bits) for x in values)  # as attention sees them
        if self.kv_bits == 8:
            self.images = [[kv_image(*kv_quantize(x))] for x in values]
        else:
            self.images = [[way_of(x, way, self.ways) for way in range(self.ways)] for x in (self.k, self.v)]
        room = self.mem_bytes - self.images[0][0].nbytes
        assert room >= 0, "MemBytes is too small"
        self.offsets = [self.rng.randrange(room // 32 + 1) * 32 for _ in range(2)]

    def layer(self) -> dict:
        """All of the layer, to come back to it with `vars(self).update`."""
        return {name: getattr(self, name) for name in ("shape", "kind", "k", "v", "images", "offsets")}

    async def load(self, *more: dict) -> None:
        """The caches into the memories, and those of other layers."""
        for side, name in enumerate("kv"):
            for way in range(self.ways):
                memory = np.zeros(self.mem_bytes, np.uint8)
                for layer in (self.layer(), *more):
                    image, offset = layer["images"][side][way], layer["offsets"][side]
                    memory[offset : offset + image.nbytes] = image.reshape(-1).view(np.uint8)
                memory.tofile(Path(f"{name}{way}.bin"))
        self.dut.load_i.value = 1
        await self.cycles(1)
        self.dut.load_i.value = 0
        await self.cycles(1)

    def random_shape(self, room: int) -> Shape:
        rng = self.rng
        dims = [d for d in (16, 32, 48, 64, 80, 96, 128, 192) if d <= self.max_dim and d % self.least_dim == 0]
        return Shape(rng.randint(1, 3), rng.randint(1, self.lanes), rng.choice(dims), room)

    # ---- tokens ----

    def token(self, position: int, late=False):
        """Command, q, k, v words and expected words of a token at `position`; the golden cache grows by it."""
        s = self.shape
        q = self.values((s.heads, 1, s.dim), self.kind, "q") * np.float32(1 if self.kind == "any bits" else 2)
        k, v = (self.values((s.kv_heads, s.dim), self.kind, side) for side in "kv")
        self.k[:, position], self.v[:, position] = (kv_stored(x, self.kv_bits) for x in (k, v))
        scale = np.float32(s.dim**-0.5)
        y = attention(q, self.k[:, : position + 1], self.v[:, : position + 1], position, scale)
        command = (
            position, s.room, *self.offsets, s.heads, s.kv_heads, s.dim,
            int(scale.view(np.uint32)),
        )  # fmt: skip
        q, k, v, out = (pack(x, self.ways) for x in (q, k, v, y))
        self.note(position, y)
        return command, q, k, v, [(w, int(i == len(out) - 1)) for i, w in enumerate(out)]

    def note(self, position: int, y: np.ndarray) -> None:
        s, count = self.shape, position + 1
        if self.kv_bits == 8:
            coverage.hit("place of the scale", {0: "first", 7: "last"}.get(position % 8, "between"))
        coverage.hit("context", count if count in CONTEXTS else "other")
        coverage.hit("last block", {1: "one position", 0: "full"}.get(count % 16, "partial"))
        coverage.hit("group", "all lanes" if s.group == self.lanes else "one head" if s.group == 1 else "some heads")
        coverage.hit("kv heads", {1: "one", 2: "two"}.get(s.kv_heads, "more"))
        beats = s.dim // 16 // self.ways
        coverage.hit("head_dim", "one beat" if beats == 1 else "odd beats" if beats & (beats - 1) else "power of two")
        if s.dim == self.max_dim:
            coverage.hit("head_dim", "longest")
        for kind, hit in (
            ("NaN", np.isnan(y).any()), ("infinite", np.isinf(y).any()), ("zero", (y == 0).any()),
            ("number", (np.isfinite(y) & (y != 0)).any()),
        ):  # fmt: skip
            if hit:
                coverage.hit("result", kind)

    def send(self, tokens) -> list:
        env = self.env
        parts = [[t[0] for t in tokens], *([w for t in tokens for w in t[i]] for i in (1, 2, 3))]
        agents = (env.cmd, env.q, env.k, env.v)
        return [cocotb.start_soon(agent.send(words)) for agent, words in zip(agents, parts, strict=True)]

    async def play(self, tokens) -> None:
        self.env.scoreboard.expect(w for t in tokens for w in t[4])
        for task in self.send(tokens):
            await task
        await self.env.scoreboard.drain(self.dut.clk_i, 100_000)
        await self.until(self.dut.idle_o, 1, 2000)
        assert self.dut.error_o.value == 0

    async def until(self, signal, value: int = 1, cycles: int = 20_000) -> None:
        for _ in range(cycles):
            if signal.value == value:
                return
            await self.cycles(1)
        raise AssertionError(f"{signal._name} is not {value} after {cycles} cycles: a hang")

    def abort(self) -> None:
        for agent in (self.env.cmd, self.env.q, self.env.k, self.env.v):
            agent.abort()

    async def clear(self) -> None:
        dut = self.dut
        dut.clear_i.value = 1
        self.abort()
        await self.cycles(1)
        dut.clear_i.value = 0
        await self.cycles(1)
        await self.until(dut.idle_o)
        await self.cycles(1)
        assert dut.error_o.value == 0 and dut.m_axis_tvalid.value == 0
        self.env.scoreboard.flush()

    async def small(self) -> None:
        """A layer of its own shape and a few tokens: the core works."""
        self.start_layer(self.random_shape(24))
        await self.load()
        await self.play([self.token(p) for p in range(17, 20)])


MS = dict(timeout_time=4, timeout_unit="ms")


@pyuvm.test(**MS)
class Contexts(AttentionTest):
    """Every length of the context in one run; how busy the ports are at the longest."""

    def promised(self, count: int, dim: int) -> int:
        """Cycles of a token of `count` positions whose ports and results are not the limit."""
        blocks = [16] * (count // 16) + [count % 16] * bool(count % 16)
        return self.shape.kv_heads * sum(max(dim // self.ways, n + 4) for n in blocks)

    async def stimulus(self):
        dut = self.dut
        dim = min(max(64, 32 * self.ways), self.max_dim)
        self.start_layer(Shape(2, self.lanes, dim, 1024))
        await self.load()
        await self.play([self.token(n - 1) for n in CONTEXTS[:-1]])
        dut.mark_i.value = 1
        await self.cycles(1)
        dut.mark_i.value = 0
        await self.play([self.token(n) for n in (997, 998, 999)])
        use = 0.95 if dim > 16 * self.ways else 0.75  # one-beat heads are bound by 20 cycles a block of 16 beats
        use = 0.5 if self.kv_bits == 8 else use  # a beat has 32 codes
        for side in "kv":
            beats, span = (int(getattr(dut, f"{side}_{what}_o").value) for what in ("beats", "span"))
            assert beats == sum(2 * kv_bytes(n, dim, self.kv_bits) // 32 // self.ways for n in (997, 998, 999)), (
                f"{beats} beats read"
            )
            measure(f"throughput, use of port {side}, context 1000", round(beats / span, 4), use, "beats/cycle", True)
        ends = self.env.y.monitor.cycles[:: -self.shape.heads * dim // 16 // self.ways]  # of tokens, the last one first
        measure("throughput, cycles of a token of two kv heads", ends[0] - ends[1], self.promised(1000, dim))
        coverage.hit("tokens", "decode")
        coverage.hit("stall", "none")


@pyuvm.test(**MS)
class Latency(AttentionTest):
    """Position 0, the first head's k last: the header's latency."""

    async def stimulus(self):
        env, dim = self.env, min(max(64, 16 * self.ways), self.max_dim)
        for group in {1, self.lanes}:
            self.start_layer(Shape(1, group, dim, 4))
            command, q, k, v, out = self.token(0)
            env.scoreboard.expect(out)
            first = len(env.y.monitor.cycles)
            for agent, words in ((env.cmd, [command]), (env.q, q), (env.v, v), (env.k, k)):
                await agent.send(words)
                await self.cycles(20)
            await env.scoreboard.drain(self.dut.clk_i, 2000)
            levels = (self.max_dim // 16).bit_length() - 1
            latency = 102 + LATENCY["Exp"] + LATENCY["Reciprocal"] + 6 * levels - 2 * (self.param("KvBeats") <= 32)
            latency += 78 + dim // 16 if self.kv_bits == 8 else 0
            measure(f"latency, group of {group}", env.y.monitor.cycles[first] - env.k.monitor.cycles[-1], latency)


@pyuvm.test(**MS)
class Prefill(AttentionTest):
    """Consecutive tokens, each of which reads what those before it wrote, with slow writes; then another shape."""

    async def stimulus(self):
        self.dut.write_latency_i.value = 150
        for turn in range(2):
            self.start_layer(self.random_shape(40))
            await self.load()
            self.k[:], self.v[:] = 0, 0  # nothing of the loaded contents may be seen
            await self.play([self.token(p) for p in range(20)])
            coverage.hit("tokens", "another shape behind" if turn else "prefill")
        self.dut.write_latency_i.value = 0


@pyuvm.test(**MS)
class ReadsAhead(AttentionTest):
    """With two commands and no q, k, v: the reads of both if the second is of a layer behind the first, else the first's."""

    async def stimulus(self):
        dut = self.dut
        shape = Shape(1, 1, self.least_dim, 32)
        for case, step in (("another layer", 1), ("not of the same", 0), ("not of a lower address", -1)):
            self.start_layer(shape)
            size = -(-self.images[0][0].nbytes // 32) * 32
            self.offsets = [self.mem_bytes // 2 // 32 * 32, self.mem_bytes // 4 // 32 * 32]
            first = self.layer()
            if step:
                self.start_layer(shape)
                self.offsets = [offset + step * size for offset in first["offsets"]]
                await self.load(first)
            else:
                await self.load()
            second = self.layer()
            dut.mark_i.value = 1
            await self.cycles(1)
            dut.mark_i.value = 0
            tokens = []
            for layer, position in ((first, 20), (second, 21)):
                vars(self).update(layer)
                tokens.append(self.token(position))
            await self.env.cmd.send([t[0] for t in tokens])
            await self.cycles(400)
            positions = (20, 21) if step > 0 else (20,)
            want = sum(kv_bytes(n, shape.dim, self.kv_bits) // 32 // self.ways for n in positions)
            for beats in (dut.k_beats_o, dut.v_beats_o):
                assert int(beats.value) == want, f"Mismatch: {int(beats.value)} beats read, expected {want}"
            self.env.scoreboard.expect(w for t in tokens for w in t[4])
            for agent, i in ((self.env.k, 2), (self.env.v, 3), (self.env.q, 1)):
                await agent.send([w for t in tokens for w in t[i]])
            await self.env.scoreboard.drain(dut.clk_i, 5000)
            await self.until(dut.idle_o, 1, 2000)
            coverage.hit("reads ahead", case)


@pyuvm.test(**MS)
class Stopped(AttentionTest):
    """stop_i: nothing is taken, nothing but the memory counts as busy; after a clear all is well."""

    async def stimulus(self):
        dut = self.dut
        self.start_layer(self.random_shape(40))
        await self.load()
        tasks = self.send([self.token(30)])
        self.env.scoreboard.muted = True
        await self.cycles(60)
        dut.stop_i.value = 1
        await self.until(dut.idle_o, 1, 2000)
        assert dut.error_o.value == 0 and dut.s_cmd_tready.value == 0 and dut.s_axis_q_tready.value == 0
        dut.stop_i.value = 0
        await self.clear()
        for task in tasks:
            await task
        self.env.scoreboard.muted, self.env.scoreboard.heard = False, []
        coverage.hit("clear", "stopped")
        await self.small()


@pyuvm.test(**MS)
class Corners(AttentionTest):
    """Large, tiny and arbitrary values; every head_dim."""

    async def stimulus(self):
        for kind in ("large", "tiny", "huge v", "subnormal v", "any bits"):
            self.start_layer(self.random_shape(40), kind)
            await self.load()
            await self.play([self.token(p) for p in (5, 17, 35)])
        for dim in range(self.least_dim, self.max_dim + 1, self.least_dim):
            self.start_layer(Shape(1, 1, dim, 40))
            await self.load()
            await self.play([self.token(p) for p in (0, 16, 33)])


class RandomTest(AttentionTest):
    async def stimulus(self):
        for _ in range(2):
            self.start_layer(self.random_shape(80))
            await self.load()
            await self.play([self.token(p) for p in (*range(3), 30, 31, 32, 64, 65)])
        coverage.hit("stall", "all" if len(self.stalls) > 1 else self.stalls[0])


@pyuvm.test(**MS)
class InputStalls(RandomTest):
    stalls = ("inputs",)


@pyuvm.test(**MS)
class OutputStalls(RandomTest):
    stalls = ("outputs",)


@pyuvm.test(**MS)
class MemoryStalls(RandomTest):
    stalls = ("memory",)


@pyuvm.test(**MS)
class AllStall(RandomTest):
    stalls = ("inputs", "outputs", "memory")


@pyuvm.test(**MS)
class MemoryErrors(AttentionTest):
    """An error of each side's reads and writes: stop, cause, address, no hang; after the clear all is well."""

    async def stimulus(self):
        dut, env, int8 = self.dut, self.env, self.kv_bits == 8
        for what, part in [(what, "codes" if int8 else "numbers") for what in ORDER] + [
            (w, "scale") for w in WRITES * int8
        ]:
            self.start_layer(Shape(2, self.lanes, min(max(32, self.least_dim), self.max_dim), 64))
            await self.load()
            turn, position, dim = ORDER.index(what), 50, self.shape.dim
            side = turn % 2
            at = position if what in WRITES else 20
            row = kv_bytes(at + 1, dim, self.kv_bits) - dim * self.kv_bits // 8
            place = kv_bytes(at // 8 * 8, dim, 8) if part == "scale" else row
            head = kv_head_bytes(self.shape.room, dim, self.kv_bits)
            way = self.rng.randrange(self.ways)
            addr = (BASE_K, BASE_V)[side] + way * WAY_BYTES + self.offsets[side]
            addr += (head + place) // self.ways  # of the second head
            dut.err_side_i.value, dut.err_addr_i.value, dut.err_resp_i.value = 1 << turn, addr, 2 + side
            env.scoreboard.expect(w for t in [self.token(position)] for w in t[4])
            tasks = self.send([self.token(position), self.token(position + 1)])
            env.scoreboard.muted = True  # results may still come, the last token's need not
            await self.until(dut.error_o)
            await self.cycles(1500)
            got = [int(s.value.to_unsigned()) for s in (dut.error_fault_o, dut.error_cause_o, dut.error_addr_o)]
            want = [FAULTS[what], int(Cause.DECERR if side else Cause.SLVERR)]
            assert got[:2] == want, f"Mismatch: fault and cause {got[:2]}, expected {want}"
            assert got[2] <= addr < got[2] + 512, f"Mismatch: address {got[2]:x}, expected {addr:x}"
            assert dut.s_cmd_tready.value == 0 and dut.s_axis_q_tready.value == 0
            dut.err_side_i.value = 0
            await self.clear()
            for task in tasks:
                await task
            env.scoreboard.muted, env.scoreboard.heard = False, []
            coverage.hit("fault", what)
            if what in WRITES:
                coverage.hit("failing write", part)
            coverage.hit("clear", "after an error")
            await self.small()


@pyuvm.test(**MS)
class Refused(AttentionTest):
    """Commands that break a rule."""

    async def stimulus(self):
        dut = self.dut
        self.start_layer(Shape(2, 1, self.least_dim, 64))
        good = self.token(3)[0]
        names = ["position", "max_context", "cache_k", "cache_v", "heads", "kv_heads", "head_dim", "scale"]
        for reason, change in (
            ("alignment", {"cache_k": 16}),
            ("alignment", {"cache_v": 1}),
            ("base", {}),
            ("position", {"position": 64}),
            ("max_context", {"max_context": (1 << 20) + 1}),
            ("head_dim", {"head_dim": 24}),
            ("head_dim", {"head_dim": self.least_dim * 3 // 2}),
            ("head_dim", {"head_dim": 0}),
            ("head_dim", {"head_dim": self.max_dim + self.least_dim}),
            ("kv_heads", {"kv_heads": 0}),
            ("group too large", {"heads": 2 * (self.lanes + 1)}),
            ("no multiple", {"heads": 3}),
        ):
            words = tuple({**dict(zip(names, good, strict=True)), **change}.values())
            dut.skew_i.value = 16 if reason == "base" else 0
            await self.env.cmd.send([words])
            await self.until(dut.error_o, 1, 100)
            await self.cycles(2)
            assert dut.error_fault_o.value == FAULTS["command"] and dut.s_cmd_tready.value == 0
            dut.skew_i.value = 0
            coverage.hit("refused", reason)
            await self.clear()
        coverage.hit("fault", "command")
        await self.small()


@pyuvm.test(**MS)
class ClearAndReset(AttentionTest):
    """Clear and reset at any moment; the core works afterwards."""

    async def stimulus(self):
        await self.clear()
        coverage.hit("clear", "idle")
        for turn in range(8):
            self.start_layer(self.random_shape(40))
            await self.load()
            tokens = [self.token(p) for p in (30, 31)]
            self.env.scoreboard.expect(w for t in tokens for w in t[4])
            tasks = self.send(tokens)
            await self.cycles(self.rng.randint(20, 500))
            if turn % 2:
                self.abort()
                await self.reset()
                self.env.scoreboard.flush()
                coverage.hit("reset", "in flight")
            else:
                await self.clear()
                coverage.hit("clear", "in flight")
            for task in tasks:
                await task
            await self.small()
