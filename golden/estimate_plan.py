"""The program of a model that nobody has: the compiler's first pass over shapes, without a weight."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from lutloom.checkpoint import tensor_shapes
from lutloom.compiler import plan_model
from lutloom.covq import ACT_CENTROIDS, WEIGHT_CENTROIDS, CovqLinear
from lutloom.covq import GROUP as COVQ_GROUP
from lutloom.estimate_ports import Machine
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.image_format import layout, padded
from lutloom.linear_synth import block_beats, subset_blocks
from lutloom.plan import Place
from lutloom.program import BYTES, Attention, Descriptor, LinearSynth, decode, encode
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3Config
from lutloom.synthetic import ACT_BITS, BITS, FUSED, Synthetic
from lutloom.wvq import WvqLinear, group_slices

CONFIG_BYTES, TOKENIZER_BYTES = 1 << 14, 1 << 24  # of an image, roughly: Qwen3's tokenizer has 11 MB


class WvqShape(WvqLinear):
    """A linear without numbers: every array has its shape and takes no memory; only exponents have values."""

    def __post_init__(self):
        """There is nothing to check."""


class CovqShape(CovqLinear):
    """The same of a covq linear; pairs have values, too."""

    def __post_init__(self):
        """There is nothing to check and no table to make."""
        table = _empty(np.int8, *self.exp.shape, ACT_CENTROIDS, WEIGHT_CENTROIDS)
        object.__setattr__(self, "table", table)


class Tensors:
    """Of a float model: shapes only."""

    def __init__(self, cfg: Qwen3Config):
        self.shapes = tensor_shapes(cfg)

    def tensor(self, name: str) -> np.ndarray:
        """Zeros that take no memory."""
        return _empty(np.float32, *self.shapes[name])


def _empty(dtype, *shape: int) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype), shape)


@lru_cache
def wvq_shape(outputs: int, inputs: int, centroids: int, residual: float, group: int) -> WvqShape:
    """As `random_linear` of lutloom.synthetic: two runs of exponents a group, the border spread as it is there."""
    positions, groups = inputs // 2 + 2 * round(residual * inputs / 4), len(group_slices(outputs, group))
    middle = (np.arange(groups) + 0.5) / groups  # of as many equal parts; their ends are those of jobs, too
    turn = 2 * (positions // 8 + middle * (positions // 2 - positions // 8)).astype(int)
    exponents = (np.arange(positions)[:, None] < turn).astype(np.uint8)
    return WvqShape(
        _empty(np.int32, positions, 2), _empty(np.int8, positions, groups, centroids, 2), exponents,
        _empty(np.uint8, positions, outputs), _empty(np.float32, outputs), inputs, ACT_BITS, group,
    )  # fmt: skip


@lru_cache
def covq_shape(outputs: int, inputs: int) -> CovqShape:
    """As `random_covq` of lutloom.synthetic."""
    like = wvq_shape(outputs, inputs, WEIGHT_CENTROIDS, 0.0, COVQ_GROUP)
    positions, groups = like.exp.shape
    return CovqShape(
        np.arange(inputs, dtype=np.int32).reshape(-1, 2), _empty(np.int8, positions),
        _empty(np.int8, positions, ACT_CENTROIDS, 2), _empty(np.float32, positions, groups, WEIGHT_CENTROIDS, 2),
        like.idx, like.exp, _empty(np.float32, groups), _empty(np.int32, outputs), like.out_scale,
    )  # fmt: skip


class _Linears(Mapping):
    """Shapes by the names of the fused linears."""

    def __init__(self, synthetic: Synthetic, parts: dict[str, tuple[str, ...]]):
        self.synthetic, self.parts = synthetic, parts
        cfg = synthetic.cfg
        self.shapes = tensor_shapes(cfg) | {"lm_head.weight": (cfg.vocab_size, cfg.hidden_size)}

    def __getitem__(self, name: str) -> WvqShape | CovqShape:
        found = [self.shapes[f"{part}.weight"] for part in self.parts[name]]
        outputs = sum(shape[0] for shape in found)
        if self.synthetic.scheme == "covq":
            return covq_shape(outputs, found[0][1])
        scheme = BITS[self.synthetic.head_bits if name == "lm_head" else self.synthetic.bits]
        return wvq_shape(outputs, found[0][1], *scheme, min(self.synthetic.group, outputs))

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


@dataclass(frozen=True)
class Planned:
    """An image as far as it is known without weights; what looks at an image's program takes it as one."""

    path: Path
    config: dict
    program: list[Descriptor]
    sizes: dict[str, int]  # bytes of every section
    ends: dict[int, list[list[int]]] = field(default_factory=dict)  # of an image's linears, see `run_ends`
    dense: bool = False  # ports' memories lie one behind the other, as `lutloom perf` has an image's

    def section(self, name: str) -> np.ndarray:
        """Of the program only."""
        return np.frombuffer({"program": encode(self.program)}[name], np.uint8)

    @cached_property
    def bytes(self) -> int:
        """Of the whole image."""
        return sum(section.padded for section in layout(self.path, self.sizes).values())

    def stream_bytes(self) -> int:
        """Of the longest weight stream."""
        return max((size for name, size in self.sizes.items() if name.startswith("port")), default=0)

    @property
    def apart(self) -> int:
        """Bytes from one port's memory to the next one's; 0: windows of the card."""
        return padded(self.sizes["port0"]) + padded(self.cache_bytes()) if self.dense else 0

    def cache_bytes(self) -> int:
        """Of the KV cache behind one port, all layers."""
        hardware, layers = Hardware(**self.config["hardware"]), [d for d in self.program if isinstance(d, Attention)]
        room = self.config["max_context"]
        return sum(hardware.kv_port_bytes(d.kv_heads, room, d.head_dim) for d in layers)


