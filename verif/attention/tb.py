"""Testbench of attention: tokens over caches in simulated memories, one a port, compared with golden/attention.py.

What the core appends is checked by what later tokens get: they read it from the memory, where it appears only when the
write is answered.
"""

import pyuvm

from lutloom.attention import kv_bytes, kv_head_bytes
from lutloom.hbm_streamer import Cause
from verif.attention import env as attention_env
from verif.attention.env import BASE_K, BASE_V, CONTEXTS, FAULTS, MS, ORDER, PORT_BYTES, STALLS, WRITES
from verif.attention.shapes import Shape
from verif.fp32.stimuli import LATENCY
from verif.lib.tb import Coverage, measure

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
            *("alignment", "base", "position", "max_context", "head_dim", "kv_heads", "group too large", "no multiple"),
        ],
        "clear": ["idle", "in flight", "after an error", "stopped"],
        "reset": ["in flight"],
    },
)


class AttentionTest(attention_env.AttentionTest):
    coverage = coverage
    knobs = "skew_i stop_i"


@pyuvm.test(**MS)
class Contexts(AttentionTest):
    """Every length of the context in one run; how busy the ports are at the longest."""

    def promised(self, count: int, dim: int) -> int:
        """Cycles of a token of `count` positions whose ports and results are not the limit."""
        blocks = [16] * (count // 16) + [count % 16] * bool(count % 16)
        late = dim == 16 * self.ways and 8 <= blocks[-1] < 12  # a cycle a token, see the header
        return self.shape.kv_heads * sum(max(dim // self.ways, n + 4) for n in blocks) + late

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
        measure("throughput, a token of two kv heads", ends[0] - ends[1], self.promised(1000, dim), "cycles/token")
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
            latency = 33 + 3 * LATENCY["Mul"] + (9 + levels) * LATENCY["Add"] + LATENCY["Exp"] + LATENCY["Reciprocal"]
            latency -= 2 * (self.param("KvBeats") <= 32)
            ahead = LATENCY["Reciprocal"] - 2 * LATENCY["Mul"] - LATENCY["Add"] - 3
            latency += max(0, 12 * (dim // 16 // self.ways) - ahead)
            if self.kv_bits == 8:
                latency += 17 + 3 * LATENCY["Mul"] + LATENCY["Reciprocal"] + dim // 16
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
    """Two commands and no q, k, v: the reads of both if the second's layer is behind the first's, else the first's."""

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
    """stop_i: nothing is taken, and after a clear all is well."""

    async def stimulus(self):
        dut = self.dut
        self.start_layer(self.random_shape(40))
        await self.load()
        tasks = self.send([self.token(30)])
        self.env.scoreboard.muted = True
        await self.cycles(60)
        dut.stop_i.value = 1
        await self.cycles(200)
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
            addr = (BASE_K, BASE_V)[side] + way * PORT_BYTES + self.offsets[side]
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
