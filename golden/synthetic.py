"""Models of the right shapes without a checkpoint: random weights, a linear at a time, through the real compiler.

The numbers mean nothing, but they are in the range of a trained model's: outputs of a linear are about as large as its
inputs, the residual stream stays small, exponents come in few runs as the quantiser makes them. So cycles, bytes and
bits are those that a checkpoint of this shape would have. A seed makes a model; the same seed makes the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from lutloom.attention import kv_quantize
from lutloom.checkpoint import bf16_values, tensor_shapes
from lutloom.compiler import HEAD, write_image
from lutloom.covq import ACT_CENTROIDS, WEIGHT_CENTROIDS, CovqLinear
from lutloom.covq import GROUP as COVQ_GROUP
from lutloom.errors import UserError
from lutloom.fp32 import to_bf16
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.image_format import canonical_json
from lutloom.kv_state import KvState, cache_layers
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3Config
from lutloom.wvq import ACC_BITS, CENTROIDS, ENTRY_BITS, GROUP, WvqLinear, group_slices

VERSION = 1  # of the numbers: another one makes other images
# index bits a weight -> centroids of a pair, share of the pairs with a second stage, whose codebook adds to the first
BITS = {2.0: (16, 0.0), 2.5: (16, 0.25), 3.0: (16, 0.5), 3.5: (16, 0.75), 4.0: (16, 1.0), 5.0: (32, 1.0)}
ACT_BITS = 10
SCHEMES = ("wvq", "covq")
COVQ_BITS = 2.0  # covq has 4-bit indices of two weights
# 2^ of a unit of an activation, covq: inputs of about unit size, but for averages of values, and gated values
ACT_EXPS = {"o_proj": -8, "down_proj": -6}
ACT_EXP = -5
FUSED = {
    "self_attn.qkv_proj": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attn.o_proj": ("self_attn.o_proj",),
    "mlp.gate_up_proj": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.down_proj": ("mlp.down_proj",),
}
GAINS = {"o_proj": 0.3, "down_proj": 0.3, HEAD: 3.0}  # outputs against inputs; others 1


def _qwen3(hidden: int, inner: int, layers: int, heads: int, tied: bool) -> Qwen3Config:
    return Qwen3Config(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=8, head_dim=128, vocab_size=151936, max_position_embeddings=40960, rope_theta=1e6,
        tie_word_embeddings=tied, bos_token_id=151643, eos_token_ids=(151645, 151643),
    )  # fmt: skip


# As the checkpoints' config.json have them. "tiny" is for tests.
SHAPES = {
    "qwen3-0.6b": _qwen3(1024, 3072, 28, 16, True),
    "qwen3-1.7b": _qwen3(2048, 6144, 28, 16, True),
    "qwen3-4b": _qwen3(2560, 9728, 36, 32, True),
    "qwen3-8b": _qwen3(4096, 12288, 36, 32, False),
    "qwen3-14b": _qwen3(5120, 17408, 40, 40, False),
    "qwen3-32b": _qwen3(5120, 25600, 64, 64, False),
    "smollm2-135m": Qwen3Config(
        hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        head_dim=64, vocab_size=49152, max_position_embeddings=8192, rope_theta=1e5, rms_norm_eps=1e-5, qk_norm=False,
        bos_token_id=1, eos_token_ids=(2,),
    ),
    "qwen3-tiny": Qwen3Config(
        hidden_size=64, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        head_dim=32, vocab_size=523, max_position_embeddings=1024, eos_token_ids=(7,),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Synthetic:
    """A model by shape, scheme and seed. Has what the compiler asks of a float model, too."""

    shape: str
    bits: float = 2.0  # of an index a weight, see BITS
    head_bits: float = 2.0
    seed: int = 0
    group: int = GROUP
    layers: int | None = None  # fewer than the shape's
    scheme: str = "wvq"  # or "covq", with its bits and group

    def __post_init__(self):
        if self.shape not in SHAPES:
            raise UserError(f"--model: found {self.shape or 'nothing'}, allowed {', '.join(SHAPES)}")
        for name, bits in (("bits", self.bits), ("head-bits", self.head_bits)):
            if bits not in BITS:
                raise UserError(f"--{name}: found {bits:g}, allowed {', '.join(f'{b:g}' for b in BITS)}")
        if self.scheme not in SCHEMES:
            raise UserError(f"--scheme: found {self.scheme}, allowed {', '.join(SCHEMES)}")
        if self.scheme == "covq" and (self.bits, self.head_bits, self.group) != (COVQ_BITS, COVQ_BITS, COVQ_GROUP):
            found = f"{self.bits:g}, {self.head_bits:g}, {self.group}"
            raise UserError(f"--bits, --head-bits, --group: found {found}, allowed 2, 2, {COVQ_GROUP} with covq")
        most = SHAPES[self.shape].num_hidden_layers
        if self.layers is not None and not 1 <= self.layers <= most:
            raise UserError(f"--layers: found {self.layers}, allowed 1..{most}")

    @property
    def name(self) -> str:
        """Of files: shape, scheme, and what is not as usual."""
        parts = [self.shape, "covq" if self.scheme == "covq" else f"wvq{self.bits:g}"]
        parts += [f"head{self.head_bits:g}"] if self.head_bits != self.bits else []
        parts += [f"seed{self.seed}"] if self.seed else []
        parts += [f"layers{self.layers}"] if self.layers else []
        return "-".join(parts)

    @property
    def cfg(self) -> Qwen3Config:
        """The configuration of the model."""
        cfg = SHAPES[self.shape]
        return replace(cfg, num_hidden_layers=self.layers) if self.layers else cfg

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that end a text."""
        return self.cfg.eos_token_ids

    @property
    def sha256(self) -> str:
        """Of the description, in place of that of weights."""
        description = asdict(self) | {"version": VERSION, "config": asdict(self.cfg)}
        return hashlib.sha256(canonical_json(description).encode()).hexdigest()

    def tokenizer(self) -> Tokenizer:
        """Words t0, t1, ..."""
        tokenizer = Tokenizer(WordLevel({f"t{i}": i for i in range(self.cfg.vocab_size)}, unk_token="t0"))
        tokenizer.pre_tokenizer = Whitespace()
        return tokenizer

    def open(self) -> "Synthetic":
        """The tensors, see `tensor`."""
        return self

    def random(self, name: str) -> np.random.Generator:
        """The numbers of one tensor."""
        digest = hashlib.sha256(f"{VERSION} {self.seed} {name}".encode()).digest()
        return np.random.default_rng(np.frombuffer(digest[:16], "<u4"))

    def tensor(self, name: str) -> np.ndarray:
        """Norms and the embedding: float32."""
        shape = tensor_shapes(self.cfg)[name]
        if len(shape) == 1:
            return (1 + 0.1 * self.random(name).standard_normal(shape, np.float32)).astype(np.float32)
        # sign, exponents 2^-4 .. 2^-1 and mantissas of bf16, at the speed of the generator's bytes
        bits = np.frombuffer(self.random(name).bytes(2 * int(np.prod(shape))), "<u2") & np.uint16(0x81FF)
        return bf16_values(bits + np.uint16(123 << 7)).reshape(shape)

    @cached_property
    def model(self) -> QuantizedModel:
        """The quantised form; linears are made when they are asked for."""
        parts = {
            f"model.layers.{layer}.{name}": tuple(f"model.layers.{layer}.{part}" for part in names)
            for layer in range(self.cfg.num_hidden_layers)
            for name, names in FUSED.items()
        } | {HEAD: (HEAD,)}
        inputs = {name: name for name in parts} if self.scheme == "covq" else {}
        return QuantizedModel(_Linears(self, parts), {}, self.name, self.sha256, parts, inputs)

    def linear(self, name: str, parts: tuple[str, ...]) -> WvqLinear | CovqLinear:
        """A quantised linear in place of the float ones `parts`."""
        shapes = tensor_shapes(self.cfg) | {f"{HEAD}.weight": (self.cfg.vocab_size, self.cfg.hidden_size)}
        outputs, inputs = sum(shapes[f"{part}.weight"][0] for part in parts), shapes[f"{parts[0]}.weight"][1]
        scheme = BITS[self.head_bits if name == HEAD else self.bits]
        last = name.rpartition(".")[2]
        gain = GAINS.get(last, 1.0)
        if self.scheme == "covq":
            return random_covq(self.random(name), outputs, inputs, ACT_EXPS.get(last, ACT_EXP), gain)
        return random_linear(self.random(name), outputs, inputs, *scheme, min(self.group, outputs), gain)


