"""Hugging Face folders of Qwen3: read with full validation, write in bfloat16. NumPy only.

A folder holds config.json, model.safetensors (bf16, fp16 or fp32), tokenizer.json, tokenizer_config.json.
"""

import json
import math
import os
from pathlib import Path

import numpy as np
import safetensors
from safetensors import SafetensorError, TensorSpec
from tokenizers import Tokenizer

from lutloom.errors import UserError
from lutloom.qwen3 import Qwen3Config

ARCHITECTURE = "Qwen3ForCausalLM"
CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "config.json", "model.safetensors", "tokenizer.json"
INTEGERS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings",
)  # fmt: skip


def bf16_bits(x: np.ndarray) -> np.ndarray:
    """float32 -> bfloat16 bit patterns, round to nearest even: uint16, same shape. Finite values only."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def bf16_values(bits: np.ndarray) -> np.ndarray:
    """bfloat16 bit patterns uint16 -> float32, exact, same shape."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


DECODE = {
    "BF16": lambda data: bf16_values(np.frombuffer(data, "<u2")),
    "F16": lambda data: np.frombuffer(data, "<f2").astype(np.float32),
    "F32": lambda data: np.frombuffer(data, "<f4").astype(np.float32),
}


def tensor_shapes(cfg: Qwen3Config) -> dict[str, tuple[int, ...]]:
    """Every tensor of the checkpoint and its shape, by its Hugging Face name. Linears are [outputs, inputs]."""
    hidden, inner, dim = cfg.hidden_size, cfg.intermediate_size, cfg.head_dim
    queries, keys = cfg.num_attention_heads * dim, cfg.num_key_value_heads * dim
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (cfg.vocab_size, hidden)}
    for layer in range(cfg.num_hidden_layers):
        for name, shape in {
            "input_layernorm": (hidden,),
            "self_attn.q_proj": (queries, hidden),
            "self_attn.k_proj": (keys, hidden),
            "self_attn.v_proj": (keys, hidden),
            "self_attn.o_proj": (hidden, queries),
            "self_attn.q_norm": (dim,),
            "self_attn.k_norm": (dim,),
            "post_attention_layernorm": (hidden,),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }.items():
            shapes[f"model.layers.{layer}.{name}.weight"] = shape
    shapes["model.norm.weight"] = (hidden,)
    if not cfg.tie_word_embeddings:
        shapes["lm_head.weight"] = (cfg.vocab_size, hidden)
    return shapes


def save(folder: Path, cfg: Qwen3Config, tensors: dict[str, np.ndarray], tokenizer_json: str, end_of_text: str) -> None:
    """Write a folder that `transformers` loads: weights rounded to bfloat16, each file replaced atomically.

    tensors: float arrays, exactly the names and shapes of `tensor_shapes(cfg)`.
    """
    shapes = tensor_shapes(cfg)
    if {name: tuple(array.shape) for name, array in tensors.items()} != shapes:
        raise UserError(f"{folder}: the tensors to save do not fit the configuration")
    bits = {name: bf16_bits(array) for name, array in tensors.items()}  # alive until serialised
    specs = {
        name: TensorSpec(dtype="bfloat16", shape=b.shape, data_ptr=b.ctypes.data, data_len=b.nbytes)
        for name, b in bits.items()
    }
    end = json.loads(tokenizer_json)["model"]["vocab"].get(end_of_text)
    config = {
        "architectures": [ARCHITECTURE],
        "model_type": "qwen3",
        **{key: getattr(cfg, key) for key in INTEGERS},
        "rope_theta": cfg.rope_theta,
        "rms_norm_eps": cfg.rms_norm_eps,
        "tie_word_embeddings": cfg.tie_word_embeddings,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
        "rope_scaling": None,
        "torch_dtype": "bfloat16",
        "bos_token_id": end,
        "eos_token_id": end,
    }
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": cfg.max_position_embeddings,
        "bos_token": end_of_text,
        "eos_token": end_of_text,
        "clean_up_tokenization_spaces": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / WEIGHTS_FILE, safetensors.serialize(specs, metadata={"format": "pt"}))
    write_file(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())
    write_file(folder / TOKENIZER_FILE, tokenizer_json.encode())
    write_file(folder / "tokenizer_config.json", (json.dumps(tokenizer_config, indent=2) + "\n").encode())


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def load(folder: str | Path) -> tuple[Qwen3Config, dict[str, np.ndarray]]:
    """Read a folder: (configuration, float32 tensors by Hugging Face name, exactly those of `tensor_shapes`).

    Raises UserError, naming file, field, found and allowed, for everything this project's models cannot represent.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: model folder not found")
    cfg = load_config(folder / CONFIG_FILE)
    return cfg, load_tensors(folder / WEIGHTS_FILE, cfg)


def load_config(path: Path) -> Qwen3Config:
    """Read and check a config.json."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{path}: file not found or not readable") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: {type(raw).__name__} found; allowed: a JSON object")
    require(path, "architectures", raw.get("architectures"), [[ARCHITECTURE]])
    require(path, "hidden_act", raw.get("hidden_act", "silu"), ["silu"])
    require(path, "attention_bias", raw.get("attention_bias", False), [False])
    require(path, "use_sliding_window", raw.get("use_sliding_window", False), [False])
    rope = raw.get("rope_parameters") or raw.get("rope_scaling") or {}  # `transformers` 5 and 4
    if not isinstance(rope, dict) or rope.get("rope_type", rope.get("type", "default")) != "default":
        raise UserError(f'{path}: rope_scaling is {json.dumps(rope)}; allowed: null, or rope_type "default"')
    values = {key: number(path, raw, key, int) for key in INTEGERS}
    values["rope_theta"] = number(
        path, {"rope_theta": rope.get("rope_theta", raw.get("rope_theta"))}, "rope_theta", float
    )
    values["rms_norm_eps"] = number(path, raw, "rms_norm_eps", float)
    tied = raw.get("tie_word_embeddings", False)
    require(path, "tie_word_embeddings", tied, [True, False])
    cfg = Qwen3Config(**values, tie_word_embeddings=tied)
    if cfg.num_attention_heads % cfg.num_key_value_heads:
        raise UserError(
            f"{path}: num_key_value_heads is {cfg.num_key_value_heads}; "
            f"allowed: a divisor of num_attention_heads {cfg.num_attention_heads}"
        )
    if cfg.head_dim % 2:
        raise UserError(f"{path}: head_dim is {cfg.head_dim}; allowed: even numbers")
    return cfg


