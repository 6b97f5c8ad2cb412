"""Testbench of linear_synth with Gather: searches, linears whose rows are fetched, and calculated ones between them."""

from functools import partial
from pathlib import Path

import numpy as np
import pyuvm

from lutloom.covq import CovqLinear
from lutloom.hardware import Hardware
from lutloom.linear_synth import subset_blocks
from lutloom.tests.toy import random_covq, random_covq_input
from verif.lib.tb import Coverage, parameters
from verif.linear_synth.env import LinearTest, Placed, PlacedGather, PlacedSearch
from verif.linear_synth.linears import random_linear

NAMES = ("Slices", "Width", "Lanes", "Units", "Slots", "Centroids")
PARAMETERS = dict(zip(NAMES, (2, 16, 2, 32, 32, 64), strict=True)) | parameters()
SLICES, WIDTH, LANES, UNITS, SLOTS, CENTROIDS = (int(PARAMETERS[name]) for name in NAMES)
HARDWARE = Hardware(slices=SLICES, lanes=LANES, units=UNITS, slots=SLOTS, centroids=CENTROIDS)
IMAGE = Path("image.bin")
IMAGE.touch()
PORT, PACKET = 4, 5  # sources of an error
CHUNK = LANES * SLICES  # positions of a block of every slice

coverage = Coverage(
    "linear_synth_gather",
    {
        "slices": [2, 4, 8],
        "width": [16, 64],
        "search": ["blocks everywhere", "some slices without"],
        "lines of indices": ["one", "more"],
        "gathers of a search": ["one", "two"],
        "subsets": ["one", "some", "all"],
        "order": ["search, gather", "gather, gather", "gather, search", "gather, synth", "synth, search"],
        "values": ["ordinary", "saturated", "NaN", "infinity"],
        "stall": ["none", "input", "output", "both", "memory"],
        "fault": ["row", "codebook", "search header", "gather header", "command"],
        "reset": ["in mid command", "clear in mid command"],
    },
)


class CovqLinears(LinearTest):
    """Small linears of both schemes in the order of a model; subclasses choose stalls and faults."""

    width = WIDTH

    def build_phase(self):
        super().build_phase()
        rng = self.np_rng
        shared = random_covq_input(rng, 2 * 10 * CHUNK)  # of two linears
        few = random_covq(rng, 512 + 64, random_covq_input(rng, 2 * (2 * CHUNK + LANES * (SLICES // 2))))
        some, both = (random_covq(rng, outputs, shared) for outputs in (272, 1040))
        self.synth = random_linear(rng, 128, 64, centroids=16, group=64, lanes=LANES)
        self.covq = (few, some, both)
        few, some, both = (
            (partial(PlacedSearch, linear, HARDWARE), partial(PlacedGather, linear, n, HARDWARE))
            for linear, n in zip(self.covq, (SLICES, 1, max(SLICES // 2, 1)), strict=True)
        )
        self.lay_out([*few, *some, both[1], partial(Placed, self.synth, 1, HARDWARE)], IMAGE)

    def values(self, linear: CovqLinear, kind: str = "ordinary") -> np.ndarray:
        """An input float32 [K] whose integers fill int8; `kind` of some of them."""
        x = np.empty(linear.shape[1], np.float32)
        x[linear.pairs] = np.ldexp(self.np_rng.normal(0, 60, linear.pairs.shape), linear.a_exp[:, None].astype(np.int32))
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
        for (before, _), (placed, _) in zip(work, work[1:], strict=False):
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

    async def fail(self, what: str, expected: tuple, work: list) -> None:
        env, dut = self.env, self.dut
        env.sums.muted = env.scales.muted = True
        tasks = self.start(work)
        for _ in range(6000):
            await self.cycles(1)
            if dut.error_o.value == 1:
                break
        else:
            raise AssertionError(f"{what}: no error was reported")
        found = (dut.error_source_o.value.to_unsigned(), dut.error_cause_o.value.to_unsigned())
        where = (dut.error_slice_o.value.to_unsigned(), dut.error_addr_o.value.to_unsigned())
        assert (found, where) == expected, f"{what}: error {found} at {where}, expected {expected}"
        coverage.hit("fault", what)
        await self.withdraw(tasks)
        await self.restart()

    async def restart(self) -> None:
        await self.pulse("clear_i")
        await self.idle(3000)
        assert self.dut.error_o.value == 0
        self.env.sums.muted = self.env.scales.muted = False

    async def stimulus(self):
        await self.load()
        search, gather, *_ = self.placed
        s, x = SLICES - 1, self.values(self.covq[0])
        work = [(search, x), (gather, None)]
        row, book = self.row_address(s, x), self.address(s, search.command.stream + 2)
        for what, address in (("row", row), ("codebook", book)):
            self.dut.err_addr_i.value = address
            self.dut.err_en_i.value = 1 << s
            await self.fail(what, ((PORT, 1), (s, address)), work)
            self.dut.err_en_i.value = 0
            await self.play(self.model_work())
        for what, placed, cause, at in (("search header", search, 3, 4), ("gather header", gather, 1, 0)):
            await self.load({(s, 32 * placed.command.stream + at): b"\x2a"})
            await self.fail(what, ((PACKET, cause), (s, self.address(s, placed.command.stream))), work)
            await self.load()
            await self.play(self.model_work())
        coverage.hit("fault", "command")

    def row_address(self, s: int, x: np.ndarray) -> int:
        """Of the row that the first job of slice s fetches first, for the input x of the first linear."""
        gather, linear = self.placed[1], self.covq[0]
        first = LANES * subset_blocks(len(linear.pairs) // LANES, SLICES)[s][0]
        return self.address(s, gather.command.stream + gather.command.beats + int(linear.search(x[None])[0, first]))


@pyuvm.test(timeout_time=2, timeout_unit="ms")
class InMidCommand(Faults):
    """A reset or a clear at any time leaves nothing behind."""

    async def stimulus(self):
        await self.load()
        for wait in (30, 130, 260, 420, 640):
            for clear in (False, True):
                self.env.sums.muted = self.env.scales.muted = True
                tasks = self.start(self.model_work())
                await self.cycles(wait)
                await self.withdraw(tasks)
                if clear:
                    await self.restart()
                else:
                    await self.reset()
                    self.env.sums.muted = self.env.scales.muted = False
                await self.play(self.model_work())
                coverage.hit("reset", "clear in mid command" if clear else "in mid command")
