"""Hugging Face folders of Qwen3 and Llama models: read with full validation, write in bfloat16. NumPy only.

A folder holds config.json, perhaps generation_config.json, model.safetensors or its shards (bf16, fp16 or fp32),
tokenizer.json, tokenizer_config.json. What is refused, and why, is listed in docs/models.md.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
from safetensors import SafetensorError, TensorSpec
from tokenizers import Tokenizer

from lutloom.errors import UserError
from lutloom.files import write_file
from lutloom.qwen3 import Qwen3Config

MODEL_TYPES = {"Qwen3ForCausalLM": "qwen3", "LlamaForCausalLM": "llama"}
CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "config.json", "model.safetensors", "tokenizer.json"
INDEX_FILE, GENERATION_FILE = "model.safetensors.index.json", "generation_config.json"
INTEGERS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings",
)  # fmt: skip
MAX_LAYERS = 4096  # a bound on the work that a damaged config.json can cause
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_intermediate_size")


def bf16_bits(x: np.ndarray) -> np.ndarray:
    """float32 -> bfloat16 bit patterns, round to nearest even: uint16, same shape. Finite values only."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def bf16_values(bits: np.ndarray) -> np.ndarray:
    """bfloat16 bit patterns uint16 -> float32, exact, same shape."""
    wide = bits.astype(np.uint32)
    wide <<= 16  # in place: embeddings of large models take gigabytes
    return wide.view(np.float32)


