"""The image container: what is written is read, damage of any kind is refused, a failed run leaves nothing behind."""

import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lutloom import image_format
from lutloom.errors import UserError
from lutloom.image import Image, describe, register
from lutloom.image_format import FORMATS, MAX_BYTES, MAX_CONFIG, PAGE, config_payload, hardware_hash, layout
from lutloom.image_writer import ImageWriter
from lutloom.tests.corruption import CRC, KINDS, TOTAL, Damage, corrupt

HARDWARE = {"Slices": 4, "Lanes": 2, "Units": 32, "Device": "v80"}
REFUSAL = re.compile(r"[^\n]+: section [A-Za-z0-9_.-]+: found [^\n]+, allowed [^\n]+")


def write(path: Path, contents: dict[str, bytes], hardware: dict = HARDWARE, config: dict | None = None) -> Path:
    """An image of section "config" and `contents`, in that order."""
    sections = {"config": config_payload(hardware, config), **contents}
    with ImageWriter(path, hardware, {name: len(data) for name, data in sections.items()}) as writer:
        for name, data in sections.items():
            writer.write(name, data)
    return path


def random_contents(seed: int = 0) -> dict[str, bytes]:
    """Sections below, at and above a page and its multiples, one empty, one all zero, two equal."""
    rng = np.random.default_rng(seed)
    sizes = {"program": 640, "codebook": PAGE, "packet": 3 * PAGE + 1, "none": 0, "tables": 20000, "rope": 2 * PAGE - 1}
    contents = {name: rng.bytes(size) for name, size in sizes.items()}
    return {**contents, "zeros": bytes(5000), "twin": contents["codebook"]}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("image") / "good.img", random_contents(), config={"layers": 2})


def refusal(path: Path, **options: object) -> str:
    """The message with which an image is refused."""
    with pytest.raises(UserError) as caught:
        Image.open(path, **options)
    assert REFUSAL.fullmatch(str(caught.value)), str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


# --- round trips ------------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,24}", fullmatch=True).filter(lambda n: n not in ("config", "header", "table"))
SIZES = st.one_of(st.integers(0, 300), st.builds(lambda k, d: k * PAGE + d, st.integers(1, 3), st.integers(-1, 1)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=8), JSON, max_size=4)


@settings(max_examples=60, deadline=None)
@given(sizes=st.dictionaries(NAMES, SIZES, max_size=8), seed=st.integers(0, 99), hardware=OBJECTS, config=OBJECTS)
def test_round_trip(tmp_path_factory, sizes, seed, hardware, config):
    rng = np.random.default_rng(seed)
    contents = {name: rng.bytes(size) for name, size in sizes.items()}
    path = write(tmp_path_factory.mktemp("trip") / "a.img", contents, hardware, config)
    image = Image.open(path, hardware)
    assert image.names == ["config", *sizes]
    assert image.config == {**config, "hardware": hardware}
    assert image.hardware_hash == hardware_hash(hardware)
    assert image.bytes == path.stat().st_size == len(image.data)
    for name, data in contents.items():
        assert image.section(name).tobytes() == data
        assert image.table[name].offset % PAGE == 0
    shutil.rmtree(path.parent)


def test_layout_byte_by_byte(tmp_path):
    """Against docs/image.md, with nothing but the offsets written there."""
    config = config_payload(HARDWARE)
    sizes = {"config": len(config), "embedding": 4098}
    with ImageWriter(tmp_path / "a.img", HARDWARE, sizes, {"embedding": "bf16"}) as writer:
        writer.write("config", config)
        writer.write("embedding", np.arange(2049, dtype="<u2"))
    data = (tmp_path / "a.img").read_bytes()
    assert len(data) == 4 * 4096
    assert data[0:8] == b"LUTLOOM\x1a"
    assert struct.unpack_from("<4I", data, 8) == (1, 4096, 2, 0)
    assert struct.unpack_from("<Q", data, 24) == (16384,)
    parameters = b'{"Device":"v80","Lanes":2,"Slices":4,"Units":32}'
    assert data[32:40] == sha256(parameters).digest()[:8]
    head = data[:40] + bytes(4) + data[44:4096]
    assert struct.unpack_from("<I", data, 40) == (zlib.crc32(head),)
    assert not any(data[44:64])
    assert data[64:88] == b"config".ljust(24, b"\0") and data[128:152] == b"embedding".ljust(24, b"\0")
    assert struct.unpack_from("<2Q2I", data, 64 + 24) == (4096, len(config), zlib.crc32(data[4096:8192]), 1)
    assert struct.unpack_from("<2Q2I", data, 128 + 24) == (8192, 4098, zlib.crc32(data[8192:]), 8)
    assert not any(data[112:128]) and not any(data[176:4096])
    assert json.loads(data[4096 : 4096 + len(config)]) == {"hardware": HARDWARE}
    assert data[8192 : 8192 + 4098] == np.arange(2049, dtype="<u2").tobytes() and not any(data[8192 + 4098 :])


