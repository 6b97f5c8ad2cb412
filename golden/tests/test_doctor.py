"""doctor: a good image passes; what is damaged behind correct checksums is named, as the first stage that is off."""

import json
import random
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lutloom import cli, models
from lutloom.compiler import compile_model
from lutloom.doctor import (
    StageReport,
    compare,
    examine,
    float_trace,
    golden_trace,
    limits,
    sections_of,
    stages_of_image,
)
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.program import BYTES, UNIT, Descriptor, LinearSynth
from lutloom.quantized_model import QuantizedModel
from lutloom.tests.corruption import CRC, Damage
from lutloom.tests.toy import build
from lutloom.trace import TOKENS, compare_bits, load_trace, save_trace
from lutloom.wvq import WvqLinear, group_slices

COVQ_FOLDER = models.SHAKESPEARE.with_name("shakespeare-qwen3-covq")
IDS = np.array([53, 800, 7, 1234, 99, 2, 2047, 640, 11, 1500, 300, 77])
LAYER = "model.layers"
FUSED = {
    "self_attn.qkv_proj": ("q", "k", "v"), "self_attn.o_proj": ("o",), "mlp.gate_up_proj": ("gate", "up"),
    "mlp.down_proj": ("down",),
}  # fmt: skip


def quantize(weight: np.ndarray) -> WvqLinear:
    """Two stages on grids of 8 x 8 centroids: crude, and good to about 3 %. weight [N, K], K a multiple of 4."""
    outputs, inputs = weight.shape
    half, scale = inputs // 2, np.abs(weight).max(axis=1).astype(np.float32) / 64
    scaled = weight / scale[:, None]  # -64..64
    coarse = np.clip(np.round((scaled + 56) / 16), 0, 7)
    fine = np.clip(np.round((scaled - (coarse * 16 - 56) + 7) / 2), 0, 7)
    grid = np.stack(np.meshgrid(np.arange(-7, 8, 2), np.arange(-7, 8, 2), indexing="ij"), -1).reshape(64, 2)
    idx = [(stage.reshape(outputs, half, 2) @ (8, 1)).T.astype(np.uint8) for stage in (coarse, fine)]
    groups = len(group_slices(outputs, 512))
    w_cent = np.repeat((8 * grid, grid), half, axis=0)[:, None].repeat(groups, axis=1).astype(np.int8)
    pairs = np.tile(np.arange(inputs, dtype=np.int32).reshape(-1, 2), (2, 1))
    exp = np.zeros((inputs, groups), np.uint8)
    return WvqLinear(pairs, w_cent, exp, np.concatenate(idx), scale, inputs)


@pytest.fixture(scope="module")
def source() -> models.Source:
    return models.resolve("shakespeare")


@pytest.fixture(scope="module")
def wvq(source, tmp_path_factory) -> tuple[Path, Path]:
    """(image, folder) of the trained model, quantised crudely."""
    folder, weights, linears, parts = tmp_path_factory.mktemp("wvq"), source.weights(), {}, {}
    for layer in range(source.cfg.num_hidden_layers):
        for name, letters in FUSED.items():
            full = f"{LAYER}.{layer}.{name}"
            parts[full] = [f"{full.rpartition('.')[0]}.{letter}_proj" for letter in letters]
            linears[full] = quantize(np.concatenate([weights[f"{part}.weight"] for part in parts[full]]))
    linears["lm_head"] = quantize(weights["model.embed_tokens.weight"])
    QuantizedModel(linears, {}, "shakespeare", source.sha256, parts).save(folder / "model")
    compile_model(folder / "model", folder / "wvq.img", Hardware(slices=2), max_context=32)
    return folder / "wvq.img", folder / "model"


@pytest.fixture(scope="module")
def covq(source, wvq, tmp_path_factory) -> tuple[Path, Path]:
    """(image, folder) of the committed co-quantised model, whose norm gains were trained, with a wvq head."""
    folder = tmp_path_factory.mktemp("covq")
    model = QuantizedModel.load(COVQ_FOLDER)
    linears = {**model.linears, "lm_head": QuantizedModel.open(wvq[1]).linears["lm_head"]}
    model = QuantizedModel(linears, model.norms, "shakespeare", source.sha256, {}, model.inputs)
    model.save(folder / "model")
    compile_model(folder / "model", folder / "covq.img", Hardware(slices=2), max_context=32)
    return folder / "covq.img", folder / "model"


