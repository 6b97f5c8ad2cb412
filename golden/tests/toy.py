"""Tiny random models for the tests of compiler and machine: a float model as a folder, and its quantised form.

The numbers mean nothing; they only have to be in the range of a real model's and to reach every branch of the format.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from lutloom import checkpoint, models
from lutloom.covq import ACT_CENTROIDS, WEIGHT_CENTROIDS, CovqLinear
from lutloom.covq import group_slices as covq_groups
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3Config
from lutloom.wvq import ENTRY_BITS, WvqLinear, group_slices

END = 7  # the end-of-text token
# Odd sizes: an embedding row is no whole address unit, three query heads share a key, 203 outputs are no whole group.
WVQ_CFG = Qwen3Config(
    hidden_size=45, intermediate_size=70, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
    head_dim=14, vocab_size=203, max_position_embeddings=40, eos_token_ids=(END,),
)  # fmt: skip
# gate and up together have more outputs than a group of covq.
COVQ_CFG = replace(WVQ_CFG, hidden_size=36, intermediate_size=264, num_attention_heads=4, num_key_value_heads=2)
KINDS = {
    "fused": WVQ_CFG,
    "unfused": replace(WVQ_CFG, qk_norm=False, tie_word_embeddings=False),  # a Llama
    "covq": COVQ_CFG,
}
# For the accelerator: whole lines of 16 values, groups of whole 32 outputs; the vocabulary stays odd.
ALIGNED_CFG = replace(
    WVQ_CFG, hidden_size=64, intermediate_size=96, num_attention_heads=4, num_key_value_heads=2, head_dim=32,
    max_position_embeddings=288,
)  # fmt: skip
ALIGNED_KINDS = {
    "aligned-long": replace(ALIGNED_CFG, num_hidden_layers=1),
    "aligned-short": replace(ALIGNED_CFG, num_hidden_layers=1, qk_norm=False, max_position_embeddings=24),
    "aligned-covq": replace(ALIGNED_CFG, intermediate_size=272, max_position_embeddings=48),
}
# All linears covq, the head too: for hardware with `gather`.
GATHER_KINDS = {"covq-all": COVQ_CFG, "aligned-covq-all": ALIGNED_KINDS["aligned-covq"]}
FUSED = {"self_attn.qkv_proj": "qkv", "self_attn.o_proj": (), "mlp.gate_up_proj": ("gate", "up"), "mlp.down_proj": ()}
# What the linears take in turn: centroids, act_bits, group. 40 and 96 divide none of the output counts.
SETTINGS = ((16, 9, 512), (64, 12, 40), (32, 8, 96), (64, 9, 64), (16, 11, 33))
ALIGNED_SETTINGS = ((16, 9, 512), (64, 12, 64), (32, 8, 96), (64, 9, 64), (16, 11, 32))


@dataclass(frozen=True)
class Toy:
    """A model on disk and in memory."""

    cfg: Qwen3Config
    folder: Path  # of the quantised model
    source: Path  # of the float model
    model: QuantizedModel


def random_pairs(rng: np.random.Generator, inputs: int) -> np.ndarray:
    """Every input in one pair, in random order; filled up to an even number of pairs with inputs named again."""
    order = rng.permutation(inputs)
    return np.append(order, order[: -inputs % 4]).astype(np.int32).reshape(-1, 2)


def random_exponents(rng: np.random.Generator, positions: int, groups: int, most: int = 7) -> np.ndarray:
    """uint8 [positions, groups]: runs of random length with one exponent, never ending inside a block of two."""
    exp = np.empty((positions // 2, groups), np.uint8)
    for g in range(groups):
        runs = [np.full(rng.integers(1, 6), rng.integers(most + 1)) for _ in range(len(exp))]
        exp[:, g] = np.concatenate(runs)[: len(exp)]
    return np.repeat(exp, 2, axis=0)


def random_wvq(
    rng: np.random.Generator,
    outputs: int,
    inputs: int,
    centroids: int = 64,
    act_bits: int = 9,
    group: int = 512,
    residual: bool = False,
) -> WvqLinear:
    """A linear with all kinds of centroids and indices; with `residual` every position has a second stage."""
    pairs = random_pairs(rng, inputs)
    pairs = np.concatenate((pairs, pairs)) if residual else pairs
    groups = len(group_slices(outputs, group))
    most = min(((1 << (ENTRY_BITS - 1)) - 1) // ((1 << (act_bits - 1)) - 1) // 2, 127)
    w_cent = rng.integers(-most, most + 1, (len(pairs), groups, centroids, 2)).astype(np.int8)
    idx = rng.integers(0, centroids, (len(pairs), outputs)).astype(np.uint8)
    exp = random_exponents(rng, len(pairs), groups, 3)
    linear = WvqLinear(pairs, w_cent, exp, idx, np.ones(outputs, np.float32), inputs, act_bits, group)
    size = np.sqrt(np.mean(linear.dense**2) * inputs)  # so that outputs are about as large as inputs
    return replace(linear, out_scale=(rng.uniform(0.5, 1.5, outputs) / size).astype(np.float32))


def random_covq(rng: np.random.Generator, outputs: int, shared: dict[str, np.ndarray]) -> CovqLinear:
    """A linear that reads the input whose pairs, a_exp and a_cent are `shared`."""
    positions, groups = len(shared["pairs"]), len(covq_groups(outputs))
    size = 0.5 / np.sqrt(2 * positions)
    w_cent = rng.normal(0, size, (positions, groups, WEIGHT_CENTROIDS, 2)).astype(np.float16).astype(np.float32)
    lsb = (size * rng.uniform(0.01, 0.02, groups)).astype(np.float32)
    return CovqLinear(
        **shared,
        w_cent=w_cent,
        idx=rng.integers(0, WEIGHT_CENTROIDS, (positions, outputs)).astype(np.uint8),
        exp=random_exponents(rng, positions, groups, 4),
        lsb=lsb,
        start=rng.integers(-50, 50, outputs).astype(np.int32),
        out_scale=np.repeat(lsb, [cols.stop - cols.start for cols in covq_groups(outputs)]),
    )


def random_covq_input(rng: np.random.Generator, inputs: int) -> dict[str, np.ndarray]:
    """pairs, a_exp and a_cent of an input: activations up to about 4."""
    positions = inputs // 2
    return {
        "pairs": rng.permutation(inputs).astype(np.int32).reshape(-1, 2),
        "a_exp": rng.integers(-6, -3, positions).astype(np.int8),
        "a_cent": np.clip(rng.normal(0, 40, (positions, ACT_CENTROIDS, 2)), -128, 127).astype(np.int8),
    }


def float_sizes(cfg: Qwen3Config) -> dict[str, tuple[int, int]]:
    """(outputs, inputs) of every float linear with the head."""
    shapes = checkpoint.tensor_shapes(cfg)
    sizes = {name: shapes[f"{name}.weight"] for name in cfg.linear_names()}
    return sizes | {"lm_head": (cfg.vocab_size, cfg.hidden_size)}


def parts_of(cfg: Qwen3Config, fused: bool) -> dict[str, tuple[str, ...]]:
    """The float linears of every quantised one."""
    if not fused:
        return {name: (name,) for name in float_sizes(cfg)}
    parts = {}
    for layer in range(cfg.num_hidden_layers):
        for name, letters in FUSED.items():
            full = f"model.layers.{layer}.{name}"
            home = full.rsplit(".", 1)[0]
            parts[full] = tuple(f"{home}.{letter}_proj" for letter in letters) or (full,)
    return parts | {"lm_head": ("lm_head",)}


def build(folder: Path, kind: str, seed: int = 0) -> Toy:
    """Write a model of KINDS, ALIGNED_KINDS or GATHER_KINDS: `folder`/float and `folder`/quantised."""
    rng, cfg = np.random.default_rng(seed), (KINDS | ALIGNED_KINDS | GATHER_KINDS)[kind]
    settings = ALIGNED_SETTINGS if kind in ALIGNED_KINDS else SETTINGS
    source = folder / "float"
    tensors = {
        name: rng.normal(0, 0.05, shape) + (1 if name.endswith("norm.weight") else 0)
        for name, shape in checkpoint.tensor_shapes(cfg).items()
    }
    tokenizer = Tokenizer(WordLevel({f"w{i}": i for i in range(cfg.vocab_size)}, unk_token="w0"))
    tokenizer.pre_tokenizer = Whitespace()
    checkpoint.save(source, cfg, tensors, tokenizer.to_str(), f"w{END}")
    linears, inputs = {}, {}
    sizes, shared = float_sizes(cfg), {}
    parts = parts_of(cfg, kind != "unfused")
    for n, (name, names) in enumerate(parts.items()):
        outputs, width = sum(sizes[part][0] for part in names), sizes[names[0]][1]
        if kind.endswith("-all") or (kind.endswith("covq") and name != "lm_head"):
            inputs[name] = name.replace("_proj", "_input")
            shared[inputs[name]] = random_covq_input(rng, width)
            linears[name] = random_covq(rng, outputs, shared[inputs[name]])
        else:
            linears[name] = random_wvq(rng, outputs, width, *settings[n % len(settings)], residual=n % 2 == 1)
    norms = {"model.norm.weight": rng.uniform(0.5, 1.5, cfg.hidden_size).astype(np.float32)}
    model = QuantizedModel(linears, norms, str(source), models.resolve(source).sha256, parts, inputs)
    model.save(folder / "quantised")
    return Toy(cfg, folder / "quantised", source, model)
