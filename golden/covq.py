"""covq: a linear layer y = W x as table look-ups, with vector-quantised weights *and* activations. Bit-exact golden.

After LUT-LLM (arXiv 2511.06174), with four changes: int8 tables with a 3-bit exponent per (position, group), a
power-of-two activation scale per position, a start value and a scale per output. Letters used everywhere:

    T tokens   K inputs   N outputs   P = K / 2 positions (a position is two inputs)
    Gn groups of 512 outputs, g(n) = n // 512, the last group may be smaller
    64 activation centroids per position, 16 weight centroids per (position, group)

The four steps, each a function below; every one is exact integer arithmetic or correctly rounded:

    x_int[t, p, i] = sat8(rne(x[t, pairs[p, i]] * 2^-a_exp[p]))                               quantize_activation
    c[t, p]        = argmin_c max_i |x_int[t, p, i] - a_cent[p, c, i]|, lowest c on a tie      centroid_search
    acc[t, n]      = start[n] + sum_p (table[p, g(n), c[t, p], idx[p, n]] << exp[p, g(n)])     lookup_accumulate
    y[t, n]        = float32(acc[t, n]) * out_scale[n]                                         dequant

rne is round to nearest, ties to even; sat8 clips to -128..127. The table is no input: `build_table` derives it.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from lutloom.centroid_search import centroid_search

GROUP = 512  # outputs that share a weight codebook
ACT_CENTROIDS = 64
WEIGHT_CENTROIDS = 16
BLOCK = 2  # consecutive positions that share an exponent
MAX_EXP = 7
A_EXP_MIN, A_EXP_MAX = -32, 31
ACC_BITS = 28
FEW_TOKENS = 4  # up to here a token at a time is faster


def quantize_activation(x: np.ndarray, a_exp: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Gather the inputs of every position and round them to int8.

    x float32 [T, K]; a_exp int8 [P]; pairs int32 [P, 2] -> int8 [T, P, 2].
    The product with a power of two is exact; then round half to even, saturate to -128..127. Infinities saturate, NaN
    gives 0. With a_exp in -32..31 a subnormal x gives 0, so flushing it to zero first makes no difference.
    """
    return round_activation(x, activation_scale(a_exp)[:, None], pairs)


def activation_scale(a_exp: np.ndarray) -> np.ndarray:
    """What an activation is multiplied with: a_exp int8 [P] -> float32 [P], 2^-a_exp."""
    return np.ldexp(np.float32(1), -a_exp.astype(np.int32))


