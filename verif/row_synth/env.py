"""What the testbenches of row_synth are made of: the build's shape, jobs, the environment."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import cocotb
import numpy as np
from pyuvm import uvm_env

from lutloom.row_gather import COUNTS
from lutloom.row_synth import row_synth
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

STALLS = ["none", "input", "output", "both"]
DEFAULTS = {"Lanes": 2, "Tokens": 1, "Centroids": 64, "ActW": 12, "EntryW": 16, "MaxShift": 15, "BeatW": 256}


class Cause(enum.IntEnum):
    """Why a job is refused (`cause_o`), as in row_synth_pkg.sv."""

    NONE = 0
    CODE = 1
    BLOCKS = 2
    SHIFT = 3


coverage = Coverage(
    "row_synth",
    {
        "k": [f"{k} of {top}" for top in COUNTS for k in COUNTS if k <= top],
        "lanes": [1, 2, 4, 8],
        "tokens": ["one", "several"],
        "shift": list(range(16)),
        "rounding": ["exact", "up", "down", "tie to even up", "tie to even down"],
        "entry": ["lowest", "highest", "clipped low", "clipped high", "rounded up into clipping"],
        "act": ["lowest", "highest", "both lowest"],
        "weight": ["lowest", "highest"],
        "job": ["one block", "several blocks", "begins when the one before ends"],
        "codebook": ["ahead of use", "last to come", "held: no room"],
        "activations": ["ahead of use", "last to come"],
        "consumer": ["scoreboard", "lut2d"],
        "stall": STALLS,
        "cause": [cause.name for cause in Cause if cause],
        "reset": ["mid job"],
        "clear": ["mid job", "after an error"],
    },
)


class Shape:
    """Parameters of the build and what the RTL header promises for them."""

    def __init__(self):
        for name, value in (DEFAULTS | parameters()).items():
            setattr(self, name, int(value))
        self.RingBeats = int(parameters().get("RingBeats", max(32, self.block_beats(self.Centroids) * 2)))
        self.latency = self.Lanes + (10 if self.MaxShift else 8)

    def block_beats(self, k: int) -> int:
        """Codebook beats of a block."""
        return self.Lanes * k * 16 // self.BeatW

    def counts(self) -> list[int]:
        return [k for k in COUNTS if k <= self.Centroids]


def pack(fields: np.ndarray, bits: int) -> int:
    """Signed integers, the first in the lowest bits."""
    mask = (1 << bits) - 1
    return sum((int(value) & mask) << (i * bits) for i, value in enumerate(fields))


@dataclass
class Job:
    """One job: `act` int [T, P, 2], `codebook` int8 [P, K, 2], shift."""

    act: np.ndarray
    codebook: np.ndarray
    shift: int

    def fields(self, shape: Shape) -> tuple[int, ...]:
        """(blocks, code, shift)."""
        positions, k, _ = self.codebook.shape
        return positions // shape.Lanes, COUNTS.index(k), self.shift

    def acts(self, shape: Shape) -> list[int]:
        """One beat a block."""
        tokens, positions, _ = self.act.shape
        blocks = self.act.reshape(tokens, positions // shape.Lanes, shape.Lanes * 2).swapaxes(0, 1)
        return [pack(block.reshape(-1), shape.ActW) for block in blocks]

    def beats(self, shape: Shape) -> list[int]:
        data, step = self.codebook.tobytes(), shape.BeatW // 8
        return [int.from_bytes(data[i : i + step], "little") for i in range(0, len(data), step)]

    def rows(self, shape: Shape) -> list[tuple[int, int]]:
        tokens, k = len(self.act), self.codebook.shape[1]
        rows = row_synth(self.act[..., 0], self.act[..., 1], self.codebook, self.shift, shape.EntryW)  # [T, P, K]
        beats = rows.reshape(tokens, -1, shape.Lanes, k).transpose(1, 3, 0, 2).reshape(-1, tokens * shape.Lanes)
        return [(pack(beat, shape.EntryW), int(i % k == k - 1)) for i, beat in enumerate(beats)]

    def cover(self, shape: Shape) -> None:
        positions, k, _ = self.codebook.shape
        coverage.hit("k", f"{k} of {shape.Centroids}")
        coverage.hit("lanes", shape.Lanes)
        coverage.hit("tokens", "several" if shape.Tokens > 1 else "one")
        coverage.hit("shift", self.shift)
        coverage.hit("job", "several blocks" if positions > shape.Lanes else "one block")
        low, high = -(1 << shape.ActW - 1), (1 << shape.ActW - 1) - 1
        total = (self.act[:, :, None].astype(np.int64) * self.codebook[None]).sum(-1)
        result = row_synth(self.act[..., 0], self.act[..., 1], self.codebook, self.shift, shape.EntryW)
        exact = total / (1 << self.shift)  # float64 holds it
        lost, limit = exact - np.floor(exact), 1 << shape.EntryW - 1
        fits = (result > -limit) & (result < limit - 1)
        up = result > exact
        seen = {
            "act": {"lowest": self.act == low, "highest": self.act == high, "both lowest": (self.act == low).all(-1)},
            "weight": {"lowest": self.codebook == -128, "highest": self.codebook == 127},
            "entry": {
                "lowest": exact == -limit,
                "highest": exact == limit - 1,
                "clipped low": exact < -limit - 0.5,
                "clipped high": exact >= limit,
                "rounded up into clipping": (exact >= limit - 0.5) & (exact < limit),
            },
            "rounding": {
                "exact": fits & (lost == 0),
                "up": fits & up & (lost != 0.5),
                "down": fits & ~up & (lost != 0) & (lost != 0.5),
                "tie to even up": fits & up & (lost == 0.5),
                "tie to even down": fits & ~up & (lost == 0.5),
            },
        }
        for point, bins in seen.items():
            for name, where in bins.items():
                if where.any():
                    coverage.hit(point, name)


class SynthEnv(uvm_env):
    """Jobs, activations and codebooks in, rows to the scoreboard."""

    stall_in = stall_out = False
    seed = 0

    def build_phase(self):
        dut, seed, pick = cocotb.top, self.seed, Stall.pick
        fields = {field: f"s_job_{field}" for field in ("blocks", "code", "shift")}
        job = StreamBus(dut, "s_job", "s_job_tvalid", "s_job_tready", fields)
        self.job = make_agent(self, "job", job, "source", pick(self.stall_in, seed))
        act = StreamBus.axis(dut, "s_axis_act")
        self.act = make_agent(self, "act", act, "source", pick(self.stall_in, seed + 1))
        codebook = StreamBus.axis(dut, "s_axis_cb")
        self.codebook = make_agent(self, "codebook", codebook, "source", pick(self.stall_in, seed + 2))
        row = StreamBus.axis(dut, "m_axis_row", "data last")
        self.row = make_agent(self, "row", row, "sink", pick(self.stall_out, seed))
        self.rows = Scoreboard("rows", self)

    def connect_phase(self):
        self.row.ap.connect(self.rows.analysis_export)
