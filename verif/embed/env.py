"""What both testbenches of embed share: coverage, the build's shape, tables, the sources and sinks."""

from __future__ import annotations

from dataclasses import dataclass

import cocotb
import numpy as np
from pyuvm import uvm_env

from lutloom.embed import embed
from verif.fp32_reduce.vectors import RESULTS, STALLS, beats
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

CAUSES = ["CauseNone", "CauseId", "CauseRow", "CauseBase"]  # as in embed_pkg
SPECIAL = np.array([0, 0x8000, 1, 0x807F, 0x0080, 0x8080, 0x7F7F, 0x7F80, 0xFF80, 0x7FC0, 0x7F81, 0xFFFF], np.uint16)
UNIT = 64

coverage = Coverage(
    "embed",
    {
        "row": ["one beat", "several beats", "ends inside a beat", "fills its stride"],
        "id": ["0", "last row", "between", "the same again"],
        "address": ["carries into bit 32", "product above bit 32"],
        "values": ["subnormal", "NaN", "NaN payload"],
        "result": RESULTS,
        "table": ["as before", "changes from id to id"],
        "memory": ["beats from the test", "hbm_streamer"],
        "ahead": ["all reads that may wait"],
        "stall": STALLS,
        "cause": CAUSES[1:],
        "reset": ["mid row"],
        "clear": ["after an error"],
    },
)


class Shape:
    """The build's parameters."""

    def __init__(self):
        for name, value in ({"Lanes": 16, "BeatW": 256, "Tag": 0, "IdW": 20, "Ahead": 4} | parameters()).items():
            setattr(self, name, int(value))
        self.per_beat = self.BeatW // 16
        self.beat_bytes = self.BeatW // 8


@dataclass
class Job:
    """One id and its table's place; `row` are the bf16 bit patterns of the row, uint16 [n]."""

    token: int
    row: np.ndarray
    base: int
    stride: int  # 64-byte units
    rows: int

    def command(self) -> tuple:
        """(id, base, stride, values, rows)."""
        return self.token, self.base, self.stride, len(self.row), self.rows

    def read(self, shape: Shape) -> tuple[int, int, int]:
        length = -(-len(self.row) // shape.per_beat) * shape.beat_bytes
        return self.base + UNIT * self.stride * self.token, length, shape.Tag

    def beats(self, shape: Shape) -> list[tuple[int, int]]:
        """Memory beats (data, last); what follows the row is 1s."""
        fill = np.full(-len(self.row) % shape.per_beat, 0xFFFF, np.uint16)
        rows = np.concatenate([self.row, fill]).astype("<u2").reshape(-1, shape.per_beat)
        return [(int.from_bytes(r.tobytes(), "little"), int(i == len(rows) - 1)) for i, r in enumerate(rows)]

    def result(self) -> np.ndarray:
        return embed(self.row[None], np.array([0]))[0].view(np.uint32)

    def expected(self, shape: Shape) -> list[tuple[int, int]]:
        return beats(self.result(), shape.Lanes)


class EmbedEnv(uvm_env):
    """`direct`: the test takes the reads and gives the beats; else an hbm_streamer does."""

    direct = True
    stalls = (Stall.none(),) * 4  # ids, reads, beats, results

    def build_phase(self):
        dut = cocotb.top
        names = {"id": "s_axis_id_tdata"} | {n: f"{n}_i" for n in ("base", "stride", "values", "rows")}
        ids = StreamBus(dut, "s_axis_id", "s_axis_id_tvalid", "s_axis_id_tready", names)
        self.id = make_agent(self, "id", ids, "source", self.stalls[0])
        self.y = make_agent(self, "y", StreamBus.axis(dut, "m_axis", "data last"), "sink", self.stalls[3])
        self.results = Scoreboard("results", self)
        if self.direct:
            fields = {n: f"m_desc_{n}" for n in ("addr", "bytes", "tag")}
            reads = StreamBus(dut, "m_desc", "m_desc_tvalid", "m_desc_tready", fields)
            self.read = make_agent(self, "read", reads, "sink", self.stalls[1])
            beat = StreamBus.axis(dut, "s_axis_beat", "data last")
            self.beat = make_agent(self, "beat", beat, "source", self.stalls[2])
            self.reads = Scoreboard("reads", self)

    def connect_phase(self):
        self.y.ap.connect(self.results.analysis_export)
        if self.direct:
            self.read.ap.connect(self.reads.analysis_export)