def round_activation(x: np.ndarray, scale: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """`quantize_activation` with its scales: float32 [P, 2] or [P, 1]."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.rint(x.astype(np.float32, copy=False)[:, pairs] * scale)  # [T, P, 2]
    return np.clip(np.nan_to_num(scaled, nan=0.0), -128, 127).astype(np.int8)


def build_table(
    a_exp: np.ndarray, a_cent: np.ndarray, w_cent: np.ndarray, exp: np.ndarray, lsb: np.ndarray
) -> np.ndarray:
    """All products of a position's activation and weight centroids, as int8 mantissas.

    a_exp int8 [P]; a_cent int8 [P, 64, 2]; w_cent float32 [P, Gn, 16, 2]; exp uint8 [P, Gn]; lsb float32 [Gn]
    -> int8 [P, Gn, 64, 16] = sat8(rne(dot(a_cent * 2^a_exp, w_cent) / (lsb * 2^exp))).
    Order of operations, all in float64: both products, their sum, one division, round half to even. The result is
    the same on every machine (no fused multiply-add, no reordering). A position at a time, so that the float64 arrays
    of a large layer need no room.
    """
    act = np.ldexp(a_cent.astype(np.float64), a_exp.astype(np.int32)[:, None, None])  # [P, 64, 2], exact
    step = np.ldexp(lsb.astype(np.float64)[None, :], exp.astype(np.int32))  # [P, Gn], exact
    table = np.empty((*exp.shape, ACT_CENTROIDS, WEIGHT_CENTROIDS), np.int8)
    for p, each in enumerate(w_cent):
        weight = each.astype(np.float64)
        mantissa = act[p, :, None, 0] * weight[:, None, :, 0]  # [Gn, 64, 16]
        mantissa += act[p, :, None, 1] * weight[:, None, :, 1]
        mantissa /= step[p, :, None, None]
        np.rint(mantissa, out=mantissa)
        table[p] = np.clip(mantissa, -128, 127, out=mantissa)
    return table


def largest_sum(table: np.ndarray, exp: np.ndarray, start: np.ndarray) -> int:
    """No accumulator's absolute value can be larger, with any indices: quicker than `accumulator_bound`."""
    high, low = table.max(axis=(2, 3)).astype(np.int64), table.min(axis=(2, 3)).astype(np.int64)  # [P, Gn]
    peak = np.maximum(high, -low) << exp.astype(np.int64)
    return int(peak.sum(axis=0).max()) + int(np.abs(start.astype(np.int64)).max())


def accumulator_bound(table: np.ndarray, idx: np.ndarray, exp: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Largest |acc| any activation and any order of summation can reach, per output: int64 [N]."""
    peak = np.abs(table.astype(np.int64)).max(axis=2) << exp.astype(np.int64)[:, :, None]  # [P, Gn, 16]
    bound = np.abs(start.astype(np.int64))
    for g, cols in enumerate(group_slices(len(start))):
        bound[cols] += np.take_along_axis(peak[:, g], idx[:, cols].astype(np.int64), axis=1).sum(axis=0)
    return bound


def lookup_accumulate(
    c: np.ndarray, table: np.ndarray, idx: np.ndarray, exp: np.ndarray, start: np.ndarray, chunk: int = 1024
) -> np.ndarray:
    """Sum the looked-up products: exact int32 arithmetic, so the order does not matter.

    c uint8 [T, P]; table int8 [P, Gn, 64, 16]; idx uint8 [P, N]; exp uint8 [P, Gn]; start int32 [N] -> int32 [T, N].
    The caller has checked `accumulator_bound`. `chunk` is how many tokens are worked on at a time (speed only).
    """
    tokens = len(c)
    acc = np.broadcast_to(start, (tokens, len(start))).astype(np.int32)
    if tokens <= FEW_TOKENS:
        for t in range(tokens):
            _accumulate_token(acc[t], c[t], table, idx, exp)
        return acc
    for g, cols in enumerate(group_slices(len(start))):
        for first, last in exponent_runs(exp[:, g]):
            # One row of products per centroid, mantissas only; a run's sum of up to 255 of them fits int16.
            rows = [table[p, g][:, idx[p, cols]].astype(np.int16) for p in range(first, last)]  # [64, cols] each
            shift = int(exp[first, g])
            for t in range(0, tokens, chunk):
                part = c[t : t + chunk, first:last]
                total = np.zeros((len(part), cols.stop - cols.start), np.int16)
                picked = np.empty_like(total)
                for k, row in enumerate(rows):
                    np.take(row, part[:, k], axis=0, out=picked, mode="clip")
                    total += picked
                acc[t : t + chunk, cols] += total.astype(np.int32) << shift
    return acc


def _accumulate_token(acc: np.ndarray, c: np.ndarray, table: np.ndarray, idx: np.ndarray, exp: np.ndarray) -> None:
    """Add one token's products to acc int32 [N], in place: the same sum, all positions of a group at once."""
    rows = table[np.arange(len(c)), :, c]  # [P, Gn, 16]
    for g, cols in enumerate(group_slices(len(acc))):
        products = np.take_along_axis(rows[:, g], idx[:, cols], axis=1)  # [P, outputs of the group]
        acc[cols] += np.einsum("pn,p->n", products, np.int32(1) << exp[:, g], dtype=np.int32)


def dequant(acc: np.ndarray, out_scale: np.ndarray) -> np.ndarray:
    """acc int32 [T, N], out_scale float32 [N] -> float32 [T, N]: convert (round to nearest even), then multiply."""
    return acc.astype(np.float32) * out_scale


def group_slices(outputs: int) -> list[slice]:
    """The columns of every group of up to 512 outputs."""
    return [slice(n, min(n + GROUP, outputs)) for n in range(0, outputs, GROUP)]


def exponent_runs(exp: np.ndarray, longest: int = 255) -> list[tuple[int, int]]:
    """Half-open ranges of consecutive positions with one exponent, at most `longest` positions each."""
    edges = [0, *(np.flatnonzero(np.diff(exp.astype(np.int16))) + 1).tolist(), len(exp)]
    return [
        (first, min(first + longest, last)) for start, last in pairwise(edges) for first in range(start, last, longest)
    ]


@dataclass(frozen=True)
class CovqLinear:
    """One quantised linear layer. The arrays are checked on construction; ValueError names the field at fault.

    Fields as in the module's text. Linears that read the same input share pairs, a_exp and a_cent. Positions 2b and
    2b + 1 have the same exponent in every group, because the hardware adds both before it shifts.
    """

    pairs: np.ndarray  # int32 [P, 2]        input indices of every position
    a_exp: np.ndarray  # int8 [P]            activation = int8 * 2^a_exp
    a_cent: np.ndarray  # int8 [P, 64, 2]     activation centroids
    w_cent: np.ndarray  # float32 [P, Gn, 16, 2]  weight centroids
    idx: np.ndarray  # uint8 [P, N]        weight index, 0..15
    exp: np.ndarray  # uint8 [P, Gn]       left shift, 0..7
    lsb: np.ndarray  # float32 [Gn]        value of one unit of the accumulator before out_scale's output factor
    start: np.ndarray  # int32 [N]           start value of the accumulator
    out_scale: np.ndarray  # float32 [N]         value of one unit of the accumulator, per output
    table: np.ndarray = field(init=False, repr=False)  # int8 [P, Gn, 64, 16], derived

    def __post_init__(self):
        positions, outputs = self.idx.shape if self.idx.ndim == 2 else (len(self.pairs), len(self.start))
        groups = len(group_slices(outputs))
        expected = {
            "pairs": (np.int32, (positions, 2)),
            "a_exp": (np.int8, (positions,)),
            "a_cent": (np.int8, (positions, ACT_CENTROIDS, 2)),
            "w_cent": (np.float32, (positions, groups, WEIGHT_CENTROIDS, 2)),
            "idx": (np.uint8, (positions, outputs)),
            "exp": (np.uint8, (positions, groups)),
            "lsb": (np.float32, (groups,)),
            "start": (np.int32, (outputs,)),
            "out_scale": (np.float32, (outputs,)),
        }
        for name, (dtype, shape) in expected.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                found = f"{array.dtype} {list(array.shape)}"
                raise ValueError(f"{name}: found {found}, allowed {np.dtype(dtype)} {list(shape)}")
        self._check_values()
        object.__setattr__(self, "table", build_table(self.a_exp, self.a_cent, self.w_cent, self.exp, self.lsb))
        if largest_sum(self.table, self.exp, self.start) < 1 << (ACC_BITS - 1):
            return
        worst = int(accumulator_bound(self.table, self.idx, self.exp, self.start).max())
        if worst >= 1 << (ACC_BITS - 1):
            raise ValueError(f"start, exp: accumulator reaches {worst}, allowed {ACC_BITS} signed bits")

    def _check_values(self):
        if self.pairs.min() < 0:
            raise ValueError(f"pairs: found {self.pairs.min()}, allowed indices from 0")
        if self.a_exp.min() < A_EXP_MIN or self.a_exp.max() > A_EXP_MAX:
            found = f"{self.a_exp.min()}..{self.a_exp.max()}"
            raise ValueError(f"a_exp: found {found}, allowed {A_EXP_MIN}..{A_EXP_MAX}")
        if self.idx.max() >= WEIGHT_CENTROIDS:
            raise ValueError(f"idx: found {self.idx.max()}, allowed 0..{WEIGHT_CENTROIDS - 1}")
        if self.exp.max() > MAX_EXP:
            raise ValueError(f"exp: found {self.exp.max()}, allowed 0..{MAX_EXP}")
        whole = len(self.exp) // BLOCK * BLOCK
        if (self.exp[0:whole:BLOCK] != self.exp[1:whole:BLOCK]).any():
            raise ValueError(f"exp: found two in a block of {BLOCK} positions, allowed one per block and group")
        for name in ("w_cent", "lsb", "out_scale"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name}: found NaN or infinity, allowed finite numbers")
        if (self.lsb <= 0).any():
            raise ValueError(f"lsb: found {self.lsb.min()}, allowed numbers above 0")

    @property
    def shape(self) -> tuple[int, int]:
        """(outputs, inputs) like the float weight, counting an input as often as `pairs` names it."""
        return self.idx.shape[1], 2 * self.idx.shape[0]

    def search(self, x: np.ndarray) -> np.ndarray:
        """x float32 [T, K] -> centroid indices uint8 [T, P]."""
        return centroid_search(quantize_activation(x, self.a_exp, self.pairs), self.a_cent)

    def from_centroids(self, c: np.ndarray) -> np.ndarray:
        """Centroid indices uint8 [T, P] -> y float32 [T, N]."""
        return dequant(lookup_accumulate(c, self.table, self.idx, self.exp, self.start), self.out_scale)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """x float32 [..., K] -> y float32 [..., N]."""
        flat = np.ascontiguousarray(x, np.float32).reshape(-1, x.shape[-1])
        return self.from_centroids(self.search(flat)).reshape(*x.shape[:-1], self.idx.shape[1])