def test_deterministic(tmp_path):
    first = write(tmp_path / "a.img", random_contents(), config={"b": 1, "a": 2}).read_bytes()
    hardware = dict(reversed(HARDWARE.items()))
    assert write(tmp_path / "b.img", random_contents(), hardware, {"a": 2, "b": 1}).read_bytes() == first
    assert write(tmp_path / "b.img", random_contents(1), hardware, {"a": 2, "b": 1}).read_bytes() != first


def test_offsets_are_known_before_writing(good):
    sizes = {s.name: s.bytes for s in Image.open(good).table.values()}
    expected = layout("x", sizes)
    assert {n: s.offset for n, s in expected.items()} == {n: s.offset for n, s in Image.open(good).table.items()}


def test_views_are_read_only(good):
    image = Image.open(good)
    for view in (image.section("tables"), image.data):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1


def test_no_verify_still_checks_header_and_config(good, tmp_path):
    path = Path(shutil.copyfile(good, tmp_path / "a.img"))
    damage = Damage(path, None)
    damage.write(Image.open(path).table["tables"].offset, b"\0\1\2\3")
    assert "section tables" in refusal(path)
    assert Image.open(path, verify=False).config["layers"] == 2
    damage.write(Image.open(path, verify=False).table["config"].offset, b"[")
    assert "section config" in refusal(path, verify=False)


def test_progress_reaches_the_end(good, monkeypatch):
    monkeypatch.setattr(image_format, "CHUNK", PAGE)
    calls = []
    image = Image.open(good, progress=lambda done, total: calls.append((done, total)))
    pages = (image.bytes - PAGE) // PAGE
    assert calls == [(PAGE * (i + 1), PAGE * pages) for i in range(pages)]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_500_random_corruptions(good, tmp_path):
    kinds = Counter()
    for seed in range(500):
        path = Path(shutil.copyfile(good, tmp_path / "bad.img"))
        kind = corrupt(path, seed)
        kinds[kind] += 1
        assert path.read_bytes() != good.read_bytes(), (seed, kind)
        try:
            message = refusal(path)
        except BaseException as error:
            raise AssertionError(f"seed {seed}, {kind}: {error!r}") from error
        assert not re.search(r"[\x00-\x1f\x7f]", message), (seed, kind)
    assert set(kinds) == {kind.__name__ for kind in KINDS}
    print(dict(kinds))


def test_every_bit_counts(tmp_path):
    """Flip every bit of the header and table, and one bit of every byte of the rest of a small image."""
    path = write(tmp_path / "a.img", {"a": b"xyz"})
    data = path.read_bytes()
    places = [(at, bit) for at in range(192) for bit in range(8)] + [(at, at % 8) for at in range(192, len(data), 13)]
    for at, bit in places:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(bytes([data[at] ^ 1 << bit]))
        refusal(path)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data[at : at + 1])
    assert Image.open(path).section("a").tobytes() == b"xyz"


def test_absurd_sizes_cost_no_memory(good, tmp_path):
    resealed = [kind for kind in KINDS if kind.__name__.startswith("absurd")]
    path = tmp_path / "bad.img"
    tracemalloc.start()
    try:
        for seed in range(200):
            shutil.copyfile(good, path)
            kind = resealed[seed % len(resealed)]
            kind(Damage(path, random.Random(seed)))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            refusal(path)
            assert tracemalloc.get_traced_memory()[1] - before < 1 << 20, (seed, kind)
    finally:
        tracemalloc.stop()