def plan(synthetic: Synthetic, hardware: Hardware, max_context: int) -> Planned:
    """What the compiler would make of this model. UserError where it would refuse it."""
    cfg = synthetic.cfg
    parts = {
        f"model.layers.{layer}.{name}": tuple(f"model.layers.{layer}.{part}" for part in names)
        for layer in range(cfg.num_hidden_layers)
        for name, names in FUSED.items()
    } | {"lm_head": ("lm_head",)}
    inputs = {name: name for name in parts} if synthetic.scheme == "covq" else {}
    model = QuantizedModel(_Linears(synthetic, parts), {}, synthetic.name, synthetic.sha256, parts, inputs)
    made = plan_model(hardware, cfg, model, Tensors(cfg), max_context, Path(synthetic.name))
    sizes = {"config": CONFIG_BYTES, "tokenizer": TOKENIZER_BYTES, "program": BYTES * len(made.program), **made.sizes}
    config = {
        "hardware": hardware.dict(),
        "frame_words": made.frame,
        "stages": made.stages,
        "max_context": max_context,
    }
    return Planned(Path(synthetic.name), config, [_without_places(d) for d in made.program], sizes)


def _without_places(d: Descriptor) -> Descriptor:
    """Addresses have no influence on time: zeros."""
    values = {f.name: getattr(d, f.name) for f in fields(d)}
    return replace(d, **{name: 0 for name, value in values.items() if isinstance(value, Place)})


def of_image(image: Image) -> Planned:
    """What an image says."""
    program = decode(image.section("program").tobytes(), str(image.path))
    sizes = {name: section.bytes for name, section in image.table.items()}
    ends = {n: run_ends(image, d) for n, d in enumerate(program) if isinstance(d, LinearSynth)}
    return Planned(image.path, image.config, program, sizes, ends, dense=True)


def run_ends(image: Image, d: LinearSynth) -> list[list[int]]:
    """Where runs of exponents end in the job of every round that waits longest for its drain: its blocks' numbers.

    At its end for its last run but one, or at its first run's end for the sums of the round before.
    """
    hardware = Hardware(**image.config["hardware"])
    drain = hardware.units // Machine(hardware).drain  # cycles of a slot's sums
    beat, blocks = hardware.beat_bytes, d.positions // hardware.lanes
    ranges = subset_blocks(blocks, d.subsets)
    groups = group_slices(d.outputs, d.group)
    rounds: list[list[int]] = [[] for _ in range(-(-len(groups) * d.subsets // hardware.slices))]
    longest = [-math.inf] * len(rounds)
    at = [0] * hardware.slices
    streams = [
        image.section(f"port{s}")[beat * d.stream : beat * (d.stream + d.beats)].reshape(-1, beat)
        for s in range(hardware.slices)
    ]
    for g, columns in enumerate(groups):
        slots = -(-(columns.stop - columns.start) // hardware.units)
        block = block_beats(d.centroids, slots, hardware)
        for u, (first, last) in enumerate(ranges):
            r, s = divmod(g * d.subsets + u, hardware.slices)
            ends, done = [], 0
            at[s] += 1
            while done < last - first:
                end = int(streams[s][at[s], 2:4].view("<u2")[0])
                at[s] += 1 + (end - done) * block
                ends, done = [*ends, end - 1], end
            behind = ends[-1] - ends[-2] if len(ends) > 1 else blocks
            wait = slots * drain - behind * max(d.centroids, slots)
            if r and len(ends) > 1:
                before = max(longest[r - 1], 0) - (ends[0] + 1) * max(d.centroids, slots)
                wait = max(wait, slots * drain + before)
            if wait > longest[r]:
                rounds[r], longest[r] = ends, wait
    return rounds
