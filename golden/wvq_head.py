"""The LM head as wvq: its setting, and its calibration behind a decoder that is quantised already by any scheme."""

from functools import partial

import numpy as np
import torch

from lutloom.errors import UserError
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3, Qwen3Config
from lutloom.wvq import MAX_GROUP, WvqLinear
from lutloom.wvq_calibrate import Metric, Setting, correct_target, output_scale, quantize_linear
from lutloom.wvq_student import HEAD, moments

CHOICES = (  # centroids, residual
    *((16, share) for share in (0.0, 0.25, 0.5, 0.75, 0.9375, 1.0)),
    *((32, 0.0), (64, 0.0), (64, 0.5), (32, 1.0), (64, 1.0)),
)
CONTEXTS_AT_ONCE = 8


def head_setting(
    outputs: int, inputs: int, bits: float, act_bits: int, group: int = MAX_GROUP, centroids: int = 64
) -> Setting:
    """The largest setting of `CHOICES` within `bits` per weight; UserError if there is none.

    group, centroids: the most outputs that share a codebook, the most entries of one.
    """
    settings = [Setting(count, share, group, act_bits) for count, share in CHOICES if count <= centroids]
    sizes = {setting: setting.bits(outputs, inputs) / (outputs * inputs) for setting in settings}
    fitting = [setting for setting in settings if sizes[setting] <= bits]
    if not fitting:
        raise UserError(f"--head-bits: found {bits}, allowed {min(sizes.values()):.2f} and more for this model")
    return max(fitting, key=sizes.get)


def quantize_head(
    cfg: Qwen3Config, weights: dict[str, np.ndarray], model: QuantizedModel, tokens: np.ndarray, setting: Setting
) -> WvqLinear:
    """The head of a quantised model whose decoder is complete.

    weights: those of the float model; tokens int [B, T] of the training text. The target is what the float model's
    head gives for the float model's hidden states.
    """
    name = "model.embed_tokens.weight" if cfg.tie_word_embeddings else f"{HEAD}.weight"
    weight = torch.from_numpy(np.ascontiguousarray(weights[name], np.float32))
    sizes = {part: len(weights[f"{part}.weight"]) for part in cfg.linear_names()}
    quantised = Qwen3(cfg, {**weights, **model.norms}, linear=partial(model.linear, sizes=sizes))
    ideal, found = (hidden_states(network, tokens) for network in (Qwen3(cfg, weights), quantised))
    gram, cross = moments(ideal, found, setting.act_bits)
    target = correct_target(weight, gram, cross)
    return quantize_linear(target, Metric.of(gram), setting, scale=output_scale(weight)).finish()


def hidden_states(network: Qwen3, tokens: np.ndarray) -> torch.Tensor:
    """What the head reads: tokens int [B, T] -> float32 [B, T, hidden]."""
    seen: list[np.ndarray] = []

    def keep(stage: str, x: np.ndarray) -> None:
        if stage == "model.norm":
            seen.append(x.copy())

    network.trace = keep
    for part in range(0, len(tokens), CONTEXTS_AT_ONCE):
        network.forward(tokens[part : part + CONTEXTS_AT_ONCE])
    return torch.from_numpy(np.concatenate(seen)).view(*tokens.shape, -1)
