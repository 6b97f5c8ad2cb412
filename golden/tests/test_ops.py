"""The transformer operations but attention: against float64, against their formulas step by step, at the corners."""

import numpy as np
import pytest

from lutloom import fp32
from lutloom.act_quant import act_quant
from lutloom.dequant import dequant
from lutloom.embed import embed
from lutloom.rms_norm import rms_norm
from lutloom.rope import rope, rope_table
from lutloom.row_synth import row_synth
from lutloom.swiglu import swiglu
from lutloom.tests.measure import check_published, ulp

F = np.float32


def normal(seed: int, *shape: int, spread: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * spread).astype(F)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype == F and a.shape == b.shape and (a.view(np.uint32) == b.view(np.uint32)).all()


def test_act_quant():
    x = normal(1, 3000, 96) * np.exp2(np.random.default_rng(2).integers(-60, 60, (3000, 1))).astype(F)
    wide = x.astype(np.float64)
    amax = np.abs(wide).max(axis=-1)
    of_q, of_scale = [], []
    for bits in range(8, 13):
        qmax = (1 << (bits - 1)) - 1
        q, scale = act_quant(x, bits)
        assert q.dtype == np.int16 and scale.shape == (3000,) and (np.abs(q).max(axis=-1) == qmax).all()
        of_q.append(np.abs(q - wide * (qmax / amax)[:, None]))
        of_scale.append(ulp(scale, amax / qmax))
        # one token alone gives what it gives among others, and a scalar scale
        one, its_scale = act_quant(x[7], bits)
        assert (one == q[7]).all() and its_scale.shape == () and its_scale == scale[7]
    check_published("act_quant", np.array(of_q))
    check_published("act_quant scale", np.array(of_scale))


def test_act_quant_formula_and_corners():
    x = normal(3, 50, 33)
    q, scale = act_quant(x, 9)
    for row, out, s in zip(x, q, scale, strict=True):
        amax = max(abs(v) for v in row)
        inverse = fp32.mul(F(255), fp32.reciprocal(amax))
        assert out.tolist() == [int(np.clip(fp32.to_int(fp32.mul(v, inverse), 16), -255, 255)) for v in row]
        assert s == fp32.mul(amax, F(1 / 255))
    corners = np.zeros((7, 4), F)
    corners[1, 0] = 1e-40  # subnormal
    corners[2, 0] = 2.0**-122  # 255 / amax overflows
    corners[3] = [1, 2, np.nan, 3]
    corners[4] = [1, 2, -np.inf, 3]
    corners[5] = 3e38  # its reciprocal is subnormal
    corners[6] = [2.0**-117, -(2.0**-118), 0, -0.0]
    q, scale = act_quant(corners, 9)
    assert not q[:6].any() and q[6].tolist() == [255, -128, 0, 0]  # -127.5 is a tie
    assert scale[:3].tolist() == [0, 0, 0] and np.isnan(scale[3]) and scale[4] == np.inf and 1e36 < scale[5] < 1.2e36
    for bits in (7, 13):
        with pytest.raises(ValueError, match="bits: found"):
            act_quant(corners, bits)


def test_row_synth():
    rng = np.random.default_rng(4)
    a = rng.integers(-2048, 2048, (2, 5, 7))
    codebook = rng.integers(-128, 128, (5, 7, 16, 2), dtype=np.int8)
    exact = row_synth(a[0], a[1], codebook, entry_bits=16)
    for shift, bits in [(0, 16), (0, 12), (1, 16), (4, 16), (7, 8), (15, 8)]:
        found = row_synth(a[0], a[1], codebook, shift, bits)
        assert found.shape == (5, 7, 16) and found.dtype == np.int32
        for p in np.ndindex(5, 7):
            for c in range(16):
                w0, w1 = (int(w) for w in codebook[p][c])
                # Python's round of an exact quotient is half to even
                value = round((int(a[0][p]) * w0 + int(a[1][p]) * w1) / 2**shift)
                assert found[p][c] == min(max(value, -(1 << (bits - 1))), (1 << (bits - 1)) - 1)
    assert (row_synth(a[0], a[1], codebook) == exact).all() and (np.abs(exact) == 32767).any()
    ties = row_synth(np.arange(-6, 7), np.zeros(13, int), np.array([[1, 0]], np.int8), shift=2)
    assert ties[:, 0].tolist() == [-2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2]
    for bad in ({"shift": -1}, {"shift": 16}, {"entry_bits": 7}, {"entry_bits": 17}):
        with pytest.raises(ValueError, match="found"):
            row_synth(a[0], a[1], codebook, **bad)


