"""attention: bit for bit the definition written out query by query; near float64 softmax; blind to what is hidden."""

import importlib
import time
from itertools import pairwise

import numpy as np
import pytest

from lutloom import fp32, models
from lutloom.attention import BLOCK, KVCache, attention
from lutloom.errors import UserError
from lutloom.tests.attention_flips import flips
from lutloom.tests.measure import check_published

F = np.float32
CONTEXTS = [1, 15, 16, 17, 255, 256, 257, 1000]


def inputs(seed: int, heads: int, kv_heads: int, count: int, room: int, dim: int, spread: float = 1.0):
    rng = np.random.default_rng(seed)
    q = (rng.standard_normal((heads, count, dim)) * spread).astype(F)
    k, v = (fp32.to_bf16(rng.standard_normal((kv_heads, room, dim)).astype(F)) for _ in "kv")
    return q, k, v


def by_definition(q, k, v, first_position, scale):
    """The text of lutloom.attention with the public operations, one query and one block at a time."""
    result = np.empty_like(q)
    group = len(q) // len(k)
    k, v = fp32.from_bf16(k), fp32.from_bf16(v)
    for head, t in np.ndindex(q.shape[:2]):
        keys, values = k[head // group], v[head // group]
        seen = first_position + t + 1
        m = weight = acc = None
        for start in range(0, seen, BLOCK):
            visible = slice(start, min(start + BLOCK, seen))
            s = fp32.mul(fp32.reduce_sum(fp32.mul(q[head, t], keys[visible])), F(scale))
            top = fp32.reduce_max(s)
            new_m = top if m is None else fp32.maximum(m, top)
            p = fp32.exp(fp32.sub(s, new_m))
            block = np.zeros((BLOCK, q.shape[2]), F)
            block[: p.size] = fp32.mul(p[:, None], values[visible])
            block_weight = fp32.reduce_sum(np.pad(p, (0, BLOCK - p.size)))
            block_acc = fp32.reduce_sum(block, axis=0)
            if m is None:
                weight, acc = block_weight, block_acc
            else:
                alpha = fp32.exp(fp32.sub(m, new_m))
                weight = fp32.add(fp32.mul(weight, alpha), block_weight)
                acc = fp32.add(fp32.mul(acc, alpha), block_acc)
            m = new_m
        result[head, t] = fp32.mul(acc, fp32.reciprocal(weight))
    return result


def assert_same_bits(a, b):
    assert a.dtype == b.dtype == F and a.shape == b.shape
    assert (a.view(np.uint32) == b.view(np.uint32)).all(), f"{(a.view(np.uint32) != b.view(np.uint32)).sum()} differ"


def rough(seed: int, heads: int, kv_heads: int, count: int, room: int, dim: int):
    """Inputs with subnormal products, huge score gaps, zeros of both signs, and infinities and NaN in some heads."""
    rng = np.random.default_rng(seed)
    q, k, v = inputs(seed, heads, kv_heads, count, room, dim)
    q *= np.exp2(rng.integers(-70, 5, q.shape)).astype(F)
    k = fp32.to_bf16(fp32.from_bf16(k) * np.exp2(rng.integers(-60, 4, k.shape)).astype(F))
    v = fp32.to_bf16(fp32.from_bf16(v) * np.exp2(rng.integers(-120, 20, v.shape)).astype(F))
    q[0, ::3, ::5] = -0.0
    v[0, :, dim // 5] = 0x8000
    k[0, 1::4, dim // 3] = 0x0001  # subnormal
    v[-1, 5, dim // 4], v[-1, 9, dim // 2], k[-1, 20, 0] = 0x7F80, 0xFFC1, 0x7F80
    return q, k, v


def tiny(seed: int, heads: int, kv_heads: int, count: int, room: int, dim: int):
    """Everything at the edge of the subnormals: the products of q and k, and those of p and v."""
    q, k, v = inputs(seed, heads, kv_heads, count, room, dim)
    shrunk = (fp32.to_bf16(fp32.mul(fp32.from_bf16(x), F(f))) for x, f in ((k, 2.0**-62), (v, 2.0**-124)))
    return q * F(2.0**-63), *shrunk


@pytest.mark.parametrize(
    ("heads", "kv_heads", "count", "first", "dim"),
    [(2, 1, 3, 0, 8), (6, 2, 20, 0, 64), (3, 3, 1, 70, 20), (4, 2, 37, 11, 96), (2, 2, 18, 31, 7), (1, 1, 2, 15, 1)],
)
@pytest.mark.parametrize(("make", "scale"), [(inputs, 0.3), (rough, 0.3), (tiny, 2.0**125)])
def test_every_bit_of_the_definition(make, scale, heads, kv_heads, count, first, dim):
    q, k, v = make(heads + count, heads, kv_heads, count, first + count + 25, dim)
    expected = by_definition(q, k, v, first, scale)
    assert_same_bits(attention(q, k, v, first, scale), expected)
    assert np.isfinite(expected).any() or (make is rough and heads == 1)


def test_special_values_are_reached():
    q, k, v = rough(26, 6, 2, 20, 45, 64)
    y = attention(q, k, v, 0, 0.3)
    assert np.isnan(y).any() and np.isinf(y).any()
    finite = y[:3]
    assert np.isfinite(finite).all() and ((finite == 0) | (np.abs(finite) >= fp32.TINY)).all()
    # a subnormal key is zero, however large the query
    k, v = np.full((1, 2, 4), 0x0040, np.uint16), fp32.to_bf16(np.array([[[1] * 4, [2] * 4]], F))
    k[0, 1] = 0
    assert (attention(np.full((1, 1, 4), 2.0**127, F), k, v, 1, 1.0) == 1.5).all()
    # scores far below the maximum have weight zero, and a query of infinities is NaN
    q, k, v = inputs(1, 1, 1, 1, 40, 8, spread=1e6)
    assert np.isfinite(attention(q, k, v, 39, 1.0)).all()
    assert np.isnan(attention(q * np.inf, k, v, 39, 1.0)).all()


def test_what_is_not_visible_does_not_matter():
    q, k, v = inputs(2, 4, 2, 21, 64, 16)
    y = attention(q, k, v, 12, 0.25)
    for garbage in (0x7FC0, 0x7F80, 0xFF80, 0x8000, 0xBF80):
        k2, v2 = k.copy(), v.copy()
        k2[:, 33:], v2[:, 33:] = garbage, garbage
        assert_same_bits(attention(q, k2, v2, 12, 0.25), y)
        k2[:, 20:], v2[:, 20:] = garbage, garbage  # seen by later queries of the same call
        assert_same_bits(attention(q, k2, v2, 12, 0.25)[:, :8], y[:, :8])
    k[:, 32], v[:, 32] = 0, 0
    assert (attention(q, k, v, 12, 0.25)[:, -1] != y[:, -1]).any()
    # a query alone at the start of a block whose only value is -0: the unseen products are +0
    zeros = np.full((1, 16, 4), 0x8000, np.uint16)
    assert_same_bits(attention(np.ones((1, 1, 4), F), zeros, zeros, 0, 1.0), np.zeros((1, 1, 4), F))


@pytest.mark.parametrize("make", [inputs, rough])
def test_batching_does_not_matter(make):
    q, k, v = make(3, 6, 2, 50, 50, 32)
    whole = attention(q, k, v, 0, 0.2)
    for sizes in ([50], [1] * 50, [7, 9, 16, 1, 17], [33, 17]):
        edges = np.cumsum([0, *sizes])
        parts = [attention(q[:, a:b], k, v, int(a), 0.2) for a, b in pairwise(edges)]
        assert_same_bits(np.concatenate(parts, axis=1), whole)
    assert_same_bits(attention(q[3:], k[1:], v[1:], 0, 0.2), whole[3:])
    assert_same_bits(attention(q.copy(), k[:, :50], v.copy(), 0, 0.2), whole)  # and again the same


@pytest.mark.parametrize("make", [inputs, rough])
def test_pieces_do_not_matter(make, monkeypatch):
    q, k, v = make(4, 4, 2, 30, 75, 16)
    whole = attention(q, k, v, 45, 0.2)
    for work in (1, 600, 1500, 4000):
        monkeypatch.setattr(importlib.import_module("lutloom.attention"), "WORK", work)
        assert_same_bits(attention(q, k, v, 45, 0.2), whole)


def test_error_against_softmax():
    errors = []
    for context in CONTEXTS:
        q, k, v = inputs(context, 9, 3, 1, context, 64, spread=2)
        q = np.concatenate([inputs(seed, 9, 3, 1, 1, 64, spread=2)[0] for seed in range(40)])
        k, v = np.tile(k, (40, 1, 1)), np.tile(v, (40, 1, 1))  # the same cache for 40 queries at the last position
        found = attention(q, k, v, context - 1, 0.125)
        keys, values = (np.repeat(fp32.from_bf16(x).astype(np.float64), 3, axis=0) for x in (k, v))
        s = (q.astype(np.float64) @ keys.swapaxes(1, 2)) * 0.125
        p = np.exp(s - s.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        scale = p @ np.abs(values)  # the sum of magnitudes, as in any sum with cancellation
        errors.append((np.abs(found - p @ values) / (scale * 2.0**-24)).max())
        print(f"context {context}: {errors[-1]:.3g} * 2^-24 of the weighted magnitudes")
    check_published("attention", np.array(errors))


def test_cache():
    cache = KVCache(2, 3, 20, 8)
    rng = np.random.default_rng(5)
    k, v = rng.standard_normal((2, 3, 18, 8)).astype(F)
    for first, last in ((0, 5), (5, 6), (6, 18)):
        for layer in range(2):
            cache.append(layer, k[:, first:last] * (layer + 1), v[:, first:last])
        cache.advance(last - first)
    assert cache.length == 18 and cache.k.dtype == np.uint16 and not cache.k[:, :, 18:].any()
    assert (cache.k[1, :, :18] == fp32.to_bf16(k * 2)).all() and (cache.v[0, :, :18] == fp32.to_bf16(v)).all()
    with pytest.raises(UserError, match="positions: found 21, allowed up to 20"):
        cache.append(0, k[:, :3], v[:, :3])


@pytest.mark.parametrize(
    ("q", "k", "v", "first"),
    [((4, 2, 8), (2, 5, 8), (2, 5, 8), 4), ((4, 2, 8), (3, 5, 8), (3, 5, 8), 0), ((4, 2, 8), (2, 5, 4), (2, 5, 4), 0),
     ((4, 2, 8), (2, 5, 8), (2, 6, 8), 0), ((4, 2, 8), (2, 5, 8), (2, 5, 8), -1), ((4, 0, 8), (2, 5, 8), (2, 5, 8), 1)],
)  # fmt: skip
def test_refusals(q, k, v, first):
    with pytest.raises(ValueError, match=r"found .* allowed"):
        attention(np.zeros(q, F), np.zeros(k, np.uint16), np.zeros(v, np.uint16), first, 1.0)


@pytest.mark.parametrize(("count", "context", "milliseconds"), [(1, 1000, 10), (512, 512, 600)])
def test_speed(count, context, milliseconds):
    q, k, v = inputs(6, 9, 3, count, context, 64)
    times = []
    for _ in range(5):
        start = time.process_time()
        attention(q, k, v, context - count, 0.125)
        times.append((time.process_time() - start) * 1e3)
    print(f"{count} queries at context {context}: {min(times):.1f} ms")
    assert min(times) < milliseconds


def test_largest_weight_on_real_text():
    """docs/numbers.md publishes 0.23 % and none."""
    found = flips(models.resolve("shakespeare"))
    print(f"largest weight elsewhere: attention {found.attention}, softmax {found.softmax} of {found.queries} queries")
    assert found.queries == 8192 and 0 < found.attention <= 25 and found.softmax == 0
