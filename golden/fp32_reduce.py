"""Golden model of the core `fp32_reduce`: sum or maximum of a vector, as lutloom.fp32 defines them."""

import numpy as np

from lutloom import fp32

OPS = ("sum", "max")  # the RTL's parameter Op


def fp32_reduce(x: np.ndarray, op: str) -> np.ndarray:
    """Reduce the last axis: float32 [..., n] -> float32 [...]. n is at least 1; ValueError for an unknown op.

    "sum" is fp32.reduce_sum (tree of adjacent pairs, padded with +0), "max" is fp32.reduce_max.
    """
    if op not in OPS:
        raise ValueError(f"op: found {op!r}, allowed {', '.join(OPS)}")
    return fp32.reduce_sum(x) if op == "sum" else fp32.reduce_max(x)
