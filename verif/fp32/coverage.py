"""Functional coverage of fp32: kinds of numbers in and out, and each unit's own cases, judged by exact arithmetic."""

import numpy as np

from lutloom import fp32
from verif.fp32.stimuli import INF, LARGEST, LEAST, NAN, OPERANDS, SIGN, UNITS, F, I, integers
from verif.lib.record import Coverage

STALLS = ["none", "input", "output", "both"]
KINDS = ["zero", "negative zero", "subnormal", "least normal", "normal", "largest", "infinity", "NaN", "NaN payload"]
ROUNDINGS = ["exact", "tie to even down", "tie to even up", "rounded down", "rounded up"]
TABLES = {"Exp": 128, "Reciprocal": 256, "Rsqrt": 256, "Log": 129, "Sigmoid": 128}

coverage = Coverage(
    "fp32",
    {
        "unit": UNITS,
        "operand": KINDS,
        "result": [kind for kind in KINDS if kind not in ("subnormal", "NaN payload")],
        "cancelled bits": list(range(1, 25)),
        "exponents apart": ["0", "1", "2..23", "24", "25", "26..31", "more"],
        "sum": [*ROUNDINGS, "to infinity", "overflow", "inf - inf", "x - x", "flushed", "just at or above 2^-126"],
        "product": [*ROUNDINGS, "to infinity", "overflow", "0 * inf", "flushed", "below 2^-126, rounded to it",
                    "just at or above 2^-126"],
        "multiply-add": ["one rounding would differ", "cancels"],
        "order": ["less", "equal", "greater", "NaN", "zeros of both signs"],
        "from int": ["zero", "exact", "tie to even down", "tie to even up", "lowest", "rounded to a power of two"],
        "to int": ["tie to even down", "tie to even up", "saturates high", "saturates low", "rounded up to saturation",
                   "lowest", "NaN", "below a half", "negative to zero"],
        "to bf16": ["tie to even down", "tie to even up", "to infinity", "subnormal", "NaN"],
        "table": [f"{unit}: all {size}" for unit, size in TABLES.items()],
        "exp": ["clamped low", "clamped high", "zero", "infinity", "least octave", "highest octave"],
        "reciprocal": ["zero of a large number", "infinity of zero", "power of two"],
        "rsqrt": ["below zero", "odd exponent", "even exponent"],
        "log": ["below zero", "halved point", "near 1"],
        "sigmoid": ["negative", "positive", "flushed"],
        "stall": STALLS,
        "reset": ["in flight"],
        "full": ["latency + 2 results wait"],
        "bulk": UNITS,
    },
)  # fmt: skip


def kind(word: int) -> str:
    magnitude = word & 0x7FFFFFFF
    if magnitude > INF:
        return "NaN" if magnitude == NAN else "NaN payload"
    if magnitude == 0:
        return "negative zero" if word & SIGN else "zero"
    if magnitude < LEAST:
        return "subnormal"
    return {LEAST: "least normal", LARGEST: "largest", INF: "infinity"}.get(magnitude, "normal")


def tidy(words: np.ndarray) -> np.ndarray:
    """float64 of the operands as a unit sees them: subnormals are zeros."""
    return fp32.flush(np.ascontiguousarray(words).view(F)).astype(np.float64)


def rounding(exact: float, result: float) -> str:
    """How a normal `result` (fp32) came from `exact`."""
    if exact == result:
        return "exact"
    other = float(np.nextafter(F(result), F(np.inf if exact > result else -np.inf)))
    up = abs(result) > abs(exact)
    if abs(exact - result) == abs(exact - other):
        return f"tie to even {'up' if up else 'down'}"
    return "rounded up" if up else "rounded down"


def least_or_above(word: int) -> bool:
    return LEAST <= word & 0x7FFFFFFF <= LEAST + 1


def cover(unit: str, bits: int, cases: np.ndarray, results: np.ndarray) -> None:
    """Count what `cases` uint32 [n, 3] and their results cover."""
    coverage.hit("unit", unit)
    if unit != "FromInt":
        words = cases[:, 0] << I(16) if unit == "FromBf16" else cases[:, : OPERANDS.get(unit, 1)]
        for word in np.unique(words):
            coverage.hit("operand", kind(int(word)))
    if unit not in ("ToInt", "ToBf16"):
        for word in np.unique(results):
            coverage.hit("result", kind(int(word)))
    with np.errstate(all="ignore"):
        COVER[unit](bits, cases, results)
    if unit in TABLES:
        used = {int(entry) for entry in entries(unit, cases[:, 0])}
        if used == set(range(TABLES[unit])):
            coverage.hit("table", f"{unit}: all {TABLES[unit]}")


