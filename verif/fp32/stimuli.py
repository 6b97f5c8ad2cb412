"""Operands for the fp32 units, what golden/fp32.py makes of them, and the functional coverage that they reach.

Everything is uint32 bit patterns. A case is a row (a, b, c); c is also the subtract flag of Add and Dot2.
"""

import numpy as np

from lutloom import fp32

LATENCY = {
    "Add": 5, "Mul": 4, "MulAdd": 9, "Compare": 2, "FromInt": 4, "ToInt": 4, "ToBf16": 2, "FromBf16": 1,
    "Exp": 46, "Reciprocal": 34, "Rsqrt": 42, "Log": 39, "Sigmoid": 90,
    "Dot2": 9,
}  # fmt: skip
UNITS = list(LATENCY)  # in the order of fp32_pkg::unit_e
OPERANDS = dict(Add=2, Mul=2, MulAdd=3, Compare=2, Dot2=3)  # all others 1
F, I = np.float32, np.uint32  # noqa: E741
SIGN, INF, NAN, LEAST, LARGEST = 0x80000000, 0x7F800000, 0x7FC00000, 0x00800000, 0x7F7FFFFF
SPECIAL = np.array(
    [0, SIGN, 1, 0x80000001, 0x007FFFFF, 0x807FFFFF, LEAST, LEAST | SIGN, 0x00800001, 0x00FFFFFF, 0x01000000,
     0x3F800000, 0xBF800000, 0x3F7FFFFF, 0x3F800001, 0x3F000000, 0x34000000, 0x33800000, 0x4B800000, 0x7F000000,
     LARGEST, 0xFF7FFFFF, INF, INF | SIGN, NAN, NAN | SIGN, 0x7F800001, 0xFFBFFFFF, 0x7FFFFFFF],
    I,
)  # fmt: skip


def versal_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """fp32.mul as a DSPFP32 does it: what rounds up to 2^-126 on the grid of subnormals but not in 24 bits is zero."""
    y = fp32.mul(a, b)
    exact = np.abs(fp32.flush(a).astype(np.float64) * fp32.flush(b).astype(np.float64))
    return np.where((np.abs(y) == fp32.TINY) & (exact < 2.0**-126 - 2.0**-151), np.copysign(fp32.ZERO, y), y)


