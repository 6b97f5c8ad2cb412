"""Programs behind right checksums that cannot run are refused by name, never by a traceback."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.tests.toy import build
from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.image_format import canonical_json
from lutloom.image_writer import ImageWriter
from lutloom.machine import Machine
from lutloom.program import Attention, Embed, LinearSynth, LinearTable, RmsNorm, Rope, Sample, decode, encode

HARDWARE = Hardware(slices=2)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> dict[str, Path]:
    folder, images = tmp_path_factory.mktemp("forged"), {}
    for kind in ("fused", "covq"):
        toy = build(folder / kind, kind)
        images[kind] = folder / f"{kind}.img"
        compile_model(toy.folder, images[kind], HARDWARE)
    return images


def forge(source: Path, path: Path, change) -> None:
    """Copy an image with `change(program, config) -> (program, config)` and right checksums."""
    image = Image.open(source)
    program, config = change(decode(image.section("program").tobytes()), json.loads(canonical_json(image.config)))
    contents = {name: image.section(name).copy() for name in image.names}
    contents["program"] = np.frombuffer(encode(program), np.uint8)
    text = canonical_json(config).encode()
    size = contents["config"].size
    assert len(text) <= size  # so that no section moves
    contents["config"] = np.frombuffer(text + b" " * (size - len(text)), np.uint8)
    with ImageWriter(path, image.config["hardware"], {name: data.size for name, data in contents.items()}) as writer:
        for name, data in contents.items():
            writer.write(name, data)


def changed(kind: type, **fields):
    """The first descriptor of a type with other fields."""

    def change(program, config):
        at = next(n for n, d in enumerate(program) if isinstance(d, kind))
        return [*program[:at], replace(program[at], **fields), *program[at + 1 :]], config

    return change


CASES = {
    "frame": ("fused", changed(RmsNorm, dst=60_000), "RmsNorm.*: dst: found"),
    "norm of nothing": ("fused", changed(RmsNorm, n=0), "RmsNorm.*: (n|src|dst): found"),
    "norm's gain": ("fused", changed(RmsNorm, gain=1 << 30), "RmsNorm.*: gain: found"),
    "odd head": ("fused", changed(Rope, head_dim=3), "Rope.*: head_dim: found 3, allowed even"),
    "row": ("fused", changed(Embed, row=0), "Embed.*: row: found 0"),
    "vocabulary": ("fused", changed(Sample, n=7), "LinearSynth.*: dst: found"),
    "centroids": ("fused", changed(LinearSynth, centroids=17), "LinearSynth.*: centroids: found 17"),
    "bits": ("fused", changed(LinearSynth, act_bits=13), "LinearSynth.*: act_bits: found 13"),
    "stream": ("fused", changed(LinearSynth, stream=1 << 20), "LinearSynth.*: stream: found"),
    "subsets": ("fused", changed(LinearSynth, subsets=3), "LinearSynth.*: subsets: found 3"),
    "pairs": ("fused", changed(LinearSynth, pairs=1 << 30), "LinearSynth.*: pairs: found"),
    "scales": ("fused", changed(LinearSynth, scales=(1 << 32) - 1), "LinearSynth.*: scales: found"),
    "heads": ("fused", changed(Attention, heads=5), "Attention.*: (q|heads): found"),
    "layer": ("fused", changed(Attention, layer=9), "Attention.*: layer: found 9"),
    "stage": ("fused", changed(Embed, stage=60_000), "Embed.*: stage: found 60000"),
    "no search": ("covq", changed(LinearTable, flags=0), "LinearTable.*: flags: found 0"),
    "positions": ("covq", changed(LinearTable, positions=1), "LinearTable.*: positions: found 1"),
    "no sample": ("fused", lambda p, c: ([d for d in p if not isinstance(d, Sample)], c), "program: found 0 Sample"),
    "no stages": ("fused", lambda p, c: (p, {k: v for k, v in c.items() if k != "stages"}), "config: stages: found"),
    "context": ("fused", lambda p, c: (p, c | {"max_context": 0}), "config: max_context: found 0"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_by_name(case, images, tmp_path):
    kind, change, message = CASES[case]
    forge(images[kind], tmp_path / "forged.img", change)
    with pytest.raises(UserError, match=message) as error:
        Machine.open(tmp_path / "forged.img")
    assert "section" in str(error.value) and "\n" not in str(error.value)


def test_unchanged_is_accepted(images, tmp_path):
    for kind, image in images.items():
        forge(image, tmp_path / f"{kind}.img", lambda program, config: (program, config))
        Machine.open(tmp_path / f"{kind}.img").run(np.array([1, 2]))
        shutil.copy(image, tmp_path / "plain.img")
        Machine.open(tmp_path / "plain.img")
