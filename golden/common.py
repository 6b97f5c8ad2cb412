"""Golden models of the shared blocks in rtl/common.

The queues (`fifo`, `fifo_block`, `spill_register`) deliver what they were given, in order: their model is the list
itself. `adder_tree` is a sum in full precision.
"""

from __future__ import annotations

import numpy as np


def adder_tree(data: np.ndarray, width: int, signed: bool = True) -> np.ndarray:
    """Sum over the last axis.

    Args:
        data: [..., inputs] integers, each within `width` bits (two's complement if `signed`).
        width: bits of one input.
        signed: how the inputs are read.

    Returns:
        int64 [...]: the exact sum; it needs width + ceil(log2(inputs)) bits, which is what the RTL has.

    Raises:
        ValueError: a value does not fit `width` bits.
    """
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    data = np.asarray(data, dtype=np.int64)
    if data.size and (data.min() < low or data.max() > high):
        raise ValueError(f"data is in [{data.min()}, {data.max()}], allowed for {width} bits: [{low}, {high}]")
    return data.sum(axis=-1)
