"""Testbench of attention_array: tokens over caches that are dealt out to a memory behind each port, compared with
golden/attention_array.py.
"""

import cocotb
import pyuvm

from lutloom.attention import kv_bytes
from lutloom.hbm_streamer import Cause
from verif.attention import env as attention_env
from verif.attention.env import BASE_K, BASE_V, FAULTS, MS, ORDER, PORT_BYTES, STALLS, WRITES
from verif.attention.shapes import Shape
from verif.fp32.stimuli import LATENCY
from verif.lib.tb import Coverage, measure

CONTEXTS = [1, 15, 16, 17, 255, 256, 257, 1000]

coverage = Coverage(
    "attention_array",
    {
        "context": [*CONTEXTS, "other"],
        "last block": ["one position", "partial", "full"],
        "group": ["one head", "some heads", "all lanes"],
        "kv heads": ["one", "two", "more"],
        "kv heads for engines": ["fewer", "as many", "more", "a multiple"],
        "head_dim": ["one beat", "power of two", "odd beats", "longest"],
        "values": ["normal", "huge v", "subnormal v", "any bits"],
        "result": ["number", "zero", "infinite", "NaN"],
        "stall": STALLS,
        "cache": ["bf16", "int8"],
        "place of the scale": ["first", "between", "last"],  # int8: in its beat
        "ways": [1, 4],
        "engines": [2, 4],
        "fault": list(FAULTS),
        "failing engine": ["first", "last", "another"],
        "refused": ["by an engine", "kv_heads", "group too large", "no multiple"],
        "clear": ["idle", "in flight", "after an error"],
        "reset": ["in flight"],
    },
)


class ArrayTest(attention_env.AttentionTest):
    coverage = coverage
    knobs = "look_i"

    def build_phase(self):
        super().build_phase()
        coverage.hit("engines", self.engines)

    def note(self, position, y):
        super().note(position, y)
        heads = self.shape.kv_heads
        relation = "fewer" if heads < self.engines else "as many" if heads == self.engines else "more"
        multiple = relation == "more" and heads % self.engines == 0
        coverage.hit("kv heads for engines", "a multiple" if multiple else relation)

    def random_shape(self, room):
        shape = super().random_shape(room)
        return Shape(self.rng.randint(1, 2 * self.engines + 1), shape.group, shape.dim, room)

    @property
    def dim(self) -> int:
        """Two beats of each port, if that is allowed."""
        return min(32 * self.ways, self.max_dim)


