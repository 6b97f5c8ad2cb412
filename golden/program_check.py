"""What a program must satisfy before it runs: checksums tell damage, this tells a wrong compiler or a forger."""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from lutloom.attention import BEAT
from lutloom.covq import GROUP
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.linear_gather import gather_jobs, row_beats, search_beats
from lutloom.program import (
    LAST,
    LOGITS,
    RESIDUAL,
    SEARCH,
    UNIT,
    Attention,
    Descriptor,
    Embed,
    Gather,
    LinearSynth,
    LinearTable,
    RmsNorm,
    Rope,
    Sample,
    Search,
    Swiglu,
)
from lutloom.wvq import ACT_BITS, CENTROIDS, MAX_GROUP

KEYS = {"stages": list, "frame_words": int, "max_context": int, "end_tokens": list, "model": dict}
Rule = tuple[str, object, str, bool]  # field, found, allowed, whether it is


def check_config(image: Image) -> None:
    """Refuse an image whose section "config" lacks what the machine needs. Raises UserError."""
    for key, kind in KEYS.items():
        found = image.config.get(key)
        if not isinstance(found, kind) or isinstance(found, bool) or (kind is int and found < 1):
            raise UserError(f"{image.path}: section config: {key}: found {found!r}, allowed a {kind.__name__}")


def check_program(image: Image, program: list[Descriptor]) -> None:
    """Refuse a program that the machine of this image could not run. Raises UserError naming descriptor and field."""
    samples = [d for d in program if isinstance(d, Sample)]
    if len(samples) != 1:
        raise UserError(f"{image.path}: section program: found {len(samples)} Sample operations, allowed 1")
    hardware = Hardware(**image.config["hardware"])
    searched, search = False, None
    for number, d in enumerate(program):
        searched = searched or bool(d.flags & SEARCH)
        search = d if isinstance(d, Search) else search
        rules = [_rules(d, image, hardware, samples[0].n, searched)]
        rules += [_gather_rules(d, search, image, hardware)] if isinstance(d, Search | Gather) else []
        for field, found, allowed, fits in chain(*rules):
            if not fits:
                place = f"{image.path}: section program: descriptor {number} ({type(d).__name__}): {field}"
                raise UserError(f"{place}: found {found}, allowed {allowed}")


def _rules(d: Descriptor, image: Image, hardware: Hardware, vocab: int, searched: bool) -> Iterator[Rule]:
    config = image.config
    stages = len(config["stages"])
    yield "stage", d.stage, f"below {stages}", d.stage < stages
    for name, first, words in spans(d):
        room = vocab if name == "dst" and d.flags & LOGITS else config["frame_words"]
        yield name, f"{words} words from {first}", f"1.. words within {room}", words >= 1 and first + words <= room
    for name, address, size in _memory(d, config, vocab):
        yield name, f"{size} bytes at {address * UNIT}", f"within {image.bytes}", address * UNIT + size <= image.bytes
    match d:
        case Embed():
            yield "row", d.row, f"{-(-2 * d.n // UNIT)} or more", d.row * UNIT >= 2 * d.n
        case RmsNorm():
            yield "n", d.n, "1 or more", d.n >= 1
            inverse = float(np.float32(1 / max(d.n, 1)))
            yield "inv_n", d.inv_n, str(inverse), d.inv_n == inverse
        case Rope():
            yield "head_dim", d.head_dim, "even, 2 or more", d.head_dim >= 2 and d.head_dim % 2 == 0
        case Attention():
            model = config["model"]
            for name, key in (
                ("heads", "num_attention_heads"), ("kv_heads", "num_key_value_heads"), ("head_dim", "head_dim"),
            ):  # fmt: skip
                yield name, getattr(d, name), str(model.get(key)), getattr(d, name) == model.get(key)
            whole = hardware.kv_bits == 16 or d.head_dim % BEAT == 0
            yield "head_dim", d.head_dim, f"a multiple of {BEAT} with an int8 cache", whole
            yield "layer", d.layer, "one of the model", d.layer < model.get("num_hidden_layers", 0)
        case LinearSynth():
            yield from _synth_rules(d, image, hardware)
        case LinearTable():
            yield "operation", d.OPCODE, "with hardware parameter gather 0", hardware.gather == 0
            yield "flags", d.flags, "a search before the first lookup", searched
            blocks = d.positions % hardware.lanes == 0 and d.positions >= 1
            yield "positions", d.positions, f"a multiple of {hardware.lanes}", blocks


