"""binary32 arithmetic as the hardware does it: the number contract of everything between the engines (docs/numbers.md).

Every operation rounds to nearest even. Subnormal inputs count as zero of the same sign; a result below 2^-126 after
rounding becomes zero of the same sign. Nothing traps: overflow gives infinity, an invalid operation or a NaN input the
one quiet NaN 0x7FC00000. A multiply-add is two roundings. Sums of vectors are binary trees of adjacent pairs.

The functions exp, reciprocal, rsqrt, log and sigmoid are a table, a polynomial or Newton steps in these same additions
and multiplications, and integer work on exponent and mantissa; so fp32 adders and multipliers give the same bits.
Inside them no intermediate can be subnormal (or it is lost in the next addition), so they need no flushing.
"""

import numpy as np

SIGN, INFINITY, MIN_NORMAL, MANTISSA, ONE = 0x80000000, 0x7F800000, 0x00800000, 0x007FFFFF, 0x3F800000  # bit patterns
NAN = np.uint32(0x7FC00000).view(np.float32)
TINY = np.float32(2.0**-126)  # the smallest normal number
SUM_SAFE = 2.0**-102  # numbers from here on are multiples of 2^-125, and so are all their sums: no sum is subnormal
HALF, UNIT, ZERO = np.float32(0.5), np.float32(1), np.float32(0)

EXP_TABLE = np.exp2(np.arange(128) / 128).astype(np.float32)
EXP_SCALE = np.float32(128 / np.log(2))
EXP_HIGH = np.float32(355 / 65536)  # ln2 / 128 to nine bits: its product with every k is exact
EXP_LOW = np.float32(np.log(2) / 128 - 355 / 65536)
EXP_CLAMP = np.float32(-88), np.float32(89)  # beyond them nothing changes: zero below, infinity above
RECIPROCAL_TABLE = (1 / (1 + (np.arange(256) + 0.5) / 256)).astype(np.float32)  # by the upper 8 bits of the mantissa
# by the lowest bit of the exponent (1: mantissa in [1, 2); 0: in [2, 4)) and the upper 7 bits of the mantissa
RSQRT_TABLE = np.concatenate([(f * (1 + (np.arange(128) + 0.5) / 128)) ** -0.5 for f in (2, 1)]).astype(np.float32)
LOG_POINT = 1 + np.arange(129) / 128
LOG_HALVE = 53  # from this point (1.414) on the point counts as half of it, with the exponent one higher
LOG_TABLE = np.log(np.where(np.arange(129) < LOG_HALVE, LOG_POINT, LOG_POINT / 2)).astype(np.float32)
LOG_INVERSE = (1 / LOG_POINT).astype(np.float32)
LN2, THIRD = np.float32(np.log(2)), np.float32(1 / 3)

quiet = np.errstate(all="ignore")  # as a decorator: overflow and invalid operations are results, not warnings


def flush(x: np.ndarray) -> np.ndarray:
    """Subnormals to zero of the same sign, every NaN to 0x7FC00000: float32, any shape.

    Returns x itself if there is nothing to do, so the result must not be written to.
    """
    x = np.asarray(x, np.float32)
    magnitude = np.abs(x)
    if magnitude.size == 0 or magnitude.min() >= TINY:  # a NaN makes the minimum NaN
        return x
    return np.where(magnitude >= TINY, x, np.where(magnitude < TINY, np.copysign(ZERO, x), NAN))


@quiet
def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b, float32, broadcast."""
    return flush(flush(a) + flush(b))


@quiet
def sub(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b, float32, broadcast."""
    return flush(flush(a) - flush(b))


@quiet
def mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a * b, float32, broadcast."""
    return flush(flush(a) * flush(b))


def mul_add(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """add(mul(a, b), c): the product is rounded, then the sum."""
    return add(mul(a, b), c)


def neg(x: np.ndarray) -> np.ndarray:
    """-x: the sign of everything but NaN flips."""
    return flush(-flush(x))


@quiet
def maximum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The larger of a and b, broadcast. NaN if either is NaN; a zero of any sign is returned as +0."""
    return flush(np.maximum(flush(a), flush(b)) + ZERO)


