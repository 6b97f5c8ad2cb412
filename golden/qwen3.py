"""Qwen3 and Llama in float32 NumPy: the readable specification of the model, and the base of every quantised one.

Shapes: B sequences, T tokens, H query heads, KV key/value heads, D head_dim, S positions seen so far.
Source: the architectures Qwen3ForCausalLM and LlamaForCausalLM (the same without QK-norm) of `transformers`, to which
the logits are compared in verif/model/test_qwen3.py and test_import.py.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np

from lutloom.errors import UserError

Linear = Callable[[str, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Qwen3Config:
    """The fields of config.json that shape the model, by their Hugging Face names, and the tokens that end a text."""

    hidden_size: int = 256
    intermediate_size: int = 768
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    head_dim: int = 64
    vocab_size: int = 2048
    max_position_embeddings: int = 1024
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True
    qk_norm: bool = True  # RMSNorm of every query and key head before RoPE: Qwen3 has it, Llama has not
    bos_token_id: int | None = None
    eos_token_ids: tuple[int, ...] = ()  # every token that ends a text

    @property
    def architecture(self) -> str:
        """The name of the architecture in config.json."""
        return "Qwen3ForCausalLM" if self.qk_norm else "LlamaForCausalLM"

    def linear_names(self) -> list[str]:
        """The linears of the decoder layers in the order they run, e.g. "model.layers.0.self_attn.q_proj"."""
        attention = [f"self_attn.{x}_proj" for x in "qkvo"]
        mlp = [f"mlp.{x}_proj" for x in ("gate", "up", "down")]
        return [f"model.layers.{i}.{name}" for i in range(self.num_hidden_layers) for name in attention + mlp]


class KVCache:
    """Keys (after norm and RoPE) and values of the positions seen so far: float32 [layers, B, KV, room, D] each."""

    def __init__(self, cfg: Qwen3Config, batch: int, room: int):
        shape = (cfg.num_hidden_layers, batch, cfg.num_key_value_heads, room, cfg.head_dim)
        self.k = np.zeros(shape, np.float32)
        self.v = np.zeros(shape, np.float32)
        self.length = 0


class Qwen3:
    """The model: `forward` for whole sequences, `generate` token by token.

    weights: float32 arrays by Hugging Face name, as `lutloom.checkpoint.load` returns them.
    linear:  replaces the layers' linear operation: linear(name, x [M, K]) -> y [M, N], name as in `linear_names`.
    record:  called as record(name, x [M, K]) with the input of each linear before it runs.
    trace:   called as trace(stage, values [B * T, n]) with the result of every operation, heads side by side; stages
             are named as in the program of an image, "rope" holds q and k, o_proj and down_proj include the residual.
    """

    def __init__(
        self,
        cfg: Qwen3Config,
        weights: dict[str, np.ndarray],
        linear: Linear | None = None,
        record: Callable[[str, np.ndarray], None] | None = None,
        trace: Callable[[str, np.ndarray], None] | None = None,
    ):
        self.cfg, self.weights = cfg, weights
        self.linear = linear or self.float_linear
        self.record, self.trace = record, trace
        self.cos, self.sin = rope_table(cfg, min(cfg.max_position_embeddings, 1024))  # [positions, D] each, grows

    def float_linear(self, name: str, x: np.ndarray) -> np.ndarray:
        """y = x W^T in float32: x [M, K], W [N, K], y [M, N]."""
        return x @ self.weights[name + ".weight"].T

    def forward(self, tokens: np.ndarray, cache: KVCache | None = None) -> np.ndarray:
        """Logits of every position: tokens int [T] or [B, T] -> float32 [T, vocab] or [B, T, vocab].

        With a cache the tokens continue the sequences in it, and it grows by T. Raises UserError for a token outside
        the vocabulary, no tokens at all, or more positions than max_position_embeddings.
        """
        tokens = np.asarray(tokens)
        self.check(tokens, cache)
        ids = np.atleast_2d(tokens)  # [B, T]
        x = self.traced("model.embed_tokens", self.weights["model.embed_tokens.weight"][ids])  # [B, T, hidden]
        cache = cache or KVCache(self.cfg, ids.shape[0], ids.shape[1])
        seen = cache.length + ids.shape[1]
        if seen > len(self.cos):
            self.cos, self.sin = rope_table(self.cfg, min(2 * seen, self.cfg.max_position_embeddings))
        for layer in range(self.cfg.num_hidden_layers):
            name = f"model.layers.{layer}"
            h = self.traced(f"{name}.input_layernorm", self.norm(f"{name}.input_layernorm", x))
            x = self.traced(f"{name}.self_attn.o_proj", x + self.attention(layer, h, cache))
            h = self.traced(f"{name}.post_attention_layernorm", self.norm(f"{name}.post_attention_layernorm", x))
            x = self.traced(f"{name}.mlp.down_proj", x + self.mlp(layer, h))
        cache.length += ids.shape[1]
        head = "model.embed_tokens" if self.cfg.tie_word_embeddings else "lm_head"
        x = self.traced("model.norm", self.norm("model.norm", x))
        logits = self.traced("lm_head", x @ self.weights[f"{head}.weight"].T)  # [B, T, vocab]
        return logits.reshape(*tokens.shape, -1)

    def attention(self, layer: int, x: np.ndarray, cache: KVCache) -> np.ndarray:
        """Grouped-query attention, causal: x [B, T, hidden] -> [B, T, hidden]. Each KV head serves H/KV query heads."""
        cfg, name = self.cfg, f"model.layers.{layer}.self_attn"
        batch, length, _ = x.shape
        past, seen = cache.length, cache.length + length
        q, k, v = (
            self.traced(f"{name}.{p}_proj", self.apply(f"{name}.{p}_proj", x))
            .reshape(batch, length, -1, cfg.head_dim)
            .swapaxes(1, 2)
            for p in "qkv"
        )  # q [B, H, T, D]; k and v [B, KV, T, D]
        if cfg.qk_norm:
            q, k = self.norm(f"{name}.q_norm", q), self.norm(f"{name}.k_norm", k)
            self.traced(f"{name}.q_norm", q.swapaxes(1, 2), axes=2)
            self.traced(f"{name}.k_norm", k.swapaxes(1, 2), axes=2)
        cos, sin = self.cos[past:seen], self.sin[past:seen]  # [T, D]
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        self.traced(f"{name}.rope", np.concatenate((q, k), axis=1).swapaxes(1, 2), axes=2)
        cache.k[layer, :, :, past:seen] = k
        cache.v[layer, :, :, past:seen] = v
        k, v = cache.k[layer, :, :, None, :seen], cache.v[layer, :, :, None, :seen]  # [B, KV, 1, S, D]
        q = q.reshape(batch, cfg.num_key_value_heads, -1, length, cfg.head_dim)  # [B, KV, H/KV, T, D]
        scores = q @ k.swapaxes(-1, -2) * np.float32(cfg.head_dim**-0.5)  # [B, KV, H/KV, T, S]
        future = np.arange(seen) > np.arange(past, seen)[:, None]  # [T, S]
        y = softmax(np.where(future, np.float32(-np.inf), scores)) @ v  # [B, KV, H/KV, T, D]
        y = y.reshape(batch, -1, length, cfg.head_dim).swapaxes(1, 2)  # [B, T, H, D]
        y = self.traced(f"{name}.attention", y.reshape(batch, length, -1))
        return self.apply(f"{name}.o_proj", y)

    def mlp(self, layer: int, x: np.ndarray) -> np.ndarray:
        """SwiGLU: down(silu(gate(x)) * up(x)), x [B, T, hidden] -> [B, T, hidden]."""
        name = f"model.layers.{layer}.mlp"
        gate = self.traced(f"{name}.gate_proj", self.apply(f"{name}.gate_proj", x))  # [B, T, intermediate]
        up = self.traced(f"{name}.up_proj", self.apply(f"{name}.up_proj", x))
        return self.apply(f"{name}.down_proj", self.traced(f"{name}.swiglu", silu(gate) * up))

    def apply(self, name: str, x: np.ndarray) -> np.ndarray:
        """One linear through the hooks: x [B, T, K] -> [B, T, N]."""
        rows = x.reshape(-1, x.shape[-1])  # [M, K] with M = B T
        if self.record is not None:
            self.record(name, rows)
        return self.linear(name, rows).reshape(*x.shape[:-1], -1)

    def traced(self, stage: str, x: np.ndarray, axes: int = 1) -> np.ndarray:
        """x, after `trace` has seen it as [B * T, n], where n is that of the last `axes` axes together."""
        if self.trace is not None:
            self.trace(stage, x.reshape(-1, int(np.prod(x.shape[-axes:]))))
        return x

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        """RMSNorm over the last axis: x / sqrt(mean(x^2) + eps) * gain."""
        mean = np.mean(x * x, axis=-1, keepdims=True, dtype=np.float32)
        return x / np.sqrt(mean + np.float32(self.cfg.rms_norm_eps)) * self.weights[name + ".weight"]

    def generate(
        self,
        prompt: np.ndarray,
        count: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: int | Collection[int] | None = None,
    ) -> Iterator[int]:
        """Yield up to `count` tokens that continue prompt int [T], computed with a KV cache.

        temperature 0 takes the largest logit (ties: lowest id); above 0 the token is drawn from
        softmax(logits / temperature) by the Gumbel-max rule. Ends early after the token `stop`, or
        one of several, which is not yielded.
        """
        prompt = np.asarray(prompt)
        room, limit = prompt.size + count, self.cfg.max_position_embeddings
        if prompt.ndim != 1 or temperature < 0 or count < 0:
            raise UserError(f"generate: prompt of shape {prompt.shape}, count {count}, temperature {temperature}; "
                            "allowed: one axis, not negative, not negative")  # fmt: skip
        if room > limit:
            raise UserError(f"generate: prompt and new tokens need {room} positions; allowed: {limit}")
        ends = (stop,) if stop is None or isinstance(stop, int) else stop
        rng = np.random.default_rng(seed)
        cache = KVCache(self.cfg, 1, room)
        token = prompt
        for _ in range(count):
            logits = self.forward(np.atleast_1d(token), cache)[-1]  # [vocab]
            if temperature > 0:
                logits = logits / np.float32(temperature) + rng.gumbel(size=logits.shape)
            token = int(np.argmax(logits))
            if token in ends:
                return
            yield token

    def check(self, tokens: np.ndarray, cache: KVCache | None) -> None:
        """Refuse tokens that the model has no row or no position for."""
        if tokens.ndim not in (1, 2) or tokens.size == 0 or not np.issubdtype(tokens.dtype, np.integer):
            raise UserError(f"tokens: {tokens.dtype} of shape {tokens.shape}; allowed: integers [T] or [B, T], T > 0")
        if tokens.min() < 0 or tokens.max() >= self.cfg.vocab_size:
            raise UserError(f"tokens: ids {tokens.min()}..{tokens.max()} found; allowed: 0..{self.cfg.vocab_size - 1}")
        used = tokens.shape[-1] + (cache.length if cache else 0)
        room = min(self.cfg.max_position_embeddings, cache.k.shape[-2] if cache else used)
        if used > room:
            raise UserError(f"tokens: {used} positions needed; allowed: {room}")


def rope_table(cfg: Qwen3Config, positions: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of position * theta^(-2i/D), i = 0..D/2-1, both halves alike: float32 [positions, D] each."""
    exponent = np.arange(0, cfg.head_dim, 2, dtype=np.float64) / cfg.head_dim  # [D/2]
    angle = np.outer(np.arange(positions), cfg.rope_theta**-exponent)  # [positions, D/2]
    angle = np.concatenate((angle, angle), axis=1)  # [positions, D]
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def rotate(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """RoPE, rotate-half: pairs are (x[i], x[i + D/2]). x [..., T, D], cos and sin [T, D]."""
    half = x.shape[-1] // 2
    return x * cos + np.concatenate((-x[..., half:], x[..., :half]), axis=-1) * sin


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the last axis; the maximum is subtracted first."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def silu(x: np.ndarray) -> np.ndarray:
    """x * sigmoid(x), written so that exp never overflows."""
    e = np.exp(-np.abs(x))
    return x * np.where(x >= 0, 1, e) / (1 + e)
