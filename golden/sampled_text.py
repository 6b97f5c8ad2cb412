"""Text that a float model writes by itself: calibration data for what it knows beyond the corpus at hand.

Source of the idea: data-free quantisation-aware training (LLM-QAT, arXiv 2305.17888).
"""

from collections.abc import Callable

import numpy as np

from lutloom.qwen3 import KVCache, Qwen3


def sampled_text(
    network: Qwen3, contexts: int, length: int, seed: int = 0, report: Callable[[int], None] = lambda step: None
) -> np.ndarray:
    """Sequences drawn from the model at temperature 1, each after a first token drawn evenly: int64 [contexts, length].

    The same arguments give the same text on one machine. `report(step)` after every position.
    """
    rng, cache = np.random.default_rng(seed), KVCache(network.cfg, contexts, length)
    tokens = np.empty((contexts, length), np.int64)
    tokens[:, 0] = rng.integers(0, network.cfg.vocab_size, contexts)
    for step in range(1, length):
        logits = network.forward(tokens[:, step - 1 : step], cache)[:, -1]  # [contexts, vocab]
        tokens[:, step] = np.argmax(logits + rng.gumbel(size=logits.shape).astype(np.float32), axis=-1)
        report(step)
    return tokens