def test_consistent_but_absurdly_long_file(good, tmp_path):
    """A sparse file whose last section is larger than any image may be; all fields agree, the CRC is right."""
    path = Path(shutil.copyfile(good, tmp_path / "bad.img"))
    damage = Damage(path, None)
    size = damage.size + MAX_BYTES
    try:
        os.truncate(path, size)
    except OSError:
        pytest.skip("the file system has no sparse files of a tebibyte")
    damage.set(TOTAL, size)
    damage.set((32, 40), damage.entries[-1][2] + MAX_BYTES, damage.count - 1)
    damage.reseal()
    assert "section twin" in refusal(path)


@pytest.mark.parametrize("depth", [100, 900, 990, 1000, 5000, 1_000_000])
def test_deep_configuration(tmp_path, depth):
    """Deep JSON is read or refused, whatever the depth, but never overflows the stack."""
    path = tmp_path / "a.img"
    text = f'{{"a":{"[" * depth}{"]" * depth},"hardware":{json.dumps(HARDWARE)}}}'.encode()
    write_config(path, text)
    if depth < 900:
        assert Image.open(path).names == ["config"]
    elif depth > 1000:
        assert "no valid JSON" in refusal(path)
    else:
        try:
            assert Image.open(path).names == ["config"]
        except UserError as error:
            assert "no valid JSON" in str(error)


def write_config(path: Path, text: bytes) -> None:
    """An image with any configuration, checksums right; the writer would refuse most of them."""
    write(path, {}, config={"fill": "x" * len(text)})
    damage = Damage(path, None)
    damage.rewrite_config(0, text.ljust(damage.entries[0][2]))


@pytest.mark.parametrize(
    "text",
    [
        b'{"hardware":%s,"a":1,"a":2}',
        b'{"hardware":%s,"a":NaN}',
        b'{"hardware":%s,"a":1e999}',
        b'{"hardware":%s,"a":-Infinity}',
        b'{"hardware":%s,"a":"\\ud800"}',
        b'{"hardware":%s,"a":' + b"9" * 5000 + b"}",
        b'{"hardware":%s} {}',
        b'{"hardware":%s,"a":"\xff"}',
        b'\xef\xbb\xbf{"hardware":%s}',
        b'{"Hardware":%s}',
        b"[%s]",
    ],
)
def test_configuration_is_strict_json(tmp_path, text):
    write_config(tmp_path / "a.img", text.replace(b"%s", json.dumps(HARDWARE).encode()))
    assert "section config" in refusal(tmp_path / "a.img")


def test_other_hardware_is_named(good):
    wanted = {**HARDWARE, "Slices": 64, "Tokens": 8}
    del wanted["Device"]
    message = refusal(good, hardware=wanted)
    assert 'found hardware parameters Device = "v80", Slices = 4, Tokens = absent' in message
    assert message.endswith("allowed Device = absent, Slices = 64, Tokens = 8")
    assert "Slices = true" in refusal(good, hardware={**HARDWARE, "Slices": True})
    assert "and 92 more" in refusal(good, hardware={**HARDWARE, **{f"P{i}": i for i in range(100)}})
    assert Image.open(good, dict(reversed(HARDWARE.items()))).names[0] == "config"


def test_other_hardware_is_refused_before_the_sections_are_read(good, tmp_path):
    path = Path(shutil.copyfile(good, tmp_path / "a.img"))
    Damage(path, None).write(Image.open(path).table["program"].offset, b"\0\1\2")
    assert "hardware parameters" in refusal(path, hardware={})


