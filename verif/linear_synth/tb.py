"""Testbench of linear_synth on random linears: packets, pairs, rounds, subsets, run-ahead, memory, errors."""

from dataclasses import astuple, replace
from pathlib import Path

import cocotb
import numpy as np
import pyuvm

from lutloom.hardware import Hardware
from lutloom.linear_synth import choose_subsets, linear_synth
from verif.lib.tb import Coverage, measure, parameters
from verif.linear_synth.env import LinearTest, Placed, pair_words, vector_words
from verif.linear_synth.linears import largest_linear, random_linear

NAMES = ("Slices", "Width", "Lanes", "Units", "Slots", "Centroids", "DrainW", "Tokens", "Gather")
PARAMETERS = dict(zip(NAMES, (2, 16, 2, 32, 32, 64, 2, 1, 0), strict=True)) | parameters()
SLICES, WIDTH, LANES, UNITS, SLOTS, CENTROIDS, DRAIN, TOKENS, GATHER = (int(PARAMETERS[name]) for name in NAMES)
HARDWARE = Hardware(slices=SLICES, lanes=LANES, units=UNITS, slots=SLOTS, centroids=CENTROIDS)
IMAGE = Path("image.bin")  # what +axi_read_mem of the sim target names
IMAGE.touch()  # the memories open it at time 0
COMMAND, VECTOR, PAIRS, PORT, PACKET = 1, 2, 3, 4, 5  # sources of an error
STEPS = UNITS // DRAIN
GRAIN = max(UNITS, WIDTH)  # a group is a multiple of it

coverage = Coverage(
    "linear_synth",
    {
        "slices": [1, 2, 4, 8],
        "width": [16, 32, 64],
        "lanes": [1, 2],
        "centroids": [16, 32, 64],
        "fewer centroids than the core has": ["yes"],
        "act bits": [8, 9, 10, 11, 12],
        "subsets": ["one", "some", "all"],
        "rounds": ["one", "more", "last one not full"],
        "slice without a job": ["in the last round", "in the whole command"],
        "last group": ["whole", "smaller", "no whole slots"],
        "group": ["one slot", "more slots", "all slots"],
        "positions": ["whole beats", "part of a beat", "residual"],
        "inputs": ["whole beats", "part of a beat"],
        "outputs": ["whole beats", "part of a beat"],
        "vector": ["zeros", "NaN", "infinity", "largest sums"],
        "tokens": ["one of one", "one of several", "some", "all"],
        "commands": ["ahead of their vectors", "each after the results of the one before"],
        "stall": ["none", "input", "output", "both", "memory"],
        "command refused": [
            "bits",
            "code",
            "inputs",
            "outputs",
            "positions",
            "group",
            "subsets",
            "beats",
            "tokens",
            "mode",
        ],
        "length": ["vector early", "vector late", "pairs early", "pairs late", "pairs range"],
        "port": ["answer", "address"],
        "packet": ["blocks", "slots", "code", "output", "run", "short", "missing", "more"],
        "reset": ["in mid command", "clear in mid command"],
    },
)


