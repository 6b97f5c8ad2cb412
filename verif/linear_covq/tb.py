"""Testbench of linear_covq on random linears: search, both row sources, lookups, memory, errors."""

from pathlib import Path

import cocotb
import numpy as np
import pyuvm

from lutloom.centroid_search import centroid_search
from lutloom.linear_covq import build_image, group_accumulators
from verif.lib.tb import Coverage, measure, parameters
from verif.linear_covq.env import COUNTERS, LinearTest, result_words, vector_words
from verif.linear_covq.linears import random_linear

HARDWARE = {"Units": 32, "Tokens": 8, "DrainW": 2, "Lanes": 2} | parameters()
UNITS, TOKENS, DRAIN, LANES = (HARDWARE[name] for name in ("Units", "Tokens", "DrainW", "Lanes"))
IMAGE = Path("image.bin")  # what +axi_read_mem of the sim target names
IMAGE.touch()  # the memories open it at time 0
SOURCES = {1: "codebook port", 2: "index port", 3: "row port", 6: "command"}

coverage = Coverage(
    "linear_covq",
    {
        "mode": ["gather", "table one pass", "table more passes", "last pass not full"],
        "indices": ["searched", "reused"],
        "groups": ["one", "more", "last one narrower"],
        "change": ["gather to table", "table to gather"],
        "stall": ["none", "input", "output", "both", "memory"],
        "error": [*SOURCES.values()],
        "reset": ["in mid command"],
    },
)