def reseal(path: Path) -> None:
    """Make every checksum of an image right again."""
    damage = Damage(path, random.Random(0))
    for index, (_, offset, *_) in enumerate(damage.entries):
        crc = zlib.crc32(damage.read(offset, damage.padded(index)))
        damage.write(damage.entry(index) + CRC[0], crc.to_bytes(4, "little"))
    damage.reseal()


class Forgery:
    """A copy of an image to damage: `at(address, n, dtype)` is a view of the file, `seal` makes the checksums right."""

    def __init__(self, image: Path, path: Path):
        shutil.copy(image, path)
        self.path, self.machine = path, Machine(Image.open(image))
        self.bytes = np.memmap(path, np.uint8, "r+")

    def find(self, stage: str) -> Descriptor:
        return next(d for d in self.machine.program if self.machine.stages[d.stage] == stage)

    def at(self, address: int, count: int, dtype: str) -> np.ndarray:
        first = address * UNIT
        return self.bytes[first : first + count * np.dtype(dtype).itemsize].view(dtype)

    def stream(self, d: LinearSynth, port: int, beat: int, beats: int) -> np.ndarray:
        """Beats of a linear's stream, uint8 [beats * beat_bytes]."""
        width, section = self.machine.hardware.beat_bytes, self.machine.image.table[f"port{port}"]
        first = section.offset + (d.stream + beat) * width
        return self.bytes[first : first + beats * width]

    def program(self, stage: str, change: Callable[[Descriptor], Descriptor]) -> None:
        """Replace the descriptor of a stage."""
        d = self.find(stage)
        first = self.machine.image.table["program"].offset + self.machine.program.index(d) * BYTES
        self.bytes[first : first + BYTES] = np.frombuffer(change(d).encode(), np.uint8)

    def seal(self) -> Machine:
        self.bytes.flush()
        reseal(self.path)
        return Machine(Image.open(self.path))


# --- damages: each takes a Forgery and returns the stage that must be named -------------------------------------------


def embedding_row(f: Forgery) -> str:
    d = f.find("model.embed_tokens")
    f.at(d.address + d.row * int(IDS[4]), d.n, "<u2")[:] = 0
    return "model.embed_tokens"


def layer_norm_gain(f: Forgery) -> str:
    stage = f"{LAYER}.1.input_layernorm"
    f.at(f.find(stage).gain, 256, "<f4")[7] *= 3
    return stage


def head_norm_gain_nan(f: Forgery) -> str:
    stage = f"{LAYER}.2.self_attn.q_norm"
    f.at(f.find(stage).gain, 64, "<f4")[5] = np.nan
    return stage


def rope_table(f: Forgery) -> str:
    stage = f"{LAYER}.0.self_attn.rope"
    f.at(f.find(stage).table, 64 * 6, "<f4")[64 * 5 :] = 0.5  # position 5
    return stage


def linear_scales(f: Forgery) -> str:
    stage = f"{LAYER}.2.mlp.down_proj"
    f.at(f.find(stage).scales, 256, "<f4")[:] *= 2
    return stage


def linear_pairs(f: Forgery) -> str:
    stage = f"{LAYER}.0.self_attn.qkv_proj"
    pairs = f.at(f.find(stage).pairs, 512, "<u2")
    pairs[:] = pairs[::-1].copy()
    return stage


def linear_stream(f: Forgery) -> str:
    """Codebooks and indices of one port, behind the two headers."""
    stage = f"{LAYER}.1.mlp.gate_up_proj"
    f.stream(f.find(stage), 1, 2, 600)[:] ^= 0x15
    return stage


def head_scales(f: Forgery) -> str:
    f.at(f.find("lm_head").scales, 1000, "<f4")[:] *= -1
    return "lm_head"


