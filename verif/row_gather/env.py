"""What both testbenches of row_gather share: the build's shape, jobs with their tables, a memory that answers reads."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from pyuvm import uvm_env, uvm_subscriber

from lutloom import row_gather as golden
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

COUNTS = golden.COUNTS
STALLS = ["none", "input", "output", "both"]

coverage = Coverage(
    "row_gather",
    {
        "k": [f"{k} of {top}" for top in COUNTS for k in COUNTS if k <= top],
        "c": COUNTS,
        "row": ["part of a beat", "one beat", "several beats"],
        "offset": ["begins a beat", "inside a beat"],
        "rows_per_fetch": ["one", "several"],
        "fetch": ["one beat", "several beats", "all a lane holds"],
        "index": ["lowest", "highest"],
        "entry": ["lowest", "highest"],
        "address": ["carries into bit 32", "high half set"],
        "job": ["one block", "several blocks", "the next waits for a plan"],
        "memory": ["Python responder", "hbm_streamer"],
        "stall": STALLS,
        "cause": [cause.name for cause in golden.Cause if cause],
        "reset": ["mid job"],
        "clear": ["mid job", "after an error"],
    },
)


class Shape:
    """Parameters of the build and the latencies that the RTL header promises for them."""

    def __init__(self):
        build = {"Lanes": 2, "Centroids": 16, "ActCentroids": 64, "EntryW": 8, "BeatW": 256, "Tag": 0} | parameters()
        for name, value in build.items():
            setattr(self, name, int(value))
        row_beats = self.Centroids * self.EntryW // self.BeatW
        self.LaneBeats = int(build.get("LaneBeats", max(1, row_beats) + 1))
        self.beat_bytes = self.BeatW // 8
        self.lane_latency = 1 + (self.LaneBeats if self.LaneBeats <= 3 else 1)

    def word(self, entries) -> int:
        """One row beat: entry of lane l at bit l * EntryW."""
        mask = (1 << self.EntryW) - 1
        return sum((int(e) & mask) << (lane * self.EntryW) for lane, e in enumerate(entries))

    def most_rows(self, k: int) -> int:
        """Most rows per fetch that a lane holds, if the fetch begins a beat."""
        return self.LaneBeats * self.BeatW // (k * self.EntryW)


@dataclass
class Job:
    """One job with everything that belongs to it. `table` is [P, C, G, K]."""

    table: np.ndarray
    cidx: np.ndarray
    group: int
    rows_per_fetch: int
    base: int

    def fields(self, shape: Shape) -> tuple[int, ...]:
        """(base, row_stride, offset, positions, rows_per_fetch, k_code, c_code)."""
        positions, c, groups, k = self.table.shape
        stride = golden.row_stride(groups, k, shape.EntryW, shape.beat_bytes)
        offset = self.group * k * shape.EntryW // 8
        return self.base, stride, offset, positions, self.rows_per_fetch, COUNTS.index(k), COUNTS.index(c)

    def reads(self, shape: Shape) -> list[tuple[int, int, int]]:
        base, stride, offset, *_ = self.fields(shape)
        _, c, _, k = self.table.shape
        addresses, length = golden.row_gather_reads(
            self.cidx, base, stride, offset, k, c, self.rows_per_fetch, shape.EntryW, shape.beat_bytes
        )
        return [(int(address), length, shape.Tag) for address in addresses]

    def rows(self, shape: Shape) -> list[tuple[int, int]]:
        k = self.table.shape[3]
        rows = golden.row_gather(self.table, self.cidx, self.group, self.rows_per_fetch)
        beats = golden.row_gather_stream(rows, shape.Lanes)
        return [(shape.word(beat), int(i % k == k - 1)) for i, beat in enumerate(beats)]

    def cover(self, shape: Shape) -> None:
        positions, c, _, k = self.table.shape
        row_bits, (address, length, _) = k * shape.EntryW, self.reads(shape)[0]
        _, stride, offset, *_ = self.fields(shape)
        coverage.hit("k", f"{k} of {shape.Centroids}")
        coverage.hit("c", c)
        part, whole = row_bits < shape.BeatW, row_bits == shape.BeatW
        coverage.hit("row", "part of a beat" if part else "one beat" if whole else "several beats")
        coverage.hit("offset", "inside a beat" if offset % shape.beat_bytes else "begins a beat")
        coverage.hit("rows_per_fetch", "several" if self.rows_per_fetch > 1 else "one")
        coverage.hit("fetch", "several beats" if length > shape.beat_bytes else "one beat")
        if length == shape.LaneBeats * shape.beat_bytes:
            coverage.hit("fetch", "all a lane holds")
        coverage.hit("job", "several blocks" if positions > shape.Lanes else "one block")
        if 0 in self.cidx:
            coverage.hit("index", "lowest")
        if c - 1 in self.cidx:
            coverage.hit("index", "highest")
        end = self.base + positions * c * stride
        if self.base >> 32 != end >> 32:
            coverage.hit("address", "carries into bit 32")
        if address >> 48:
            coverage.hit("address", "high half set")
        rows = golden.row_gather(self.table, self.cidx, self.group)
        limit = 1 << (shape.EntryW - 1)
        if (rows == -limit).any():
            coverage.hit("entry", "lowest")
        if (rows == limit - 1).any():
            coverage.hit("entry", "highest")


class Responder(uvm_subscriber):
    """Memory: answers every read that the m_desc monitor saw, in order, after a latency."""

    def build_phase(self):
        super().build_phase()
        self.waiting: deque = deque()  # (cycle when due, words)
        self.memory: list[tuple[int, bytes]] = []
        self.latency = lambda: 0
        self.cycle = 0

    def hold(self, base: int, image: bytes) -> None:
        """The memory holds `image` from `base` on, before whatever overlaps it."""
        self.memory.insert(0, (base, image))

    def write(self, read) -> None:
        address, length, tag = read
        for base, image in self.memory:
            if base <= address and address + length <= base + len(image):
                data = image[address - base : address - base + length]
                break
        else:
            raise AssertionError(f"read of {length} bytes at {address:#x}: outside every table")
        step = self.bytes
        words = [
            (int.from_bytes(data[i : i + step], "little"), int(i + step == length), tag) for i in range(0, length, step)
        ]
        self.waiting.append((self.cycle + self.latency(), words))

    async def run_phase(self):
        clock = RisingEdge(cocotb.top.clk_i)
        while True:
            await clock
            self.cycle += 1
            words = []
            while self.waiting and self.waiting[0][0] <= self.cycle:
                words += self.waiting.popleft()[1]
            if words:
                start = cocotb.utils.get_sim_time("ns")
                await self.agent.send(words)
                self.cycle += round((cocotb.utils.get_sim_time("ns") - start) / 4)


class GatherEnv(uvm_env):
    """Jobs and indices in, reads to the responder, its beats in, rows to the scoreboard."""

    stall_in = stall_out = False
    seed = 0

    def build_phase(self):
        dut, seed = cocotb.top, self.seed
        fields = "base row_stride offset positions rows_per_fetch k_code c_code"
        job = StreamBus(dut, "s_job", "s_job_tvalid", "s_job_tready", {f: f"s_job_{f}" for f in fields.split()})
        desc = {f: f"m_desc_{f}" for f in ("addr", "bytes", "tag")}
        pick = Stall.pick
        self.job = make_agent(self, "job", job, "source", pick(self.stall_in, seed))
        cidx = StreamBus.axis(dut, "s_axis_cidx")
        self.cidx = make_agent(self, "cidx", cidx, "source", pick(self.stall_in, seed + 1))
        self.row = make_agent(
            self, "row", StreamBus.axis(dut, "m_axis_row", "data last"), "sink", pick(self.stall_out, seed)
        )
        self.rows = Scoreboard("rows", self)
        self.responder = None
        if hasattr(dut, "m_desc_tvalid"):  # the plain core: the memory is Python
            desc = StreamBus(dut, "m_desc", "m_desc_tvalid", "m_desc_tready", desc)
            self.desc = make_agent(self, "desc", desc, "sink", pick(self.stall_out, seed + 1))
            beat = StreamBus.axis(dut, "s_axis_beat", "data last user")
            self.beat = make_agent(self, "beat", beat, "source", pick(self.stall_in, seed + 2))
            self.reads = Scoreboard("reads", self)
            self.responder = Responder("responder", self)

    def connect_phase(self):
        self.row.ap.connect(self.rows.analysis_export)
        if self.responder:
            self.responder.agent, self.responder.bytes = self.beat, len(cocotb.top.s_axis_beat_tdata) // 8
            self.desc.ap.connect(self.reads.analysis_export)
            self.desc.ap.connect(self.responder.analysis_export)
