"""wvq: a linear layer with vector-quantised weights and scalar-quantised activations. Bit-exact golden.

No activation codebook: the row of products is computed (`row_synth`) from the activation's integers and the position's
weight codebook. Letters as in `lutloom.covq`: T tokens, K inputs, N outputs, P positions of two inputs, Gn groups of
`group` outputs, C centroids (16, 32 or 64). The steps, every one exact or correctly rounded:

    q[t, k], a_scale[t] = act_quant(x[t])                                      `act_bits` bits, scale per token
    row[t, p, g, c]     = w_cent[p, g, c] . q[t, pairs[p]]                     row_synth, exact in 16 bits
    acc[t, n]           = sum_p (row[t, p, g(n), idx[p, n]] << exp[p, g(n)])   lut2d, exact in 32 bits
    y[t, n]             = float32(acc[t, n]) * out_scale[n] * a_scale[t]       dequant

A position may name any two inputs, and two positions may name the same two: the second is then a residual stage, whose
centroid is added to the first's. Since every sum is exact, the layer equals an integer matrix product with the matrix
of `dense`, which is how this module computes it; `lookup` computes it by rows and look-ups, as the hardware does.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lutloom.act_quant import act_quant
from lutloom.covq import BLOCK, MAX_EXP
from lutloom.dequant import dequant
from lutloom.row_synth import row_synth

CENTROIDS = (16, 32, 64)
GROUP = 512  # outputs that share a weight codebook
MAX_GROUP = 1024
ACT_BITS = (8, 12)  # smallest and largest
ENTRY_BITS = 16
ACC_BITS = 32
CHUNK = 2048  # tokens worked on at a time


def group_slices(outputs: int, group: int) -> list[slice]:
    """The columns of every group of up to `group` outputs."""
    return [slice(n, min(n + group, outputs)) for n in range(0, outputs, group)]


@dataclass(frozen=True)
class WvqLinear:
    """One quantised linear layer. The arrays are checked on construction; ValueError names the field at fault."""

    pairs: np.ndarray  # int32 [P, 2]         input indices of every position
    w_cent: np.ndarray  # int8 [P, Gn, C, 2]   weight centroids
    exp: np.ndarray  # uint8 [P, Gn]        left shift of the products, 0..7
    idx: np.ndarray  # uint8 [P, N]         weight centroid of every output
    out_scale: np.ndarray  # float32 [N]          value of one unit of the accumulator at a_scale 1
    inputs: int  # K
    act_bits: int = 9
    group: int = GROUP

    def __post_init__(self):
        self._check_settings()
        positions, outputs = self.idx.shape
        groups = len(group_slices(outputs, self.group))
        expected = {
            "pairs": (np.int32, (positions, 2)),
            "w_cent": (np.int8, (positions, groups, self.centroids, 2)),
            "exp": (np.uint8, (positions, groups)),
            "idx": (np.uint8, (positions, outputs)),
            "out_scale": (np.float32, (outputs,)),
        }
        for name, (dtype, shape) in expected.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                found = f"{array.dtype} {list(array.shape)}"
                raise ValueError(f"{name}: found {found}, allowed {np.dtype(dtype)} {list(shape)}")
        self._check_values()

    def _check_settings(self):
        if self.idx.ndim != 2 or 0 in self.idx.shape or self.idx.shape[0] % BLOCK:
            raise ValueError(f"idx: found shape {list(self.idx.shape)}, allowed [P, N] with P a multiple of {BLOCK}")
        if self.w_cent.ndim != 4 or self.centroids not in CENTROIDS:
            raise ValueError(f"w_cent: found shape {list(self.w_cent.shape)}, allowed [P, Gn, C, 2], C in {CENTROIDS}")
        if not ACT_BITS[0] <= self.act_bits <= ACT_BITS[1]:
            raise ValueError(f"act_bits: found {self.act_bits}, allowed {ACT_BITS[0]}..{ACT_BITS[1]}")
        if not 1 <= self.group <= MAX_GROUP:
            raise ValueError(f"group: found {self.group}, allowed 1..{MAX_GROUP}")

    def _check_values(self):
        if self.pairs.min() < 0 or self.pairs.max() >= self.inputs:
            found = f"{self.pairs.min()}..{self.pairs.max()}"
            raise ValueError(f"pairs: found {found}, allowed 0..{self.inputs - 1}")
        if self.idx.max() >= self.centroids:
            raise ValueError(f"idx: found {self.idx.max()}, allowed 0..{self.centroids - 1}")
        if self.exp.max() > MAX_EXP:
            raise ValueError(f"exp: found {self.exp.max()}, allowed 0..{MAX_EXP}")
        if (self.exp[0::BLOCK] != self.exp[1::BLOCK]).any():
            raise ValueError(f"exp: found two in a block of {BLOCK} positions, allowed one per block and group")
        if not np.isfinite(self.out_scale).all():
            raise ValueError("out_scale: found NaN or infinity, allowed finite numbers")
        entry = int(np.abs(self.w_cent.astype(np.int32)).sum(-1).max()) * self.act_max
        if entry >= 1 << (ENTRY_BITS - 1):
            raise ValueError(f"w_cent: row entry reaches {entry}, allowed {ENTRY_BITS} signed bits")
        if self.largest_sum() < 1 << (ACC_BITS - 1):
            return  # whatever the indices
        worst = int(self.accumulator_bound().max())
        if worst >= 1 << (ACC_BITS - 1):
            raise ValueError(f"exp, w_cent: accumulator reaches {worst}, allowed {ACC_BITS} signed bits")

    @property
    def centroids(self) -> int:
        """Centroids of a codebook."""
        return self.w_cent.shape[2]

    @property
    def act_max(self) -> int:
        """Largest absolute value of a quantised activation."""
        return (1 << (self.act_bits - 1)) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs), as of the float weight."""
        return self.idx.shape[1], self.inputs

    @property
    def bits_per_weight(self) -> float:
        """Everything stored for the layer (indices, codebooks, exponents, scales, position map) per float weight."""
        positions, groups, centroids, _ = self.w_cent.shape
        outputs = self.idx.shape[1]
        bits = positions * outputs * (centroids.bit_length() - 1) + positions * groups * (16 * centroids + 3)
        return (bits + 32 * outputs + 32 * positions) / (outputs * self.inputs)

    def largest_sum(self) -> int:
        """No accumulator's absolute value can be larger, with any indices: quicker than `accumulator_bound`."""
        peak = np.abs(self.w_cent.astype(np.int64)).sum(-1).max(-1) << self.exp.astype(np.int64)  # [P, Gn]
        return int(peak.sum(0).max()) * self.act_max

    @cached_property
    def first_place(self) -> np.ndarray:
        """Where the codebook of every output begins in an array [Gn * C]: int64 [N]."""
        return np.arange(self.idx.shape[1]) // self.group * self.centroids

    def places(self, p: int) -> np.ndarray:
        """Where the centroid of every output lies for position p, in the same array: int64 [N]."""
        return self.first_place + self.idx[p]

    def accumulator_bound(self) -> np.ndarray:
        """Largest |acc| that any activations and any order of summation can reach, per output: int64 [N]."""
        peak = np.abs(self.w_cent.astype(np.int64)).sum(-1) << self.exp.astype(np.int64)[:, :, None]  # [P, Gn, C]
        bound = np.zeros(self.idx.shape[1], np.int64)
        for p, each in enumerate(peak):
            bound += each.take(self.places(p), mode="clip")
        return bound * self.act_max

    @cached_property
    def dense(self) -> np.ndarray:
        """The integer weights float64 [K, N]: acc = q @ dense, exactly, since every partial sum is below 2^53."""
        weight = np.zeros((self.inputs, self.idx.shape[1]))
        cents = self.w_cent.astype(np.float64) * np.exp2(self.exp)[:, :, None, None]
        for p, (first, second) in enumerate(self.pairs):
            places = self.places(p)
            weight[first] += cents[p, :, :, 0].take(places, mode="clip")
            weight[second] += cents[p, :, :, 1].take(places, mode="clip")
        return weight

    def accumulate(self, q: np.ndarray) -> np.ndarray:
        """q int16 [T, K] -> accumulators int32 [T, N], by the matrix product that equals `lookup`."""
        acc = np.empty((len(q), self.idx.shape[1]), np.int32)
        for t in range(0, len(q), CHUNK):
            acc[t : t + CHUNK] = q[t : t + CHUNK].astype(np.float64) @ self.dense
        return acc

    def lookup(self, q: np.ndarray) -> np.ndarray:
        """q int16 [T, K] -> accumulators int32 [T, N], by rows and look-ups as the hardware does."""
        acc = np.zeros((len(q), self.idx.shape[1]), np.int64)
        for g, columns in enumerate(group_slices(acc.shape[1], self.group)):
            for p, (first, second) in enumerate(self.pairs):
                row = row_synth(q[:, first], q[:, second], self.w_cent[p, g])  # [T, C]
                acc[:, columns] += row[:, self.idx[p, columns]].astype(np.int64) << int(self.exp[p, g])
        return acc.astype(np.int32)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """x float32 [..., K] -> y float32 [..., N]."""
        flat = np.ascontiguousarray(x, np.float32).reshape(-1, x.shape[-1])
        q, a_scale = act_quant(flat, self.act_bits)
        return dequant(self.accumulate(q), self.out_scale, a_scale).reshape(*x.shape[:-1], -1)
