"""rms_norm: root mean square norm of a vector, or of every head (Zhang and Sennrich, arXiv 1910.07467)."""

import numpy as np

from lutloom import fp32


def rms_norm(x: np.ndarray, gain: np.ndarray, eps: float) -> np.ndarray:
    """x / sqrt(mean(x^2) + eps) * gain over the last axis: float32 [..., n], gain float32 [n] -> float32 [..., n].

        mean = mul(reduce_sum(mul(x, x)), fp32(1/n));  r = rsqrt(add(mean, fp32(eps)));  y = mul(mul(x, r), gain)

    A NaN makes the whole vector NaN; an infinity gives NaN at its place (inf * 0) and zeros elsewhere.
    """
    x = fp32.flush(x)
    total = fp32.reduce_sum(fp32.mul(x, x), keepdims=True)
    mean = fp32.mul(total, np.float32(1 / x.shape[-1]))
    return fp32.mul(fp32.mul(x, fp32.rsqrt(fp32.add(mean, np.float32(eps)))), gain)
