"""What the testbench of dequant is made of: coverage, vectors and what golden/dequant.py makes of them, environment."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import cocotb
import numpy as np
from pyuvm import uvm_env

from lutloom import fp32
from lutloom.dequant import dequant
from verif.lib.tb import Coverage, Scoreboard, Stall, StreamBus, make_agent, parameters

STALLS = ["none", "input", "output", "both"]
F, I = np.float32, np.uint32  # noqa: E741
LOWEST, HIGHEST = -(1 << 31), (1 << 31) - 1
SIGN, INF, NAN, LEAST, LARGEST = 0x80000000, 0x7F800000, 0x7FC00000, 0x00800000, 0x7F7FFFFF
KINDS = ["zero", "negative zero", "subnormal", "normal", "infinity", "negative infinity", "NaN", "NaN with payload"]
RESULTS = [kind for kind in KINDS if kind not in ("subnormal", "NaN with payload")]
USES = ["nothing", "act_scale", "residual", "both"]
INPUTS = ["accumulators", "scales", "acts", "residuals", "starts"]
STARTS = ["no start values", "start values"]

coverage = Coverage(
    "dequant",
    {
        "lanes": [1, 4, 16, 64],
        "uses": USES,
        "uses after": [f"{b} after {a}" for a in USES for b in USES],
        "start": [f"{start}, {use}" for start in STARTS for use in USES],
        "start after": [f"{b} after {a}" for a in STARTS for b in STARTS],
        "start shared by": ["one", "some", "all"],
        "start value": ["zero", "lowest", "highest"],
        "sum": ["zero", "lowest", "highest", "wraps above", "wraps below", "exact of a rounded acc"],
        "acc": ["zero", "exact", "rounded", "tie to even", "lowest", "highest"],
        "out_scale": KINDS,
        "act_scale": KINDS,
        "residual": KINDS,
        "result": RESULTS,
        "step": ["product flushed", "product to infinity", "0 * inf", "inf - inf", "sum cancels",
                 "sum is a negative zero", "negative zero without residual"],
        "length": ["one beat", "several beats"],
        "vectors at once": ["one", "some", "all"],
        "last to come": INPUTS,
        "waiting": ["19 beats", "20 beats"],
        "stall": STALLS,
        "reset": ["mid vector"],
    },
)  # fmt: skip


def lanes() -> int:
    return int(parameters().get("Lanes", 16))


def tokens() -> int:
    return int(parameters().get("Tokens", 1))


def starts() -> int:
    return int(parameters().get("Start", 0))


def latency() -> int:
    return 18 + starts()


def waiting() -> int:
    """Beats taken while the consumer waits."""
    return 19 + starts()


def kind(word: int) -> str:
    magnitude = word & 0x7FFFFFFF
    if magnitude > INF:
        return "NaN" if magnitude == NAN else "NaN with payload"
    if magnitude == 0:
        return "negative zero" if word else "zero"
    if magnitude == INF:
        return "negative infinity" if word & SIGN else "infinity"
    return "subnormal" if magnitude < LEAST else "normal"


def beats_of(words: np.ndarray) -> list[int]:
    """Beats of a vector of 32-bit words."""
    return [int.from_bytes(beat.tobytes(), "little") for beat in words.view("<u4").reshape(-1, lanes())]


@dataclass
class Vector:
    """acc int32 [n], out_scale float32 [n], act_scale float32, residual float32 [n], start int32 [n] or None each."""

    acc: np.ndarray
    out_scale: np.ndarray
    act_scale: np.float32 | None
    residual: np.ndarray | None
    start: np.ndarray | None = None

    @property
    def uses(self) -> tuple[int, int]:
        return int(self.act_scale is not None), int(self.residual is not None)

    @property
    def starts(self) -> int:
        return int(self.start is not None)

    def total(self) -> np.ndarray:
        """acc + start modulo 2^32."""
        return self.acc if self.start is None else (self.acc.view(I) + self.start.view(I)).view(np.int32)

    def words(self) -> tuple[list, list, list, list, list]:
        """Words for the inputs, in the order of INPUTS."""
        data = beats_of(self.acc)
        return (
            [(word, int(i == len(data) - 1), self.starts, *self.uses, 1) for i, word in enumerate(data)],
            beats_of(self.out_scale),
            [] if self.act_scale is None else [int(F(self.act_scale).view(I))],
            [] if self.residual is None else beats_of(self.residual),
            [] if self.start is None else beats_of(self.start),
        )

    def result(self) -> np.ndarray:
        return dequant(self.acc, self.out_scale, self.act_scale, self.residual, self.start)

    def results(self) -> list[tuple[int, int]]:
        data = beats_of(self.result())
        return [(word, int(i == len(data) - 1)) for i, word in enumerate(data)]

    def cover(self, before: Vector | Together | None) -> None:
        """`before`: what came before it."""
        coverage.hit("vectors at once", "one")
        if self.starts:
            coverage.hit("start shared by", "one")
        use = USES[self.uses[0] + 2 * self.uses[1]]
        coverage.hit("uses", use)
        coverage.hit("start", f"{STARTS[self.starts]}, {use}")
        if before is not None:
            coverage.hit("start after", f"{STARTS[self.starts]} after {STARTS[before.starts]}")
            coverage.hit("uses after", f"{use} after {USES[before.uses[0] + 2 * before.uses[1]]}")
        self.cover_numbers()

    def cover_numbers(self) -> None:
        coverage.hit("lanes", lanes())
        coverage.hit("length", "several beats" if len(self.acc) > lanes() else "one beat")
        result = self.result()
        for point, numbers in (
            ("out_scale", self.out_scale),
            ("act_scale", self.act_scale),
            ("residual", self.residual),
            ("result", result),
        ):
            if numbers is not None:
                for word in np.unique(np.atleast_1d(numbers).view(I)).tolist():
                    coverage.hit(point, kind(word))
        acc = self.total()
        whole, product = fp32.from_int(acc), dequant(acc, self.out_scale, self.act_scale)
        exact = whole.astype(np.float64)
        low, high = (np.nextafter(whole, F(end)).astype(np.float64) for end in (-np.inf, np.inf))
        twice = 2.0 * acc
        factor = self.out_scale if self.act_scale is None else self.act_scale
        factors = [(whole, self.out_scale), (fp32.mul(whole, self.out_scale), np.broadcast_to(factor, whole.shape))]
        residual = self.residual if self.residual is not None else np.zeros_like(product)
        used = self.residual is not None
        seen = {
            "acc": {
                "zero": acc == 0,
                "exact": (exact == acc) & (acc != 0),
                "rounded": exact != acc,
                "tie to even": (exact != acc) & ((exact + low == twice) | (exact + high == twice)),
                "lowest": acc == LOWEST,
                "highest": acc == HIGHEST,
            },
            "step": {
                "product flushed": [((fp32.mul(a, b) == 0) & (fp32.flush(a) != 0) & (fp32.flush(b) != 0)).any()
                                    for a, b in factors],
                "product to infinity": [(np.isinf(fp32.mul(a, b)) & np.isfinite(a) & np.isfinite(b)).any()
                                        for a, b in factors],
                "0 * inf": [(np.isnan(fp32.mul(a, b)) & ~np.isnan(a) & ~np.isnan(b)).any() for a, b in factors],
                "inf - inf": used & np.isnan(result) & ~np.isnan(product) & ~np.isnan(residual),
                "sum cancels": used & (result == 0) & (product != 0),
                "sum is a negative zero": used & (result.view(I) == SIGN),
                "negative zero without residual": (not used) & (result.view(I) == SIGN),
            },
        }  # fmt: skip
        if self.start is not None:
            wide = self.acc.astype(np.int64) + self.start
            changed = self.start != 0
            seen["start value"] = {
                "zero": ~changed,
                "lowest": self.start == LOWEST,
                "highest": self.start == HIGHEST,
            }
            seen["sum"] = {
                "zero": changed & (acc == 0),
                "lowest": changed & (wide == LOWEST),
                "highest": changed & (wide == HIGHEST),
                "wraps above": wide > HIGHEST,
                "wraps below": wide < LOWEST,
                "exact of a rounded acc": (exact == acc) & (fp32.from_int(self.acc).astype(np.float64) != self.acc),
            }
        for point, bins in seen.items():
            for name, where in bins.items():
                if np.any(where):
                    coverage.hit(point, name)


@dataclass
class Together:
    """Vectors that come at once, beat by beat in turn: all of one length, with the same out_scale, start and uses."""

    vectors: list[Vector]

    @property
    def uses(self) -> tuple[int, int]:
        return self.vectors[0].uses

    @property
    def starts(self) -> int:
        return self.vectors[0].starts

    def words(self) -> tuple[list, list, list, list, list]:
        """As Vector.words."""
        accs, scales, acts, residuals, values = zip(*(vector.words() for vector in self.vectors), strict=True)
        count, beats = len(self.vectors), list(zip(*accs, strict=True))
        turns = [
            (word[0], int(i == len(beats) - 1 and v == count - 1), self.starts, *self.uses, count)
            for i, beat in enumerate(beats)
            for v, word in enumerate(beat)
        ]
        rows = list(chain.from_iterable(zip(*residuals, strict=True)))
        return turns, scales[0], list(chain.from_iterable(acts)), rows, values[0]

    def results(self) -> list[tuple[int, int]]:
        beats = list(zip(*(vector.results() for vector in self.vectors), strict=True))
        words = [word for beat in beats for word, _ in beat]
        return [(word, int(i == len(words) - 1)) for i, word in enumerate(words)]

    def cover(self, before) -> None:
        count = "all" if len(self.vectors) == tokens() else "some"
        coverage.hit("vectors at once", count)
        if self.starts:
            coverage.hit("start shared by", count)
        for vector in self.vectors:
            vector.cover_numbers()


class DequantEnv(uvm_env):
    """Five streams in, results to the scoreboard."""

    stalls = (False, False)
    seed = 0

    def build_phase(self):
        dut, seed = cocotb.top, self.seed
        fields = {"data": "s_axis_tdata", "last": "s_axis_tlast"}
        fields |= {
            "use_start": "use_start_i",
            "use_act_scale": "use_act_scale_i",
            "use_residual": "use_residual_i",
            "tokens": "tokens_i",
        }
        buses = (
            StreamBus(dut, "s_axis", "s_axis_tvalid", "s_axis_tready", fields),
            *(StreamBus.axis(dut, f"s_axis_{name}") for name in ("scale", "act", "residual", "start")),
        )
        self.inputs = [
            make_agent(self, name, bus, "source", Stall.pick(self.stalls[0], seed + i))
            for i, (name, bus) in enumerate(zip(INPUTS, buses, strict=True))
        ]
        self.held = False
        pattern = Stall.pick(self.stalls[1], seed)
        stall = Stall("held", iter(lambda: self.held or pattern(), None))
        self.results = make_agent(self, "results", StreamBus.axis(dut, "m_axis", "data last"), "sink", stall)
        self.scoreboard = Scoreboard("scoreboard", self)

    def connect_phase(self):
        self.results.ap.connect(self.scoreboard.analysis_export)
