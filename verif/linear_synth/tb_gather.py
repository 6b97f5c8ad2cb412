"""Testbench of linear_synth with Gather: searches, linears whose rows are fetched, and calculated ones between them."""

from dataclasses import astuple, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import cocotb
import numpy as np
import pyuvm
from cocotb.triggers import RisingEdge

from lutloom.covq import CovqLinear
from lutloom.hardware import Hardware
from lutloom.linear_synth import index_beats, subset_blocks
from lutloom.tests.toy import random_covq, random_covq_input
from verif.lib.tb import Coverage, measure, parameters
from verif.linear_synth.env import LinearTest, Placed, PlacedGather, PlacedSearch, pair_words, vector_words
from verif.linear_synth.linears import random_linear

NAMES = ("Slices", "Width", "Lanes", "Units", "Slots", "Centroids", "DrainW", "IndexBeats")
PARAMETERS = dict(zip(NAMES, (2, 16, 2, 32, 32, 64, 2, 512), strict=True)) | parameters()
SLICES, WIDTH, LANES, UNITS, SLOTS, CENTROIDS, DRAIN, INDICES = (int(PARAMETERS[name]) for name in NAMES)
HARDWARE = Hardware(slices=SLICES, lanes=LANES, units=UNITS, slots=SLOTS, centroids=CENTROIDS, gather=1)
IMAGE = Path("image.bin")
IMAGE.touch()
COMMAND, PORT, PACKET = 1, 4, 5  # sources of an error
CHUNK = LANES * SLICES  # positions of a block of every slice
MEMORY = 75  # cycles from an address to its beat, where that is measured

coverage = Coverage(
    "linear_synth_gather",
    {
        "slices": [2, 4, 8],
        "width": [16, 64],
        "search": ["blocks everywhere", "some slices without"],
        "lines of indices": ["one", "more"],
        "gathers of a search": ["one", "two"],
        "subsets": ["one", "some", "all"],
        "slots": ["one", "all of a group"],
        "rounds": ["one", "more", "last one not full"],
        "order": ["search, gather", "gather, gather", "gather, search", "gather, synth", "synth, search"],
        "values": ["ordinary", "saturated", "NaN", "infinity"],
        "stall": ["none", "input", "output", "both", "memory"],
        "fault": ["row", "codebook", "search header", "gather header"],
        "search refused": ["code", "inputs", "positions", "beats", "tokens"],
        "gather refused": ["code", "outputs", "positions", "group", "subsets", "beats", "tokens"],
        "reset": ["in mid command", "clear in mid command"],
    },
)


