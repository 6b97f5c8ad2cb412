"""row_synth: the row source that computes rows from scalar activations and the weight codebook, for any codebook."""

import numpy as np


def row_synth(a0: np.ndarray, a1: np.ndarray, codebook: np.ndarray, shift: int = 0, entry_bits: int = 16) -> np.ndarray:
    """Entries of the rows of some positions.

    a0, a1 int [...] (the quantised activations of the position's two inputs, up to 12 bits), codebook int8 [..., C, 2]
    (broadcast against them) -> int32 [..., C] = sat(rne((a0*w0 + a1*w1) / 2^shift)). The sum is exact, rne rounds half
    to even (nothing is rounded with shift 0), sat clips to `entry_bits` signed bits.
    Raises ValueError for shift outside 0..15 or entry_bits outside 8..16.
    """
    if not 0 <= shift <= 15 or not 8 <= entry_bits <= 16:
        raise ValueError(f"shift, entry_bits: found {shift}, {entry_bits}, allowed 0..15 and 8..16")
    codebook = np.asarray(codebook, np.int32)
    a0, a1 = np.asarray(a0, np.int32), np.asarray(a1, np.int32)
    total = a0[..., None] * codebook[..., 0] + a1[..., None] * codebook[..., 1]
    if shift:  # half to even: half - 1, and one more where the kept part is odd
        total = (total + ((1 << (shift - 1)) - 1) + ((total >> shift) & 1)) >> shift
    limit = 1 << (entry_bits - 1)
    return np.clip(total, -limit, limit - 1)