DECODE = {
    "BF16": lambda data: bf16_values(np.frombuffer(data, "<u2")),
    "F16": lambda data: np.frombuffer(data, "<f2").astype(np.float32),
    "F32": lambda data: np.frombuffer(data, "<f4").astype(np.float32, copy=False),
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
            **({"self_attn.q_norm": (dim,), "self_attn.k_norm": (dim,)} if cfg.qk_norm else {}),
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

    tensors: float arrays, exactly the names and shapes of `tensor_shapes(cfg)`. Where cfg names no end-of-text token,
    `end_of_text` is it.
    """
    shapes = tensor_shapes(cfg)
    if {name: tuple(array.shape) for name, array in tensors.items()} != shapes:
        raise UserError(f"{folder}: the tensors to save do not fit the configuration")
    bits = {name: bf16_bits(array) for name, array in tensors.items()}  # alive until serialised
    specs = {
        name: TensorSpec(dtype="bfloat16", shape=b.shape, data_ptr=b.ctypes.data, data_len=b.nbytes)
        for name, b in bits.items()
    }
    end = Tokenizer.from_str(tokenizer_json).token_to_id(end_of_text)
    config = {
        "architectures": [cfg.architecture],
        "model_type": MODEL_TYPES[cfg.architecture],
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
        "bos_token_id": end if cfg.bos_token_id is None else cfg.bos_token_id,
        "eos_token_id": list(cfg.eos_token_ids) if len(cfg.eos_token_ids) > 1 else (*cfg.eos_token_ids, end)[0],
    }
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": cfg.max_position_embeddings,
        "bos_token": end_of_text,
        "eos_token": end_of_text,
        "clean_up_tokenization_spaces": False,
    }
    write_file(folder / WEIGHTS_FILE, safetensors.serialize(specs, metadata={"format": "pt"}))
    write_file(folder / CONFIG_FILE, (json.dumps(config, indent=2) + "\n").encode())
    write_file(folder / TOKENIZER_FILE, tokenizer_json.encode())
    write_file(folder / "tokenizer_config.json", (json.dumps(tokenizer_config, indent=2) + "\n").encode())


def load(folder: str | Path) -> tuple[Qwen3Config, dict[str, np.ndarray]]:
    """Read a folder: (configuration, float32 tensors by Hugging Face name, exactly those of `tensor_shapes`).

    Raises UserError, naming file, field, found and allowed, for everything this project's models cannot represent.
    """
    tensors = open_tensors(folder)
    return tensors.cfg, {name: tensors.tensor(name) for name in tensors.names()}


def open_tensors(folder: str | Path) -> "FolderTensors":
    """Check configuration, names, shapes and types of a folder; tensors are read one at a time, on demand.

    Raises UserError as `load` does; NaN and infinity are found when the tensor is read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: model folder not found")
    cfg = load_config(folder / CONFIG_FILE)
    return FolderTensors(cfg, check_entries(cfg, folder, find_entries(folder)))


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies: file, first byte, bytes, type by its safetensors name, shape."""

    path: Path
    offset: int
    size: int
    dtype: str
    shape: tuple[int, ...]


class FolderTensors:
    """The weights of a folder, read one at a time: nothing is kept, so a model may be larger than the memory."""

    def __init__(self, cfg: Qwen3Config, entries: dict[str, Entry]):
        self.cfg, self.entries = cfg, entries

    def names(self) -> list[str]:
        """The names of `tensor_shapes(cfg)`, in that order."""
        return list(self.entries)

    def tensor(self, name: str) -> np.ndarray:
        """One tensor, float32 and writable. Raises UserError if it holds NaN or infinity or cannot be read whole."""
        entry = self.entries[name]
        try:
            data = np.fromfile(entry.path, np.uint8, entry.size, offset=entry.offset)
        except OSError as error:
            raise UserError(f"{entry.path}: tensor {name} is not readable ({error.strerror})") from None
        if data.size != entry.size:
            raise UserError(f"{entry.path}: tensor {name} has {data.size} bytes; needed: {entry.size}")
        values = DECODE[entry.dtype](data).reshape(entry.shape)
        return finite(entry.path, name, values)


def finite(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """The values, if none of them is NaN or infinity."""
    if not np.isfinite(values).all():
        raise UserError(f"{path}: tensor {name} holds NaN or infinity; allowed: finite numbers")
    return values


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, sorted: the single one, or the shards that the index names."""
    if (folder / WEIGHTS_FILE).is_file():
        return [folder / WEIGHTS_FILE]
    if not (folder / INDEX_FILE).is_file():
        raise UserError(
            f"{folder / WEIGHTS_FILE}: file not found; allowed: {WEIGHTS_FILE}, or shards with {INDEX_FILE}"
        )
    return sorted({folder / shard for shard in weight_map(folder / INDEX_FILE).values()})


def weight_map(path: Path) -> dict[str, str]:
    """The table of an index: tensor name -> file name of the shard beside it."""
    table = read_json(path).get("weight_map")
    if not isinstance(table, dict) or not table or not all(isinstance(shard, str) for shard in table.values()):
        raise UserError(
            f"{path}: weight_map: found {type(table).__name__}; allowed: an object of tensor and file names"
        )
    for shard in sorted(set(table.values())):
        if Path(shard).name != shard:
            raise UserError(f"{path}: weight_map: found file {shard}; allowed: file names without a folder")
        if not (path.parent / shard).is_file():
            raise UserError(f"{path}: weight_map: shard {shard} is missing; needed beside the index")
    return table


def find_entries(folder: Path) -> dict[str, Entry]:
    """Every tensor of the folder's safetensors files; shards must hold exactly what the index says."""
    found: dict[str, Entry] = {}
    for path in weight_files(folder):
        found |= read_header(path)
    if (folder / WEIGHTS_FILE).is_file():
        return found
    table = weight_map(folder / INDEX_FILE)
    for name, shard in table.items():
        if name not in found or found[name].path.name != shard:
            raise UserError(f"{folder / shard}: tensor {name} is missing; {INDEX_FILE} says it is here")
    for name in found:
        if name not in table:
            raise UserError(f"{found[name].path}: tensor {name} is not in {INDEX_FILE}")
    return found


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of one safetensors file, from its header; the library checks that they cover the file exactly."""
    try:
        with safetensors.safe_open(path, framework="numpy"):
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a complete safetensors file ({str(error).splitlines()[0]})") from None
    header.pop("__metadata__", None)
    return {
        name: Entry(path, 8 + length + begin, end - begin, info["dtype"], tuple(info["shape"]))
        for name, info in header.items()
        for begin, end in [info["data_offsets"]]
    }


def check_entries(cfg: Qwen3Config, folder: Path, found: dict[str, Entry]) -> dict[str, Entry]:
    """The entries that the configuration asks for, in the order of `tensor_shapes`; nothing else may be there."""
    entries = {}
    for name, shape in tensor_shapes(cfg).items():
        if name not in found:
            raise UserError(f"{weight_files(folder)[-1]}: tensor {name} is missing; needed with shape {list(shape)}")
        entry = entries[name] = found.pop(name)
        if entry.shape != shape:
            raise UserError(f"{entry.path}: tensor {name} has shape {list(entry.shape)}; allowed: {list(shape)}")
        if entry.dtype not in DECODE:
            raise UserError(f"{entry.path}: tensor {name} is {entry.dtype}; allowed: {', '.join(DECODE)}")
    for name, entry in found.items():
        # A tied head is often stored again, and old Llama files carry the RoPE frequencies; both follow from the rest.
        if name != "lm_head.weight" and not name.endswith("rotary_emb.inv_freq"):
            raise UserError(f"{entry.path}: tensor {name} is not part of {cfg.architecture} with this configuration")
    return entries


def read_json(path: Path) -> dict:
    """Read a file that holds one JSON object."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{path}: file not found or not readable") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: {type(raw).__name__} found; allowed: a JSON object")
    return raw


def load_config(path: Path) -> Qwen3Config:
    """Read and check a config.json; the end-of-text tokens may stand in a generation_config.json beside it."""
    raw = read_json(path)
    for key in EXPERTS:
        require(path, key, raw.get(key), [None, 0])
    require(path, "quantization_config", raw.get("quantization_config"), [None])
    require(path, "architectures", raw.get("architectures"), [[name] for name in MODEL_TYPES])
    architecture = raw["architectures"][0]
    require(path, "hidden_act", raw.get("hidden_act", "silu"), ["silu"])
    for key in ("attention_bias", "mlp_bias", "use_sliding_window"):
        require(path, key, raw.get(key, False), [False])
    layers = raw.get("layer_types") or []
    if not isinstance(layers, list) or any(kind != "full_attention" for kind in layers):
        raise UserError(f'{path}: layer_types is {json.dumps(layers)}; allowed: "full_attention" throughout')
    tied = raw.get("tie_word_embeddings", False)
    require(path, "tie_word_embeddings", tied, [True, False])
    sizes = integers(path, raw)
    cfg = Qwen3Config(
        **sizes,
        rope_theta=rope_theta(path, raw),
        rms_norm_eps=number(path, raw, "rms_norm_eps", float),
        tie_word_embeddings=tied,
        qk_norm=architecture == "Qwen3ForCausalLM",
        **text_tokens(path, raw, sizes["vocab_size"]),
    )
    check_heads(path, cfg)
    return cfg