class RandomLinears(LinearTest):
    """A few linears on two inputs; subclasses choose stalls and faults."""

    shapes = ((8, 128, "a"), (8, 544, "a"), (14, 96, "b"))  # positions, outputs, input
    exponent_runs = 0

    def build_phase(self):
        super().build_phase()
        rng = np.random.default_rng(self.seed)
        self.np_rng = rng
        linears, inputs = {}, {}
        for i, (positions, outputs, name) in enumerate(self.shapes):
            like = next((linears[f"l{j}"] for j in range(i) if self.shapes[j][2] == name), None)
            linears[f"l{i}"] = random_linear(rng, positions, outputs, like, self.exponent_runs)
            inputs[f"l{i}"] = name
        image, self.placed = build_image(linears, inputs, units=UNITS, lanes=LANES)
        IMAGE.write_bytes(image)

    async def run_linears(self, tokens: int, table: bool) -> None:
        """All linears in order as one stream of commands, so that each may run ahead of the one before."""
        vectors, commands, found = [], [], {}
        for placed in self.placed:
            new = placed.input not in found
            if new:
                x = self.np_rng.integers(-128, 128, (tokens, placed.linear.idx.shape[0], 2)).astype(np.int8)
                vectors += vector_words(x)
                found[placed.input] = centroid_search(x, placed.linear.a_cent)
            coverage.hit("indices", "searched" if new else "reused")
            batch = placed.commands(tokens, table, search=new)
            coverage.hit("groups", "one" if len(batch) == 1 else "more")
            if len(batch) > 1 and batch[-1].slots < batch[0].slots:
                coverage.hit("groups", "last one narrower")
            for g in range(len(batch)):
                acc = group_accumulators(found[placed.input], placed.linear, g, units=UNITS, tokens=TOKENS, table=table)
                self.env.scoreboard.expect(result_words(acc, TOKENS, DRAIN))
            commands += [tuple(c.__dict__.values()) for c in batch]
        passes = -(-tokens // TOKENS)
        coverage.hit("mode", "gather" if not table else "table one pass" if passes == 1 else "table more passes")
        if table and tokens % TOKENS:
            coverage.hit("mode", "last pass not full")
        await self.pulse("load_i")
        tasks = [cocotb.start_soon(self.env.commands.send(commands)), cocotb.start_soon(self.env.vectors.send(vectors))]
        await self.env.scoreboard.drain(self.dut.clk_i, 60000)
        for task in tasks:
            await task

    async def stimulus(self):
        await self.run_linears(1, table=False)
        await self.run_linears(TOKENS + 3, table=True)
        coverage.hit("change", "gather to table")
        await self.run_linears(1, table=False)
        coverage.hit("change", "table to gather")
        await self.run_linears(TOKENS, table=True)
        await self.idle(200)
        assert self.dut.error_o.value == 0
        coverage.hit("stall", ["none", "input", "output", "both"][self.stalls[0] + 2 * self.stalls[1]])


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class NoStall(RandomLinears):
    pass


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class InputStalls(RandomLinears):
    stalls = (True, False)


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class OutputStalls(RandomLinears):
    stalls = (False, True)


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class BothStall(RandomLinears):
    stalls = (True, True)


@pyuvm.test(timeout_time=8, timeout_unit="ms")
class MemoryStalls(RandomLinears):
    """Random gaps on all memory channels."""

    async def stimulus(self):
        self.dut.ar_stall_i.value = 128
        self.dut.r_gap_i.value = 100
        await self.run_linears(1, table=False)
        await self.run_linears(TOKENS + 1, table=True)
        coverage.hit("stall", "memory")


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class Rate(RandomLinears):
    """A full group: every index beat is a lookup cycle but for the stated overheads."""

    shapes = ((256, 16 * UNITS, "a"),)
    exponent_runs = 2

    async def stimulus(self):
        await self.pulse("load_i")
        for table in (False, True):
            await self.pulse("count_clear_i")
            beats = int(self.dut.beats_row_o.value.to_unsigned())
            await self.run_linears(1, table)
            await self.idle(200)
            count = {name: int(getattr(self.dut, f"count_{name}_o").value.to_unsigned()) for name in COUNTERS}
            blocks = 256 // LANES
            assert count["lookup"] == blocks * 16 + self.exponent_runs, count  # every index beat once
            # without what comes before the first index and after the last lookup
            busy = sum(count.values()) - count["result"] - count["index_wait"]
            if table:  # one pass: the row port loads 64 centroids x 16 bytes a position
                beats = int(self.dut.beats_row_o.value.to_unsigned()) - beats
                measure("throughput table load", beats / busy, 0.98, "beats/cycle", at_least=True)
            else:
                measure("throughput gather", count["lookup"] / busy, 0.92, "index beats/cycle", at_least=True)


@pyuvm.test(timeout_time=8, timeout_unit="ms")
class Errors(RandomLinears):
    """A failing read on each port and illegal commands: a clean stop with a cause; clear_i brings everything back."""

    async def stimulus(self):
        victim = self.placed[0]
        await self.pulse("load_i")
        for port, address in ((1, victim.cb_addr + 64), (2, victim.packets[0][0] + 160), (3, victim.tables[0] + 96)):
            self.dut.err_addr_i.value = address
            self.dut.err_en_i.value = 1 << (port - 1)
            await self.fail_once(port, victim.commands(2, True, True), 2)
            self.dut.err_en_i.value = 0
            await self.run_linears(2, table=True)
        good = victim.commands(1, False, True)[0].__dict__
        for bad in ({"positions": 7}, {"positions": 0}, {"tokens": 2}, {"slots": 17}, {"c_code": 3}, {"k_code": 1}):
            self.dut.err_en_i.value = 0
            await self.fail_once(6, [type(victim.commands(1, False, True)[0])(**(good | bad))], 0)
        await self.run_linears(1, table=False)

    async def fail_once(self, source: int, commands: list, tokens: int) -> None:
        self.env.scoreboard.flush()
        words = [tuple(c.__dict__.values()) for c in commands]
        x = self.np_rng.integers(-128, 128, (tokens, self.placed[0].linear.idx.shape[0], 2)).astype(np.int8)
        tasks = [
            cocotb.start_soon(self.env.commands.send(words)),
            cocotb.start_soon(self.env.vectors.send(vector_words(x))),
        ]
        self.env.scoreboard.muted = True  # good results in front of the error may still come
        for _ in range(5000):
            await self.cycles(1)
            if self.dut.error_o.value == 1:
                break
        else:
            raise AssertionError(f"no error was reported for {SOURCES[source]}")
        assert self.dut.error_source_o.value.to_unsigned() == source, f"source {self.dut.error_source_o.value}"
        assert self.dut.error_cause_o.value.to_unsigned() != 0
        coverage.hit("error", SOURCES[source])
        await self.cycles(5)
        await self.withdraw(tasks)
        await self.restart()
        self.env.scoreboard.muted = False

    async def withdraw(self, tasks: list) -> None:
        """Take the agents off their streams."""
        for agent in (self.env.commands, self.env.vectors):
            agent.abort()
        for task in tasks:
            await task

    async def restart(self) -> None:
        """Clear, wait until idle."""
        await self.pulse("clear_i")
        await self.idle(5000)
        assert self.dut.error_o.value == 0


@pyuvm.test(timeout_time=4, timeout_unit="ms")
class ResetInMidCommand(Errors):
    async def stimulus(self):
        await self.pulse("load_i")
        victim = self.placed[0]
        for wait in (40, 150, 400):
            self.env.scoreboard.muted = True
            words = [tuple(c.__dict__.values()) for c in victim.commands(2, True, True)]
            x = self.np_rng.integers(-128, 128, (2, victim.linear.idx.shape[0], 2)).astype(np.int8)
            tasks = [
                cocotb.start_soon(self.env.commands.send(words)),
                cocotb.start_soon(self.env.vectors.send(vector_words(x))),
            ]
            await self.cycles(wait)
            await self.withdraw(tasks)
            await self.reset()
            self.env.scoreboard.muted = False
            await self.run_linears(1, table=False)
        coverage.hit("reset", "in mid command")
