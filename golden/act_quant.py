"""act_quant: a vector of activations to integers with one scale per vector (absmax), for the computed rows."""

import numpy as np

from lutloom import fp32


@fp32.quiet
def act_quant(x: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Quantise over the last axis.

    x float32 [..., K], bits 8..12 -> (q int16 [..., K], scale float32 [...]), x ~ q * scale. With qmax = 2^(bits-1)-1:

        amax  = reduce_max(|x|)
        inv   = mul(qmax, reciprocal(amax))
        q     = clip(rne(mul(x, inv)), -qmax, qmax)
        scale = mul(amax, fp32(1/qmax))

    Where inv is +infinity (amax zero or below about qmax * 2^-128) q and scale are 0. A NaN in x makes the scale NaN
    and q 0, an infinity the scale infinity and q 0: what is computed from them is NaN, never a plausible number. amax
    above 2^126 gives q 0 with a finite scale (its reciprocal is subnormal).
    Raises ValueError for other bits.
    """
    if not 8 <= bits <= 12:
        raise ValueError(f"bits: found {bits}, allowed 8..12")
    qmax = (1 << (bits - 1)) - 1
    x = fp32.flush(x)
    amax = fp32.reduce_max(np.abs(x), keepdims=True)
    inverse = fp32.mul(np.float32(qmax), fp32.reciprocal(amax))
    scale = fp32.mul(amax, np.float32(1 / qmax))
    dead = inverse == np.inf
    if dead.any():
        inverse, scale = np.where(dead, fp32.ZERO, inverse), np.where(dead, fp32.ZERO, scale)
    # a subnormal product rounds to 0 like the flushed one
    q = np.clip(np.rint(x * inverse), -qmax, qmax)
    if not np.isfinite(scale).all():
        q = np.nan_to_num(q, nan=0.0)
    return q.astype(np.int16), scale[..., 0]