def cover(placed: Placed, tokens: int) -> None:
    some = "all" if tokens == TOKENS else "some"
    coverage.hit("tokens", some if tokens > 1 else "one of one" if TOKENS == 1 else "one of several")
    linear, subsets = placed.linear, placed.subsets
    outputs, group = linear.shape[0], linear.group
    jobs = -(-outputs // group) * subsets
    coverage.hit("slices", SLICES)
    coverage.hit("width", WIDTH)
    coverage.hit("lanes", LANES)
    coverage.hit("centroids", linear.centroids)
    if linear.centroids < CENTROIDS:
        coverage.hit("fewer centroids than the core has", "yes")
    coverage.hit("act bits", linear.act_bits)
    coverage.hit("subsets", "one" if subsets == 1 else "all" if subsets == SLICES else "some")
    coverage.hit("rounds", "one" if jobs <= SLICES else "more")
    if jobs % SLICES:
        coverage.hit("rounds", "last one not full")
        coverage.hit("slice without a job", "in the last round" if jobs > SLICES else "in the whole command")
    last = outputs % group
    coverage.hit("last group", "whole" if not last else "no whole slots" if last % UNITS else "smaller")
    slots = group // UNITS
    coverage.hit("group", "one slot" if slots == 1 else "all slots" if slots == SLOTS else "more slots")
    coverage.hit("positions", "part of a beat" if len(linear.pairs) % 8 else "whole beats")
    coverage.hit("inputs", "part of a beat" if linear.inputs % WIDTH else "whole beats")
    coverage.hit("outputs", "part of a beat" if outputs % WIDTH else "whole beats")


class RandomLinears(LinearTest):
    """Small linears of every kind; subclasses choose stalls and faults."""

    width = WIDTH

    def linears(self):
        rng, blocks = self.np_rng, dict(lanes=LANES)
        wide, some, few = min(CENTROIDS, 64), max(SLICES // 2, 1), min(SLICES, 4)
        yield (
            random_linear(rng, 6 * GRAIN + 16, 2 * WIDTH + 8, centroids=16, act_bits=9, group=2 * GRAIN, **blocks),
            SLICES,
        )
        yield random_linear(rng, 16, 64, centroids=wide, act_bits=12, group=GRAIN, **blocks), 1
        residual = random_linear(
            rng, (2 * SLICES + 1) * GRAIN, 24, centroids=min(wide, 32), act_bits=8, group=GRAIN, residual=True, **blocks
        )
        coverage.hit("positions", "residual")
        yield residual, 1
        yield random_linear(rng, 5 * GRAIN, 32, centroids=wide, act_bits=10, group=4 * GRAIN, **blocks), some
        yield random_linear(rng, SLOTS * UNITS, 17, centroids=wide, act_bits=11, group=SLOTS * UNITS, **blocks), few

    def build_phase(self):
        super().build_phase()
        self.place(HARDWARE, self.linears(), IMAGE)

    def some_work(self, count: int) -> list[tuple[Placed, np.ndarray]]:
        """Commands in random order, every linear at least once."""
        order = [*self.placed, *self.np_rng.choice(np.array(self.placed, object), count - len(self.placed))]
        tokens = [1, TOKENS, *self.np_rng.integers(1, TOKENS + 1, count - 2)]
        placed = self.np_rng.permutation(np.array(order, object))
        work = [(p, self.vectors(p, n)) for p, n in zip(placed, tokens, strict=True)]
        for p, x in work:
            cover(p, len(x))
        return work

    async def stimulus(self):
        await self.load()
        await self.play(self.some_work(8))
        await self.idle(200)
        assert self.dut.error_o.value == 0
        coverage.hit("stall", ["none", "input", "output", "both"][self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class NoStall(RandomLinears):
    pass


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class InputStalls(RandomLinears):
    stalls = (True, False)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class OutputStalls(RandomLinears):
    stalls = (False, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class BothStall(RandomLinears):
    stalls = (True, True)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class MemoryStalls(RandomLinears):
    """Random gaps on all memory channels."""

    async def stimulus(self):
        await self.load()
        self.dut.ar_stall_i.value = 128
        self.dut.r_gap_i.value = 100
        await self.play(self.some_work(6))
        coverage.hit("stall", "memory")


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Vectors(RandomLinears):
    """Special values, and the largest sums that there can be."""

    def linears(self):
        yield from super().linears()
        yield largest_linear(3 * GRAIN, 64, 2 * GRAIN), 1

    async def stimulus(self):
        await self.load()
        first, largest = self.placed[0], self.placed[-1]
        work = []
        for name, value in (("zeros", 0.0), ("NaN", np.nan), ("infinity", np.inf)):
            x = self.vector(first)
            if value == 0.0:
                x[:] = 0
            x[5] = value
            work.append((first, x))
            coverage.hit("vector", name)
        work += [(largest, np.full(largest.linear.inputs, sign * 3.5, np.float32)) for sign in (1, -1)]
        acc, _ = linear_synth(work[-1][1][None], largest.linear)
        assert (acc == -(64 * 127 * 127 << 7)).all()
        coverage.hit("vector", "largest sums")
        await self.play(work)


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Decode(RandomLinears):
    """Every vector comes after the results of the linear before; until then all is read ahead, no more."""

    async def stimulus(self):
        await self.load()
        work = [(placed, self.vector(placed)) for placed in (self.placed * 2)[:6]]
        env = self.env
        tasks = [
            cocotb.start_soon(env.commands.send([astuple(placed.command) for placed, _ in work])),
            cocotb.start_soon(env.pairs.send([w for p, _ in work for w in pair_words(p.linear.pairs, self.np_rng)])),
        ]
        await self.cycles(1500)
        beats = [sum(placed.command.beats for placed, _ in work[:n]) for n in range(5)]
        ahead = self.port_beats()
        assert all(got >= beats[2] for got in ahead), f"{ahead} beats of the ports before any vector, {beats}"
        coverage.hit("commands", "ahead of their vectors")
        for placed, x in work:
            self.expect(placed, x)
            await env.vectors.send(vector_words(x, self.np_rng, WIDTH))
            await env.sums.drain(self.dut.clk_i, 20_000)
        coverage.hit("commands", "each after the results of the one before")
        for task in tasks:
            await task
        await self.idle(200)


def until_sums(inputs: int, centroids: int, blocks: int, block: int, slots: int) -> int:
    """Cycles from the last activations until sums leave; `blocks` of the slice take `block` cycles each."""
    return (
        83 + (WIDTH.bit_length() - 1)  # act_quant, control, collector
        + -(-inputs // WIDTH)  # broadcast
        + 3 * LANES  # gather and rows
        + centroids  # the first row
        + (blocks - 1) * block
        + (slots if slots < 4 else 3)  # the last block, until it is read behind the lookups
        + max(SLICES.bit_length() - 1, 1)  # adders
    )  # fmt: skip


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Latency(RandomLinears):
    """One round, everything read ahead: cycles from the last activations to the first and the last accumulators."""

    def linears(self):
        for inputs, slots, centroids in (
            (32 * SLICES, max(3, GRAIN // UNITS * 2), 16),
            (24 * LANES * SLICES, 4, min(CENTROIDS, 32)),
        ):  # fewer blocks than there are before the first take
            outputs = slots * UNITS
            linear = random_linear(
                self.np_rng, outputs, inputs, centroids=centroids, group=outputs, runs=1, lanes=LANES
            )
            yield linear, SLICES

    async def stimulus(self):
        await self.load()
        for placed in self.placed:
            linear, x = placed.linear, self.vector(placed)
            self.expect(placed, x)
            await self.env.commands.send([astuple(placed.command)])
            await self.env.pairs.send(pair_words(linear.pairs, self.np_rng))
            await self.cycles(600)
            await self.env.vectors.send(vector_words(x, self.np_rng, WIDTH))
            await self.env.sums.drain(self.dut.clk_i, 20_000)
            slots, bits = linear.group // UNITS, linear.centroids.bit_length() - 1
            block = max(linear.centroids, slots, -(-slots * bits // 4))
            blocks = len(linear.pairs) // LANES // SLICES
            results = self.env.acc.monitor.cycles[linear.shape[0] // -WIDTH :]
            last_input = self.env.vectors.monitor.cycles[-1]
            parts = until_sums(linear.inputs, linear.centroids, blocks, block, slots)
            measure("latency last vector beat to first sums", results[0] - last_input, parts + WIDTH // DRAIN)
            measure("latency last vector beat to last sums", results[-1] - last_input, parts + slots * STEPS)


@pyuvm.test(timeout_time=1, timeout_unit="ms", skip="IndexBeats" in parameters())
class Rounds(RandomLinears):
    """Rounds of full groups, one slice a group, everything read ahead that has room: a block in its 16 cycles."""

    # no takes in the last ones; where a slot's drain is longer than a block they wait for each other: none at all
    blocks = 24 if STEPS > 17 else 64 if SLOTS == 32 else 48
    slots = min(SLOTS, 16)

    def linears(self):
        for rounds in (1, 4):
            outputs, positions = rounds * SLICES * self.slots * UNITS, self.blocks * LANES
            yield (
                random_linear(
                    self.np_rng, outputs, 2 * positions, centroids=16, group=self.slots * UNITS, runs=1, lanes=LANES
                ),
                1,
            )

    async def stimulus(self):
        await self.load()
        took, slots, blocks = [], self.slots, self.blocks
        for placed in self.placed:
            x = self.vector(placed)
            self.expect(placed, x)
            await self.env.commands.send([astuple(placed.command)])
            await self.env.pairs.send(pair_words(placed.linear.pairs, self.np_rng))
            await self.cycles(2500)
            await self.env.vectors.send(vector_words(x, self.np_rng, WIDTH))
            await self.env.sums.drain(self.dut.clk_i, 20_000)
            took.append(self.env.acc.monitor.cycles[-1] - self.env.vectors.monitor.cycles[-1])
        waves = max(1, SLICES * DRAIN // WIDTH)
        promised = until_sums(self.placed[0].linear.inputs, 16, blocks, 16, slots)
        promised += waves * slots * STEPS + (SLICES - 1) * slots * UNITS // WIDTH
        measure("latency last vector beat to last sums, a round", took[0], promised)
        rate, promised = 3 * blocks / (took[1] - took[0]), blocks / (16 * blocks + slots + 3)
        measure("throughput, rounds", rate, promised, "blocks/cycle of every slice", at_least=True)


@pyuvm.test(timeout_time=2, timeout_unit="ms", skip=SLICES != 2 or LANES != 2 or CENTROIDS < 64 or SLOTS < 32)
class Rate(RandomLinears):
    """Linears long enough: nearly every cycle a beat on every port, where the rows do not take longer."""

    kinds = ((16, 0.97), (32, 0.97), (64, 0.97 * 56 / 64))  # centroids, promised

    def linears(self):
        for centroids, _ in self.kinds:
            yield random_linear(self.np_rng, 2048, 512, centroids=centroids, group=1024, runs=4), 1

    async def stimulus(self):
        await self.load()
        for placed, (centroids, promised) in zip(self.placed, self.kinds, strict=True):
            assert placed.subsets == choose_subsets(placed.linear, HARDWARE)
            await self.play([(placed, self.vector(placed)) for _ in range(3)])
            beats = 2048 // WIDTH
            last = self.env.acc.monitor.cycles[beats - 1 :: beats][-3:]
            rate = 2 * placed.command.beats / (last[2] - last[0])
            what = f"throughput 512 x 2048, {centroids} centroids"
            measure(what, rate, promised, "beats/cycle of every port", at_least=True)


class Faults(RandomLinears):
    """Something wrong: a clean stop with a cause; after clear_i all is well again."""

    async def fail(self, source: int, cause: int, work: list, **words) -> None:
        """Run into an error: `work` with other streams in `words`, then clear and a good command."""
        env, dut = self.env, self.dut
        placed = [p for p, _ in work]
        streams = {
            "commands": [astuple(p.command) for p in placed],
            "pairs": [w for p in placed for w in pair_words(p.linear.pairs, self.np_rng)],
            "vectors": [w for _, x in work for w in vector_words(x, self.np_rng, WIDTH)],
        } | words
        env.sums.muted = env.scales.muted = True  # good results in front of the error may still come
        tasks = [cocotb.start_soon(getattr(env, name).send(stream)) for name, stream in streams.items()]
        found, self.where = await self.reported(f"source {source}, cause {cause}")
        assert found == (source, cause), f"error {found}, expected {(source, cause)}"
        await self.cycles(5)
        assert dut.s_cmd_tready.value == 0
        await self.withdraw(tasks)
        await self.restart()

    async def well_again(self) -> None:
        await self.play([(placed, self.vector(placed)) for placed in (self.placed[3], self.placed[0])])


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class WrongCommands(Faults):
    async def stimulus(self):
        await self.load()
        placed = self.placed[0]
        few = {"positions": LANES * max(SLICES // 2, 1), "subsets": max(SLICES.bit_length() - 1, 1)}
        bad = (
            ("bits", 1, [{"act_bits": 7}, {"act_bits": 13}]),
            ("code", 2, [{"code": 3}]),
            ("inputs", 3, [{"inputs": 0}, {"inputs": 65535}]),
            ("outputs", 4, [{"outputs": 0}, {"outputs": 24}, {"outputs": (1 << 18) + 16}]),
            ("positions", 5, [{"positions": 0}, {"positions": 65528}]),
            ("group", 6, [{"group": 0}, {"group": GRAIN + GRAIN // 2}, {"group": UNITS * (SLOTS + 1)}]),
            (
                "subsets",
                7,
                [{"subsets": 7}, few],
            ),
            ("beats", 8, [{"beats": 0}, {"beats": 1 << 27}]),
            ("tokens", 9, [{"tokens": 0}, {"tokens": TOKENS + 1}]),
            ("mode", 10, [{"mode": 3}] if GATHER else [{"mode": 1}, {"mode": 2}, {"mode": 3}]),
        )
        for name, cause, changes in bad:
            for change in changes:
                command = replace(placed.command, **change)
                await self.fail(COMMAND, cause, [], commands=[astuple(command)] * 2)
            coverage.hit("command refused", name)
        await self.well_again()


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class WrongLengths(Faults):
    async def stimulus(self):
        await self.load()
        placed = self.placed[0]
        work = [(placed, self.vector(placed))]
        vector, pairs = vector_words(work[0][1], self.np_rng, WIDTH), pair_words(placed.linear.pairs, self.np_rng)

        def early(words):
            return [*words[:-2], (words[-2][0], 1)]

        def late(words):
            return [*words[:-1], (words[-1][0], 0), (1, 1)]

        outside = [(pairs[0][0] & ~0xFFFF0000 | placed.linear.inputs << 16, pairs[0][1]), *pairs[1:]]
        await self.fail(VECTOR, 1, work, vectors=early(vector))
        coverage.hit("length", "vector early")
        await self.well_again()
        await self.fail(VECTOR, 2, work, vectors=late(vector))
        coverage.hit("length", "vector late")
        await self.fail(PAIRS, 1, work, pairs=early(pairs))
        coverage.hit("length", "pairs early")
        await self.fail(PAIRS, 2, work, pairs=late(pairs))
        coverage.hit("length", "pairs late")
        await self.fail(PAIRS, 3, work, pairs=outside)
        coverage.hit("length", "pairs range")
        await self.well_again()


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class WrongPorts(Faults):
    async def stimulus(self):
        await self.load()
        placed = self.placed[0]
        work = [(placed, self.vector(placed))]
        for s in range(SLICES):
            address = self.address(s, placed.command.stream + 4)
            self.dut.err_addr_i.value = address
            self.dut.err_en_i.value = 1 << s
            await self.fail(PORT, 1, work)  # SLVERR
            assert self.where == (s, address), f"{self.where}, expected {s}, {address}"
            self.dut.err_en_i.value = 0
            await self.well_again()
        coverage.hit("port", "answer")
        self.dut.port_base_i.value = 8
        await self.fail(PORT, 3, work)  # not a multiple of a beat
        coverage.hit("port", "address")
        self.dut.port_base_i.value = 4096
        await self.well_again()


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class WrongPackets(Faults):
    def linears(self):
        yield from super().linears()
        # the jobs of all slices have the same length
        yield random_linear(self.np_rng, 2 * SLICES * GRAIN, 32, centroids=16, group=GRAIN, runs=1, lanes=LANES), 1

    async def stimulus(self):
        placed, rounds = self.placed[0], self.placed[-1]
        work = [(placed, self.vector(placed))]
        first = 32 * placed.command.stream
        blocks = len(placed.linear.pairs) // LANES // SLICES
        s = SLICES - 1
        head = placed.streams[s][0].tobytes()
        bad = (
            ("blocks", 1, 0, (int.from_bytes(head[:2], "little") + 1).to_bytes(2, "little")),
            ("blocks", 1, 0, bytes(2)),
            ("slots", 2, 2, bytes(2)),
            ("slots", 2, 2, (SLOTS + 1).to_bytes(2, "little")),
            ("code", 3, 4, bytes([7])),
            ("output", 4, 8, bytes([16])),
            ("run", 5, 32 + 2, bytes(2)),
            ("run", 5, 32 + 2, (blocks + 9).to_bytes(2, "little")),
            ("run", 5, 32, bytes([8])),
            ("missing", 7, 0, bytes(32)),
        )
        for name, cause, at, text in bad:
            await self.load({(s, first + at): text})
            await self.fail(PACKET, cause, work)
            address = self.address(s, placed.command.stream + at // 32)
            assert self.where == (s, address), f"{name}: {self.where}, expected {(s, address)}"
            coverage.hit("packet", name)
        await self.load()
        for name, cause, change in (
            ("short", 6, {"beats": 1}),
            ("short", 6, {"beats": 7}),
            ("missing", 7, {"beats": rounds.command.beats // 2}),
            ("more", 8, {"outputs": rounds.command.outputs // 2}),
        ):
            command = replace(rounds.command, **change)
            await self.fail(PACKET, cause, [(rounds, self.vector(rounds))], commands=[astuple(command)])
            coverage.hit("packet", name)
        await self.well_again()


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class InMidCommand(Faults):
    """A reset or a clear at any time leaves nothing behind."""

    async def stimulus(self):
        await self.load()
        for wait in (30, 130, 260, 420, 640):
            for clear in (False, True):
                await self.break_off([(placed, self.vector(placed)) for placed in self.placed], wait, clear)
                await self.well_again()
                coverage.hit("reset", "clear in mid command" if clear else "in mid command")
