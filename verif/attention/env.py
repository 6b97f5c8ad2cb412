"""What the benches of attention and attention_array share: streams, caches in memories, tokens with their results."""

from pathlib import Path

import cocotb
import numpy as np
from cocotb.handle import Immediate
from pyuvm import uvm_env

from lutloom.attention import attention, kv_image, kv_quantize, kv_stored
from lutloom.attention_array import kv_layout
from verif.attention.shapes import Shape, pack
from verif.lib.tb import CoreTest, Coverage, Scoreboard, Stall, StreamBus, make_agent

BASE_K, BASE_V, PORT_BYTES = 0x4000_0000, 0x9000_0000, 0x100_0000  # of the benches
KNOBS = "latency_i write_latency_i ar_stall_i r_gap_i err_side_i err_addr_i err_resp_i dead_i load_i mark_i"
CONTEXTS = [1, 7, 8, 9, 15, 16, 17, 255, 256, 257, 1000]
FAULTS = {"command": 1, "read k": 2, "read v": 3, "write k": 4, "write v": 5}
ORDER = ["read k", "read v", "write k", "write v"]  # bits of err_side_i
WRITES = ORDER[2:]
STALLS = ["none", "inputs", "outputs", "memory", "all"]
MS = dict(timeout_time=4, timeout_unit="ms")


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


class AttentionTest(CoreTest):
    """A layer's cache in the memories behind the ports, and tokens over it. `coverage` is the core's own."""

    stalls = ()
    knobs = ""  # of this bench alone
    coverage: Coverage

    def build_phase(self):
        super().build_phase()
        dut = self.dut
        for knob in f"{KNOBS} {self.knobs}".split():
            getattr(dut, knob).set(Immediate(0))
        dut.seed_i.value = self.seed & 0xFFFF
        self.lanes, self.max_dim = self.param("QHeads"), self.param("MaxHeadDim")
        self.mem_bytes = self.param("MemBytes")
        self.kv_bits = self.param("KvBits")
        self.ways = self.param("Ways")
        self.engines = self.param("Engines") if hasattr(dut, "Engines") else 1
        self.least_dim = 32 if self.kv_bits == 8 else 16 * self.ways
        self.coverage.hit("ways", self.ways)
        self.coverage.hit("cache", "int8" if self.kv_bits == 8 else "bf16")
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
        self.coverage.hit("values", kind)
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
        caches = [kv_image(*kv_quantize(x)) for x in values] if self.kv_bits == 8 else [self.k, self.v]
        self.images = [kv_layout(cache, self.engines, self.ways) for cache in caches]  # uint8 [ports, bytes]
        room = self.mem_bytes - self.images[0][0].nbytes
        assert room >= 0, "MemBytes is too small"
        self.offsets = [self.rng.randrange(room // 32 + 1) * 32 for _ in range(2)]

    def layer(self) -> dict:
        """All of the layer, to come back to it with `vars(self).update`."""
        return {name: getattr(self, name) for name in ("shape", "kind", "k", "v", "images", "offsets")}

    async def load(self, *more: dict) -> None:
        """The caches into the memories, and those of other layers."""
        for side, name in enumerate("kv"):
            for port in range(self.engines * self.ways):
                memory = np.zeros(self.mem_bytes, np.uint8)
                for layer in (self.layer(), *more):
                    image, offset = layer["images"][side][port], layer["offsets"][side]
                    memory[offset : offset + image.size] = image
                memory.tofile(Path(f"{name}{port}.bin"))
        self.dut.load_i.value = 1
        await self.cycles(1)
        self.dut.load_i.value = 0
        await self.cycles(1)

    def random_shape(self, room: int) -> Shape:
        rng = self.rng
        dims = [d for d in (16, 32, 48, 64, 80, 96, 128, 192) if d <= self.max_dim and d % self.least_dim == 0]
        return Shape(rng.randint(1, 3), rng.randint(1, self.lanes), rng.choice(dims), room)

    # ---- tokens ----

    def token(self, position: int):
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
            self.coverage.hit("place of the scale", {0: "first", 7: "last"}.get(position % 8, "between"))
        self.coverage.hit("context", count if count in CONTEXTS else "other")
        self.coverage.hit("last block", {1: "one position", 0: "full"}.get(count % 16, "partial"))
        sizes = {1: "one head", self.lanes: "all lanes"}
        self.coverage.hit("group", sizes.get(s.group, "some heads"))
        self.coverage.hit("kv heads", {1: "one", 2: "two"}.get(s.kv_heads, "more"))
        beats = s.dim // 16 // self.ways
        kind = "odd beats" if beats & (beats - 1) else "power of two"
        self.coverage.hit("head_dim", "one beat" if beats == 1 else kind)
        if s.dim == self.max_dim:
            self.coverage.hit("head_dim", "longest")
        for kind, hit in (
            ("NaN", np.isnan(y).any()), ("infinite", np.isinf(y).any()), ("zero", (y == 0).any()),
            ("number", (np.isfinite(y) & (y != 0)).any()),
        ):  # fmt: skip
            if hit:
                self.coverage.hit("result", kind)

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
