"""The environment of linear_covq's testbench and of the demo: three streams around tb_linear_covq."""

from __future__ import annotations

import cocotb
import numpy as np
from cocotb.handle import Immediate
from pyuvm import uvm_env

from lutloom.linear_covq import Command
from verif.lib.tb import CoreTest, Scoreboard, Stall, StreamBus, make_agent

CONTROLS = ("clear_i", "ar_stall_i", "r_gap_i", "seed_i", "err_en_i", "err_addr_i", "load_i", "count_clear_i")
COUNTERS = ("lookup", "row_write", "result", "index_wait", "row_wait", "other")


class LinearEnv(uvm_env):
    """Commands and vectors in, accumulators out; the scoreboard sees one word per output beat and token."""

    stall_in = stall_out = None

    def build_phase(self):
        dut = cocotb.top
        fields = {name: f"s_cmd_{name}" for name in Command.__dataclass_fields__}
        bus = StreamBus(dut, "cmd", "s_cmd_tvalid", "s_cmd_tready", fields)
        self.commands = make_agent(self, "commands", bus, "source")
        self.vectors = make_agent(self, "vectors", StreamBus.axis(dut, "s_axis_vec"), "source", self.stall_in)
        out = StreamBus.axis(dut, "m_axis_acc", "data last")
        self.results = make_agent(self, "results", out, "sink", self.stall_out)
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.results.ap.connect(self.scoreboard.analysis_export)


class LinearTest(CoreTest):
    """Base: controls at rest, helpers for words in and out."""

    stalls = (False, False)

    def build_phase(self):
        super().build_phase()
        for name in CONTROLS:
            getattr(self.dut, name).set(Immediate(0))
        LinearEnv.stall_in = Stall.pick(self.stalls[0], self.seed)
        LinearEnv.stall_out = Stall.pick(self.stalls[1], self.seed + 1)
        self.env = LinearEnv("env", self)


def vector_words(vectors: np.ndarray) -> list[int]:
    """int8 [T, P, 2] -> the vector stream, [position][token]."""
    pairs = vectors.astype(np.uint8).astype(np.uint16)
    return (pairs[..., 0] | pairs[..., 1] << 8).T.reshape(-1).tolist()


def result_words(acc: np.ndarray, tokens: int, drain: int) -> list[tuple[int, int]]:
    """Accumulators int32 [passes * tokens, outputs] of one command -> (tdata, tlast) beats, tokens side by side."""
    words = []
    for part in acc.reshape(-1, tokens, acc.shape[1] // drain, drain):
        beats = np.ascontiguousarray(part.transpose(1, 0, 2), "<i4")  # [beat, token, drain]
        words += [(int.from_bytes(beat.tobytes(), "little"), int(i == len(beats) - 1)) for i, beat in enumerate(beats)]
    return words
