"""dequant: integer accumulators of a linear to float32, with scale per output and per token and the residual."""

import numpy as np

from lutloom import fp32


def dequant(
    acc: np.ndarray, out_scale: np.ndarray, act_scale: np.ndarray | None = None, residual: np.ndarray | None = None
) -> np.ndarray:
    """add(mul(mul(from_int(acc), out_scale), act_scale), residual), in this order; a None leaves its step out.

    acc int32 or int64 [..., N]; out_scale float32 [N]; act_scale float32 [...]; residual float32 [..., N]
    -> float32 [..., N].
    """
    y = fp32.mul(fp32.from_int(acc), out_scale)
    if act_scale is not None:
        y = fp32.mul(y, np.asarray(act_scale)[..., None])
    return y if residual is None else fp32.add(y, residual)
