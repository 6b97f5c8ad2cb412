"""Vectors of fp32 numbers for the cores between the engines, and how they lie on a stream.

Values are uint32 bit patterns. A beat is an int, lane 0 in the lowest bits.
"""

import numpy as np

from verif.fp32.stimuli import INF, LEAST, NAN, SIGN, SPECIAL, F, I, raw, with_exponent

STALLS = ["none", "input", "output", "both"]


def normal(rng, count: int) -> np.ndarray:
    return rng.standard_normal(count).astype(F).view(I)


def any_bits(rng, count: int) -> np.ndarray:
    return raw(rng, count)


def special(rng, count: int) -> np.ndarray:
    return rng.choice(SPECIAL, count)


def zeros(rng, count: int) -> np.ndarray:
    """Zeros of one sign or of both."""
    choice = rng.integers(0, 3)
    return rng.choice([I(0), I(SIGN)], count) if choice == 2 else np.full(count, choice * SIGN, I)


def cancelling(rng, count: int) -> np.ndarray:
    """Neighbours that cancel all or all but the last bits, of any size."""
    x = with_exponent(raw(rng, count), rng.integers(1, 240, count))
    x[1::2] = x[: count // 2 * 2 : 2] ^ I(SIGN) ^ rng.integers(0, 4, count // 2, dtype=I)
    return x


def large(rng, count: int) -> np.ndarray:
    """Sums near the largest number, of one sign in half of the cases."""
    x = with_exponent(raw(rng, count), rng.integers(250, 255, count))
    return x & I(0x7FFFFFFF) if rng.random() < 0.5 else x


def tiny(rng, count: int) -> np.ndarray:
    """Numbers just above 2^-126, and subnormals."""
    return with_exponent(raw(rng, count), rng.integers(0, 4, count))


def sprinkled(rng, count: int) -> np.ndarray:
    """Normal numbers and one special one."""
    x = normal(rng, count)
    x[rng.integers(count)] = rng.choice(SPECIAL)
    return x


KINDS = {f.__name__: f for f in (normal, any_bits, special, zeros, cancelling, large, tiny, sprinkled)}
RESULTS = ["zero", "negative zero", "normal", "infinity", "NaN"]


def result_kind(word: int) -> str:
    """One of RESULTS; a subnormal or another NaN is none of them."""
    magnitude = int(word) & ~SIGN
    if magnitude == 0:
        return "negative zero" if word else "zero"
    if magnitude >= INF:
        return {INF: "infinity", NAN: "NaN"}.get(magnitude, "NaN payload")
    return "normal" if magnitude >= LEAST else "subnormal"


def pack(values: np.ndarray, lanes: int) -> list[int]:
    """uint32 or float32 [n] (n a multiple of lanes) -> beats."""
    rows = np.ascontiguousarray(values).view(I).astype("<u4").reshape(-1, lanes)
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def beats(values: np.ndarray, lanes: int) -> list[tuple[int, int]]:
    """The same as words (data, last)."""
    data = pack(values, lanes)
    return [(beat, int(i == len(data) - 1)) for i, beat in enumerate(data)]