def residual_flag(f: Forgery) -> str:
    stage = f"{LAYER}.1.self_attn.o_proj"
    f.program(stage, lambda d: replace(d, flags=0))
    return stage


def attention_scale(f: Forgery) -> str:
    stage = f"{LAYER}.3.self_attn.attention"
    f.program(stage, lambda d: replace(d, scale=2 * d.scale))
    return stage


DAMAGES = (
    embedding_row, layer_norm_gain, head_norm_gain_nan, rope_table, linear_scales, linear_pairs, linear_stream,
    head_scales, residual_flag, attention_scale,
)  # fmt: skip


def first_off(reports: list[StageReport]) -> str | None:
    return next((report.stage for report in reports if report.off), None)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_named(damage, wvq, source, tmp_path):
    forgery = Forgery(wvq[0], tmp_path / "bad.img")
    stage = damage(forgery)
    machine = forgery.seal()
    reports = examine(machine, source, IDS)
    assert first_off(reports) == stage
    # Later stages are judged on right inputs, so they are not blamed; but all layers share the table of RoPE.
    alike = {r.stage for r in reports if r.kind == "rope"} if damage is rope_table else {stage}
    assert {r.stage for r in reports if r.off} == alike


def index_byte(f: Forgery) -> str:
    """One bit among the indices of the first block."""
    stage = f"{LAYER}.3.self_attn.o_proj"
    f.stream(f.find(stage), 0, 12, 1)[3] ^= 1
    return stage


def table_entry(f: Forgery) -> str:
    stage = f"{LAYER}.1.mlp.up_proj"
    f.at(f.find(stage).table, 64 * 16, "i1")[:] ^= 1
    return stage


def start_value(f: Forgery) -> str:
    stage = f"{LAYER}.2.self_attn.k_proj"
    f.at(f.find(stage).packet, 1, "<i4")[0] += 50
    return stage


@pytest.mark.parametrize("kind, damage", [("wvq", index_byte), ("covq", table_entry), ("covq", start_value)])
def test_small_damage_is_named_against_the_quantized_model(kind, damage, source, tmp_path, request):
    """Too small to tell from quantisation; not from the model that was compiled."""
    image, folder = request.getfixturevalue(kind)
    forgery = Forgery(image, tmp_path / "bad.img")
    stage = damage(forgery)
    machine = forgery.seal()
    assert first_off(examine(machine, source, IDS)) is None
    reports = examine(machine, source, IDS, quantized=QuantizedModel.open(folder))
    assert [r.stage for r in reports if r.off] == [stage]


@pytest.mark.parametrize("kind, typical", [("wvq", 0.04), ("covq", 0.6)])
def test_good_images_pass(kind, typical, source, request):
    image, folder = request.getfixturevalue(kind)
    machine = Machine(Image.open(image))
    reports = examine(machine, source, IDS)
    assert first_off(reports) is None
    linears = [r.local for r in reports if r.kind.endswith(("_proj", "head"))]
    assert min(linears) > 0
    assert max(linears) < typical
    exact = examine(machine, source, IDS, quantized=QuantizedModel.open(folder))
    assert first_off(exact) is None
    assert all(r.local == 0 for r in exact if r.kind.endswith(("_proj", "head")))  # the same integers, the same bits
    assert sections_of(machine, f"{LAYER}.0.self_attn.rope") == ["program", "rope"]


def test_errors_do_not_hide_in_the_residual(wvq, source):
    """The local error of a linear is relative to what it adds; the accumulated one to the whole."""
    machine = Machine(Image.open(wvq[0]))
    report = next(r for r in examine(machine, source, IDS) if r.stage == f"{LAYER}.3.self_attn.o_proj")
    right = stages_of_image(machine, float_trace(source, IDS))
    found, expected = golden_trace(machine, IDS, right)[report.stage], right[report.stage]
    assert report.local == compare(found, expected, right[f"{LAYER}.2.mlp.down_proj"])[0]
    assert report.local > 2 * compare(found, expected)[0]
    base = np.full((1, 3), 100, np.float32)
    found, expected = base + np.float32([[1, 2, 2]]), base + np.float32([[1, 2, 1]])
    assert compare(found, expected, base)[0] == pytest.approx(1 / np.sqrt(6))
    assert compare(found, expected)[0] < 0.01


