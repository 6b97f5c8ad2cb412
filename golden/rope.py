"""rope: rotary position embedding in the rotate-half form (Su et al., arXiv 2104.09864)."""

import numpy as np

from lutloom import fp32


def rope_table(theta: float, head_dim: int, positions: int) -> np.ndarray:
    """cos and sin of position * theta^(-2i/D), i = 0..D/2-1: float32 [positions, D/2, 2], from float64."""
    exponent = np.arange(0, head_dim, 2, dtype=np.float64) / head_dim  # [D/2]
    angle = np.outer(np.arange(positions), theta**-exponent)  # [positions, D/2]
    return np.stack((np.cos(angle), np.sin(angle)), axis=-1).astype(np.float32)


def rope(x: np.ndarray, table_row: np.ndarray) -> np.ndarray:
    """Rotate the pairs (x[i], x[i + D/2]): x float32 [..., D], table_row float32 [..., D/2, 2] (broadcast) -> [..., D].

    y1 = sub(mul(x1, c), mul(x2, s)), y2 = add(mul(x2, c), mul(x1, s)).
    """
    half = x.shape[-1] // 2
    x1, x2 = x[..., :half], x[..., half:]
    c, s = table_row[..., 0], table_row[..., 1]
    return np.concatenate(
        (fp32.sub(fp32.mul(x1, c), fp32.mul(x2, s)), fp32.add(fp32.mul(x2, c), fp32.mul(x1, s))), axis=-1
    )
