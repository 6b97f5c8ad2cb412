"""Text that a float model writes by itself: calibration data for what it knows beyond the corpus at hand.

Source of the idea: data-free quantisation-aware training (LLM-QAT, arXiv 2305.17888).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lutloom.torch_qwen3 import TorchQwen3
from lutloom.wvq_student import head_weight


@torch.no_grad()
def sampled_text(
    model: TorchQwen3, texts: int, length: int, seed: int = 0, report: Callable[[int], None] = lambda step: None
) -> Tensor:
    """Texts drawn from the model at temperature 1, each after a first token drawn evenly: int64 [texts, length].

    The same arguments give the same texts on one machine. `report(step)` after every token of all texts.
    """
    generator, cfg = torch.Generator().manual_seed(seed), model.cfg
    cos, sin = model.rope(length, torch.device("cpu"))
    tokens = torch.empty(texts, length, dtype=torch.int64)
    tokens[:, 0] = torch.randint(cfg.vocab_size, (texts,), generator=generator)
    attentions = [block.self_attn for block in model.model.layers]
    for attention in attentions:
        attention.past = (torch.empty(texts, cfg.num_key_value_heads, 0, cfg.head_dim),) * 2
    head = head_weight(model).bfloat16()
    try:
        with torch.autocast("cpu", torch.bfloat16):
            for step in range(1, length):
                x = model.model.embed_tokens(tokens[:, step - 1 : step])
                for block in model.model.layers:
                    x = block(x, cos[step - 1 : step], sin[step - 1 : step], 0.0)
                logits = torch.matmul(model.model.norm(x)[:, 0].bfloat16(), head.T).float()
                tokens[:, step] = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
                report(step)
    finally:
        for attention in attentions:
            attention.past = None
    return tokens