def test_compare():
    x = np.float32([[3, 4]])
    assert compare(x, x) == (0.0, pytest.approx(1.0), 0.0)
    assert compare(np.float32([[3, 0]]), x) == (pytest.approx(0.8), pytest.approx(0.6), 4.0)
    assert compare(np.float32([[np.inf, 0]]), x) == (np.inf, 0.0, np.inf)
    assert compare(np.float32([[np.nan, 0]]), x)[0] == np.inf
    assert compare(0 * x, 0 * x)[0] == 0 and compare(x, 0 * x)[0] == np.inf


def report_of(kind: str, local: float) -> StageReport:
    return StageReport(kind, kind, local, 0, local, 1, 0)


def test_limits():
    """Four times the median of the kind, at least the floor, never above the error of zeros."""
    good = [report_of("o_proj", e) for e in (0.1, 0.1, 0.12, 0.9)]
    assert limits(good) == pytest.approx([0.44] * 4)
    assert limits([report_of("o_proj", 1e-3)] * 3) == [0.05] * 3
    assert limits([report_of("o_proj", 0.5)] * 3 + [report_of("lm_head", 0.1)]) == [1.0] * 4
    assert limits([report_of("o_proj", 0.1)] * 3 + [report_of("lm_head", 0.9)])[3] == pytest.approx(0.4)
    assert limits([report_of("o_proj", 0.1), report_of("norm", 0)], linear=0.2) == [0.2, 1e-3]
    assert limits([report_of("rope", 0.1)] * 3) == [1e-3] * 3  # one table for all layers
    assert limits([report_of("norm", e) for e in (0, 0, 0.1)]) == [1e-3] * 3
    assert limits([report_of("norm", e) for e in (0.02, 0.01, 0.06)]) == [0.25] * 3  # trained gains
    assert report_of("norm", np.nan).off and report_of("norm", np.inf).off


def test_command_that_cannot_run_is_refused(wvq, source, tmp_path):
    forgery = Forgery(wvq[0], tmp_path / "bad.img")
    forgery.program(f"{LAYER}.1.self_attn.rope", lambda d: replace(d, count=9999))
    with pytest.raises(UserError, match=r"bad\.img: section program: descriptor \d+ \(Rope\): src: found .*, allowed"):
        forgery.seal()


# --- traces -----------------------------------------------------------------------------------------------------------


def test_first_different_bit(wvq, tmp_path):
    machine = Machine(Image.open(wvq[0]))
    golden = golden_trace(machine, IDS)
    assert [len(v) for v in golden.values()] == [len(IDS)] * (len(golden) - 2) + [1, 1]  # the head: the last token
    save_trace(tmp_path / "t.npz", IDS, golden)
    other = load_trace(tmp_path / "t.npz")
    assert np.array_equal(other[TOKENS], IDS) and compare_bits(golden, other, tmp_path) == []
    stage = f"{LAYER}.1.mlp.swiglu"
    other[stage].view(np.uint32)[3, 5] ^= 1
    other[stage].view(np.uint32)[4, 1] ^= 2
    other["lm_head"][0, 9] = np.nan
    found = compare_bits(golden, other, tmp_path)
    assert [d.stage for d in found] == [stage, "lm_head"]
    first = found[0]
    assert (first.row, first.column, first.count, first.expected ^ first.found) == (3, 5, 2, 1)
    assert first.expected == golden[stage].view(np.uint32)[3, 5]
    assert len(compare_bits(golden, {"lm_head": other["lm_head"]}, tmp_path)) == 1  # stages may be missing


def test_zeros_of_both_signs_differ():
    zero = {"s": np.zeros((1, 1), np.float32)}
    assert compare_bits(zero, {"s": -zero["s"]}, Path("t"))[0].found == 0x80000000


