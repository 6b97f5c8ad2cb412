"""The compiler: same input, same bytes; addresses that fit; descriptors that survive; every refusal by name."""

import json
import re
import shutil
import struct
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from lutloom import models, program
from lutloom.checkpoint import bf16_bits
from lutloom.cli import app
from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.linear_covq import pack_packet
from lutloom.linear_synth import pack_streams
from lutloom.machine import Machine
from lutloom.program import (
    BYTES,
    LAST,
    LOGITS,
    OPERATIONS,
    RESIDUAL,
    SEARCH,
    UNIT,
    Attention,
    Embed,
    End,
    LinearSynth,
    LinearTable,
    RmsNorm,
    Rope,
    Sample,
    Search,
    Swiglu,
    decode,
    encode,
)
from lutloom.row_gather import pack_gather_table
from lutloom.tests.toy import KINDS, Toy, build, random_covq, random_covq_input, random_wvq

DOCS = Path(__file__).resolve().parents[2] / "docs"
HARDWARE = Hardware(slices=2)
Q_PROJ = "model.layers.0.self_attn.q_proj"
ADDRESSES = {  # field -> (section, bytes that are read there, if the descriptor tells)
    Embed: {"address": ("embedding", None)},
    RmsNorm: {"gain": ("norms", lambda d: 4 * d.n)},
    Rope: {"table": ("rope", lambda d: 40 * 4 * d.head_dim)},
    LinearSynth: {"pairs": ("pairs", lambda d: 4 * d.positions), "scales": ("scales", lambda d: 4 * d.outputs)},
    LinearTable: {
        "pairs": ("pairs", lambda d: 4 * d.positions),
        "act_exp": ("act_exp", lambda d: d.positions),
        "codebook": ("codebooks", lambda d: 128 * d.positions),
        "packet": ("packets", lambda d: 32 * d.packet_beats),
        "gather": ("gather", lambda d: d.positions * 64 * d.row_stride),
        "table": ("tables", lambda d: d.positions * 64 * 16),
        "scales": ("scales", lambda d: 4 * d.outputs),
    },
}


