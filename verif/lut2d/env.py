"""Agents, jobs and coverage of the lut2d testbench."""

from dataclasses import dataclass

import numpy as np
from pyuvm import uvm_env

from lutloom import lut2d as golden
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

CODES = {16: 0, 32: 1, 64: 2}
STALLS = ["none", "inputs", "output", "both"]

coverage = Coverage(
    "lut2d",
    {
        "stall": STALLS,
        "centroids": [16, 32, 64],
        "below elaborated maximum": ["yes"],
        "slots": ["1", "2", "3", "some", "all"],
        "blocks": ["1", "up to a window", "more than a window", "more than two windows"],
        "exponents": ["one", "several", "another in every block"],
        "exponent": list(range(8)),
        "corner": [
            "most positive",
            "most negative",
            "start alone",
            "back to back",
            "wraps on the way",
            "reset in a job",
            "reset in a drain",
        ],
        "tokens": ["one", "several", "several in turn", "fewer in turn"],
        "lanes": [2, 4],
        "start values": ["yes", "no"],
    },
)


class Shape:
    """The parameters of the build; what is not given has the RTL's default."""

    def __init__(self):
        given = {name: int(value) for name, value in parameters().items()}
        for name, default in dict(Lanes=2, Units=32, Slots=16, Centroids=16, EntryW=8, Tokens=1, DrainW=2).items():
            setattr(self, name, given.get(name, default))
        self.NarrowW = given.get("NarrowW", self.EntryW + (self.Lanes - 1).bit_length() + 5)
        self.AccW = given.get("AccW", 28)
        self.StartW = given.get("StartW", self.AccW - 1)
        self.MaxBlocks = given.get("MaxBlocks", 2048)
        self.SumPromised = given.get("SumPromised", 0)
        self.Start = given.get("Start", 1)
        self.window = 1 << (self.NarrowW - self.EntryW - (self.Lanes - 1).bit_length())
        self.Drains = given.get("Drains", self.Tokens if self.Start else 1)
        self.turns = self.Tokens // self.Drains  # tokens that are drained one after the other
        self.beat_bits = 4 * self.Lanes * self.Units
        self.steps = self.Units // self.DrainW


@dataclass
class Job:
    """Stimulus of one job: rows [T, blocks, Lanes, C], idx [blocks, Lanes, N], exponents [blocks], start [N].

    Sums of the first `tokens` are drained.
    """

    rows: np.ndarray
    idx: np.ndarray
    exponents: np.ndarray
    start: np.ndarray
    tokens: int

    @property
    def blocks(self) -> int:
        return len(self.exponents)

    def slots(self, shape: Shape) -> int:
        return len(self.start) // shape.Units

    @property
    def centroids(self) -> int:
        return self.rows.shape[3]

    def row_words(self, shape: Shape) -> list[tuple[int, int]]:
        """[(tdata, tlast)]: token t lane l of entry k at (t * Lanes + l) * EntryW."""
        entries = self.rows.transpose(1, 3, 0, 2).reshape(self.blocks * self.centroids, -1) & ((1 << shape.EntryW) - 1)
        data = [sum(int(v) << i * shape.EntryW for i, v in enumerate(beat)) for beat in entries]
        return [(word, int((i + 1) % self.centroids == 0)) for i, word in enumerate(data)]

    def index_words(self, shape: Shape) -> list[int]:
        beats = golden.pack_index_stream(
            self.idx.reshape(-1, self.idx.shape[2]).astype(np.uint8),
            np.repeat(self.exponents, shape.Lanes),
            lanes=shape.Lanes,
            units=shape.Units,
            centroids=self.centroids,
            beat_bits=shape.beat_bits,
        )
        return [int.from_bytes(beat.tobytes(), "little") for beat in beats]

    def start_words(self, shape: Shape) -> list[int]:
        return [pack32(beat) for beat in self.start.reshape(-1, shape.DrainW)]

    def results(self, shape: Shape) -> list[tuple[int, int]]:
        acc = golden.lut2d(self.rows, self.idx, self.exponents, self.start)[: self.tokens]  # [tokens, N]
        if shape.Start:  # all tokens in a beat
            beats = (
                acc.reshape(self.tokens, -1, shape.DrainW).transpose(1, 0, 2).reshape(-1, self.tokens * shape.DrainW)
            )
        else:  # every slot for Drains tokens at a time, side by side
            parts = acc.reshape(self.tokens // shape.Drains, shape.Drains, -1, shape.steps, shape.DrainW)
            beats = parts.transpose(2, 0, 3, 1, 4).reshape(-1, shape.Drains * shape.DrainW)
        return [(pack32(beat), int(i == len(beats) - 1)) for i, beat in enumerate(beats)]

    def runs(self) -> int:
        return 1 + int((np.diff(self.exponents) != 0).sum())

    def cover(self, shape: Shape) -> None:
        slots, runs = self.slots(shape), self.runs()
        coverage.hit("centroids", self.centroids)
        if self.centroids < shape.Centroids:
            coverage.hit("below elaborated maximum", "yes")
        coverage.hit("slots", "all" if slots == shape.Slots else str(slots) if slots <= 3 else "some")
        longest = max(len(part) for part in np.split(self.exponents, np.flatnonzero(np.diff(self.exponents)) + 1))
        names = ["up to a window", "more than a window", "more than two windows"]
        coverage.hit("blocks", "1" if self.blocks == 1 else names[min((longest - 1) // shape.window, 2)])
        if runs == 1:
            coverage.hit("exponents", "one")
        else:
            coverage.hit("exponents", "another in every block" if runs == self.blocks else "several")
        for exponent in set(map(int, self.exponents)):
            coverage.hit("exponent", exponent)
        several = "several" if shape.Start else "several in turn" if self.tokens == shape.Tokens else "fewer in turn"
        coverage.hit("tokens", "one" if shape.Tokens == 1 else several)
        coverage.hit("lanes", shape.Lanes)
        coverage.hit("start values", "yes" if shape.Start else "no")


def pack32(values) -> int:
    return int.from_bytes(np.asarray(values).astype("<i4").tobytes(), "little")


class Env(uvm_env):
    """Four sources, one sink, one scoreboard."""

    stall_in = stall_out = False
    seed = 0

    def build_phase(self):
        import cocotb

        dut, seed = cocotb.top, type(self).seed
        job = {name: f"s_job_{name}_i" for name in ("blocks", "slots", "code", "tokens")}
        sources = {
            "job": StreamBus(dut, "job", "s_job_valid_i", "s_job_ready_o", job),
            "row": StreamBus.axis(dut, "s_axis_row", "data last"),
            "idx": StreamBus.axis(dut, "s_axis_idx"),
            "start": StreamBus.axis(dut, "s_axis_start"),
        }
        for n, (name, bus) in enumerate(sources.items()):
            stall = Stall.pick(self.stall_in, seed + n)
            setattr(self, name, make_agent(self, name, bus, "source", stall))
        sink = StreamBus.axis(dut, "m_axis_acc", "data last")
        self.acc = make_agent(self, "acc", sink, "sink", Stall.pick(self.stall_out, seed + 9))
        self.results = Scoreboard("results", self)

    def connect_phase(self):
        self.acc.ap.connect(self.results.analysis_export)