def entries(unit: str, x: np.ndarray) -> np.ndarray:
    """Numbers of the table entries that the finite, normal ones of x use."""
    x = x[((x >> I(23)) & I(255) > 0) & ((x >> I(23)) & I(255) < 255)]
    if unit in ("Exp", "Sigmoid"):
        value = x.view(F) if unit == "Exp" else -np.abs(x.view(F))
        return np.rint(np.clip(value, *fp32.EXP_CLAMP) * fp32.EXP_SCALE).astype(np.int32) & 127
    if unit == "Log":
        return ((x & I(0x7FFFFF)) + I(0x8000)) >> I(16)
    return (x >> I(15 if unit == "Reciprocal" else 16)) & I(255)


def cover_add(bits, cases, results):
    a, b = tidy(cases[:, 0]), tidy(cases[:, 1])
    b = np.where(cases[:, 2] & 1, -b, b)
    for x, y, word in zip(a, b, results, strict=True):
        word = int(word)
        if np.isinf(x) and np.isinf(y) and x == -y:
            coverage.hit("sum", "inf - inf")
        if not (np.isfinite(x) and np.isfinite(y)) or x == 0 or y == 0:
            continue
        ex, ey = (int(np.frexp(v)[1]) for v in (x, y))
        apart = abs(ex - ey)
        group = str(apart) if apart in (0, 1, 24, 25) else "2..23" if apart < 24 else "26..31" if apart < 32 else "more"
        coverage.hit("exponents apart", group)
        total = x + y if apart < 28 else None  # exact in float64
        result = float(np.uint32(word).view(F))
        if x == -y:
            coverage.hit("sum", "x - x")
        elif word & 0x7FFFFFFF == 0:
            coverage.hit("sum", "flushed")
        elif np.isinf(result):
            coverage.hit("sum", "overflow" if abs(x) == abs(y) else "to infinity")
        elif total is not None:
            coverage.hit("sum", rounding(total, result))
        if total is not None and total != 0 and x * y < 0:
            lost = max(ex, ey) - int(np.frexp(total)[1])
            if lost:
                coverage.hit("cancelled bits", lost)
        if least_or_above(word):
            coverage.hit("sum", "just at or above 2^-126")


def cover_mul(bits, cases, results):
    a, b = tidy(cases[:, 0]), tidy(cases[:, 1])
    for x, y, word in zip(a, b, results, strict=True):
        word = int(word)
        if (np.isinf(x) and y == 0) or (np.isinf(y) and x == 0):
            coverage.hit("product", "0 * inf")
        if not (np.isfinite(x) and np.isfinite(y)) or x == 0 or y == 0:
            continue
        exact, result = x * y, float(np.uint32(word).view(F))
        if word & 0x7FFFFFFF == 0:
            coverage.hit("product", "flushed")
        elif np.isinf(result):
            coverage.hit("product", "to infinity" if abs(exact) < 2.0**128 else "overflow")
        elif abs(exact) < 2.0**-126:
            coverage.hit("product", "below 2^-126, rounded to it")
        else:
            coverage.hit("product", rounding(exact, result))
        if least_or_above(word):
            coverage.hit("product", "just at or above 2^-126")


def cover_mul_add(bits, cases, results):
    a, b, c = (tidy(cases[:, i]) for i in range(3))
    fused = (a * b + c).astype(F)  # the product is exact in float64
    result = results.view(F)
    if (np.isfinite(fused) & (fused != result)).any():
        coverage.hit("multiply-add", "one rounding would differ")
    if ((result == 0) & (a * b != 0) & (c != 0)).any():
        coverage.hit("multiply-add", "cancels")


def cover_compare(bits, cases, results):
    a, b = tidy(cases[:, 0]), tidy(cases[:, 1])
    for name, seen in (
        ("less", a < b),
        ("equal", a == b),
        ("greater", a > b),
        ("NaN", np.isnan(a) | np.isnan(b)),
        ("zeros of both signs", (a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))),
    ):
        if seen.any():
            coverage.hit("order", name)


def cover_from_int(bits, cases, results):
    for value, word in zip(integers(cases[:, 0], bits).tolist(), results, strict=True):
        how = rounding(value, float(np.uint32(word).view(F)))
        if value == 0:
            coverage.hit("from int", "zero")
        elif how == "exact" or how.startswith("tie"):
            coverage.hit("from int", how)
        if value == -(1 << bits - 1):
            coverage.hit("from int", "lowest")
        if how != "exact" and int(word) & 0x7FFFFF == 0:
            coverage.hit("from int", "rounded to a power of two")