def test_paths_that_are_no_image(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("hello" * 1000)
    for name in ("missing", "pipe", "empty", "text", "."):
        assert "section header" in refusal(tmp_path / name)
    assert "section header" in refusal(Path("/dev/zero"))
    with pytest.raises(UserError, match="section header"):
        Image.open("a\0b")


def test_missing_section_is_named(good):
    with pytest.raises(UserError, match=r"section norms: found no such section, allowed config, program, .*"):
        Image.open(good).section("norms")


@pytest.mark.parametrize("moment", [1, -1])
def test_file_cut_while_it_is_read(good, tmp_path, moment):
    """After the first chunk, and after the last one, before the file is mapped."""
    path = Path(shutil.copyfile(good, tmp_path / "a.img"))

    def cut(done: int, total: int) -> None:
        if done == (PAGE if moment == 1 else total):
            os.truncate(path, PAGE)

    assert "change" in refusal(path, progress=cut)


# --- the writer -------------------------------------------------------------------------------------------------------


def test_exception_leaves_the_old_file(tmp_path):
    path = write(tmp_path / "a.img", random_contents())
    old = path.read_bytes()
    with (
        pytest.raises(KeyboardInterrupt),
        ImageWriter(path, HARDWARE, {"config": 10}) as writer,
    ):
        writer.section("config")[:] = 1
        assert (tmp_path / "a.img.new").exists()
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["a.img"] and path.read_bytes() == old


def test_wrong_configuration_leaves_the_old_file(tmp_path):
    path = write(tmp_path / "a.img", random_contents())
    old = path.read_bytes()
    for payload in (b"{}", b"", config_payload({"Slices": 5}), b"nonsense"):
        with (
            pytest.raises(UserError, match="section config: found"),
            ImageWriter(path, HARDWARE, {"config": 100}) as writer,
        ):
            writer.write("config", payload.ljust(100))
        assert os.listdir(tmp_path) == ["a.img"] and path.read_bytes() == old


def test_killed_writer_leaves_the_old_file(tmp_path):
    """A killed process leaves its temporary file, which is refused as an image and replaced by the next run."""
    path = write(tmp_path / "a.img", {"a": b"1"})
    old = path.read_bytes()
    program = (
        "import os; from lutloom.image_writer import ImageWriter\n"
        f"writer = ImageWriter({str(path)!r}, {{}}, {{'config': 100, 'b': 5000}})\n"
        "writer.section('b')[:] = 1; os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert path.read_bytes() == old
    assert "magic" in refusal(tmp_path / "a.img.new")
    write(path, {"a": b"2"})
    assert Image.open(path).section("a").tobytes() == b"2" and os.listdir(tmp_path) == ["a.img"]


def test_views_cannot_change_a_finished_image(tmp_path):
    config = config_payload(HARDWARE)
    writer = ImageWriter(tmp_path / "a.img", HARDWARE, {"config": len(config), "a": 10})
    writer.write("config", config)
    view = writer.section("a")
    view[:] = 7
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    with pytest.raises(UserError, match="section a: found no such open section"):
        writer.section("a")
    assert Image.open(tmp_path / "a.img").section("a").tobytes() == bytes([7] * 10)


@pytest.mark.parametrize(
    ("sections", "formats", "message"),
    [
        ({}, {}, "section table: found 0 sections"),
        ({"a": 1}, {}, "section config: found no such section"),
        ({"config": 9, "a b": 1}, {}, "section table: found name 'a b'"),
        ({"config": 9, "x" * 25: 1}, {}, "section table: found name 'x"),
        ({"config": 9, "é": 1}, {}, "section table: found name"),
        ({"config": 9, "": 1}, {}, "section table: found name ''"),
        ({"config": 9, "header": 1}, {}, "section table: found name 'header'"),
        ([("config", 9), ("a", 1), ("a", 2)], {}, "section a: found the name twice"),
        ({"config": 9, "a": -1}, {}, "section a: found -1 bytes"),
        ({"config": 9, "a": MAX_BYTES}, {}, "bytes in all"),
        ({"config": 9, "a": 1 << 64}, {}, "section a: found 18446744073709551616 bytes"),
        ({"config": MAX_CONFIG + 1}, {}, "section config: found 4194305 bytes"),
        ({"config": 9, "a": 3}, {"a": "fp32"}, "section a: found 3 bytes, allowed .* elements of 4"),
        ({"config": 9, "a": 4}, {"a": "fp8"}, "section a: found element format 'fp8', allowed bytes, json, int8"),
        ({"config": 9, "a": 4}, {"b": "fp32"}, "section table: found a format for 'b'"),
        ({"config": 9}, {"config": "bytes"}, "section config: found 9 bytes of format bytes"),
        ({"config": 9, **{f"s{i}": 0 for i in range(4095)}}, {}, "section table: found 4096 sections"),
    ],
)
def test_writer_refuses(tmp_path, sections, formats, message):
    with pytest.raises(UserError, match=message):
        ImageWriter(tmp_path / "a.img", HARDWARE, sections, formats)
    assert os.listdir(tmp_path) == []


def test_most_sections(tmp_path):
    path = write(tmp_path / "a.img", {f"s{i}": b"" for i in range(4094)})
    assert len(Image.open(path).names) == 4095
    assert Image.open(path).table["config"].offset == 64 * PAGE


def test_hardware_without_json_is_refused(tmp_path):
    for hardware in ({"a": {1, 2}}, {"a": float("nan")}, {"a": b"x"}, {1: 2, "b": 3}):
        with pytest.raises(UserError, match="section config: found hardware parameters without JSON"):
            ImageWriter(tmp_path / "a.img", hardware, {"config": 9})


def test_paths_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "none" / "a.img", tmp_path / "file" / "a.img", Path("/proc/a.img")):
        with pytest.raises(UserError, match="section header: found"):
            ImageWriter(path, HARDWARE, {"config": 9})
    (tmp_path / "a.img.new").mkdir()
    with pytest.raises(UserError, match=r"a\.img\.new: section header: found"):
        ImageWriter(tmp_path / "a.img", HARDWARE, {"config": 9})


def test_no_space(tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"found \d+ bytes free, allowed 1099511619584, which the image needs"):
        ImageWriter(tmp_path / "a.img", HARDWARE, {"config": 9, "a": MAX_BYTES - 4 * PAGE})

    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match="found No space left on device, allowed room for 8192 bytes"):
        ImageWriter(tmp_path / "a.img", HARDWARE, {"config": 9})
    assert os.listdir(tmp_path) == []


