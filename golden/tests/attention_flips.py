"""How often softmax and attention of the accelerator put their largest weight elsewhere than float does, on real text.

    .venv/bin/python -m lutloom.tests.attention_flips shakespeare smollm2

For every layer, head and query of a model run in float32, with the queries and keys that the model itself computes:

    attention   the position of the largest exact score q . k against that of `lutloom.attention.scores`, whose keys are
                rounded to bfloat16 and whose sums to float32
    softmax     the position of the largest exact weight of those scores against that of exp(s - m), lutloom.fp32
"""

import sys
from dataclasses import dataclass

import numpy as np

from lutloom import evaluate, fp32, models
from lutloom.attention import by_block, scores
from lutloom.qwen3 import Qwen3


@dataclass
class Flips:
    """Counts over all queries."""

    queries: int = 0
    attention: int = 0
    softmax: int = 0


def flips(source: models.Source, contexts: int = 2, length: int = 256) -> Flips:
    """Count over `contexts` contexts of the text that belongs to the model."""
    tokens = evaluate.load_tokens(source, None, contexts * length, length)[1]
    cfg, found = source.cfg, Flips()

    def trace(stage: str, x: np.ndarray) -> None:
        if stage.endswith(".self_attn.rope"):
            heads = x.reshape(length, -1, cfg.head_dim).swapaxes(0, 1)
            count(heads[: cfg.num_attention_heads], heads[cfg.num_attention_heads :], found)

    network = Qwen3(cfg, source.weights(), trace=trace)
    for n in range(contexts):
        network.forward(np.asarray(tokens[n * length : (n + 1) * length], np.int64))
    return found


@fp32.quiet
def count(q: np.ndarray, k: np.ndarray, found: Flips) -> None:
    """One layer: q float32 [H, T, D], k float32 [KV, T, D], both after RoPE."""
    kv_heads, length, dim = k.shape
    scale = np.float32(dim**-0.5)
    grouped = q.reshape(kv_heads, -1, length, dim)
    keys = by_block(fp32.to_bf16(k), length).reshape(kv_heads, -1, dim)[:, :length]
    s = scores(fp32.flush(grouped), np.ascontiguousarray(keys.swapaxes(1, 2)), scale, np.inf)  # [KV, G, T, T]
    exact = grouped.astype(np.float64) @ k.astype(np.float64)[:, None].swapaxes(2, 3)
    future = np.triu(np.ones((length, length), bool), 1)
    s, exact = np.where(future, np.float32(-np.inf), s), np.where(future, -np.inf, exact)
    p = fp32.exp(s - s.max(axis=-1, keepdims=True))
    found.queries += s[..., 0].size
    found.attention += int(np.count_nonzero(exact.argmax(-1) != s.argmax(-1)))
    found.softmax += int(np.count_nonzero(s.argmax(-1) != p.argmax(-1)))


def main(names: list[str]) -> None:
    """Print a row for every model."""
    for name in names:
        found = flips(models.resolve(name))
        shares = [f"{kind} {getattr(found, kind) / found.queries:.2%}" for kind in ("attention", "softmax")]
        print(f"{name}: {found.queries:,} queries, largest weight elsewhere: {', '.join(shares)}")


if __name__ == "__main__":
    main(sys.argv[1:])