def integers(path: Path, raw: dict) -> dict[str, int]:
    """The sizes. Absent ones as `transformers` has them: as many key as query heads, head_dim = hidden / heads."""
    filled = {key: value for key, value in raw.items() if value is not None}
    heads = number(path, raw, "num_attention_heads", int)
    filled.setdefault("num_key_value_heads", heads)
    hidden = number(path, raw, "hidden_size", int)
    if "head_dim" not in filled and hidden % heads:
        raise UserError(f"{path}: hidden_size is {hidden}; allowed without head_dim: a multiple of {heads} heads")
    filled.setdefault("head_dim", hidden // heads)
    values = {key: number(path, filled, key, int) for key in INTEGERS}
    if values["num_hidden_layers"] > MAX_LAYERS:
        raise UserError(f"{path}: num_hidden_layers is {values['num_hidden_layers']}; allowed: 1..{MAX_LAYERS}")
    return values


def check_heads(path: Path, cfg: Qwen3Config) -> None:
    """Refuse heads that cannot be grouped, or cannot be rotated."""
    if cfg.num_attention_heads % cfg.num_key_value_heads:
        raise UserError(
            f"{path}: num_key_value_heads is {cfg.num_key_value_heads}; "
            f"allowed: a divisor of num_attention_heads {cfg.num_attention_heads}"
        )
    if cfg.head_dim % 2:
        raise UserError(f"{path}: head_dim is {cfg.head_dim}; allowed: even numbers")


def rope_theta(path: Path, raw: dict) -> float:
    """The base of the rotary frequencies; every scaling of them is refused. 10000, as ever, where none is given."""
    rope = {}
    for field in ("rope_scaling", "rope_parameters"):  # of `transformers` 4 and 5
        found = raw.get(field) or {}
        if not isinstance(found, dict) or found.get("rope_type", found.get("type", "default")) != "default":
            raise UserError(f'{path}: {field} is {json.dumps(found)}; allowed: null, or rope_type "default"')
        rope |= found
    share = rope.get("partial_rotary_factor", raw.get("partial_rotary_factor", 1.0))
    require(path, "partial_rotary_factor", share, [None, 1, 1.0])
    return number(path, {"rope_theta": rope.get("rope_theta", raw.get("rope_theta", 10000.0))}, "rope_theta", float)


def text_tokens(path: Path, raw: dict, vocab: int) -> dict[str, object]:
    """The tokens that begin and end a text: generation_config.json counts before config.json."""
    beside = path.with_name(GENERATION_FILE)
    generation = read_json(beside) if beside.is_file() else {}
    found = {}
    for key in ("bos_token_id", "eos_token_id"):
        source, value = (path, raw.get(key)) if generation.get(key) is None else (beside, generation[key])
        ids = [] if value is None else value if isinstance(value, list) and key.startswith("eos") else [value]
        if not all(type(i) is int and 0 <= i < vocab for i in ids):
            raise UserError(f"{source}: {key} is {json.dumps(value)}; allowed: token ids 0..{vocab - 1}, or null")
        found[key] = tuple(dict.fromkeys(ids))
    return {"bos_token_id": next(iter(found["bos_token_id"]), None), "eos_token_ids": found["eos_token_id"]}


def require(path: Path, field: str, found: object, allowed: Iterable) -> None:
    """Refuse a field whose value is not one of the allowed ones (1 is not true)."""
    if not any(type(found) is type(value) and found == value for value in allowed):
        names = " or ".join(json.dumps(value) for value in allowed)
        raise UserError(f"{path}: {field} is {json.dumps(found)}; allowed: {names}")


def number(path: Path, raw: dict, field: str, kind: type) -> int | float:
    """A positive number of the given kind (an int passes as a float)."""
    found = raw.get(field)
    if isinstance(found, bool) or not isinstance(found, (int, kind)) or not 0 < found < 2**63:
        word = "integer" if kind is int else "number"
        raise UserError(f"{path}: {field} is {json.dumps(found)}; allowed: a positive {word}")
    return kind(found)


def load_tokenizer(folder: str | Path) -> Tokenizer:
    """Read tokenizer.json of a folder."""
    path = Path(folder) / TOKENIZER_FILE
    if not path.is_file():
        raise UserError(f"{path}: file not found; allowed: a tokenizer.json of the tokenizers library")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{path}: not a usable tokenizer ({str(error).splitlines()[0]})") from None