@quiet
def compare(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """int8: -1 if a < b, 0 if equal (zeros of both signs are), 1 if a > b, 2 if either is NaN. Broadcast."""
    a, b = flush(a), flush(b)
    order = (a > b).astype(np.int8) - (a < b)
    return np.where(np.isnan(a) | np.isnan(b), 2, order).astype(np.int8)


@quiet
def reduce_sum(x: np.ndarray, axis: int = -1, keepdims: bool = False) -> np.ndarray:
    """Sum over an axis: a binary tree of adjacent pairs over the vector padded with +0 to a power of two.

    float32 in and out. The order does not depend on how many adders the hardware has. The axis must not be empty.
    """
    x = flush(x)
    axis %= x.ndim
    first = x.transpose(axis, *range(axis), *range(axis + 1, x.ndim))
    total = flush(tree_sum(first, smallest(x) >= SUM_SAFE))
    return np.expand_dims(total, axis) if keepdims else total


def tree_sum(x: np.ndarray, safe: bool) -> np.ndarray:
    """The tree of `reduce_sum` over axis 0. With `safe` (no sum can be subnormal) nothing is flushed on the way."""
    while len(x) > 1:
        pairs = len(x) // 2
        total = x[0 : 2 * pairs : 2] + x[1 : 2 * pairs : 2]
        if len(x) % 2:  # the last one meets the padding; -0 + 0 = +0
            total = np.concatenate((total, x[-1:] + ZERO))
        x = total if safe else flush(total)
    return x[0]


@quiet
def reduce_max(x: np.ndarray, axis: int = -1, keepdims: bool = False) -> np.ndarray:
    """Largest value along an axis, by the rules of `maximum`; so the order does not matter. Not for empty axes."""
    return flush(np.max(flush(x), axis=axis, keepdims=keepdims) + ZERO)


def smallest(x: np.ndarray) -> float:
    """The smallest magnitude in float32 x that is not zero; infinity if there is none below it (NaN does not count)."""
    if x.size == 0:
        return np.inf
    key = int(((x.view(np.uint32) << 1) - 1).min())  # without the sign; zeros wrap around to the end
    return float(np.uint32((key + 1) >> 1).view(np.float32)) if key < 2 * INFINITY else np.inf


def from_int(i: np.ndarray) -> np.ndarray:
    """int32 or int64 -> float32, rounded once to nearest even. Zero gives +0."""
    return np.asarray(i).astype(np.float32)


@quiet
def to_int(x: np.ndarray, bits: int) -> np.ndarray:
    """float32 -> int32 in -2^(bits-1)..2^(bits-1)-1, bits 2..32: round half to even, saturate; NaN gives 0."""
    limit = 1 << (bits - 1)
    whole = np.rint(np.asarray(x, np.float32 if bits <= 24 else np.float64))  # float32 holds 2^31 - 1 no more
    return np.where(np.isnan(whole), 0, np.clip(whole, -limit, limit - 1)).astype(np.int32)


def to_bf16(x: np.ndarray) -> np.ndarray:
    """float32 -> bfloat16 bit patterns uint16: flushed, then rounded to nearest even; overflow to infinity."""
    bits = flush(x).view(np.uint32)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded  # the quiet NaN 0x7FC00000 rounds to 0x7FC0 like a number


def from_bf16(bits: np.ndarray) -> np.ndarray:
    """bfloat16 bit patterns uint16 -> float32, exact but for flushing."""
    return flush(widen(bits))


def widen(bits: np.ndarray) -> np.ndarray:
    """bfloat16 bit patterns uint16 -> float32 with zeros below; nothing flushed."""
    return (np.asarray(bits).astype(np.uint32) << 16).view(np.float32)


@quiet
def exp(x: np.ndarray) -> np.ndarray:
    """e^x, float32.

    k = rne(x * 128/ln2); r = (x - k*HIGH) - k*LOW; t = TABLE[k mod 128] = 2^((k mod 128)/128);
    y = t + t * (r + r * (r/2)); then k div 128 is added to the exponent of y.
    Results below 2^-126 give +0 (so exp(-inf) = 0), above the largest number infinity; exp(NaN) = NaN.
    """
    x = np.asarray(x, np.float32)
    clamped = np.minimum(np.maximum(x, EXP_CLAMP[0]), EXP_CLAMP[1])
    steps = np.rint(clamped * EXP_SCALE)
    k = steps.astype(np.int32)
    r = (clamped - steps * EXP_HIGH) - steps * EXP_LOW
    t = EXP_TABLE[k & 127]
    bits = (t + t * (r + r * (r * HALF))).view(np.int32) + ((k >> 7) << 23)
    bits = np.minimum(bits, INFINITY) * (bits >= MIN_NORMAL)
    return with_nan(bits, np.isnan(x))


@quiet
def reciprocal(x: np.ndarray) -> np.ndarray:
    """1 / x, float32: y = TABLE[upper 8 bits of the mantissa], twice y = y + y * (1 - m*y), then the exponent.

    Zeros give infinity and infinities zero, of the same sign; |x| above 2^126 gives zero (the result is subnormal).
    """
    x = np.asarray(x, np.float32)
    bits = x.view(np.int32)
    exponent = (bits >> 23) & 255
    m = ((bits & MANTISSA) | ONE).view(np.float32)  # [1, 2)
    y = RECIPROCAL_TABLE[(bits >> 15) & 255]
    y = y + y * (UNIT - m * y)
    y = y + y * (UNIT - m * y)
    out = y.view(np.int32) + ((127 - exponent) << 23)
    out = np.where(exponent == 0, INFINITY, out * (out >= MIN_NORMAL)) | (bits & np.int32(-0x80000000))
    return with_nan(out, np.isnan(x))


@quiet
def rsqrt(x: np.ndarray) -> np.ndarray:
    """1 / sqrt(x), float32: y = TABLE[lowest exponent bit, upper 7 mantissa bits], two Newton steps, the exponent.

    Step: y = y + y * ((1 - (m*y)*y) / 2). m is the mantissa in [1, 4), so that the rest of the exponent is even; half
    of that is subtracted at the end. Zeros of both signs give +infinity, +infinity +0, everything below zero NaN.
    """
    x = np.asarray(x, np.float32)
    bits = x.view(np.int32)
    exponent = (bits >> 23) & 255
    m = ((bits & MANTISSA) | (0x40000000 - ((exponent & 1) << 23))).view(np.float32)  # [1, 4)
    y = RSQRT_TABLE[(bits >> 16) & 255]
    y = y + y * ((UNIT - (m * y) * y) * HALF)
    y = y + y * ((UNIT - (m * y) * y) * HALF)
    out = y.view(np.int32) - ((((exponent + 1) >> 1) - 64) << 23)
    out = np.where(exponent == 0, INFINITY, np.where(exponent == 255, 0, out))
    return with_nan(out, ~(x > -TINY))


@quiet
def log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm, float32.

    x = m * 2^e, m in [1, 2); j = m rounded to a multiple of 1/128 is the point c = 1 + j/128; z = (m - c) * INVERSE[j];
    y = e*ln2 + (TABLE[j] + (z + (z*z) * (z/3 - 1/2))). From c = 1.414 on TABLE holds ln(c/2) and e is one higher, so
    that nothing cancels near x = 1. Zeros give -infinity, infinity gives infinity, everything below zero NaN.
    """
    x = np.asarray(x, np.float32)
    bits = x.view(np.int32)
    mantissa = bits & MANTISSA
    j = (mantissa + 0x8000) >> 16  # 0..128
    e = ((bits >> 23) & 255) - 127 + (j >= LOG_HALVE)
    z = ((mantissa | ONE).view(np.float32) - ((j << 16) + ONE).view(np.float32)) * LOG_INVERSE[j]
    y = from_int(e) * LN2 + (LOG_TABLE[j] + (z + (z * z) * (z * THIRD - HALF)))
    y = np.where(np.abs(x) < TINY, -np.inf, np.where(x == np.inf, np.inf, y)).astype(np.float32)
    return with_nan(y.view(np.int32), ~(x > -TINY))


@quiet
def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x), float32: e = exp(-|x|), r = reciprocal(1 + e); r if x >= 0, else e * r."""
    x = np.asarray(x, np.float32)
    e = exp(-np.abs(x))
    r = reciprocal(UNIT + e)
    return flush(np.where(x >= 0, r, e * r))


def with_nan(bits: np.ndarray, invalid: np.ndarray) -> np.ndarray:
    """The float32 of bit patterns int32, and the quiet NaN where `invalid`."""
    y = np.asarray(bits).astype(np.int32, copy=False).view(np.float32)
    return np.where(invalid, NAN, y) if invalid.any() else y