class _Linears(Mapping):
    """Linears by name, made anew for every look but the last one's."""

    def __init__(self, synthetic: Synthetic, parts: dict[str, tuple[str, ...]]):
        self.synthetic, self.parts = synthetic, parts
        self.last: tuple[str, WvqLinear | CovqLinear] | None = None

    def __getitem__(self, name: str) -> WvqLinear | CovqLinear:
        if self.last is None or self.last[0] != name:
            self.last = None  # so that never two are in memory
            self.last = name, self.synthetic.linear(name, self.parts[name])
        return self.last[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)


def random_linear(
    rng: np.random.Generator,
    outputs: int,
    inputs: int,
    centroids: int,
    residual: float = 0.0,
    group: int = GROUP,
    gain: float = 1.0,
) -> WvqLinear:
    """A linear whose outputs have `gain` times the root mean square of its inputs.

    Pairs in random order, a share `residual` of them once more behind the others; the exponents of a group fall once
    along the positions, as after sorting by scale.
    """
    if centroids not in CENTROIDS or inputs % 4:
        raise ValueError(f"centroids, inputs: found {centroids}, {inputs}, allowed {CENTROIDS}, multiples of 4")
    pairs = rng.permutation(inputs).astype(np.int32).reshape(-1, 2)
    pairs = np.concatenate([pairs, pairs[: 2 * round(residual * inputs / 4)]])
    positions, groups = len(pairs), len(group_slices(outputs, group))
    act_max = (1 << (ACT_BITS - 1)) - 1
    most = ((1 << (ENTRY_BITS - 1)) - 1) // act_max // 2
    w_cent = np.clip(np.rint(rng.normal(0, most / 2.5, (positions, groups, centroids, 2))), -most, most).astype(np.int8)
    high = 4
    while (positions * 2 * most << high) * act_max >= 1 << (ACC_BITS - 1):  # whatever the indices
        high -= 1
    exp = _falling(rng, positions, groups, high)
    idx = np.frombuffer(rng.bytes(positions * outputs), np.uint8) & np.uint8(centroids - 1)
    size = np.sqrt(np.mean(np.square(w_cent.astype(np.float32) * np.exp2(exp)[:, :, None, None])) * 2 * positions)
    out_scale = (gain * rng.uniform(0.8, 1.25, outputs) / size).astype(np.float32)
    return WvqLinear(pairs, w_cent, exp, idx.reshape(positions, outputs), out_scale, inputs, ACT_BITS, group)