def require(path: Path, field: str, found: object, allowed: list) -> None:
    """Refuse a field whose value is not one of the allowed ones (1 is not true)."""
    if not any(type(found) is type(value) and found == value for value in allowed):
        names = " or ".join(json.dumps(value) for value in allowed)
        raise UserError(f"{path}: {field} is {json.dumps(found)}; allowed: {names}")


def number(path: Path, raw: dict, field: str, kind: type) -> int | float:
    """A positive number of the given kind (an int passes as a float)."""
    found = raw.get(field)
    if isinstance(found, bool) or not isinstance(found, (int, kind)) or not 0 < found < math.inf:
        word = "integer" if kind is int else "number"
        raise UserError(f"{path}: {field} is {json.dumps(found)}; allowed: a positive {word}")
    return kind(found)


def load_tensors(path: Path, cfg: Qwen3Config) -> dict[str, np.ndarray]:
    """Read and check model.safetensors against the configuration: float32 arrays."""
    if not path.is_file():
        raise UserError(f"{path}: file not found; allowed: a single, unsharded {WEIGHTS_FILE}")
    try:
        found = dict(safetensors.deserialize(path.read_bytes()))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a complete safetensors file ({str(error).splitlines()[0]})") from None
    tensors = {}
    for name, shape in tensor_shapes(cfg).items():
        if name not in found:
            raise UserError(f"{path}: tensor {name} is missing; needed with shape {list(shape)}")
        entry = found.pop(name)
        if tuple(entry["shape"]) != shape:
            raise UserError(f"{path}: tensor {name} has shape {list(entry['shape'])}; allowed: {list(shape)}")
        if entry["dtype"] not in DECODE:
            raise UserError(f"{path}: tensor {name} is {entry['dtype']}; allowed: {', '.join(DECODE)}")
        tensors[name] = DECODE[entry["dtype"]](entry["data"]).reshape(shape)
        if not np.isfinite(tensors[name]).all():
            raise UserError(f"{path}: tensor {name} holds NaN or infinity; allowed: finite numbers")
    extra = [name for name in found if not (name == "lm_head.weight" or name.endswith("rotary_emb.inv_freq"))]
    if extra:
        raise UserError(f"{path}: tensor {extra[0]} is not part of {ARCHITECTURE} with this configuration")
    return tensors


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Read tokenizer.json of a folder."""
    path = Path(folder) / TOKENIZER_FILE
    if not path.is_file():
        raise UserError(f"{path}: file not found; allowed: a tokenizer.json of the tokenizers library")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{path}: not a usable tokenizer ({str(error).splitlines()[0]})") from None