def test_dequant():
    rng = np.random.default_rng(5)
    acc = rng.integers(-(1 << 31), 1 << 31, (200, 576))
    scale, act_scale, residual = normal(6, 576), np.abs(normal(7, 200)), normal(8, 200, 576)
    for ints in (acc, acc.astype(np.int32)):
        y = dequant(ints, scale, act_scale)
        check_published("dequant", ulp(y, acc * scale.astype(np.float64) * act_scale[:, None].astype(np.float64)))
    assert same_bits(dequant(acc, scale, act_scale, residual), fp32.add(y, residual))
    assert same_bits(dequant(acc, scale), fp32.mul(acc.astype(F), scale))
    assert same_bits(dequant(acc[3], scale, act_scale[3], residual[3]), fp32.add(y[3], residual[3]))
    assert np.isnan(dequant(acc[0], scale, F(np.nan))).all() and np.isnan(dequant(acc[0] * 0, scale, F(np.inf))).all()
    assert dequant(np.array([3, -3]), np.full(2, 2.0**-128, F)).view(np.uint32).tolist() == [0, 0x80000000]
    # the scale of the output comes first: 2^-100 * 2^-100 would vanish before the accumulator is there
    assert dequant(np.array([1 << 30]), np.array([2.0**-100], F), F(2.0**-50)) == F(2.0**-120)
    # start values are added before anything is rounded, modulo 2^32
    start = rng.integers(-(1 << 31), 1 << 31, 576).astype(np.int32)
    total = (acc + start + (1 << 31)) % (1 << 32) - (1 << 31)
    for ints in (acc, acc.astype(np.int32)):
        assert same_bits(dequant(ints, scale, act_scale, residual, start), dequant(total, scale, act_scale, residual))
    assert dequant(np.array([1 << 24]), np.ones(1, F), start=np.array([2], np.int32)) == F((1 << 24) + 2)
    ends = dequant(np.array([-1 << 31, (1 << 31) - 1]), np.ones(2, F), start=np.array([-1, 1], np.int32))
    assert ends.tolist() == [2.0**31, -(2.0**31)]


@pytest.mark.parametrize(("shape", "spread"), [((500, 576), 1.0), ((300, 9, 64), 30.0), ((100, 256), 1e-3)])
def test_rms_norm(shape, spread):
    x, gain, eps = normal(9, *shape, spread=spread), normal(10, shape[-1]), 1e-6
    wide = x.astype(np.float64)
    truth = wide / np.sqrt((wide**2).mean(axis=-1, keepdims=True) + float(F(eps))) * gain
    y = rms_norm(x, gain, eps)
    check_published(f"rms_norm, n = {shape[-1]}", ulp(y, truth))
    one = (3,) * (len(shape) - 1)
    assert same_bits(rms_norm(x[one], gain, eps), y[one])


def test_rms_norm_order_and_corners():
    x = normal(11, 48)
    squares = [fp32.mul(v, v) for v in x] + [F(0)] * 16
    while len(squares) > 1:
        squares = [fp32.add(a, b) for a, b in zip(squares[::2], squares[1::2], strict=True)]
    r = fp32.rsqrt(fp32.add(fp32.mul(squares[0], F(1 / 48)), F(1e-5)))
    assert same_bits(rms_norm(x, np.full(48, 3, F), 1e-5), np.array([fp32.mul(fp32.mul(v, r), F(3)) for v in x]))
    ones = np.ones(4, F)
    assert (rms_norm(np.zeros(4, F), ones, 1e-6) == 0).all()
    assert np.isnan(rms_norm(np.array([1, np.nan, 2, 3], F), ones, 1e-6)).all()
    infinite = rms_norm(np.array([1, -np.inf, 2, 3], F), ones, 1e-6)
    assert np.isnan(infinite).tolist() == [False, True, False, False] and not infinite[[0, 2, 3]].any()


def test_rope():
    table = rope_table(1e5, 64, 1000)
    assert table.shape == (1000, 32, 2) and table.dtype == F
    i, p = 5, 321
    assert table[p, i, 0] == F(np.cos(p * 1e5 ** (-2 * i / 64))) and table[0].tolist() == [[1, 0]] * 32
    x = normal(12, 9, 1000, 64)
    y = rope(x, table)
    z = x[..., :32].astype(np.float64) + 1j * x[..., 32:]
    turned = z * (table[..., 0].astype(np.float64) + 1j * table[..., 1])  # rotation as a product of complex numbers
    truth = np.concatenate((turned.real, turned.imag), axis=-1)
    length = np.concatenate((np.abs(z), np.abs(z)), axis=-1)
    check_published("rope", np.abs(y - truth) / (length * 2.0**-23))
    assert same_bits(rope(x[4, p], table[p]), y[4, p])
    c, s = table[p, i]
    a, b = x[4, p, i], x[4, p, i + 32]
    assert y[4, p, i] == fp32.sub(fp32.mul(a, c), fp32.mul(b, s))
    assert y[4, p, i + 32] == fp32.add(fp32.mul(b, c), fp32.mul(a, s))


def test_swiglu():
    gate, up = normal(13, 1000, 1536, spread=4), normal(14, 1000, 1536)
    wide = gate.astype(np.float64)
    check_published("swiglu", ulp(swiglu(gate, up), wide / (1 + np.exp(-wide)) * up))
    corners = swiglu(
        np.array([0, -0.0, 100, -100, np.inf, -np.inf, np.nan, 1], F), np.array([1, 1, 2, 2, 2, 2, 0, np.nan], F)
    )
    assert corners[:5].tolist() == [0, 0, 200, 0, np.inf] and np.isnan(corners[5:]).all()
    assert same_bits(corners[:2], np.array([0, -0.0], F))


def test_embed():
    table = fp32.to_bf16(normal(15, 30, 8))
    table[3, 2] = 0x8001  # subnormal
    rows = embed(table, np.array([[3, 0], [29, 3]]))
    assert rows.shape == (2, 2, 8) and same_bits(rows[1, 0], fp32.from_bf16(table[29]))
    assert same_bits(rows[0, 0], rows[1, 1]) and rows.view(np.uint32)[0, 0, 2] == 0x80000000
