"""What the testbench of row_table is made of: the build's shape, jobs, the environment."""

from __future__ import annotations

from dataclasses import dataclass

import cocotb
import numpy as np
from pyuvm import uvm_env

from lutloom import row_table as golden
from lutloom.row_gather import COUNTS
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

STALLS = ["none", "input", "output", "both"]

coverage = Coverage(
    "row_table",
    {
        "k": [f"{k} of {top}" for top in COUNTS for k in COUNTS if k <= top],
        "c": COUNTS,
        "beat": ["part of a row piece", "one row piece", "several row pieces"],
        "rows": ["fewer than 16", "16", "more than 16"],
        "passes": ["one", "several"],
        "last_pass": ["all tokens", "filled up"],
        "table": ["part of the ring", "the whole ring", "larger than the ring"],
        "load": ["ahead of use", "chased by use", "next job during the last pass", "held: no room"],
        "index": ["lowest", "highest", "all the same"],
        "entry": ["lowest", "highest"],
        "job": ["one block", "several blocks"],
        "stall": STALLS,
        "cause": [cause.name for cause in golden.Cause if cause],
        "reset": ["mid job"],
        "clear": ["mid job", "after an error"],
    },
)


class Shape:
    """Parameters of the build and what the RTL header promises for them."""

    def __init__(self):
        build = {"Lanes": 2, "Tokens": 8, "Centroids": 16, "ActCentroids": 64, "EntryW": 8, "BeatW": 256}
        for name, value in (build | {"TablePositions": 1024} | parameters()).items():
            setattr(self, name, int(value))
        self.rows = self.Tokens * self.Lanes
        self.index_latency = self.rows + 22
        self.table_latency = self.rows + 24

    def block_cycles(self, k: int) -> int:
        return k * -(-self.rows // 16)

    def capacity(self, k: int, c: int) -> int:
        """Positions that fit the ring."""
        return self.TablePositions * self.Centroids * self.ActCentroids // (k * c)

    def word(self, entries: np.ndarray) -> int:
        """One row beat."""
        return int.from_bytes(entries.astype(f"<i{self.EntryW // 8}").tobytes(), "little")


@dataclass
class Job:
    """One job: `table` [P, C, K], `cidx` [T, P]."""

    table: np.ndarray
    cidx: np.ndarray

    def passes(self, shape: Shape) -> int:
        return -(-len(self.cidx) // shape.Tokens)

    def fields(self, shape: Shape) -> tuple[int, ...]:
        """(positions, passes, k_code, c_code)."""
        positions, c, k = self.table.shape
        return positions, self.passes(shape), COUNTS.index(k), COUNTS.index(c)

    def beats(self, shape: Shape) -> list[tuple[int, int]]:
        data, step = golden.pack_table_stream(self.table, shape.EntryW), shape.BeatW // 8
        return [int.from_bytes(data[i : i + step], "little") for i in range(0, len(data), step)]

    def indices(self, shape: Shape) -> list[int]:
        return golden.row_table_indices(self.cidx, shape.Tokens, shape.Lanes).tolist()

    def rows(self, shape: Shape) -> list[tuple[int, int]]:
        k = self.table.shape[2]
        beats = golden.row_table_stream(self.table, self.cidx, shape.Tokens, shape.Lanes)
        return [(shape.word(beat), int(i % k == k - 1)) for i, beat in enumerate(beats)]

    def cover(self, shape: Shape) -> None:
        positions, c, k = self.table.shape
        piece = 16 * shape.EntryW
        coverage.hit("k", f"{k} of {shape.Centroids}")
        coverage.hit("c", c)
        several = "several row pieces" if shape.BeatW > piece else "part of a row piece"
        coverage.hit("beat", "one row piece" if shape.BeatW == piece else several)
        coverage.hit("rows", "16" if shape.rows == 16 else "more than 16" if shape.rows > 16 else "fewer than 16")
        coverage.hit("passes", "several" if self.passes(shape) > 1 else "one")
        coverage.hit("last_pass", "filled up" if len(self.cidx) % shape.Tokens else "all tokens")
        room = shape.capacity(k, c)
        whole = "the whole ring" if positions == room else "larger than the ring"
        coverage.hit("table", "part of the ring" if positions < room else whole)
        coverage.hit("job", "several blocks" if positions > shape.Lanes else "one block")
        for name, hit in (("lowest", self.cidx == 0), ("highest", self.cidx == c - 1)):
            if hit.any():
                coverage.hit("index", name)
        if len(np.unique(self.cidx)) == 1:
            coverage.hit("index", "all the same")
        rows = golden.row_table(self.table, self.cidx)
        limit = 1 << (shape.EntryW - 1)
        if (rows == -limit).any():
            coverage.hit("entry", "lowest")
        if (rows == limit - 1).any():
            coverage.hit("entry", "highest")


class TableEnv(uvm_env):
    """Jobs, table and indices in, rows to the scoreboard."""

    stall_in = stall_out = False
    seed = 0

    def build_phase(self):
        dut, seed, pick = cocotb.top, self.seed, Stall.pick
        fields = {f: f"s_job_{f}" for f in ("positions", "passes", "k_code", "c_code")}
        job = StreamBus(dut, "s_job", "s_job_tvalid", "s_job_tready", fields)
        self.job = make_agent(self, "job", job, "source", pick(self.stall_in, seed))
        table = StreamBus.axis(dut, "s_axis_table")
        self.table = make_agent(self, "table", table, "source", pick(self.stall_in, seed + 1))
        cidx = StreamBus.axis(dut, "s_axis_cidx")
        self.cidx = make_agent(self, "cidx", cidx, "source", pick(self.stall_in, seed + 2))
        self.row = make_agent(
            self, "row", StreamBus.axis(dut, "m_axis_row", "data last"), "sink", pick(self.stall_out, seed)
        )
        self.rows = Scoreboard("rows", self)

    def connect_phase(self):
        self.row.ap.connect(self.rows.analysis_export)