@pyuvm.test(**MS)
class Contexts(ArrayTest):
    """Every length of the context in one run, a kv head an engine; then how busy a port is, and cycles a token."""

    async def stimulus(self):
        dut = self.dut
        self.start_layer(Shape(self.engines, self.lanes, self.dim, 1024))
        await self.load()
        await self.play([self.token(n - 1) for n in CONTEXTS[:-1]])
        dut.look_i.value = self.engines * self.ways - 1
        dut.mark_i.value = 1
        await self.cycles(1)
        dut.mark_i.value = 0
        await self.play([self.token(n) for n in (997, 998, 999)])
        beats_of = self.dim // 16 // self.ways
        want = 0.95 if beats_of > 1 and self.kv_bits == 16 else 0.5 if self.kv_bits == 8 else 0.75
        for side in "kv":
            beats, span = (int(getattr(dut, f"{side}_{what}_o").value) for what in ("beats", "span"))
            assert beats == sum(kv_bytes(n, self.dim, self.kv_bits) // 32 // self.ways for n in (997, 998, 999))
            use = round(beats / span, 4)
            measure(f"throughput, use of the last port {side}, context 1000", use, want, "beats/cycle", True)
        ends = self.env.y.monitor.cycles[:: -self.shape.heads * beats_of]  # of tokens, the last one first
        promised = sum(max(16 * beats_of, n + 4) for n in [16] * 62 + [8])
        measure("throughput, cycles of a token, context 1000", ends[0] - ends[1], promised)
        coverage.hit("stall", "none")


@pyuvm.test(**MS)
class Latency(ArrayTest):
    """All that lies before the position is read, then q, k and v come without a pause: from the last line in to y."""

    def promised(self, count: int) -> int:
        """Cycles from the last line of q to the first of y, with one kv head."""
        beats_of, top = self.dim // 16 // self.ways, (count - 1) % 16
        own = 3 if self.param("KvBeats") <= 32 else 5  # from the last line of k to its last beat among the keys
        if self.kv_bits == 8:
            own += 17 + 3 * LATENCY["Mul"] + LATENCY["Reciprocal"] + beats_of
        own -= (self.lanes - 1) * beats_of  # the last line of q comes so much later
        add, mul, exp, reciprocal = (LATENCY[unit] for unit in ("Add", "Mul", "Exp", "Reciprocal"))
        columns = 12 * beats_of + 3 + 2 * mul + add - reciprocal
        if count > 16:  # the block before takes its time, unless the last key comes late anyway
            columns += max(0, (15 - top) * (beats_of + 1) - max(0, own - count * beats_of)) - add
        levels = (self.max_dim // 16).bit_length() - 1
        fixed = 29 + 3 * mul + (9 + levels) * add + exp + reciprocal
        return fixed + max(count * beats_of, own) + top + add * (count > 16) + max(0, columns)

    async def stimulus(self):
        env, group_lines = self.env, self.lanes * self.dim // 16 // self.ways
        for kv_heads, count in [(1, n) for n in (1, 16, 17, 200, 256)] + [(self.engines, n) for n in (1, 200, 256)]:
            self.start_layer(Shape(kv_heads, self.lanes, self.dim, 256))
            await self.load()
            command, q, k, v, out = self.token(count - 1)
            env.scoreboard.expect(out)
            first = len(env.y.monitor.cycles)
            await env.cmd.send([command])
            await self.cycles(800)
            tasks = [cocotb.start_soon(a.send(w)) for a, w in ((env.q, q), (env.k, k), (env.v, v))]
            for task in tasks:
                await task
            await env.scoreboard.drain(self.dut.clk_i, 5000)
            start = max(agent.monitor.cycles[-1] for agent in (env.q, env.k, env.v))
            ends = env.y.monitor.cycles
            name = f"latency, context {count}, {kv_heads} kv heads" if kv_heads > 1 else f"latency, context {count}"
            measure(f"{name}, last line", ends[-1] - start, self.promised(count) + 4 * (group_lines - 1))
            if kv_heads == 1:
                measure(f"{name}, first line", ends[first] - start, self.promised(count))
            await self.until(self.dut.idle_o, 1, 2000)


@pyuvm.test(**MS)
class Heads(ArrayTest):
    """From one kv head to more than two for each engine; tokens read what those before them wrote."""

    async def stimulus(self):
        self.dut.write_latency_i.value = 100
        for kv_heads in range(1, 2 * self.engines + 2):
            group = self.rng.randint(1, self.lanes)
            self.start_layer(Shape(kv_heads, group, self.rng.choice([self.least_dim, self.dim]), 40))
            await self.load()
            self.k[:], self.v[:] = 0, 0  # nothing of the loaded contents may be seen
            await self.play([self.token(p) for p in range(3)])
            self.start_layer(self.shape, ("any bits", "huge v", "subnormal v")[kv_heads % 3])
            await self.load()
            await self.play([self.token(p) for p in (15, 16, 33)])


class RandomTest(ArrayTest):
    async def stimulus(self):
        for _ in range(2):
            self.start_layer(self.random_shape(80))
            await self.load()
            await self.play([self.token(p) for p in (*range(2), 31, 32, 64, 65)])
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
class MemoryErrors(ArrayTest):
    """An error of each side's reads and writes in some engine: stop, cause, address, number; then a clear."""

    async def stimulus(self):
        dut, env = self.dut, self.env
        for turn, engine in [(t, self.rng.randrange(self.engines)) for t in range(4)] + [(0, 0), (3, self.engines - 1)]:
            what, side = ORDER[turn], turn % 2
            self.start_layer(Shape(self.engines, self.lanes, self.least_dim, 64))
            await self.load()
            position = 50
            at = position if what in WRITES else 20
            way = self.rng.randrange(self.ways)
            port = engine * self.ways + way
            row = kv_bytes(at + 1, self.shape.dim, self.kv_bits) - self.shape.dim * self.kv_bits // 8
            addr = (BASE_K, BASE_V)[side] + port * PORT_BYTES + self.offsets[side] + row // self.ways
            dut.err_side_i.value, dut.err_addr_i.value, dut.err_resp_i.value = 1 << turn, addr, 2 + side
            env.scoreboard.expect(w for t in [self.token(position)] for w in t[4])
            tasks = self.send([self.token(position), self.token(position + 1)])
            env.scoreboard.muted = True  # results may still come, the last token's need not
            await self.until(dut.error_o)
            await self.cycles(1000)
            assert dut.s_cmd_tready.value == 0 and dut.s_axis_q_tready.value == 0
            read = (dut.error_fault_o, dut.error_cause_o, dut.error_addr_o, dut.error_engine_o)
            got = [int(s.value.to_unsigned()) for s in read]
            want = [FAULTS[what], int(Cause.DECERR if side else Cause.SLVERR), engine]
            assert [*got[:2], got[3]] == want, f"Mismatch: fault, cause, engine {got}, expected {want}"
            assert got[2] <= addr < got[2] + 512, f"Mismatch: address {got[2]:x}, expected {addr:x}"
            dut.err_side_i.value = 0
            await self.clear()
            for task in tasks:
                await task
            env.scoreboard.muted, env.scoreboard.heard = False, []
            coverage.hit("fault", what)
            coverage.hit("failing engine", {0: "first", self.engines - 1: "last"}.get(engine, "another"))
            coverage.hit("clear", "after an error")
            await self.small()


@pyuvm.test(**MS)
class Refused(ArrayTest):
    """Commands that break a rule."""

    async def stimulus(self):
        dut = self.dut
        self.start_layer(Shape(2, 1, self.least_dim, 64))
        good = self.token(3)[0]
        names = ["position", "max_context", "cache_k", "cache_v", "heads", "kv_heads", "head_dim", "scale"]
        for reason, change in (
            ("by an engine", {"cache_k": 16}),
            ("by an engine", {"position": 64}),
            ("by an engine", {"head_dim": self.max_dim + self.least_dim}),
            ("kv_heads", {"kv_heads": 0}),
            ("group too large", {"heads": 2 * (self.lanes + 1)}),
            ("no multiple", {"heads": 3}),
        ):
            words = tuple({**dict(zip(names, good, strict=True)), **change}.values())
            await self.env.cmd.send([words])
            await self.until(dut.error_o, 1, 100)
            await self.cycles(2)
            assert dut.error_fault_o.value == FAULTS["command"] and dut.s_cmd_tready.value == 0
            assert dut.error_engine_o.value == 0
            coverage.hit("refused", reason)
            await self.clear()
        coverage.hit("fault", "command")
        await self.small()


@pyuvm.test(**MS)
class ClearAndReset(ArrayTest):
    """Clear and reset at any moment; the core works afterwards."""

    async def stimulus(self):
        await self.clear()
        coverage.hit("clear", "idle")
        for turn in range(6):
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
