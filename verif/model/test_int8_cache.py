"""The int8 key/value cache: its numbers and its layout, and the machine, compiler and traffic that use it."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from lutloom import fp32
from lutloom.act_quant import act_quant
from lutloom.attention import kv_bytes, kv_dequantize, kv_head_bytes, kv_image, kv_quantize, kv_stored
from lutloom.cli import app
from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.program import UNIT, Attention
from lutloom.tests import toy
from lutloom.traffic import traffic

F = np.float32
DIM, ROOM = 32, 40
TOKENS = np.random.default_rng(0).integers(8, 203, 23)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The toy model with heads of 32 values, compiled with either cache: bits -> path."""
    folder = tmp_path_factory.mktemp("int8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(toy.KINDS, "wide", replace(toy.WVQ_CFG, head_dim=DIM))
        model = toy.build(folder, "wide")
    paths = {bits: folder / f"{bits}.img" for bits in (8, 16)}
    for bits, path in paths.items():
        compile_model(model.folder, path, Hardware(kv_bits=bits))
    return paths


def test_numbers():
    x = np.random.default_rng(1).standard_normal((3, 5, 64)).astype(F)
    codes, scale = kv_quantize(x)
    assert codes.dtype == np.int8 and np.abs(codes.astype(int)).max(axis=-1).min() == 127
    wide, same = act_quant(x, 8)
    assert (wide == codes).all() and (same == scale).all()
    y = fp32.from_bf16(kv_dequantize(codes, scale))
    assert (np.abs(y - x) <= scale[..., None] * 0.5001 + np.abs(x) * 2.0**-8).all()
    assert (kv_stored(x, 8) == kv_dequantize(codes, scale)).all() and (kv_stored(x, 16) == fp32.to_bf16(x)).all()


def test_special_values():
    x = np.ones((4, 32), F)
    x[0, 3], x[1, 3], x[2], x[3] = np.nan, -np.inf, 1e-42, 0
    y = kv_stored(x, 8)
    assert (y[:2] == 0x7FC0).all()  # what is computed from them is NaN, never a plausible number
    assert (y[2:] == 0).all()


@pytest.mark.parametrize("room", [1, 7, 8, 9, 16, 21])
def test_layout(room):
    """Every code and scale where the text says, and the first n positions in the first bytes."""
    x = np.random.default_rng(room).standard_normal((2, room, 64)).astype(F)
    codes, scale = kv_quantize(x)
    image = kv_image(codes, scale)
    assert image.shape == (2, kv_head_bytes(room, 64, 8)) and kv_head_bytes(room, 64, 8) == -(-room // 8) * (32 + 512)
    for head, position in np.ndindex(2, room):
        block, place = divmod(position, 8)
        at = block * (32 + 8 * 64)
        assert image[head, at + 4 * place : at + 4 * place + 4].view("<f4")[0] == scale[head, position]
        row = at + 32 + place * 64
        assert (image[head, row : row + 64].view(np.int8) == codes[head, position]).all()
        assert kv_bytes(position + 1, 64, 8) == row + 64


def test_sizes():
    assert kv_bytes(1000, 128, 8) / kv_bytes(1000, 128, 16) == 132 / 256  # 51.6 %
    assert kv_head_bytes(1000, 48, 16) == 96_000
    for dim, bits in ((48, 8), (64, 12)):
        with pytest.raises(ValueError, match=f"found {bits}, {dim}, allowed"):
            kv_bytes(1, dim, bits)


def test_machine(images):
    """The cache holds what `kv_stored` gives; the same bits token by token; near the bf16 cache, not equal to it."""
    seen: dict[str, list[np.ndarray]] = {}
    machine = Machine.open(images[8], trace=lambda stage, x: seen.setdefault(stage, []).append(x.copy()))
    logits = machine.run(TOKENS, every=True)
    heads = seen["model.layers.0.self_attn.rope"][-1].reshape(len(TOKENS), -1, DIM)
    np.testing.assert_array_equal(machine.cache[0][0][:, : len(TOKENS)], kv_stored(heads[:, -1:], 8).swapaxes(0, 1))
    single = Machine.open(images[8])
    np.testing.assert_array_equal(np.concatenate([single.run(TOKENS[t : t + 1]) for t in range(len(TOKENS))]), logits)
    wide = Machine.open(images[16]).run(TOKENS, every=True)
    assert (logits != wide).any()
    assert np.corrcoef(logits.ravel(), wide.ravel())[0, 1] > 0.999


def test_caches_in_memory(images):
    for bits, path in images.items():
        machine = Machine.open(path)
        size = -(-kv_head_bytes(ROOM, DIM, bits) // UNIT)
        end = machine.image.table["port0"].padded // UNIT
        found = [(d.cache_k, d.cache_v) for d in machine.program if isinstance(d, Attention)]
        assert found == [(end + n * size, end + n * size) for n in range(2)]
        moved = traffic(machine.program, machine.image.config, 17)
        rows = {8: (3 * 32 + 17 * DIM, 32 + DIM), 16: (17 * DIM * 2, DIM * 2)}[bits]
        assert (moved["kv_read"], moved["kv_write"]) == (4 * rows[0], 4 * rows[1])


def test_command_line(images, tmp_path):
    folder, out = images[8].parent / "quantised", tmp_path / "a.img"
    command = ["compile", "--quantized", str(folder), "--out", str(out), "--kv-bits"]
    assert CliRunner().invoke(app, [*command, "8"]).exit_code == 0
    assert Image.open(out).config["hardware"]["kv_bits"] == 8 and out.read_bytes() == images[8].read_bytes()
    refused = CliRunner().invoke(app, [*command, "12"])
    assert isinstance(refused.exception, UserError) and "kv_bits: found 12, allowed 8, 16" in str(refused.exception)


def test_refusals(images, tmp_path):
    with pytest.raises(UserError, match="kv_bits = 8, allowed kv_bits = 16"):
        Machine.open(images[8], Hardware())
    odd = toy.build(tmp_path, "fused")
    with pytest.raises(UserError, match="head_dim: found 14, allowed multiples of 32 with an int8 cache"):
        compile_model(odd.folder, tmp_path / "a.img", Hardware(kv_bits=8))
