"""embed: rows of the embedding matrix."""

import numpy as np

from lutloom import fp32


def embed(table: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """table bfloat16 bit patterns uint16 [V, n], ids int [...] in 0..V-1 -> float32 [..., n], subnormals flushed."""
    return fp32.from_bf16(table[ids])
