"""swiglu: the gated activation of the MLP (Shazeer, arXiv 2002.05202)."""

import numpy as np

from lutloom import fp32


def swiglu(gate: np.ndarray, up: np.ndarray) -> np.ndarray:
    """mul(mul(gate, sigmoid(gate)), up): float32, any equal shapes. gate -infinity gives NaN (-inf * 0)."""
    return fp32.mul(fp32.mul(gate, fp32.sigmoid(gate)), up)