@pytest.fixture(scope="module")
def toys(tmp_path_factory) -> dict[str, Toy]:
    return {kind: build(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture(scope="module")
def images(toys, tmp_path_factory) -> dict[str, Image]:
    folder = tmp_path_factory.mktemp("images")
    for kind, toy in toys.items():
        compile_model(toy.folder, folder / f"{kind}.img", HARDWARE)
    return {kind: Image.open(folder / f"{kind}.img") for kind in toys}


def program_of(image: Image) -> list[program.Descriptor]:
    return decode(image.section("program").tobytes())


def refusal(toy: Toy, tmp_path: Path, hardware: Hardware = HARDWARE, **options) -> str:
    """The message that compiling ends with; nothing is left behind."""
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(UserError) as error:
        compile_model(toy.folder, folder / "a.img", hardware, **options)
    assert list(folder.iterdir()) == []
    assert "\n" not in str(error.value)
    return str(error.value)


def changed(toy: Toy, tmp_path: Path, linears: dict, parts: dict | None = None, norms: dict | None = None) -> Toy:
    """The model with other linears, parts or norms, in a folder of its own."""
    linears = {name: linear for name, linear in linears.items() if linear is not None}
    parts = {name: (parts or toy.model.parts).get(name, (name,)) for name in linears}
    inputs = {name: toy.model.inputs.get(name, name) for name in linears}
    model = replace(toy.model, linears=linears, parts=parts, inputs=inputs, norms=norms or toy.model.norms)
    model.save(tmp_path / "changed")
    return replace(toy, folder=tmp_path / "changed", model=model)


# --- the image --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_deterministic(toys, images, kind, tmp_path):
    compile_model(str(toys[kind].folder), str(tmp_path / "b.img"), HARDWARE)
    assert (tmp_path / "b.img").read_bytes() == images[kind].path.read_bytes()
    moved = shutil.copytree(toys[kind].folder.parent, tmp_path / "elsewhere")
    compile_model(moved / "quantised", tmp_path / "c.img", HARDWARE)
    assert (tmp_path / "c.img").read_bytes() == images[kind].path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_config(toys, images, kind):
    config, cfg = images[kind].config, toys[kind].cfg
    assert set(config) == {"model", "source", "max_context", "frame_words", "stages", "end_tokens", "hardware"}
    assert config["hardware"] == HARDWARE.dict()
    assert config["max_context"] == cfg.max_position_embeddings == 40
    assert config["end_tokens"] == [7]
    assert config["source"] == {"name": "float", "sha256": toys[kind].model.source_sha256}
    assert config["model"]["hidden_size"] == cfg.hidden_size
    assert config["model"]["qk_norm"] == cfg.qk_norm


@pytest.mark.parametrize("kind", KINDS)
def test_addresses_lie_inside_their_sections(images, kind):
    image, used = images[kind], {}
    for d in program_of(image):
        for name, (section, size) in ADDRESSES.get(type(d), {}).items():
            place, first = image.table[section], getattr(d, name) * UNIT
            count = size(d) if size else d.row * UNIT * KINDS[kind].vocab_size
            assert place.offset <= first
            assert first + count <= place.offset + place.bytes
            used.setdefault(section, set()).add((first, first + count))
    assert {"embedding", "norms", "rope", "pairs", "scales"} <= set(used)
    for section, ranges in used.items():  # what is read is all there is, and no two things overlap
        ordered = sorted(ranges)
        assert ordered[0][0] == image.table[section].offset
        end = image.table[section].offset + image.table[section].bytes
        assert end - ordered[-1][1] < UNIT
        for (_, end), (first, _) in pairwise(ordered):
            assert 0 <= first - end < UNIT


def frame_ranges(d: program.Descriptor) -> dict[str, int]:
    """The fields of a descriptor that are word offsets into the frame, and the words there."""
    match d:
        case Embed():
            return {"dst": d.n}
        case RmsNorm():
            return {"src": d.n * d.count, "dst": d.n * d.count}
        case Rope():
            return {"src": d.head_dim * d.count, "dst": d.head_dim * d.count}
        case LinearSynth() | LinearTable():
            written = {} if d.flags & LOGITS else {"dst": d.outputs}
            return {"src": d.inputs} | written | ({"residual": d.outputs} if d.flags & RESIDUAL else {})
        case Attention():
            queries, keys = d.heads * d.head_dim, d.kv_heads * d.head_dim
            return {"q": queries, "k": keys, "v": keys, "dst": queries}
        case Swiglu():
            return {"gate": d.n, "up": d.n, "dst": d.n}
    return {}


@pytest.mark.parametrize("kind", KINDS)
def test_frame_and_stages(images, kind):
    """Every word range of the frame lies inside it; the stages follow each other."""
    image, stages = images[kind], []
    words = image.config["frame_words"]
    for d in program_of(image):
        for name, size in frame_ranges(d).items():
            assert getattr(d, name) + size <= words
        stages.append(d.stage)
    assert sorted(set(stages)) == list(range(len(image.config["stages"])))
    assert stages == sorted(stages)
    assert image.config["stages"][0] == "model.embed_tokens"
    assert image.config["stages"][-2:] == ["sample", "end"]


@pytest.mark.parametrize("kind", KINDS)
def test_streams_follow_the_program(toys, images, kind):
    """Of each port the linears' streams come one after the other in program order, with nothing between them."""
    image, at = images[kind], 0
    linears = toys[kind].model.linears
    for d in program_of(image):
        if not isinstance(d, LinearSynth):
            continue
        assert d.stream == at
        streams = pack_streams(linears[image.config["stages"][d.stage]], d.subsets, HARDWARE)
        assert streams.shape[1] == d.beats
        for s, stream in enumerate(streams):
            found = image.section(f"port{s}")[32 * at : 32 * (at + d.beats)]
            np.testing.assert_array_equal(found.reshape(-1, 32), stream)
        at += d.beats
    assert at > 0
    assert [image.table[f"port{s}"].bytes for s in range(2)] == [32 * at] * 2


def test_cache_lies_behind_the_streams(toys, images):
    """A layer after the other, the same offset in the ports of keys and of values; streams are the file's end."""
    for kind, image in images.items():
        cfg, stream = toys[kind].cfg, image.table["port0"].padded // UNIT if "port0" in image.table else 0
        size = -(-cfg.num_key_value_heads * 40 * cfg.head_dim * 2 // UNIT)
        found = [(d.layer, d.cache_k, d.cache_v) for d in program_of(image) if isinstance(d, Attention)]
        assert found == [(n, stream + n * size, stream + n * size) for n in range(cfg.num_hidden_layers)]
        names = sorted(image.table, key=lambda name: image.table[name].offset)
        streams = [f"port{s}" for s in range(2)] if stream else []
        assert names[len(names) - len(streams) :] == streams


def test_caches_of_several_engines():
    """Local heads of the engine with most, dimensions of a way, whole units."""
    many = Hardware(slices=64, kv_engines=8, kv_ways=4)
    assert many.kv_ports == 64
    assert many.kv_port_bytes(8, 256, 128) == 256 * 32 * 2
    assert many.kv_port_bytes(9, 3, 128) == 2 * 3 * 32 * 2
    assert Hardware().kv_port_bytes(3, 5, 16) == 512  # 480, rounded up
    with pytest.raises(UserError, match="kv_engines x kv_ways: found 2, allowed half the slices"):
        Hardware(slices=2, kv_engines=2)


def test_contents_of_small_sections(toys, images):
    """Embedding, norms and the tables of covq against the arrays they are made of."""
    toy, image = toys["covq"], images["covq"]
    descriptors, rows = program_of(image), models.resolve(toy.source).weights()["model.embed_tokens.weight"]
    bits = image.section("embedding").view("<u2").reshape(len(rows), -1)
    np.testing.assert_array_equal(bits[:, : rows.shape[1]], bf16_bits(rows))
    assert not bits[:, rows.shape[1] :].any()
    assert descriptors[0].row * UNIT == 2 * bits.shape[1]
    norm = next(d for d in descriptors if isinstance(d, RmsNorm) and d.flags & LAST)
    gain = image.data[norm.gain * UNIT :][: 4 * norm.n].view("<f4")
    np.testing.assert_array_equal(gain, toy.model.norms["model.norm.weight"])
    for d in descriptors:
        if not isinstance(d, LinearTable):
            continue
        linear, g = toy.model.linears[image.config["stages"][d.stage]], d.row_offset // 16
        gather = pack_gather_table(linear.table.transpose(0, 2, 1, 3))
        assert image.data[d.gather * UNIT :][: len(gather)].tobytes() == gather
        packet = pack_packet(linear, g, 32, 2)
        assert image.data[d.packet * UNIT :][: 32 * d.packet_beats].tobytes() == packet
        table = image.data[d.table * UNIT :][: d.positions * 1024].view(np.int8)
        np.testing.assert_array_equal(table, linear.table[:, g].reshape(-1))
        assert image.data[d.act_exp * UNIT :][: d.positions].tobytes() == linear.a_exp.tobytes()
        assert image.data[d.codebook * UNIT :][: 128 * d.positions].tobytes() == linear.a_cent.tobytes()
        pairs = image.data[d.pairs * UNIT :][: 4 * d.positions].view("<u2")
        np.testing.assert_array_equal(pairs, linear.pairs.reshape(-1))


def test_covq_searches_once_for_each_input(images):
    """The two groups of gate_up share a search; every other linear searches."""
    found = {}
    for d in program_of(images["covq"]):
        if isinstance(d, LinearTable):
            found.setdefault(images["covq"].config["stages"][d.stage], []).append(bool(d.flags & SEARCH))
    assert len(found) == 8
    assert all(flags == ([True, False] if "gate_up" in name else [True]) for name, flags in found.items())


@pytest.mark.parametrize("context", [1, 17, 40])
def test_max_context(toys, tmp_path, context):
    compile_model(toys["fused"].folder, tmp_path / "a.img", HARDWARE, max_context=context)
    assert Image.open(tmp_path / "a.img").config["max_context"] == context


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [0, -1, 41])
def test_max_context_refused(toys, tmp_path, context):
    message = refusal(toys["fused"], tmp_path, max_context=context)
    assert message == f"--max-context: found {context}, allowed 1..40"


@pytest.mark.parametrize("missing", ["lm_head", Q_PROJ, "model.layers.1.mlp.up_proj"])
def test_missing_linear(toys, tmp_path, missing):
    toy = changed(toys["unfused"], tmp_path, {**toys["unfused"].model.linears, missing: None})
    assert f"linear {missing}: found no quantised one" in refusal(toy, tmp_path)


def test_parts_in_another_order(toys, tmp_path):
    toy, name = toys["fused"], "model.layers.0.mlp.gate_up_proj"
    parts = {**toy.model.parts, name: toy.model.parts[name][::-1]}
    message = refusal(changed(toy, tmp_path, toy.model.linears, parts), tmp_path)
    assert "linear model.layers.0.mlp.gate_proj: found no quantised one" in message
    assert "model.layers.0.mlp.gate_proj, model.layers.0.mlp.up_proj in this order" in message


def test_foreign_linear(toys, tmp_path):
    toy = toys["fused"]
    linears = {**toy.model.linears, "model.layers.2.mlp.down_proj": random_wvq(np.random.default_rng(0), 8, 8)}
    assert "found linear model.layers.2.mlp.down_proj, allowed" in refusal(changed(toy, tmp_path, linears), tmp_path)


@pytest.mark.parametrize(("outputs", "inputs"), [(43, 45), (41, 45), (42, 44), (42, 46)])
@pytest.mark.parametrize("scheme", ["wvq", "covq"])
def test_linear_of_another_shape(toys, tmp_path, outputs, inputs, scheme):
    toy, rng = toys["unfused"], np.random.default_rng(0)
    if scheme == "covq":
        inputs = 40 if inputs == 44 else 48
        linear = random_covq(rng, outputs, random_covq_input(rng, inputs))
    else:
        linear = random_wvq(rng, outputs, inputs)
    toy = changed(toy, tmp_path, {**toy.model.linears, Q_PROJ: linear})
    message = refusal(toy, tmp_path)
    assert message.endswith(f"{Q_PROJ}: found {outputs} outputs and {inputs} inputs, allowed 42 and 45")


@pytest.mark.parametrize(
    ("norms", "message"),
    [
        ({"model.norm.weight": np.ones(44, np.float32)}, "model.norm.weight: found shape [44], allowed [45]"),
        ({"model.layers.2.input_layernorm.weight": np.ones(45, np.float32)}, "found norm model.layers.2.input"),
        ({"model.embed_tokens.weight": np.ones(45, np.float32)}, "found norm model.embed_tokens.weight"),
    ],
)
def test_norms_refused(toys, tmp_path, norms, message):
    toy = changed(toys["fused"], tmp_path, toys["fused"].model.linears, norms=norms)
    assert message in refusal(toy, tmp_path)


@pytest.mark.parametrize(
    ("kind", "hardware", "message"),
    [
        ("fused", Hardware(slots=2), "qkv_proj: found groups of 70 outputs, allowed 64 by the hardware"),
        ("fused", Hardware(centroids=32), "o_proj: found 64 centroids, allowed 32 by the hardware"),
        ("fused", Hardware(lanes=4, units=16), "qkv_proj: found two exponents in a block, allowed one for 4 positions"),
        ("covq", Hardware(slots=8), "gate_up_proj: found groups of 512 outputs, allowed 256 by the hardware"),
        ("covq", Hardware(units=64, beat_bytes=64), "qkv_proj: found a covq linear for 32-byte beats, allowed wvq"),
        ("covq", Hardware(act_centroids=32), "qkv_proj: found 64 activation centroids, allowed 32"),
        ("covq", Hardware(lanes=4, units=16), "qkv_proj: found 18 positions, allowed multiples of 4"),
    ],
)
def test_too_large_for_the_hardware(toys, tmp_path, kind, hardware, message):
    assert message in refusal(toys[kind], tmp_path, hardware)


def test_other_source(toys, tmp_path):
    """The float model has to be the one that was quantised."""
    other = build(tmp_path / "other", "fused", seed=1)
    message = refusal(toys["fused"], tmp_path, source=str(other.source))
    assert "sha256 (demanded by " in message
    assert toys["fused"].model.source_sha256 in message
    assert other.model.source_sha256 in message


def test_no_such_folder(toys, tmp_path):
    assert "config.json: file: found nothing" in refusal(replace(toys["fused"], folder=tmp_path / "none"), tmp_path)


def test_damaged_linear(toys, tmp_path):
    """A shift above 7 in the file: the linear and the field are named."""
    folder = shutil.copytree(toys["fused"].folder.parent, tmp_path / "copy") / "quantised"
    tensors, name = load_file(folder / "model.safetensors"), "model.layers.1.mlp.down_proj.exp"
    tensors[name] = np.full_like(tensors[name], 8)
    config = json.loads((folder / "config.json").read_text())
    metadata = {"format": config["format"], "version": "2", "source_sha256": config["source"]["sha256"]}
    save_file(tensors, folder / "model.safetensors", metadata)
    assert f"{name}: found 8, allowed 0..7" in refusal(replace(toys["fused"], folder=folder), tmp_path)


def test_image_for_other_hardware(images):
    with pytest.raises(UserError, match="hardware parameters slices = 2, allowed slices = 8"):
        Machine.open(images["fused"].path, Hardware(slices=8))
    with pytest.raises(
        UserError, match="hardware parameters lanes = 2, slots = 32, units = 32, allowed lanes = 1, slots = 16"
    ):
        Machine.open(images["fused"].path, Hardware(units=64, lanes=1, slots=16))
    assert Machine.open(images["fused"].path, HARDWARE).hardware == HARDWARE


def test_command(toys, tmp_path):
    run = CliRunner().invoke(
        app,
        ["compile", "--quantized", str(toys["fused"].folder), "--out", str(tmp_path / "new" / "a.img"),
         "--hardware", "small", "--max-context", "9"],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    image = Image.open(tmp_path / "new" / "a.img", Hardware(slices=8).dict())
    assert f"{image.bytes:,} bytes" in run.output
    assert image.config["max_context"] == 9
    run = CliRunner().invoke(app, ["compile", "--quantized", str(toys["fused"].folder), "--out", f"{image.path}/b.img"])
    assert isinstance(run.exception, UserError) and f"found a file {image.path}, allowed" in str(run.exception)


# --- descriptors ------------------------------------------------------------------------------------------------------


def random_descriptor(operation: type[program.Descriptor], rng: np.random.Generator) -> program.Descriptor:
    """Every field a random value of its width."""
    values = {
        "I": lambda: int(rng.integers(1 << 32)), "H": lambda: int(rng.integers(1 << 16)),
        "B": lambda: int(rng.integers(1 << 8)), "f": lambda: float(rng.normal(size=1).astype(np.float32)[0]),
    }  # fmt: skip
    codes = operation.FORMAT.replace("x", "")
    return operation(int(rng.integers(1 << 16)), int(rng.integers(16)), *[values[c]() for c in codes])


@pytest.mark.parametrize("operation", OPERATIONS.values())
def test_round_trip(operation):
    rng = np.random.default_rng(operation.OPCODE)
    for _ in range(50):
        d = random_descriptor(operation, rng)
        data = d.encode()
        assert len(data) == BYTES == 64
        assert data[:4] == struct.pack("<BBH", operation.OPCODE, d.flags, d.stage)
        assert decode(data + End(0, 0).encode())[0] == d
        assert encode(decode(data + End(3, 1).encode())) == data + (b"" if operation is End else End(3, 1).encode())


@pytest.mark.parametrize("operation", OPERATIONS.values())
def test_fields_and_formats_agree(operation):
    assert len(fields(operation)) == 2 + len(operation.FORMAT.replace("x", ""))
    assert 4 + struct.calcsize("<" + operation.FORMAT) <= BYTES
    offset = 4  # no field crosses the border of a 32-bit word
    for code in operation.FORMAT:
        size = struct.calcsize("<" + code)
        assert offset % size == 0
        offset += size


@pytest.mark.parametrize(
    ("descriptor", "field"),
    [
        (Embed(0, 0, 1 << 32, 1, 1, 1), "dst=4294967296"),
        (Sample(1 << 16, 0, 1), "stage=65536"),
        (Sample(0, 256, 1), "flags=256"),
        (Attention(0, 0, 0, 0, 0, 0, 1 << 16, 1, 8, 0, 0, 0, 1.0), "heads=65536"),
        (Swiglu(0, 0, 0, 0, -1, 0), "dst=-1"),
    ],
)
def test_value_that_does_not_fit(descriptor, field):
    with pytest.raises(ValueError, match=re.escape(field)):
        descriptor.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found no End"),
        (Sample(0, 0, 5).encode(), "found no End"),
        (End(0, 0).encode()[:63], "found no End"),
        (Sample(0, 0, 5).encode() + bytes(64), "descriptor 1: operation: found 0, allowed 1, 2, .*, 8, 9, 10, 15"),
        (b"\x0b" + bytes(63), "descriptor 0: operation: found 11"),
        (Search(0, 0, *[1] * 7).encode()[:8] + b"\1" + bytes(55), "descriptor 0: byte 8: found 1, allowed 0 in Search"),
        (b"\x0a" + bytes(43) + b"\2" + bytes(19), "descriptor 0: byte 44: found 2, allowed 0 in Gather"),
        (End(0, 0).encode()[:63] + b"\1", "descriptor 0: found bytes behind the fields, allowed zeros"),
        (Sample(0, 0, 5).encode()[:8] + b"\1" + bytes(55), "descriptor 0: found bytes behind the fields"),
    ],
)
def test_decode_refuses(data, message):
    with pytest.raises(UserError, match=f"^a.img: section program: .*{message}"):
        decode(data, "a.img")


def documented() -> dict[str, tuple[int, list[tuple[str, str, str]]]]:
    """docs/program.md: operation -> (opcode, rows of (offset, type, field)) of its tables."""
    text = (DOCS / "program.md").read_text()
    chapters = re.findall(r"^### (\w+), operation (\d+)\n(.*?)(?=^##|\Z)", text, re.M | re.S)
    row = re.compile(r"^\| (\d+) \| (\w+) \| `(\w+)` \|", re.M)
    return {name: (int(code), row.findall(body)) for name, code, body in chapters}


@pytest.mark.parametrize("operation", OPERATIONS.values())
def test_documentation(operation):
    """docs/program.md has every operation, its number, and every field at its offset with its type."""
    code, rows = documented()[operation.__name__]
    assert code == operation.OPCODE
    expected, offset = [], 4
    names = iter([f.name for f in fields(operation)[2:]])
    for letter in operation.FORMAT:
        if letter != "x":
            expected.append((str(offset), {"I": "u32", "H": "u16", "B": "u8", "f": "fp32"}[letter], next(names)))
        offset += struct.calcsize("<" + letter)
    assert rows == expected


def test_documentation_has_no_other_operations_and_all_flags():
    assert set(documented()) == {operation.__name__ for operation in OPERATIONS.values()}
    text = (DOCS / "program.md").read_text()
    for name, value in {"LAST": LAST, "RESIDUAL": RESIDUAL, "LOGITS": LOGITS, "SEARCH": SEARCH}.items():
        assert f"| {value} | `{name}` |" in text


def test_every_section_is_documented(images):
    text = (DOCS / "image.md").read_text().split("## Sections", 1)[1]
    names = {re.sub(r"\d+$", "", name) for image in images.values() for name in image.names}
    for name in names:
        assert f"**`{name}" in text
    for image in images.values():
        for key in {*image.config, *image.config["model"], *image.config["source"], *image.config["hardware"]}:
            assert f"`{key}`" in text
