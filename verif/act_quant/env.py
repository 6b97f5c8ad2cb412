"""What the testbench of act_quant is made of: coverage, words of vectors, what the golden model says, environment."""

from __future__ import annotations

import cocotb
import numpy as np
from pyuvm import uvm_env

from lutloom import fp32
from lutloom.act_quant import act_quant
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

STALLS = ["none", "input", "output", "both"]
F, I = np.float32, np.uint32  # noqa: E741
SIGN, INF, NAN, LEAST, LARGEST = 0x80000000, 0x7F800000, 0x7FC00000, 0x00800000, 0x7F7FFFFF
QUANT_BITS = 12

coverage = Coverage(
    "act_quant",
    {
        "lanes": [1, 4, 16, 64],
        "bits": list(range(8, 13)),
        "value": ["zero", "negative zero", "subnormal", "normal", "infinity", "NaN", "NaN with payload"],
        "amax": ["zero", "below the least that has an inverse", "least with an inverse", "above 2^126", "infinity",
                 "NaN", "a subnormal beside normal numbers"],
        "amax at": ["first value", "last value", "negative value"],
        "scale": ["zero", "flushed, integers are not 0", "normal", "infinity", "NaN"],
        "integer": ["highest", "lowest", "zero of a value", "tie to even up", "tie to even down"],
        "length": ["one beat", "two beats", "several beats", "longest"],
        "ring": ["full", "runs around its end"],
        "scale taken": ["before its integers", "after its integers"],
        "waiting": ["32 vectors"],
        "error": ["too long", "bits below 8", "bits above 12"],
        "stall": STALLS,
        "reset": ["while storing", "while reading"],
    },
)  # fmt: skip


class Shape:
    """Parameters of the build and the latencies that the RTL header promises for them."""

    def __init__(self):
        build = {"Lanes": 16, "MaxBeats": 256} | parameters()
        self.lanes, self.beats = int(build["Lanes"]), int(build["MaxBeats"])
        levels = self.lanes.bit_length() - 1
        self.scale_latency = levels + 40
        self.latency = self.scale_latency + 11
        default = 1 << (self.beats + self.scale_latency + 4 - 1).bit_length()
        self.ring = int(build.get("RingBeats", default))


def words_of(x: np.ndarray, bits: int, lanes: int) -> list[tuple[int, int, int]]:
    """The beats (data, last, bits) of a vector float32 [n]."""
    beats = np.ascontiguousarray(x, F).reshape(-1, lanes)
    data = [int.from_bytes(beat.astype("<f4").tobytes(), "little") for beat in beats]
    return [(word, int(i == len(data) - 1), bits) for i, word in enumerate(data)]


def results_of(x: np.ndarray, bits: int, lanes: int) -> tuple[list[tuple[int, int]], int]:
    """The beats (data, last) of the integers, and the scale's bit pattern."""
    q, scale = act_quant(x, bits)
    beats = (q.astype(np.int64) & (1 << QUANT_BITS) - 1).reshape(-1, lanes).tolist()
    data = [sum(value << (QUANT_BITS * lane) for lane, value in enumerate(beat)) for beat in beats]
    return [(word, int(i == len(data) - 1)) for i, word in enumerate(data)], int(scale.view(I))


def kind(word: int) -> str:
    magnitude = word & 0x7FFFFFFF
    if magnitude > INF:
        return "NaN" if magnitude == NAN else "NaN with payload"
    if magnitude == 0:
        return "negative zero" if word else "zero"
    return "infinity" if magnitude == INF else "subnormal" if magnitude < LEAST else "normal"


def cover(x: np.ndarray, bits: int, shape: Shape) -> None:
    """Count what a vector covers."""
    q, scale = act_quant(x, bits)
    qmax, magnitude = (1 << bits - 1) - 1, np.abs(fp32.flush(x))
    amax = magnitude.max()
    inverse = fp32.mul(F(qmax), fp32.reciprocal(amax))
    coverage.hit("lanes", shape.lanes)
    coverage.hit("bits", bits)
    for word in np.unique(x.view(I)).tolist():
        coverage.hit("value", kind(word))
    beats = len(x) // shape.lanes
    coverage.hit("length", {1: "one beat", 2: "two beats", shape.beats: "longest"}.get(beats, "several beats"))
    below = F(np.uint32(amax.view(I) - 1).view(F)) if 0 < amax < np.inf else F(0)
    with np.errstate(all="ignore"):
        product = x * inverse
        seen = {
            "amax": {
                "zero": amax == 0,
                "below the least that has an inverse": amax > 0 and np.isinf(inverse),
                "least with an inverse": np.isfinite(inverse) and np.isinf(fp32.mul(F(qmax), fp32.reciprocal(below))),
                "above 2^126": 2.0**126 < amax < np.inf,
                "infinity": np.isinf(amax),
                "NaN": np.isnan(amax),
                "a subnormal beside normal numbers": amax > 0 and (np.abs(x)[x != 0] < fp32.TINY).any(),
            },
            "amax at": {
                "first value": magnitude[0] == amax > magnitude[1:].max(initial=0),
                "last value": magnitude[-1] == amax > magnitude[:-1].max(initial=0),
                "negative value": x.min() == -amax and x.max() < amax,
            },
            "scale": {
                "zero": scale == 0 and not q.any(),
                "flushed, integers are not 0": scale == 0 and q.any(),
                "normal": scale > 0 and np.isfinite(scale),
                "infinity": np.isinf(scale),
                "NaN": np.isnan(scale),
            },
            "integer": {
                "highest": (q == qmax).any(),
                "lowest": (q == -qmax).any(),
                "zero of a value": ((q == 0) & (magnitude > 0)).any() and np.isfinite(scale),
                "tie to even up": ((np.abs(product) % 1 == 0.5) & (np.abs(q) > np.abs(product))).any(),
                "tie to even down": ((np.abs(product) % 1 == 0.5) & (np.abs(q) < np.abs(product))).any(),
            },
        }
    for point, bins in seen.items():
        for name, hit in bins.items():
            if hit:
                coverage.hit(point, name)


class QuantEnv(uvm_env):
    """Vectors in, integers and scales to their scoreboards."""

    stalls = (False, False)
    seed = 0

    def build_phase(self):
        dut, seed = cocotb.top, self.seed
        fields = {"data": "s_axis_tdata", "last": "s_axis_tlast", "bits": "bits_i"}
        values = StreamBus(dut, "s_axis", "s_axis_tvalid", "s_axis_tready", fields)
        self.values = make_agent(self, "values", values, "source", Stall.pick(self.stalls[0], seed))
        self.held = False  # stalls both outputs
        integers = StreamBus.axis(dut, "m_axis", "data last")
        self.integers = make_agent(self, "integers", integers, "sink", self.sink_stall(seed))
        scales = StreamBus.axis(dut, "m_axis_scale")
        self.scales = make_agent(self, "scales", scales, "sink", self.sink_stall(seed + 1))
        self.integers_board = Scoreboard("integers_board", self)
        self.scales_board = Scoreboard("scales_board", self)

    def sink_stall(self, seed):
        pattern = Stall.pick(self.stalls[1], seed)
        return Stall("held", iter(lambda: self.held or pattern(), None))

    def connect_phase(self):
        self.integers.ap.connect(self.integers_board.analysis_export)
        self.scales.ap.connect(self.scales_board.analysis_export)