class CovqLinears(LinearTest):
    """Small linears of both schemes in the order of a model; subclasses choose stalls and faults."""

    width = WIDTH

    def build_phase(self):
        super().build_phase()
        self.lay_out(self.makers(), IMAGE)

    def makers(self) -> list:
        rng = self.np_rng
        shared = random_covq_input(rng, 2 * 6 * max(CHUNK, 8))  # of two linears
        few = random_covq(rng, 512 + 64, random_covq_input(rng, 2 * (2 * CHUNK + LANES * (SLICES // 2))))
        some, both = (random_covq(rng, outputs, shared) for outputs in (UNITS, 512 * SLICES + 16))
        self.synth = random_linear(rng, 128, 64, centroids=16, group=64, lanes=LANES)
        self.covq = (few, some, both)
        few, some, both = (
            (partial(PlacedSearch, linear, HARDWARE), partial(PlacedGather, linear, n, HARDWARE))
            for linear, n in zip(self.covq, (SLICES, max(SLICES // 2, 1), 1), strict=True)
        )
        return [*few, *some, both[1], partial(Placed, self.synth, 1, HARDWARE)]

    def values(self, linear: CovqLinear, kind: str = "ordinary") -> np.ndarray:
        """An input float32 [K] whose integers fill int8; `kind` of some of them."""
        x = np.empty(linear.shape[1], np.float32)
        x[linear.pairs] = np.ldexp(
            self.np_rng.normal(0, 60, linear.pairs.shape), linear.a_exp[:, None].astype(np.int32)
        )
        x[3:9] = {"ordinary": x[3:9], "saturated": x[3:9] * 1000, "NaN": np.nan, "infinity": -np.inf}[kind]
        coverage.hit("values", kind)
        return x

    def model_work(self, kinds=("ordinary",)) -> list:
        """Commands as a model has them: every search with its gathers, calculated linears between."""
        few_search, few, some_search, some, both, synth = self.placed
        work = []
        for kind in kinds:
            work += [(few_search, self.values(self.covq[0], kind)), (few, None), (synth, self.vector(synth))]
            work += [(some_search, self.values(self.covq[1], kind)), (some, None), (both, None)]
            work += [(few_search, self.values(self.covq[0])), (few, None), (some_search, self.values(self.covq[1]))]
            work += [(both, None), (synth, self.vector(synth))]
        for (before, _), (placed, _) in pairwise(work):
            names = [type(p).__name__.removeprefix("Placed").lower() or "synth" for p in (before, placed)]
            coverage.hit("order", ", ".join(names)) if names != ["search", "search"] else None
        self.cover()
        return work

    def cover(self) -> None:
        coverage.hit("slices", SLICES)
        coverage.hit("width", WIDTH)
        coverage.hit("gathers of a search", "one")
        coverage.hit("gathers of a search", "two")
        for linear in self.covq:
            coverage.hit("search", "some slices without" if len(linear.pairs) % CHUNK else "blocks everywhere")
            coverage.hit("lines of indices", "one" if len(linear.pairs) <= WIDTH else "more")
        for placed in self.placed:
            if isinstance(placed, PlacedGather):
                n = placed.subsets
                coverage.hit("subsets", "one" if n == 1 else "all" if n == SLICES else "some")
                outputs = placed.linear.shape[0]
                jobs = -(-outputs // 512) * n
                coverage.hit("slots", "one" if outputs <= UNITS else "all of a group")
                coverage.hit("rounds", "one" if jobs <= SLICES else "more")
                coverage.hit("rounds", "last one not full") if jobs % SLICES else None

    async def stimulus(self):
        await self.load()
        await self.play(self.model_work(("ordinary", "saturated")))
        await self.idle(200)
        assert self.dut.error_o.value == 0
        coverage.hit("stall", ["none", "input", "output", "both"][self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class NoStall(CovqLinears):
    pass


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class InputStalls(CovqLinears):
    stalls = (True, False)


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class OutputStalls(CovqLinears):
    stalls = (False, True)


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class BothStall(CovqLinears):
    stalls = (True, True)


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class MemoryStalls(CovqLinears):
    """Random gaps on all memory channels."""

    async def stimulus(self):
        await self.load()
        self.dut.ar_stall_i.value = 128
        self.dut.r_gap_i.value = 100
        await self.play(self.model_work())
        coverage.hit("stall", "memory")


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Values(CovqLinears):
    """What is not a number counts as zero, what is too large as the largest."""

    async def stimulus(self):
        await self.load()
        await self.play(self.model_work(("NaN", "infinity", "saturated")))


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class Faults(CovqLinears):
    """Something wrong: a clean stop with a cause and the address; after clear_i all is well again."""

    async def fail(self, point: str, what: str, expected: tuple, tasks: list) -> None:
        self.env.sums.muted = self.env.scales.muted = True
        found = await self.reported(what)
        assert found == expected, f"{what}: error {found}, expected {expected}"
        coverage.hit(point, what)
        await self.withdraw(tasks)
        await self.restart()

    async def stimulus(self):
        await self.load()
        search, gather, *_ = self.placed
        s, x = SLICES - 1, self.values(self.covq[0])
        work = [(search, x), (gather, None)]
        row, book = self.row_address(s, x), self.address(s, search.command.stream + 2)
        for what, address in (("row", row), ("codebook", book)):
            self.dut.err_addr_i.value = address
            self.dut.err_en_i.value = 1 << s
            await self.fail("fault", what, ((PORT, 1), (s, address)), self.start(work))
            self.dut.err_en_i.value = 0
            await self.play(self.model_work())
        for what, placed, cause, at in (("search header", search, 3, 4), ("gather header", gather, 1, 0)):
            await self.load({(s, 32 * placed.command.stream + at): b"\x2a"})
            where = (s, self.address(s, placed.command.stream))
            await self.fail("fault", what, ((PACKET, cause), where), self.start(work))
            await self.load()
            await self.play(self.model_work())

    def row_address(self, s: int, x: np.ndarray) -> int:
        """Of the row that the first job of slice s fetches first, for the input x of the first linear."""
        gather, linear = self.placed[1], self.covq[0]
        first = LANES * subset_blocks(len(linear.pairs) // LANES, SLICES)[s][0]
        return self.address(s, gather.command.stream + gather.command.beats + int(linear.search(x[None])[0, first]))


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class WrongCommands(Faults):
    """What a search or a gather may not ask for."""

    async def stimulus(self):
        await self.load()
        grain = max(UNITS, WIDTH)
        both = {
            "positions": (5, [{"positions": 0}, {"positions": 65528}]),
            "beats": (8, [{"beats": 0}, {"beats": 1 << 27}]),
            "tokens": (9, [{"tokens": 0}, {"tokens": 2}]),
        }
        search = {"code": (2, [{"code": 0}, {"code": 3}]), "inputs": (3, [{"inputs": 0}, {"inputs": 65535}])}
        few = {"positions": LANES * (SLICES // 2), "subsets": SLICES.bit_length() - 1}
        gather = {
            "code": (2, [{"code": 1}, {"code": 2}]),
            "outputs": (4, [{"outputs": 0}, {"outputs": 24}, {"outputs": (1 << 18) + 16}]),
            "group": (6, [{"group": 0}, {"group": grain + grain // 2}, {"group": UNITS * (SLOTS + 1)}]),
            "subsets": (7, [{"subsets": 7}, few]),
        }
        for point, placed, own in (("search", self.placed[0], search), ("gather", self.placed[1], gather)):
            for what, (cause, changes) in (both | own).items():
                for change in changes:
                    word = astuple(replace(placed.command, **({"tokens": 1} | change)))
                    tasks = [cocotb.start_soon(self.env.commands.send([word] * 2))]
                    await self.fail(f"{point} refused", what, ((COMMAND, cause), (0, 0)), tasks)
        await self.play(self.model_work())


class Measured(CovqLinears):
    """Commands whose linears are laid out as (linear, subsets), a search and a gather each."""

    def linears(self) -> list[tuple[CovqLinear, int]]:
        raise NotImplementedError

    def makers(self) -> list:
        makers = []
        for linear, subsets in self.linears():
            makers += [partial(PlacedSearch, linear, HARDWARE), partial(PlacedGather, linear, subsets, HARDWARE)]
        return makers

    def linear(self, outputs: int, blocks: int) -> CovqLinear:
        """With one exponent; `blocks` of every slice in its search."""
        linear = random_covq(self.np_rng, outputs, random_covq_input(self.np_rng, 2 * blocks * CHUNK))
        return replace(linear, exp=np.ones_like(linear.exp))

    async def found_at(self) -> int:
        """The cycle of the next found_o."""
        await RisingEdge(self.dut.found_o)
        return self.env.acc.monitor.cycle + 1


def until_found(blocks: int) -> int:
    """Cycles from the last activations to found_o, with `blocks` a slice."""
    return 31 + 2 * LANES + 4 * LANES * blocks + max(CHUNK // WIDTH, 1) - 1


def until_sums(positions: int, outputs: int) -> int:
    """Cycles from found_o until sums leave, everything but the rows read ahead, a job a slice."""
    return (
        44 + MEMORY + 3 * LANES  # control, a row's read
        + -(-positions // WIDTH)  # broadcast of the indices
        + 16 * (positions // CHUNK)  # rows
        + max(SLICES.bit_length() - 1, 1)  # adders
        + min(WIDTH, outputs) // DRAIN  # collector
    )  # fmt: skip


@pyuvm.test(timeout_time=1, timeout_unit="ms")
class Latency(Measured):
    """Everything read ahead: from the last activations to the indices, and from there to the first sums."""

    def linears(self):
        return [(self.linear(UNITS * slots, blocks), SLICES) for slots, blocks in ((512 // UNITS, 8), (3, 5), (1, 12))]

    async def stimulus(self):
        await self.load()
        self.dut.latency_i.value = MEMORY
        env = self.env
        for search, gather in zip(self.placed[::2], self.placed[1::2], strict=True):
            x = self.values(search.linear)
            self.expect(search, x)
            self.expect(gather, None)
            tasks = self.start([(search, None), (gather, None)])
            tasks.append(cocotb.start_soon(env.pairs.send(pair_words(search.linear.pairs, self.np_rng))))
            await self.cycles(1200)
            found = cocotb.start_soon(self.found_at())
            await env.vectors.send(vector_words(x, self.np_rng, WIDTH))
            await env.sums.drain(self.dut.clk_i, 20_000)
            for task in tasks:
                await task
            found, last = await found, env.vectors.monitor.cycles[-1]
            outputs, positions = search.linear.shape[0], len(search.linear.pairs)
            first = env.acc.monitor.cycles[outputs // -WIDTH]
            blocks, slots = positions // CHUNK, outputs // UNITS
            what = f"{blocks} blocks a slice"
            measure(f"latency last vector beat to found_o, {what}", found - last, until_found(blocks))
            measure(
                f"latency found_o to first sums, {what}, slots {slots}", first - found, until_sums(positions, outputs)
            )


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class Rate(Measured):
    """A long linear several times: what the port has to bring, with a short latency and a long one."""

    def linears(self):
        return [(self.linear(512 * SLICES, 48 // SLICES), 1)]

    async def stimulus(self):
        await self.load()
        search, gather = self.placed
        lead = 16 * INDICES // (512 // UNITS)  # cycles of work that the queue of indices holds
        for latency in [n for n in (MEMORY, 100) if n + 50 <= lead]:
            self.dut.latency_i.value = latency
            await self.play([(search, self.values(search.linear))] + [(gather, None)] * 4)
            beats = 512 * SLICES // WIDTH
            last = self.env.acc.monitor.cycles[beats - 1 :: beats][-4:]
            blocks, beats = len(search.linear.pairs) // LANES, index_beats(16, 512 // UNITS, HARDWARE)
            rate, promised = 3 * blocks / (last[-1] - last[0]), 0.99 / max(beats + LANES, 512 // UNITS, 16)
            what = f"throughput, rows and indices, memory of {latency} cycles"
            measure(what, rate, promised, "blocks/cycle of every slice", at_least=True)


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class InMidCommand(Faults):
    """A reset or a clear at any time leaves nothing behind."""

    async def stimulus(self):
        await self.load()
        for wait in (30, 130, 260, 420, 640):
            for clear in (False, True):
                await self.break_off(self.model_work(), wait, clear)
                await self.play(self.model_work())
                coverage.hit("reset", "clear in mid command" if clear else "in mid command")
