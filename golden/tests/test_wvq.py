"""wvq: the matrix product equals rows and look-ups, bad arrays are refused by name, the bits are counted right."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lutloom import corpus, evaluate
from lutloom.act_quant import act_quant
from lutloom.dequant import dequant
from lutloom.quantize import Job
from lutloom.tests.toy import SETTINGS, random_wvq
from lutloom.wvq import WvqLinear


def linear(rng: np.random.Generator, **changes) -> WvqLinear:
    """70 outputs in groups of 40, 46 inputs, 24 positions."""
    return replace(random_wvq(rng, 70, 46, 32, 9, 40), **changes)


def slow_accumulate(linear: WvqLinear, q: np.ndarray) -> np.ndarray:
    """The sum of the module's text in Python's integers, one product after the other."""
    acc = np.zeros((len(q), linear.shape[0]), object)
    for t, n in np.ndindex(acc.shape):
        g = n // linear.group
        for p, (first, second) in enumerate(linear.pairs.tolist()):
            w0, w1 = linear.w_cent[p, g, linear.idx[p, n]].tolist()
            acc[t, n] += (w0 * int(q[t, first]) + w1 * int(q[t, second])) << int(linear.exp[p, g])
    return acc


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("residual", [False, True])
def test_product_equals_lookup(settings, residual):
    rng = np.random.default_rng(settings[0] + residual)
    for outputs, inputs in ((1, 4), (70, 45), (97, 64)):
        w = random_wvq(rng, outputs, inputs, *settings, residual=residual)
        q = rng.integers(-w.act_max, w.act_max + 1, (5, inputs)).astype(np.int16)
        q[0] = 0
        found = w.accumulate(q)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, w.lookup(q))
        np.testing.assert_array_equal(found[:2], slow_accumulate(w, q[:2]))


@pytest.mark.parametrize(("act_bits", "cent"), [(8, -128), (8, 127), (9, -64), (12, -8), (12, 8)])
def test_corners(act_bits, cent):
    """The largest entries, shifts and activations: every position names the same two inputs."""
    positions, outputs = 128, 3
    w = WvqLinear(
        pairs=np.tile(np.array([[1, 0]], np.int32), (positions, 1)),
        w_cent=np.full((positions, 1, 16, 2), cent, np.int8),
        exp=np.full((positions, 1), 7, np.uint8),
        idx=np.full((positions, outputs), 15, np.uint8),
        out_scale=np.ones(outputs, np.float32),
        inputs=2,
        act_bits=act_bits,
    )
    q = np.array([[1, 1], [-1, -1], [1, -1]], np.int16) * np.int16(w.act_max)
    expected = np.array([[2], [-2], [0]]) * (w.act_max * cent * positions << 7) * np.ones(outputs, np.int64)
    np.testing.assert_array_equal(w.accumulate(q), expected)
    np.testing.assert_array_equal(w.lookup(q), expected)
    np.testing.assert_array_equal(w.accumulator_bound(), np.abs(expected[0]))


def test_bound_is_reached():
    """With one position an output's bound is what the worst activations give."""
    rng = np.random.default_rng(3)
    w = random_wvq(rng, 30, 4, group=30)
    w = replace(w, idx=np.concatenate((w.idx[:1], np.zeros_like(w.idx[1:]))), w_cent=w.w_cent.copy())
    w.w_cent[1:, :, 0] = 0
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T.astype(np.int16)
    np.testing.assert_array_equal(np.abs(w.accumulate(signs * np.int16(w.act_max))).max(0), w.accumulator_bound())


def test_many_tokens_at_once_and_no_token():
    w = linear(np.random.default_rng(4))
    q = np.random.default_rng(5).integers(-255, 256, (2050, 46)).astype(np.int16)
    found = w.accumulate(q)
    np.testing.assert_array_equal(found[[0, 2047, 2048, 2049]], w.lookup(q[[0, 2047, 2048, 2049]]))
    assert w.accumulate(q[:0]).shape == (0, 70)


def test_call():
    rng = np.random.default_rng(6)
    w, x = linear(rng), rng.normal(size=(2, 3, 46)).astype(np.float32)
    y = w(x)
    q, a_scale = act_quant(x.reshape(6, 46), 9)
    np.testing.assert_array_equal(y.reshape(6, 70), dequant(w.lookup(q), w.out_scale, a_scale))
    weight = w.dense * w.out_scale
    assert y.shape == (2, 3, 70)
    assert np.abs(y - x @ weight).max() < 0.03 * np.abs(y).max()  # 9 bits of activation


def test_shape_and_bits_per_weight():
    """24 positions, 70 outputs in two groups, 32 centroids of two bytes."""
    w = linear(np.random.default_rng(7))
    assert (w.shape, w.centroids, w.act_max, w.idx.shape) == ((70, 46), 32, 255, (24, 70))
    indices, codebooks, exponents, scales, pairs = 24 * 70 * 5, 24 * 2 * 32 * 16, 24 * 2 * 3, 70 * 32, 24 * 2 * 16
    assert w.bits_per_weight == (indices + codebooks + exponents + scales + pairs) / (70 * 46)


