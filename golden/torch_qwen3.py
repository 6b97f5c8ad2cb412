"""Qwen3 and Llama in PyTorch, for training and quantisation-aware training only; `lutloom.qwen3` is the specification.

The state dict has exactly the tensor names of `checkpoint.tensor_shapes`. Every projection is a plain `nn.Linear`
attribute, so that a quantiser can replace it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lutloom.qwen3 import Qwen3Config


class RMSNorm(nn.Module):
    """y = x / sqrt(mean(x^2) + eps) * weight over the last dimension."""

    def __init__(self, size: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), (x.shape[-1],), self.weight, self.eps)  # float32 even under autocast


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE, rotate-half: x [B, heads, T, D], cos and sin [T, D]."""
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, cfg: Qwen3Config):
        super().__init__()
        self.head_dim = cfg.head_dim
        self.q_proj = nn.Linear(cfg.hidden_size, cfg.num_attention_heads * cfg.head_dim, bias=False)
        self.k_proj = nn.Linear(cfg.hidden_size, cfg.num_key_value_heads * cfg.head_dim, bias=False)
        self.v_proj = nn.Linear(cfg.hidden_size, cfg.num_key_value_heads * cfg.head_dim, bias=False)
        self.o_proj = nn.Linear(cfg.num_attention_heads * cfg.head_dim, cfg.hidden_size, bias=False)
        self.q_norm = RMSNorm(cfg.head_dim, cfg.rms_norm_eps) if cfg.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(cfg.head_dim, cfg.rms_norm_eps) if cfg.qk_norm else nn.Identity()
        self.past: tuple[Tensor, Tensor] | None = None  # k, v so far; if set, x is one token and they grow

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape
        split = (batch, length, -1, self.head_dim)
        q = self.q_norm(self.q_proj(x).view(split)).transpose(1, 2)  # [B, heads, T, D]
        k = self.k_norm(self.k_proj(x).view(split)).transpose(1, 2)  # [B, kv_heads, T, D]
        v = self.v_proj(x).view(split).transpose(1, 2)  # [B, kv_heads, T, D]
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        if self.past is not None:
            k, v = self.past = torch.cat((self.past[0].to(k), k), 2), torch.cat((self.past[1].to(v), v), 2)
        shared = q.shape[1] // k.shape[1]  # query heads per key/value head
        k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.past is None)  # [B, heads, T, D]
        return self.o_proj(y.transpose(1, 2).reshape(batch, length, -1))


class MLP(nn.Module):
    def __init__(self, cfg: Qwen3Config):
        super().__init__()
        self.gate_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.up_proj = nn.Linear(cfg.hidden_size, cfg.intermediate_size, bias=False)
        self.down_proj = nn.Linear(cfg.intermediate_size, cfg.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, cfg: Qwen3Config):
        super().__init__()
        self.self_attn = Attention(cfg)
        self.mlp = MLP(cfg)
        self.input_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, dropout: float) -> Tensor:
        y = self.self_attn(self.input_layernorm(x), cos, sin)
        x = x + F.dropout(y, dropout, self.training)
        y = self.mlp(self.post_attention_layernorm(x))
        return x + F.dropout(y, dropout, self.training)


class Decoder(nn.Module):
    def __init__(self, cfg: Qwen3Config):
        super().__init__()
        self.embed_tokens = nn.Embedding(cfg.vocab_size, cfg.hidden_size)
        self.layers = nn.ModuleList(Block(cfg) for _ in range(cfg.num_hidden_layers))
        self.norm = RMSNorm(cfg.hidden_size, cfg.rms_norm_eps)


class TorchQwen3(nn.Module):
    """tokens int64 [B, T] -> logits float32 [B, T, vocab]. `dropout` acts on the residual branches while training."""

    def __init__(self, cfg: Qwen3Config, dropout: float = 0.0):
        super().__init__()
        self.cfg = cfg
        self.dropout = dropout
        self.model = Decoder(cfg)
        if not cfg.tie_word_embeddings:
            self.lm_head = nn.Linear(cfg.hidden_size, cfg.vocab_size, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        cos, sin = self.rope(tokens.shape[1], tokens.device)
        x = self.model.embed_tokens(tokens)  # [B, T, hidden]
        for block in self.model.layers:
            x = block(x, cos, sin, self.dropout)
        head = self.model.embed_tokens if self.cfg.tie_word_embeddings else self.lm_head
        return F.linear(self.model.norm(x), head.weight)

    def rope(self, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """cos and sin of position * theta^(-2i/D), both halves alike: [T, D] each."""
        dim = self.cfg.head_dim
        frequency = self.cfg.rope_theta ** (-torch.arange(0, dim, 2, device=device).float() / dim)  # [D/2]
        angle = torch.outer(torch.arange(length, device=device).float(), frequency).repeat(1, 2)  # [T, D]
        return angle.cos(), angle.sin()


def initialise(model: TorchQwen3, std: float = 0.02) -> None:
    """Normal weights; the two projections that write to the residual stream are scaled down by sqrt(2 layers)."""
    residual = std / (2 * model.cfg.num_hidden_layers) ** 0.5
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            narrow = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(parameter, std=residual if narrow else std)