def test_write_needs_the_size(tmp_path):
    config = config_payload(HARDWARE)
    with ImageWriter(tmp_path / "a.img", HARDWARE, {"config": len(config), "a": 8}) as writer:
        writer.write("config", config)
        with pytest.raises(UserError, match="section a: found 7 bytes to write, allowed 8"):
            writer.write("a", bytes(7))
        writer.write("a", np.array([[1], [2]], "<i4"))
    assert Image.open(tmp_path / "a.img").section("a").tolist() == [1, 0, 0, 0, 2, 0, 0, 0]


def test_forged_checksum_field(good, tmp_path):
    path = Path(shutil.copyfile(good, tmp_path / "a.img"))
    damage = Damage(path, None)
    damage.set(CRC, 0x12345678, 3)
    damage.reseal()
    assert "section packet: found checksum" in refusal(path)


# --- the command ------------------------------------------------------------------------------------------------------


def test_describe_and_command(good, tmp_path):
    app = typer.Typer()
    register(app)
    image = Image.open(good)
    assert [row[0] for row in describe(image)] == image.names
    assert all(len(row) == 5 and row[1] in dict(FORMATS) for row in describe(image))
    result = CliRunner().invoke(app, [str(good)], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    for text in (*image.names, f"{image.table['tables'].crc:08x}", "20,000", "Slices", '"v80"', "verified"):
        assert text in result.output
    path = Path(shutil.copyfile(good, tmp_path / "bad.img"))
    corrupt(path, 1)
    assert isinstance(CliRunner().invoke(app, [str(path)]).exception, UserError)


def test_command_prints_markup_as_it_is(tmp_path):
    app = typer.Typer()
    register(app)
    hardware = {"[/bold]": "[red]", "\x1b[2J": "\x07"}
    path = write(tmp_path / "[b].img", {}, hardware)
    result = CliRunner().invoke(app, [str(path)], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    assert "[/bold]" in result.output and "[red]" in result.output and "\x1b" not in result.output
