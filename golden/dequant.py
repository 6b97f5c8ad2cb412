"""dequant: integer accumulators of a linear to float32, with start and scale per output, scale per token, residual."""

import numpy as np

from lutloom import fp32


def dequant(
    acc: np.ndarray,
    out_scale: np.ndarray,
    act_scale: np.ndarray | None = None,
    residual: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """add(mul(mul(from_int(acc + start), out_scale), act_scale), residual), in this order; a None leaves its step out.

    acc int32 or int64 [..., N]; out_scale float32 [N]; act_scale float32 [...]; residual float32 [..., N];
    start int32 [N]: the sum is int32, modulo 2^32
    -> float32 [..., N].
    """
    if start is not None:
        acc = (np.asarray(acc, np.int64) + start).astype(np.int32)
    y = fp32.mul(fp32.from_int(acc), out_scale)
    if act_scale is not None:
        y = fp32.mul(y, np.asarray(act_scale)[..., None])
    return y if residual is None else fp32.add(y, residual)