def _falling(rng: np.random.Generator, positions: int, groups: int, high: int) -> np.ndarray:
    """Exponents `high`, then one less where a group's turn is: uint8 [P, Gn]."""
    turn = rng.integers(positions // 8, positions // 2, groups) * 2
    return np.where(np.arange(positions)[:, None] < turn, high, max(high - 1, 0)).astype(np.uint8)


def random_covq(rng: np.random.Generator, outputs: int, inputs: int, a_exp: int, gain: float = 1.0) -> CovqLinear:
    """A covq linear whose outputs have `gain` times the root mean square of its inputs.

    Inputs are expected within +-2^(a_exp + 7). Pairs in random order, all centroids at random, exponents as those of
    `random_linear`.
    """
    if inputs % 4:
        raise ValueError(f"inputs: found {inputs}, allowed multiples of 4")
    positions, groups, high = inputs // 2, len(group_slices(outputs, COVQ_GROUP)), 4

    def signed(*shape: int) -> np.ndarray:
        return np.frombuffer(rng.bytes(int(np.prod(shape))), np.int8).reshape(shape)

    # weights in -1..1; at exponent high - 1 a unit of the table is 2^a_exp, so that few products of an activation's
    # int8 with a weight are beyond the table's
    w_cent = signed(positions, groups, WEIGHT_CENTROIDS, 2).astype(np.float32) / np.float32(128)
    lsb = np.full(groups, 2.0 ** (a_exp - high + 1), np.float32)
    idx = np.frombuffer(rng.bytes(positions * outputs), np.uint8) & np.uint8(WEIGHT_CENTROIDS - 1)
    size = np.sqrt(inputs / 3)  # of a row of such weights
    return CovqLinear(
        pairs=rng.permutation(inputs).astype(np.int32).reshape(-1, 2),
        a_exp=rng.integers(a_exp - 1, a_exp + 1, positions).astype(np.int8),
        a_cent=signed(positions, ACT_CENTROIDS, 2),
        w_cent=w_cent,
        idx=idx.reshape(positions, outputs),
        exp=_falling(rng, positions, groups, high),
        lsb=lsb,
        start=rng.integers(-100, 101, outputs).astype(np.int32),
        out_scale=(gain * rng.uniform(0.8, 1.25, outputs) * lsb[0] / size).astype(np.float32),
    )


@cache
def code_digest() -> str:
    """Of the modules that an image is made by: another compiler, another image."""
    modules = (
        "compiler", "covq", "image", "linear_gather", "linear_planner", "linear_synth", "lut2d", "plan", "program",
        "rope", "synthetic", "wvq",
    )  # fmt: skip
    files = [Path(__file__).with_name(f"{name}.py").read_bytes() for name in modules]
    return hashlib.sha256(b"".join(files)).hexdigest()


def compile_synthetic(
    synthetic: Synthetic,
    path: Path,
    hardware: Hardware,
    max_context: int,
    progress: Callable[[Iterable, str], Iterable] = lambda steps, name: steps,
) -> None:
    """Write the image, see `lutloom.compiler`. UserError as there."""
    write_image(synthetic.model, synthetic, path, hardware, max_context, progress, Path(synthetic.name))


def synthetic_path(synthetic: Synthetic, hardware: Hardware, max_context: int, folder: Path) -> Path:
    """Where `synthetic_image` has its image, or would have it."""
    key = json.dumps([synthetic.sha256, hardware.dict(), max_context, code_digest()], sort_keys=True)
    return folder / f"{synthetic.name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.img"


def synthetic_image(
    synthetic: Synthetic,
    hardware: Hardware,
    max_context: int,
    folder: Path,
    progress: Callable[[Iterable, str], Iterable] = lambda steps, name: steps,
) -> Path:
    """The image in `folder`, compiled unless it is there already."""
    path = synthetic_path(synthetic, hardware, max_context, folder)
    if not path.is_file():
        compile_synthetic(synthetic, path, hardware, max_context, progress)
    return path


def random_state(image: Image, positions: int, seed: int = 0) -> KvState:
    """A KV cache with `positions` random positions for an image: keys and values of about unit size."""
    layers = cache_layers(image)

    def part(layer: int, side: int) -> np.ndarray:
        place = layers[layer]
        rng = np.random.default_rng([seed, layer, side])
        x = rng.standard_normal((place.kv_heads, positions, place.head_dim), np.float32)
        return place.bytes_of(kv_quantize(x) if place.bits == 8 else to_bf16(x))

    return KvState.collect(image, positions, part)
