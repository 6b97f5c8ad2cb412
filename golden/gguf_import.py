"""GGUF files of Llama and Qwen3 models: tensors by their Hugging Face names, the configuration, the tokenizer.

Source: the GGUF specification and llama.cpp's converter. The PyPI package `gguf` parses the file and undoes the block
quantisation (Q4_1, Q8_0, ...); a tensor is decoded when it is asked for. What is refused is listed in docs/models.md.
"""

import json
import re
from pathlib import Path

import gguf
import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from lutloom.checkpoint import MAX_LAYERS, check_heads, finite, number, tensor_shapes
from lutloom.errors import UserError
from lutloom.qwen3 import Qwen3Config

ARCHITECTURES = ("llama", "qwen3")
TENSOR_TYPES = (
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0",
    "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS",
)  # fmt: skip
NAMES = {  # Hugging Face -> GGUF, without ".weight" and the layer's prefix
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
# Tokens that end a text whatever the file's eos is, if the file has them as control tokens (as in llama.cpp).
END_NAMES = ("<|endoftext|>", "<|end_of_text|>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>")
CONTROL, USER_DEFINED = 3, 4  # of tokenizer.ggml.token_type
LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {"llama-bpe": rf"{LETTERS}|\p{{N}}{{1,3}}|{REST}", "qwen2": rf"{LETTERS}|\p{{N}}|{REST}"}
PRE_TOKENIZERS = ("smollm", *SPLITS)


class GgufTensors:
    """The weights of a GGUF file, decoded one at a time: the same interface as `checkpoint.FolderTensors`."""

    def __init__(self, path: Path, cfg: Qwen3Config, found: dict[str, gguf.ReaderTensor], permuted: bool):
        self.path, self.cfg, self.found, self.permuted = path, cfg, found, permuted

    def names(self) -> list[str]:
        """The names of `tensor_shapes(cfg)`, in that order."""
        return list(tensor_shapes(self.cfg))

    def tensor(self, name: str) -> np.ndarray:
        """One tensor, float32 and writable. Raises UserError if it holds NaN or infinity."""
        found = self.found[gguf_name(name)]
        values = np.array(gguf.dequantize(found.data, found.tensor_type), np.float32, order="C")
        heads = {"q_proj": self.cfg.num_attention_heads, "k_proj": self.cfg.num_key_value_heads}
        projection = name.split(".")[-2]
        if self.permuted and projection in heads:
            values = unpermute(values, heads[projection])
        return finite(self.path, name, values)


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key matrix back in the order of rotate-half RoPE: [heads * D, K] -> the same shape.

    llama.cpp turns neighbours (2i, 2i + 1), so its converter moves row (half h, i) of every head to row 2i + h of
    Llama models; here row 2i + h goes back to h * D/2 + i. Qwen3 files are not permuted.
    """
    rows, inputs = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, inputs).swapaxes(1, 2).reshape(rows, inputs)


class GgufFile:
    """An opened GGUF file. Only the header is read; tensor data is mapped and read on demand.

    path: a single .gguf file. Raises UserError if it is no complete GGUF file or of another architecture.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.reader = gguf.GGUFReader(self.path)
        except OSError as error:
            raise UserError(f"{self.path}: not readable ({error.strerror or error})") from None
        except Exception as error:  # the reader checks little: a damaged file ends in whatever its parsing trips over
            raise UserError(f"{self.path}: not a complete GGUF file ({type(error).__name__}: {error})") from None
        self.architecture = ""
        found = self.field("general.architecture")
        self.allow("general.architecture", found, ARCHITECTURES)
        self.architecture = found
        self.allow("split.count", self.field("split.count") or 1, (1,))

    def field(self, name: str) -> object:
        """A metadata value; "*" at the front stands for the architecture. None if the file does not have it."""
        found = self.reader.fields.get(name.replace("*", self.architecture))
        try:
            return None if found is None else found.contents()
        except (ValueError, IndexError, TypeError) as error:  # e.g. text that is not UTF-8
            raise UserError(f"{self.path}: {name} is not readable ({error})") from None

    def allow(self, name: str, found: object, allowed: tuple) -> None:
        """Refuse a metadata value that is not one of the allowed ones."""
        if found not in allowed:
            names = " or ".join(json.dumps(value) for value in allowed)
            raise UserError(f"{self.path}: {name.replace('*', self.architecture)} is {found!r}; allowed: {names}")

    def open_tensors(self) -> GgufTensors:
        """Check names, shapes and types of all tensors; they are decoded one at a time, on demand."""
        cfg = self.config()
        found = {tensor.name: tensor for tensor in self.reader.tensors}
        for name, shape in tensor_shapes(cfg).items():
            if gguf_name(name) not in found:
                raise UserError(f"{self.path}: tensor {gguf_name(name)} is missing; needed with shape {list(shape)}")
            tensor = found[gguf_name(name)]
            stored = tuple(int(n) for n in reversed(tensor.shape))  # GGUF counts the fastest dimension first
            if stored != shape:
                raise UserError(f"{self.path}: tensor {tensor.name} has shape {list(stored)}; allowed: {list(shape)}")
            self.allow(f"tensor {tensor.name}", tensor.tensor_type.name, TENSOR_TYPES)
        extra = set(found) - {gguf_name(name) for name in tensor_shapes(cfg)}
        if extra:
            raise UserError(f"{self.path}: tensor {min(extra)} is not part of {cfg.architecture} as supported here")
        return GgufTensors(self.path, cfg, found, permuted=self.architecture == "llama")

    def config(self) -> Qwen3Config:
        """The configuration, from the metadata; vocabulary and tied head from the tensors."""
        for name in ("expert_count", "attention.sliding_window"):
            self.allow(f"*.{name}", self.field(f"*.{name}") or 0, (0,))
        self.allow("*.rope.scaling.type", self.field("*.rope.scaling.type") or "none", ("none",))
        self.allow("*.rope.scaling.factor", self.field("*.rope.scaling.factor") or 1.0, (1.0,))
        tensors = {tensor.name: tensor for tensor in self.reader.tensors}
        if "rope_freqs.weight" in tensors:  # the way Llama 3.1's scaling is stored
            raise UserError(f"{self.path}: tensor rope_freqs.weight found; allowed: no scaling of RoPE")
        if "token_embd.weight" not in tensors:
            raise UserError(f"{self.path}: tensor token_embd.weight is missing")
        heads, hidden = self.integer("*.attention.head_count"), self.integer("*.embedding_length")
        head_dim = self.integer("*.attention.key_length", hidden // heads)
        for name in ("*.attention.value_length", "*.rope.dimension_count"):
            self.allow(name, self.integer(name, head_dim), (head_dim,))
        layers = self.integer("*.block_count")
        if layers > MAX_LAYERS:
            raise UserError(f"{self.path}: block_count is {layers}; allowed: 1..{MAX_LAYERS}")
        epsilon = self.field("*.attention.layer_norm_rms_epsilon")
        theta = self.field("*.rope.freq_base")
        cfg = Qwen3Config(
            hidden_size=hidden,
            intermediate_size=self.integer("*.feed_forward_length"),
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=self.integer("*.attention.head_count_kv", heads),
            head_dim=head_dim,
            vocab_size=int(tensors["token_embd.weight"].shape[-1]),
            max_position_embeddings=self.integer("*.context_length"),
            rope_theta=number(
                self.path, {"rope.freq_base": 10000.0 if theta is None else theta}, "rope.freq_base", float
            ),
            # Stored as float32: the shortest decimal of the same float32 is what config.json had.
            rms_norm_eps=float(str(np.float32(number(self.path, {"rms_epsilon": epsilon}, "rms_epsilon", float)))),
            tie_word_embeddings="output.weight" not in tensors,
            qk_norm=self.architecture == "qwen3",
            bos_token_id=self.token("bos"),
            eos_token_ids=self.end_tokens(),
        )
        check_heads(self.path, cfg)
        return cfg

    def integer(self, name: str, default: int | None = None) -> int:
        """A positive integer of the metadata."""
        found = self.field(name)
        name = name.replace("*", self.architecture)
        return number(self.path, {name: default if found is None else found}, name, int)

    def token(self, name: str) -> int | None:
        """The id of a special token, e.g. "eos"; it must be one of the vocabulary."""
        field = f"tokenizer.ggml.{name}_token_id"
        found, size = self.field(field), len(self.items("tokens", str))
        if found is not None and (type(found) is not int or not 0 <= found < size):
            raise UserError(f"{self.path}: {field} is {found!r}; allowed: 0..{size - 1}")
        return found

    def items(self, name: str, kind: type) -> list:
        """A list of the tokenizer's metadata; empty if the file does not have it."""
        found = self.field(f"tokenizer.ggml.{name}")
        if found is not None and (type(found) is not list or {type(item) for item in found} - {kind}):
            raise UserError(
                f"{self.path}: tokenizer.ggml.{name}: found other values; allowed: a list of {kind.__name__}"
            )
        return found or []

    def end_tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that end a text: eos, end of turn, and well-known control tokens; eos first."""
        ids = [self.token(name) for name in ("eos", "eot", "eom")]
        tokens, types = self.items("tokens", str), self.items("token_type", int)
        controls = {token: i for i, (token, kind) in enumerate(zip(tokens, types, strict=False)) if kind == CONTROL}
        ids += [controls.get(name) for name in END_NAMES]
        return tuple(dict.fromkeys(i for i in ids if i is not None))

    def tokenizer(self) -> Tokenizer:
        """The byte-level BPE tokenizer, rebuilt for the `tokenizers` library.

        Raises UserError for other models than gpt2's BPE, and for pre-tokenizers other than `PRE_TOKENIZERS`.
        """
        self.allow("tokenizer.ggml.model", self.field("tokenizer.ggml.model"), ("gpt2",))
        pre = self.field("tokenizer.ggml.pre")
        self.allow("tokenizer.ggml.pre", pre, PRE_TOKENIZERS)
        tokens = self.items("tokens", str)
        types = self.items("token_type", int) or [1] * len(tokens)
        merges = [tuple(merge.split(" ", 1)) for merge in self.items("merges", str)]
        vocab = {token: i for i, token in enumerate(tokens)}
        if len(vocab) != len(tokens) or len(types) != len(tokens) or not tokens:
            raise UserError(f"{self.path}: tokenizer.ggml.tokens: {len(tokens)} tokens, {len(vocab)} different, "
                            f"{len(types)} types found; allowed: different ones, with a type each")  # fmt: skip
        try:
            # ignore_merges: Llama 3 takes a whole word that is in the vocabulary, whatever the merges say.
            tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=pre == "llama-bpe"))
        except Exception as error:  # the library raises plain Exception
            raise UserError(f"{self.path}: tokenizer.ggml.merges: not usable ({str(error).splitlines()[0]})") from None
        if pre == "qwen2":
            tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizer(pre)
        tokenizer.decoder = decoders.ByteLevel()
        for token, kind in zip(tokens, types, strict=True):
            if kind in (CONTROL, USER_DEFINED):
                added = AddedToken(token, special=kind == CONTROL, normalized=False)
                (tokenizer.add_special_tokens if kind == CONTROL else tokenizer.add_tokens)([added])
        bos, add = self.token("bos"), self.field("tokenizer.ggml.add_bos_token")
        if bos is not None and (pre == "llama-bpe" if add is None else add):
            text = [tokens[bos], "$A"]
            tokenizer.post_processor = processors.TemplateProcessing(single=text, special_tokens=[(tokens[bos], bos)])
        return tokenizer


def pre_tokenizer(name: str) -> pre_tokenizers.PreTokenizer:
    """The splitting of text into words that llama.cpp calls by this name, then bytes as characters."""
    if name == "smollm":  # digits alone, then GPT-2's expression
        first, byte_level = pre_tokenizers.Digits(individual_digits=True), {"use_regex": True}
    else:
        first, byte_level = pre_tokenizers.Split(Regex(SPLITS[name]), "isolated"), {"use_regex": False}
    return pre_tokenizers.Sequence([first, pre_tokenizers.ByteLevel(add_prefix_space=False, **byte_level)])


def gguf_name(name: str) -> str:
    """ "model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"."""
    layer, rest = re.fullmatch(r"(?:model\.layers\.(\d+)\.)?(.+)\.weight", name).groups()
    return f"blk.{layer}.{NAMES[rest]}.weight" if layer else f"{NAMES[rest]}.weight"