@fp32.quiet
def golden(unit: str, bits: int, cases: np.ndarray, versal: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """uint32 [n, 3] -> results uint32 [n] and order codes uint32 [n] as fp32_unit gives them; versal: in DSPFP32."""
    a, b, c = (np.ascontiguousarray(column).view(F) for column in cases.T)
    mul = versal_mul if versal else fp32.mul
    order = np.zeros(len(a), I)
    if unit == "Add":
        y = np.where(cases[:, 2] & 1, fp32.sub(a, b).view(I), fp32.add(a, b).view(I))
    elif unit == "Mul":
        y = mul(a, b)
    elif unit == "MulAdd":
        y = fp32.add(mul(a, b), c)
    elif unit == "Dot2":
        first, second = mul(a, b), mul(c, b)
        y = np.where(cases[:, 2] & 1, fp32.sub(first, second), fp32.add(first, second))
    elif unit == "Compare":
        y, order = fp32.maximum(a, b), fp32.compare(a, b).astype(np.int32).view(I) & I(3)
    elif unit == "FromInt":
        y = fp32.from_int(integers(cases[:, 0], bits))
    elif unit == "ToInt":
        y = fp32.to_int(a, bits)
    elif unit == "ToBf16":
        y = fp32.to_bf16(a).astype(I)
    elif unit == "FromBf16":
        y = fp32.from_bf16(cases[:, 0].astype(np.uint16))
    else:
        y = getattr(fp32, unit.lower())(a)
    return np.asarray(y).view(I), order


def integers(words: np.ndarray, bits: int) -> np.ndarray:
    """The low `bits` of each word as int32, sign-extended."""
    return (words << I(32 - bits)).view(np.int32) >> (32 - bits)


def raw(rng, count: int) -> np.ndarray:
    return rng.integers(0, 1 << 32, count, dtype=I)


def with_exponent(words: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    return (words & I(0x807FFFFF)) | (np.clip(exponent, 0, 255).astype(I) << I(23))


def near(rng, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three operands whose exponents meet: sums that cancel or align, products near both ends of the range."""
    a, b, c = raw(rng, count), raw(rng, count), raw(rng, count)
    exponent = ((a >> I(23)) & I(255)).astype(np.int64)
    close = with_exponent(b, exponent + rng.integers(-26, 27, count))
    same = (a & I(0xFF800000)) ^ (b & I(SIGN)) | (
        (a & I(0x7FFFFF)) ^ (b & I(0x7FFFFF)) >> (c & I(31))
    )  # leading bits equal
    edge = with_exponent(b, rng.choice([127, 382], count) + rng.integers(-2, 3, count) - exponent)
    short = b & I(0xFFFFF000)  # few significant bits: ties
    pick = rng.integers(0, 4, count)
    b = np.choose(pick, [close, same, edge, short])
    return np.where(pick == 3, a & I(0xFFFFF000), a), b, np.where(pick == 1, c & I(SIGN) | I(LEAST), c)


def random(rng, unit: str, bits: int, count: int) -> np.ndarray:
    """Half any bit patterns, half where the unit has to work."""
    cases = np.stack([raw(rng, count) for _ in range(3)], axis=1)
    half = count // 2
    if unit in OPERANDS:
        cases[:half] = np.stack(near(rng, half), axis=1)
    if unit == "MulAdd":  # a sum near the product
        product = fp32.mul(cases[:half, 0].view(F), cases[:half, 1].view(F)).view(I)
        cases[:half, 2] = near_of(rng, product)
    elif unit == "Dot2":  # products that are near to each other
        cases[:half, 2] = near_of(rng, cases[:half, 0])
    elif unit == "FromInt":
        cases[:half, 0] >>= rng.integers(0, 32, half).astype(I)
        cases[: half // 2, 0] = -cases[: half // 2, 0]
    elif unit == "ToInt":
        cases[:half, 0] = (rng.uniform(-1.2, 1.2, half) * 2.0 ** rng.integers(0, bits, half)).astype(F).view(I)
        cases[: half // 2, 0] = (np.rint(cases[: half // 2, 0].view(F) * 2) / 2).astype(F).view(I)
    elif unit in ("Exp", "Sigmoid"):
        cases[:half, 0] = rng.uniform(-104, 95, half).astype(F).view(I)
    elif unit in ("Reciprocal", "Rsqrt", "Log"):
        cases[:half, 0] &= I(0x7FFFFFFF)
        cases[: half // 2, 0] = with_exponent(cases[: half // 2, 0], rng.integers(120, 134, half // 2))
    return cases


def near_of(rng, words: np.ndarray) -> np.ndarray:
    """Numbers with the exponents of `words`, or a few off, of any sign."""
    exponent = ((words >> I(23)) & I(255)).astype(np.int64) + rng.integers(-3, 4, len(words))
    return with_exponent(np.where(rng.random(len(words)) < 0.5, words ^ I(SIGN), raw(rng, len(words))), exponent)


def rows(*columns) -> np.ndarray:
    """Columns a, b, c (values or arrays, missing ones 0) -> cases."""
    columns = [*columns, *[0] * (3 - len(columns))]
    arrays = np.broadcast_arrays(*(np.asarray(column, np.int64) & 0xFFFFFFFF for column in columns))
    return np.stack([array.ravel() for array in arrays], axis=1).astype(I)


def floats(values) -> np.ndarray:
    return np.asarray(values, np.float64).astype(F).view(I)


def corners(rng, unit: str, bits: int) -> np.ndarray:
    """Directed cases: every special number (with every other), and those of the unit."""
    if unit in OPERANDS:
        grid = rows(SPECIAL[:, None], SPECIAL[None, :], rng.choice(SPECIAL, (len(SPECIAL), len(SPECIAL))))
    else:
        grid = rows(SPECIAL)
    return np.concatenate([grid, DIRECTED[unit](rng, bits)])


def add_corners(rng, bits: int) -> np.ndarray:
    fraction = raw(rng, 24) & I(0x7FFFFF)
    k = np.arange(1, 24)
    a = fraction[:23] | I(0x3F800000)
    changed = a ^ (I(1) << (23 - k).astype(I))  # the k leading fraction bits agree but the last: about k bits cancel
    parts = [
        rows(a, changed, 1),
        rows(a, changed | I(SIGN), 0),
        rows(a | I(LEAST), a ^ I(1), 1),  # 24 bits cancel
        rows(a, a, 1),  # x - x
        rows(a, a | I(SIGN), 0),
        rows(0x3F800000, 0x3F7FFFFF - np.arange(4), 1),
        rows((k << 23) | 5, (k << 23) | 4, 1),  # 24 bits cancel, the result flushed until k is 24
    ]
    for distance in range(20, 32):  # exponents far apart: half, just above, just below half a unit of the last place
        low = (0x3F800000 - (distance << 23)) + np.array([0, 1, -1, 0x400000])
        parts += [rows(0x3F800000 + last, low, flag) for last in (0, 1, 0x7FFFFF) for flag in (0, 1)]
    parts += [
        rows(LARGEST, [0x73000000, 0x72FFFFFF, LARGEST, 0x73800000], 0),  # to infinity from half a unit on
        rows(LARGEST | SIGN, [0x73000000, 0x72FFFFFF, LARGEST], 1),
        rows(LEAST, LEAST + np.arange(6), 1),  # differences below 2^-126
        rows(0x01000000, 0x00800001 - np.arange(2), 1),  # just above and at 2^-126
        rows([0x01000000, 0x01000001], [0x00FFFFFF, LEAST], 1),
    ]
    return np.concatenate(parts)


def mul_corners(rng, bits: int) -> np.ndarray:
    a = (raw(rng, 40) & I(0x7FFFFF)) | I(0x3F800000)
    top = np.array([1, 2, 1000, 1448, 1449])
    odd = 2 * np.arange(1, 41) + 1
    tie = (I(127) << I(23)) | (odd.astype(I) << I(11))  # 13 bits squared: a 25-bit product half of the time
    return np.concatenate(
        [
            rows(a, with_exponent(a[::-1], rng.integers(0, 3, 40))),  # around 2^-126
            rows(a, with_exponent(a[::-1], rng.integers(253, 255, 40))),  # around the largest
            rows(0x3F7FFFFF - np.arange(5), LEAST),  # (1 - n 2^-24) 2^-126: the tie to even, and below it
            rows(0x3F800001, 0x007FFFFF + np.arange(3)),
            rows(0x00FFFFFF, [0x3F000000, 0x3EFFFFFF, 0xBF000000]),  # the tie again, by halving
            rows(tie[:, None], tie[None, :12] ^ I(SIGN)),
            rows(0x3FC00000, 0x3F800001 + np.arange(4)),  # 1.5 * odd: ties, down and up
            rows(0x7F000000, [0x3FFFFFFF, 0x40000000, 0xC0000000]),
            rows(0x7F7FFFFF, [0x3F800000, 0x3F800001, 0x3F7FFFFF]),
            rows(INF, [0, 1, SIGN, 0x3F800000]),
            rows(0x3F800000 + top, INF - 2 * top),  # 2^128 less up to half a unit of the last place: to infinity
        ]
    )


def mul_add_corners(rng, bits: int) -> np.ndarray:
    a = (raw(rng, 60) & I(0x7FFFFF)) | I(0x3F800000)
    product = fp32.mul(a.view(F), a.view(F)).view(I)
    return np.concatenate([rows(a, a, product ^ I(SIGN)), rows(a, a, product), mul_corners(rng, bits)])


def compare_corners(rng, bits: int) -> np.ndarray:
    a = raw(rng, 100)
    return np.concatenate([rows(a, a), rows(a, a ^ I(SIGN)), rows(a, a + I(1)), rows(a + I(1), a)])


def from_int_corners(rng, bits: int) -> np.ndarray:
    powers = 2 ** np.arange(32, dtype=np.int64)
    ties = (1 << 24) + np.arange(-4, 12)
    halves = [(half << shift) + off for half in ties for shift in range(1, 7) for off in (-1, 0, 1)]
    values = np.concatenate(
        [powers[:, None] + np.arange(-2, 3), np.array(halves)[:, None] + np.zeros(1, np.int64)], axis=None
    )
    return rows(np.concatenate([values, -values, [0, 2**31 - 1, -(2**31), 2**31 - 64, 2**31 - 65]]))


def to_int_corners(rng, bits: int) -> np.ndarray:
    limit = 2.0 ** (bits - 1)
    near_limit = limit + np.arange(-6, 7) / 4
    halves = np.arange(-9, 10) / 2
    values = np.concatenate([halves, near_limit, -near_limit, limit * np.array([2, -2, 3e9, -3e9, 0.5, 0.75])])
    words = floats(values)
    finite = words[(words & I(0x7FFFFFFF)) > 0]
    return rows(
        np.concatenate([words, finite + I(1), finite - I(1), floats([0.25, 0.49999997, 8388607.5, 2**31 - 128])])
    )


def to_bf16_corners(rng, bits: int) -> np.ndarray:
    upper = raw(rng, 40) & I(0xFFFF0000)
    lower = [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF]
    ends = np.array([0x7F7F0000, 0xFF7F0000, 0x007F0000, LEAST, 0x7F800000, 0x3F800000, 0x3F810000], I)
    return rows(np.concatenate([upper, ends])[:, None] | np.array(lower, I)[None])


def from_bf16_corners(rng, bits: int) -> np.ndarray:
    return rows(np.concatenate([SPECIAL >> I(16), [0x7F81, 0x0080, 0x007F, 0xFF7F]]))


def exp_corners(rng, bits: int) -> np.ndarray:
    k = np.arange(128)[:, None] + 128 * np.array([-126, -2, -1, 0, 126])[None]
    middle = k * np.log(2) / 128
    ends = [np.nextafter(F(v), F(d)) for v in (-88, 89, -87.336544, 88.722839) for d in (-np.inf, v, np.inf)]
    thresholds = floats([-87.336544, 88.722839])[:, None] + np.arange(-4, 5)[None]
    return np.concatenate(
        [rows(floats(middle)), rows(floats(middle[:, 1:4:2] + np.log(2) / 256)), rows(floats(ends)), rows(thresholds)]
    )


def sigmoid_corners(rng, bits: int) -> np.ndarray:
    cases = exp_corners(rng, bits)
    return np.concatenate([cases, cases ^ np.array([SIGN, 0, 0], I)])


def mantissa_corners(rng, bits: int) -> np.ndarray:
    """First, last and a middle number of every 256th of the mantissa, both parities; every exponent of one mantissa."""
    entry = np.arange(256)[:, None] << 15
    within = np.array([0, 0x7FFF, 0x4321])
    exponents = np.arange(256) << 23
    return np.concatenate(
        [
            rows(entry + within + (127 << 23)),
            rows(entry[::2] + within + (128 << 23)),
            rows(exponents | 0x123456),
            rows(exponents),
            rows((exponents | 0x123456 | SIGN)[::5]),
        ]
    )


def log_corners(rng, bits: int) -> np.ndarray:
    borders = ((np.arange(128)[:, None] << 16) + 0x8000 + np.array([-1, 0])) | (127 << 23)  # between two points
    one = 0x3F800000 + np.arange(-12, 13)
    return np.concatenate([mantissa_corners(rng, bits), rows(borders), rows(one)])


def dot2_corners(rng, bits: int) -> np.ndarray:
    """Those of the multiply-add, and products that cancel or double."""
    cases = mul_add_corners(rng, bits)
    same, other = cases.copy(), cases.copy()
    same[:, 2] = cases[:, 0]
    other[:, 2] = cases[:, 0] ^ I(SIGN)
    return np.concatenate([cases, same, other])


DIRECTED = {
    "Add": add_corners,
    "Mul": mul_corners,
    "MulAdd": mul_add_corners,
    "Compare": compare_corners,
    "FromInt": from_int_corners,
    "ToInt": to_int_corners,
    "ToBf16": to_bf16_corners,
    "FromBf16": from_bf16_corners,
    "Exp": exp_corners,
    "Reciprocal": mantissa_corners,
    "Rsqrt": mantissa_corners,
    "Log": log_corners,
    "Sigmoid": sigmoid_corners,
    "Dot2": dot2_corners,
}