def _synth_rules(d: LinearSynth, image: Image, hardware: Hardware) -> Iterator[Rule]:
    yield from _stream_rules(d, d.beats, image, hardware)
    yield "centroids", d.centroids, str(CENTROIDS), d.centroids in CENTROIDS
    yield "act_bits", d.act_bits, f"{ACT_BITS[0]}..{ACT_BITS[1]}", ACT_BITS[0] <= d.act_bits <= ACT_BITS[1]
    yield "group", d.group, f"1..{MAX_GROUP}", 1 <= d.group <= MAX_GROUP
    yield from _job_rules(d, hardware)


def _stream_rules(d: LinearSynth | Search | Gather, beats: int, image: Image, hardware: Hardware) -> Iterator[Rule]:
    room = image.table["port0"].bytes // hardware.beat_bytes if "port0" in image.table else 0
    yield "stream", f"{beats} beats from {d.stream}", f"within {room}", d.stream + beats <= room
    whole = d.positions >= 1 and d.positions % hardware.lanes == 0
    yield "positions", d.positions, f"a multiple of {hardware.lanes}", whole


def _job_rules(d: LinearSynth | Gather, hardware: Hardware) -> Iterator[Rule]:
    power = d.subsets >= 1 and not d.subsets & (d.subsets - 1)
    yield "subsets", d.subsets, f"a power of two up to {hardware.slices}", power and d.subsets <= hardware.slices


def _gather_rules(d: Search | Gather, search: Search | None, image: Image, hardware: Hardware) -> Iterator[Rule]:
    """search: the last one before a Gather."""
    yield "operation", d.OPCODE, "with hardware parameter gather 1", hardware.gather == 1
    if isinstance(d, Search):
        yield "inputs", d.inputs, f"{2 * d.positions}, two a position", d.inputs == 2 * d.positions
        yield from _stream_rules(d, d.beats, image, hardware)
        beats = search_beats(d.positions, hardware)
        yield "beats", d.beats, str(beats), d.beats == beats
        return
    searched = search is not None and search.flags & LAST == d.flags & LAST
    yield "flags", d.flags, "those of a Search before, LAST or not", searched
    yield "positions", d.positions, f"{search.positions} of the Search before", d.positions == search.positions
    yield "group", d.group, str(GROUP), d.group == GROUP
    yield from _job_rules(d, hardware)
    rows = row_beats(gather_jobs(d.positions, d.outputs, d.subsets, hardware), hardware)
    yield from _stream_rules(d, d.beats + rows, image, hardware)


def spans(d: Descriptor) -> Iterator[tuple[str, int, int]]:
    """(field, first word, words) of every part of the frame, or of the logits, that the operation touches."""
    match d:
        case Embed():
            yield "dst", d.dst, d.n
        case RmsNorm():
            yield from (("src", d.src, d.n * d.count), ("dst", d.dst, d.n * d.count))
        case Rope():
            yield from (("src", d.src, d.head_dim * d.count), ("dst", d.dst, d.head_dim * d.count))
        case LinearSynth() | LinearTable():
            yield from (("src", d.src, d.inputs), ("dst", d.dst, d.outputs))
            if d.flags & RESIDUAL:
                yield "residual", d.residual, d.outputs
        case Search():
            yield "src", d.src, d.inputs
        case Gather():
            yield "dst", d.dst, d.outputs
            if d.flags & RESIDUAL:
                yield "residual", d.residual, d.outputs
        case Attention():
            keys = d.kv_heads * d.head_dim
            yield from (("q", d.q, d.heads * d.head_dim), ("k", d.k, keys), ("v", d.v, keys))
            yield "dst", d.dst, d.heads * d.head_dim
        case Swiglu():
            yield from (("gate", d.gate, d.n), ("up", d.up, d.n), ("dst", d.dst, d.n))


def _memory(d: Descriptor, config: dict, vocab: int) -> Iterator[tuple[str, int, int]]:
    """(field, address, bytes) of what the operation reads from the image, besides the streams."""
    match d:
        case Embed():
            yield "address", d.address, vocab * d.row * UNIT
        case RmsNorm():
            yield "gain", d.gain, 4 * d.n
        case Rope():
            yield "table", d.table, 4 * d.head_dim * config["max_context"]
        case LinearSynth():
            yield from (("pairs", d.pairs, 4 * d.positions), ("scales", d.scales, 4 * d.outputs))
        case LinearTable():
            yield from (("pairs", d.pairs, 4 * d.positions), ("scales", d.scales, 4 * d.outputs))
        case Search():
            yield from (("pairs", d.pairs, 4 * d.positions), ("scales", d.scales, 4 * d.inputs))
        case Gather():
            yield from (("starts", d.starts, 4 * d.outputs), ("scales", d.scales, 4 * d.outputs))