def cover_to_int(bits, cases, results):
    limit = 1 << bits - 1
    for x, value in zip(tidy(cases[:, 0]), results.view(np.int32).tolist(), strict=True):
        if np.isnan(x):
            coverage.hit("to int", "NaN")
        elif x >= limit or x < -limit:
            coverage.hit("to int", "saturates high" if x > 0 else "saturates low")
        elif x == limit - 0.5:
            coverage.hit("to int", "rounded up to saturation")
        elif abs(x - int(x)) == 0.5:
            coverage.hit("to int", f"tie to even {'up' if abs(value) > abs(x) else 'down'}")
        elif 0 < abs(x) < 0.5:
            coverage.hit("to int", "negative to zero" if x < 0 else "below a half")
        if value == -limit:
            coverage.hit("to int", "lowest")


def cover_to_bf16(bits, cases, results):
    for word, result in zip(cases[:, 0].tolist(), results.tolist(), strict=True):
        this = kind(word)
        if this.startswith("NaN"):
            coverage.hit("to bf16", "NaN")
        elif this == "subnormal":
            coverage.hit("to bf16", "subnormal")
        elif word & 0xFFFF == 0x8000:
            coverage.hit("to bf16", f"tie to even {'up' if result > word >> 16 else 'down'}")
        if this in ("normal", "largest") and result & 0x7FFF == 0x7F80:
            coverage.hit("to bf16", "to infinity")


def cover_from_bf16(bits, cases, results):
    pass  # operand and result kinds say it all


def cover_exp(bits, cases, results):
    x = cases[:, 0].view(F)
    low, high = fp32.EXP_CLAMP
    for name, seen in (
        ("clamped low", x < low),
        ("clamped high", x > high),
        ("zero", (x > low) & (results == 0)),
        ("infinity", (x < high) & (results == INF)),
        ("least octave", results >> I(23) == 1),
        ("highest octave", results >> I(23) == 254),
    ):
        if seen.any():
            coverage.hit("exp", name)


def cover_reciprocal(bits, cases, results):
    x, y = cases[:, 0] & I(0x7FFFFFFF), results & I(0x7FFFFFFF)
    for name, seen in (
        ("zero of a large number", (x < INF) & (y == 0)),
        ("infinity of zero", (x == 0) & (y == INF)),
        ("power of two", (x & I(0x7FFFFF) == 0) & (y & I(0x7FFFFF) == 0) & (y > 0) & (y < INF)),
    ):
        if seen.any():
            coverage.hit("reciprocal", name)


def cover_rsqrt(bits, cases, results):
    x = cases[:, 0]
    normal = (results > 0) & (results < INF)
    for name, seen in (
        ("below zero", tidy(x) < 0),
        ("odd exponent", normal & ((x >> I(23)) & 1 == 1)),
        ("even exponent", normal & ((x >> I(23)) & 1 == 0)),
    ):
        if seen.any():
            coverage.hit("rsqrt", name)


def cover_log(bits, cases, results):
    x = cases[:, 0]
    for name, seen in (
        ("below zero", tidy(x) < 0),
        ("halved point", (x & I(0x7FFFFF)) + I(0x8000) >= fp32.LOG_HALVE << 16),
        ("near 1", np.abs(x.astype(np.int64) - 0x3F800000) < 4),
    ):
        if seen.any():
            coverage.hit("log", name)


def cover_sigmoid(bits, cases, results):
    x = tidy(cases[:, 0])
    for name, seen in (
        ("negative", (x < 0) & (results > 0)),
        ("positive", x > 0),
        ("flushed", (x < 0) & (x > -100) & (results == 0)),
    ):
        if seen.any():
            coverage.hit("sigmoid", name)


def cover_dot2(bits, cases, results):
    """The sum of the products, as one of fp32_add."""
    a, b, c = (np.ascontiguousarray(column).view(F) for column in cases.T)
    cover_add(bits, np.stack([fp32.mul(a, b).view(I), fp32.mul(c, b).view(I), cases[:, 2]], axis=1), results)


COVER = {
    "Add": cover_add,
    "Mul": cover_mul,
    "MulAdd": cover_mul_add,
    "Compare": cover_compare,
    "FromInt": cover_from_int,
    "ToInt": cover_to_int,
    "ToBf16": cover_to_bf16,
    "FromBf16": cover_from_bf16,
    "Exp": cover_exp,
    "Reciprocal": cover_reciprocal,
    "Rsqrt": cover_rsqrt,
    "Log": cover_log,
    "Sigmoid": cover_sigmoid,
    "Dot2": cover_dot2,
}