@pytest.mark.parametrize(
    "arrays",
    [{}, {TOKENS: IDS}, {"other": np.zeros((1, 1), np.float32)}, {"s": np.zeros((1, 1))}, {"s": np.float32([1])},
     {"s": np.zeros((2, 1), np.float32)}, {TOKENS: np.float32([1]), "s": np.zeros((1, 1), np.float32)},
     {"s": np.array([[None]])}],
)  # fmt: skip
def test_bad_trace_is_refused(arrays, tmp_path):
    file = tmp_path / "t.npz"
    np.savez(file, **arrays)
    with pytest.raises(UserError, match=r"t\.npz: .*found .*, allowed "):
        compare_bits({"s": np.zeros((1, 1), np.float32)}, load_trace(file), file)


# --- command ----------------------------------------------------------------------------------------------------------


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["lutloom", "doctor", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return exit_.value.code or 0


def test_command(wvq, tmp_path, monkeypatch, capsys):
    image, out = wvq[0], ("--json", tmp_path / "a" / "r.json", "--picture", tmp_path / "b" / "p.png")
    trace, text = tmp_path / "t.npz", ("--prompt", "To be, or not to be")
    assert run(monkeypatch, "--image", image, *text, *out, "--save", trace) == 0
    assert "no stage is off" in capsys.readouterr().out
    assert json.loads(out[1].read_text())["first"] is None and out[3].read_bytes()[:4] == b"\x89PNG"
    assert run(monkeypatch, "--image", image, "--against", trace) == 0
    assert "0 bits different" in capsys.readouterr().out

    forgery = Forgery(image, tmp_path / "bad.img")
    stage = head_norm_gain_nan(forgery)
    forgery.seal()
    assert run(monkeypatch, "--image", forgery.path, *text, *out) == 1
    assert f"first stage that is off: {stage}" in capsys.readouterr().out
    report = json.loads(out[1].read_text())
    assert report["first"] == stage and len(report["stages"]) == 47
    assert next(s for s in report["stages"] if s["stage"] == stage)["local"] is None  # JSON has no infinity
    assert run(monkeypatch, "--image", forgery.path, "--against", trace) == 1
    assert f"first stage that differs: {stage}" in capsys.readouterr().out


def test_float_model_by_the_name_in_the_image(tmp_path, monkeypatch, capsys):
    """A model of the repository is found wherever the image lies; of any other the message names --model."""
    monkeypatch.chdir(tmp_path)
    compile_model(models.SHAKESPEARE.parent / "shakespeare-wvq-2.25", "good.img", Hardware(slices=2), max_context=32)
    assert run(monkeypatch, "--image", "good.img", "--prompt", "To be") == 0
    compile_model(build(tmp_path / "toy", "fused").folder, "toy.img", Hardware(slices=2))
    capsys.readouterr()
    assert run(monkeypatch, "--image", "toy.img", "--prompt", "w1") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: float: model not found") and "toy.img; --model tells where" in error


def other_model(image: Path, folder: Path) -> list:
    copy = folder / "model"
    shutil.copytree(models.SHAKESPEARE, copy)
    raw = bytearray((copy / "model.safetensors").read_bytes())
    raw[-2] ^= 1
    (copy / "model.safetensors").write_bytes(raw)
    return ["--model", copy]


def checksum(image: Path, folder: Path) -> list:
    bad = folder / "bad.img"
    raw = bytearray(image.read_bytes())
    raw[-1] ^= 1
    bad.write_bytes(raw)
    return ["--image", bad]


@pytest.mark.parametrize(
    "arguments",
    [other_model, checksum, lambda *_: ["--prompt", ""], lambda *_: ["--prompt", "word " * 100],
     lambda *_: ["--model", "none"], lambda *_: ["--against", "none.npz"], lambda *_: ["--quantized", "none"],
     *(lambda _, folder, option=option: [option, folder] for option in ("--json", "--save", "--picture"))],
)  # fmt: skip
def test_bad_input(arguments, wvq, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, "--image", wvq[0], *arguments(wvq[0], tmp_path)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "allowed" in error