def changed(name: str, place: tuple, value) -> dict:
    array = getattr(linear(np.random.default_rng(8)), name).copy()
    array[place] = value
    return {name: array}


REFUSALS = {
    "idx: odd number of positions": ("idx: found shape", {"idx": np.zeros((23, 70), np.uint8)}),
    "idx: one axis": ("idx: found shape", {"idx": np.zeros(24, np.uint8)}),
    "idx: no outputs": ("idx: found shape", {"idx": np.zeros((24, 0), np.uint8)}),
    "idx: type": ("idx: found int32", {"idx": np.zeros((24, 70), np.int32)}),
    "idx: value": ("idx: found 32, allowed 0..31", changed("idx", (3, 4), 32)),
    "w_cent: axes": ("w_cent: found shape", {"w_cent": np.zeros((24, 2, 32), np.int8)}),
    "w_cent: 8 centroids": ("w_cent: found shape", {"w_cent": np.zeros((24, 2, 8, 2), np.int8)}),
    "w_cent: groups": ("w_cent: found int8", {"w_cent": np.zeros((24, 1, 32, 2), np.int8)}),
    "w_cent: type": ("w_cent: found float32", {"w_cent": np.zeros((24, 2, 32, 2), np.float32)}),
    "w_cent: row entry": ("w_cent: row entry reaches 64770", changed("w_cent", (0, 0, 0), 127)),
    "act_bits: 7": ("act_bits: found 7, allowed 8..12", {"act_bits": 7}),
    "act_bits: 13": ("act_bits: found 13, allowed 8..12", {"act_bits": 13}),
    "act_bits: row entry": ("w_cent: row entry reaches", {"act_bits": 12}),
    "group: 0": ("group: found 0, allowed 1..1024", {"group": 0}),
    "group: 1025": ("group: found 1025, allowed 1..1024", {"group": 1025}),
    "group: others": ("w_cent: found int8", {"group": 70}),
    "pairs: shape": ("pairs: found int32", {"pairs": np.zeros((23, 2), np.int32)}),
    "pairs: type": ("pairs: found uint16", {"pairs": np.zeros((24, 2), np.uint16)}),
    "pairs: negative": ("pairs: found -1..45", changed("pairs", (0, 0), -1)),
    "pairs: too large": ("pairs: found 0..46, allowed 0..45", changed("pairs", (5, 1), 46)),
    "inputs": ("pairs: found 0..45, allowed 0..44", {"inputs": 45}),
    "exp: shape": ("exp: found uint8", {"exp": np.zeros((24, 1), np.uint8)}),
    "exp: value": ("exp: found 8, allowed 0..7", changed("exp", slice(0, 2), 8)),
    "exp: in a block": ("exp: found two in a block of 2", changed("exp", (0, 0), 7)),
    "out_scale: shape": ("out_scale: found float32", {"out_scale": np.ones(69, np.float32)}),
    "out_scale: type": ("out_scale: found float64", {"out_scale": np.ones(70)}),
    "out_scale: NaN": ("out_scale: found NaN or infinity", changed("out_scale", 3, np.nan)),
    "out_scale: infinity": ("out_scale: found NaN or infinity", changed("out_scale", 3, -np.inf)),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_constructor_refuses(case):
    message, changes = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}"):
        linear(np.random.default_rng(8), **changes)


@pytest.mark.parametrize("positions", [514, 516])
def test_accumulator_that_could_overflow(positions):
    """positions * 32640 << 7 passes 2^31 - 1 at 515 positions."""

    def make() -> WvqLinear:
        return WvqLinear(
            np.zeros((positions, 2), np.int32), np.full((positions, 1, 16, 2), -64, np.int8),
            np.full((positions, 1), 7, np.uint8), np.zeros((positions, 1), np.uint8), np.ones(1, np.float32), 1,
        )  # fmt: skip

    if positions == 514:
        extreme = np.array([[-255], [255]], np.int16)
        assert make().accumulate(extreme).ravel().tolist() == [514 * 32640 << 7, -(514 * 32640 << 7)]
    else:
        with pytest.raises(ValueError, match=f"^exp, w_cent: accumulator reaches {516 * 32640 << 7}, allowed 32"):
            make()


def test_training_tokens_of_a_large_vocabulary(monkeypatch, tmp_path):
    """Qwen3 has 151,936 tokens: none of them becomes another one."""
    tokens = np.array([151_643, 70_000, 5])
    monkeypatch.setattr(corpus, "debian_texts", lambda: None)
    monkeypatch.setattr(evaluate, "load_text", lambda path, tokenizer: tokens)
    source = SimpleNamespace(path=tmp_path, tokenizer=lambda: None)
    job = Job(source, tmp_path, tmp_path, resume=False, threads=1, console=None, evaluate=False)
    np.testing.assert_array_equal(job.training_tokens(), tokens)
