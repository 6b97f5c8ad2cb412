"""Checkpoints made by others: folders written by `transformers`, GGUF files, SmolLM2; and all that is refused."""

import hashlib
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lutloom import checkpoint, evaluate, gguf_import, models
from lutloom.errors import UserError
from lutloom.qwen3 import Qwen3, Qwen3Config

MODEL = models.SHAKESPEARE
TINY = Qwen3Config(
    hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=16, vocab_size=300, max_position_embeddings=64, rope_theta=50000.0, rms_norm_eps=1e-5,
)  # fmt: skip
# Class, fields of its configuration, stored type, largest shard. head_dim 24 is not hidden_size / heads.
FOLDERS = {
    "qwen3, ratio 1, untied, fp32, shards": ("Qwen3", {"num_key_value_heads": 8, "head_dim": 24}, "float32", "60KB"),
    "qwen3, ratio 2, tied, bf16": ("Qwen3", {"num_key_value_heads": 4, "tie_word_embeddings": True}, "bfloat16", "1GB"),
    "qwen3, ratio 8, untied, fp16, shards": ("Qwen3", {"num_key_value_heads": 1}, "float16", "30KB"),
    "llama, ratio 4, untied, no head_dim, bf16": ("Llama", {"num_key_value_heads": 2}, "bfloat16", "1GB"),
    "llama, ratio 1, tied, head_dim, fp16, shards": (
        "Llama", {"num_key_value_heads": 8, "head_dim": 24, "tie_word_embeddings": True}, "float16", "50KB",
    ),
}  # fmt: skip
# Written for this test, so that no model has seen it.
ENGLISH = """\
The old harbour lies at the end of a narrow street, where the houses lean towards each other as if they were
sharing a secret. In the morning the fishing boats come back with the tide, and the gulls follow them, screaming
for their share of the catch. By noon the market is full of people who argue about the price of mackerel, although
everybody knows that it has not changed for years. In winter there are no visitors, and the town belongs again to
those who were born here. They repair their nets, paint the window frames and talk about the weather. When a storm
comes in from the west, the waves break over the outer wall and the whole town can hear the bell on the lighthouse.
Nobody goes to sea on such a day. The children stay at home, the school is closed, and the fishermen sit in the
warm kitchen and tell stories about the great flood, when the water reached the steps of the church."""


def compare(what: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Print the largest difference of two sets of logits, and refuse more than 1e-3."""
    worst = np.abs(found - expected).max()
    print(f"{what}: largest logit difference {worst:.2e} at logits up to {np.abs(expected).max():.1f}")
    assert np.ptp(expected) > 1  # the comparison is about something
    assert worst < 1e-3


def reference_logits(folder: Path, ids: np.ndarray) -> np.ndarray:
    """float32 logits of `transformers` for ids [B, T], read from the folder alone."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()
    with torch.no_grad():
        return model(torch.from_numpy(ids)).logits.numpy()


def write_with_transformers(folder: Path, family: str, fields: dict, dtype: str, shard: str) -> None:
    """A random model, written by `transformers` itself; every gain differs from 1 and every matrix matters."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(1)
    cfg = getattr(transformers, f"{family}Config")(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8, vocab_size=300,
        max_position_embeddings=128, eos_token_id=[7, 9], **{"head_dim": 8 if family == "Qwen3" else None} | fields,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
    )  # fmt: skip
    model = getattr(transformers, f"{family}ForCausalLM")(cfg)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(1 + 0.3 * torch.randn_like(p) if p.ndim == 1 else torch.randn_like(p) / p.shape[-1] ** 0.5)
    model.to(getattr(torch, dtype)).save_pretrained(folder, max_shard_size=shard)


@pytest.mark.torch
def test_shakespeare_equals_transformers():
    source = models.resolve("shakespeare")
    ids = evaluate.load_validation(MODEL)[:512].astype(np.int64).reshape(2, 256)
    compare("shakespeare", Qwen3(source.cfg, source.weights()).forward(ids), reference_logits(MODEL, ids))
    assert source.end_tokens == (0,)
    assert source.sha256 == hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    assert source.tokenizer().token_to_id("<|endoftext|>") == 0


@pytest.mark.torch
@pytest.mark.parametrize("case", FOLDERS)
def test_folder_written_by_transformers(case, tmp_path):
    family, fields, dtype, shard = FOLDERS[case]
    write_with_transformers(tmp_path, family, fields, dtype, shard)
    assert ("shards" in case) == (tmp_path / checkpoint.INDEX_FILE).is_file()
    source = models.resolve(tmp_path)
    assert source.cfg.architecture == f"{family}ForCausalLM"
    assert source.cfg.rope_theta == 500000
    assert source.end_tokens == (7, 9)
    ids = np.random.default_rng(1).integers(300, size=(2, 60))
    compare(case, Qwen3(source.cfg, source.weights()).forward(ids), reference_logits(tmp_path, ids))
    files = sorted(tmp_path.glob("*.safetensors"))
    assert source.sha256 == hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def test_tensors_are_read_one_at_a_time():
    cfg, weights = checkpoint.load(MODEL)
    largest = max(array.nbytes for array in weights.values())
    total = sum(array.nbytes for array in weights.values())
    tracemalloc.start()
    tensors = checkpoint.open_tensors(MODEL)
    assert tensors.cfg == cfg
    assert tensors.names() == list(weights)
    equal = [(tensors.tensor(name) == weights[name]).all() for name in tensors.names()]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"peak {peak:,} bytes; largest tensor {largest:,}, all {total:,}")
    assert all(equal)
    assert peak < 2 * largest < total


@pytest.mark.torch
def test_rope_beyond_the_first_table(tmp_path):
    """Position 1100 of a model with room for 2000: the table of angles grows."""
    cfg = replace(TINY, max_position_embeddings=2000, num_hidden_layers=1)
    checkpoint.save(tmp_path, cfg, random_weights(cfg), json.dumps(BYTE_TOKENIZER), "<|end|>")
    ids = np.random.default_rng(1).integers(300, size=(1, 1100))
    compare("1100 positions", Qwen3(*checkpoint.load(tmp_path)).forward(ids), reference_logits(tmp_path, ids))


# --- SmolLM2 ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def smollm2():
    """(source, tokenizer, float network)"""
    source = models.resolve("smollm2")
    return source, source.tokenizer(), Qwen3(source.cfg, source.weights())


@pytest.mark.torch
def test_smollm2_equals_transformers(smollm2):
    """Our tensors in `transformers`' Llama give our logits, and `transformers`' own GGUF reader finds those tensors."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    source, tokenizer, network = smollm2
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
            num_key_value_heads=3, max_position_embeddings=8192, rms_norm_eps=1e-5, tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 1e5}, attn_implementation="eager",
        ))  # fmt: skip
    parsed = load_gguf_checkpoint(str(source.path), return_tensors=True, model_to_load=model)
    assert parsed["tensors"].keys() == network.weights.keys()
    for name, values in network.weights.items():  # of which the q and k rows depend on the permutation
        np.testing.assert_array_equal(parsed["tensors"][name].numpy(), values, err_msg=name)
    for field in ("hidden_size", "num_key_value_heads", "head_dim", "rope_theta", "max_position_embeddings"):
        assert parsed["config"][field] == getattr(source.cfg, field)

    model.to_empty(device="cpu").load_state_dict({n: torch.from_numpy(w) for n, w in network.weights.items()}, False)
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(model.config)  # its frequencies are no part of the state
    ids = np.array(tokenizer.encode(ENGLISH).ids)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(ids)[None]).logits[0].numpy()
    compare("SmolLM2", network.forward(ids), expected)

    stored = {**network.weights}
    name = "model.layers.0.self_attn.q_proj.weight"
    found = source.open().found["blk.0.attn_q.weight"]
    stored[name] = gguf.dequantize(found.data, found.tensor_type)
    assert np.abs(Qwen3(source.cfg, stored).forward(ids) - expected).max() > 0.1  # without it, this test would fail


@pytest.mark.torch
def test_smollm2_speaks(smollm2):
    source, tokenizer, network = smollm2
    assert source.name == "smollm2"
    assert [tokenizer.id_to_token(i) for i in source.end_tokens] == ["<|im_end|>", "<|endoftext|>"]
    prompt = np.array(tokenizer.encode("The capital of France is").ids)
    text = tokenizer.decode(list(network.generate(prompt, 8, stop=source.end_tokens)))
    print("The capital of France is" + text)
    assert text.startswith(" Paris")
    ids = np.array(tokenizer.encode(ENGLISH.replace("\n", " ")).ids, np.uint16)
    context = len(ids) - 1
    result = evaluate.perplexity(network, ids, context)
    print(f"perplexity {result.perplexity:.2f} over {result.predictions} tokens of English")
    assert 3 < result.perplexity < 40


@pytest.mark.torch
def test_smollm2_tokenizer_equals_transformers(smollm2):
    transformers = pytest.importorskip("transformers")
    source, tokenizer, _ = smollm2
    other = transformers.AutoTokenizer.from_pretrained(source.path.parent, gguf_file=source.path.name)
    texts = (
        ENGLISH,
        "It's 1889, isn't it?  x\n\n\ty = 12.678e9",
        "Zoë's naïve 東京 😀",
        "<|im_start|>user\nHi<|im_end|>\n",
    )
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert ids == other(text).input_ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert tokenizer.encode("<|im_start|>").ids == [1]
    assert len(tokenizer.encode("2025").ids) == 4


# --- GGUF files written here ------------------------------------------------------------------------------------------

BYTES = sorted(gguf_import.pre_tokenizers.ByteLevel.alphabet())
TOKENS = ["<|end|>", "<bos>", *BYTES, "Ġt", "he", "Ġthe", *(f"<{i}>" for i in range(300 - 261))]
MERGES = ["Ġ t", "h e", "Ġt he"]
BYTE_TOKENIZER = {"model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(TOKENS)}, "merges": MERGES}}


def random_weights(cfg: Qwen3Config, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in checkpoint.tensor_shapes(cfg).items():
        noise = rng.standard_normal(shape)
        weights[name] = (1 + 0.3 * noise if len(shape) == 1 else noise / shape[-1] ** 0.5).astype(np.float32)
    return weights


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to q and k of Llama models, in its own words."""
    return (
        weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)
    )


class Draft:
    """A GGUF file about to be written: change `fields` or `tensors` (name -> array or (array, type)), then `write`."""

    def __init__(self, cfg: Qwen3Config, arch: str, kind: gguf.GGMLQuantizationType | None = None):
        self.arch = arch
        self.fields = {
            "*.block_count": cfg.num_hidden_layers, "*.context_length": cfg.max_position_embeddings,
            "*.embedding_length": cfg.hidden_size, "*.feed_forward_length": cfg.intermediate_size,
            "*.attention.head_count": cfg.num_attention_heads, "*.attention.head_count_kv": cfg.num_key_value_heads,
            "*.attention.key_length": cfg.head_dim, "*.attention.value_length": cfg.head_dim,
            "*.rope.freq_base": cfg.rope_theta, "*.attention.layer_norm_rms_epsilon": cfg.rms_norm_eps,
            "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": TOKENS,
            "tokenizer.ggml.merges": MERGES, "tokenizer.ggml.token_type": [3, 3, *[1] * (len(TOKENS) - 2)],
            "tokenizer.ggml.eos_token_id": 0, "tokenizer.ggml.bos_token_id": 1,
        }  # fmt: skip
        self.tensors = {}
        for name, values in random_weights(cfg).items():
            if arch == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
                heads = cfg.num_attention_heads if "q_proj" in name else cfg.num_key_value_heads
                values = permute(values, heads)
            self.tensors[gguf_import.gguf_name(name)] = (
                values,
                kind if kind is not None and values.ndim == 2 else None,
            )

    def write(self, path: Path) -> Path:
        writer = gguf.GGUFWriter(path, self.arch)
        for name, value in self.fields.items():
            name = name.replace("*", self.arch)
            if isinstance(value, list):
                writer.add_array(name, value)
            else:
                kinds = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32}
                kinds.get(type(value), writer.add_float32)(name, value)
        for name, (values, kind) in self.tensors.items():
            data = values if kind is None else gguf.quantize(values, kind)
            writer.add_tensor(name, data, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


@pytest.mark.parametrize("arch", ["llama", "qwen3"])
@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0"])
@pytest.mark.parametrize("tied", [True, False])
def test_gguf_round_trip(arch, kind, tied, tmp_path):
    """Configuration and tensors come back as they were, q and k of Llama in their original order."""
    cfg = replace(TINY, qk_norm=arch == "qwen3", tie_word_embeddings=tied, bos_token_id=1, eos_token_ids=(0,))
    kind = gguf.GGMLQuantizationType[kind]
    source = models.resolve(Draft(cfg, arch, kind).write(tmp_path / "tiny.gguf"))
    assert source.cfg == cfg
    assert source.name == "tiny"
    assert source.sha256 == hashlib.sha256((tmp_path / "tiny.gguf").read_bytes()).hexdigest()
    weights = source.weights()
    for name, original in random_weights(cfg).items():
        expected = gguf.dequantize(gguf.quantize(original, kind), kind) if original.ndim == 2 else original
        assert weights[name].dtype == np.float32
        np.testing.assert_array_equal(weights[name], expected, err_msg=name)
    network = Qwen3(source.cfg, weights)
    assert len(list(network.generate(np.array([5, 6]), 3))) == 3


@pytest.mark.parametrize("pre", gguf_import.PRE_TOKENIZERS)
def test_gguf_tokenizer(pre, tmp_path):
    draft = Draft(TINY, "qwen3")
    draft.fields["tokenizer.ggml.pre"] = pre
    tokenizer = models.resolve(draft.write(tmp_path / "m.gguf")).tokenizer()
    text = "In the year 12345, it's\n\n  the  naïve 東京!?\t"
    encoding = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(encoding.ids) == text
    assert "Ġthe" in encoding.tokens
    assert tokenizer.encode("a<|end|>").ids == [*([1] if pre == "llama-bpe" else []), TOKENS.index("a"), 0]
    digits = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str("12345")]
    assert digits == (["123", "45"] if pre == "llama-bpe" else list("12345"))


@pytest.mark.torch
@pytest.mark.parametrize("pre", gguf_import.SPLITS)
def test_gguf_tokenizer_splits_as_transformers(pre):
    transformers = pytest.importorskip("transformers")
    if pre == "qwen2":
        from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX as expected
    else:  # Llama 3 is the default of the converter of tiktoken files
        expected = transformers.convert_slow_tokenizer.TikTokenConverter().pattern
    assert gguf_import.SPLITS[pre] == expected


# --- refusals ---------------------------------------------------------------------------------------------------------


def config(**changes):
    """Fields of config.json set, or taken away with ... ."""

    def edit(folder: Path) -> None:
        raw = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps({k: v for k, v in raw.items() if v is not ...}))

    return edit


def shard(number: int, change):
    """The tensors of one shard changed."""

    def edit(folder: Path) -> None:
        path = folder / f"model-{number}.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return edit


def index(change):
    """The index changed."""

    def edit(folder: Path) -> None:
        raw = json.loads((folder / checkpoint.INDEX_FILE).read_text())
        change(raw)
        (folder / checkpoint.INDEX_FILE).write_text(json.dumps(raw))

    return edit


def cut(name: str, keep: float = 0.9):
    """A file truncated."""

    def edit(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * keep)])

    return edit


def rope(field: str, kind: str):
    return config(**{field: {"rope_type": kind, "factor": 8.0, "rope_theta": 1e4}})


NORM, UP = "model.norm.weight", "model.layers.1.mlp.up_proj.weight"
REFUSED = {
    **{f"rope {k}": (rope("rope_scaling", k), "rope_scaling is") for k in ("llama3", "yarn", "linear", "dynamic")},
    **{f"rope {k}, 5": (rope("rope_parameters", k), "rope_parameters is") for k in ("llama3", "longrope")},
    "rope, old name": (config(rope_scaling={"type": "linear", "factor": 2.0}), "rope_scaling is"),
    "rope of some": (config(partial_rotary_factor=0.5), "partial_rotary_factor is 0.5"),
    "rope of no object": (config(rope_scaling="yarn"), "rope_scaling is"),
    "theta": (config(rope_theta=-1), "rope_theta is -1; allowed: a positive number"),
    "theta, huge": (config(rope_theta=10**400), "allowed: a positive number"),
    "window": (config(use_sliding_window=True), "use_sliding_window is true; allowed: false"),
    "window in layers": (config(layer_types=["full_attention", "sliding_attention"]), "layer_types is"),
    "layers of no list": (config(layer_types=1), "layer_types is 1"),
    "attention bias": (config(attention_bias=True), "attention_bias is true; allowed: false"),
    "mlp bias": (config(mlp_bias=True), "mlp_bias is true; allowed: false"),
    "experts": (config(num_experts=128), "num_experts is 128; allowed: null or 0"),
    "local experts": (config(num_local_experts=8), "num_local_experts is 8; allowed: null or 0"),
    "architecture": (config(architectures=["MistralForCausalLM"]), 'architectures is ["MistralForCausalLM"]; allowed'),
    "no architecture": (config(architectures=...), "architectures is null; allowed"),
    "activation": (config(hidden_act="gelu"), 'hidden_act is "gelu"; allowed: "silu"'),
    "quantised": (config(quantization_config={"quant_method": "gptq"}), "quantization_config is"),
    "end of text": (config(eos_token_id="</s>"), 'eos_token_id is "</s>"; allowed: token ids'),
    "end of text, high": (
        config(eos_token_id=[0, 300]),
        "config.json: eos_token_id is [0, 300]; allowed: token ids 0..299",
    ),
    "beginning, high": (
        config(bos_token_id=300),
        "config.json: bos_token_id is 300; allowed: token ids 0..299, or null",
    ),
    "layers": (config(num_hidden_layers=10**9), "num_hidden_layers is 1000000000; allowed: 1..4096"),
    "size": (config(vocab_size=10**30), "allowed: a positive integer"),
    "head_dim": (config(head_dim=..., num_attention_heads=5), "hidden_size is 32; allowed without head_dim"),
    "shape": (config(intermediate_size=65), "has shape [64, 32]; allowed: [65, 32]"),
    "no weights": (lambda f: (f / checkpoint.INDEX_FILE).unlink(), "model.safetensors: file not found; allowed"),
    "no shard": (lambda f: (f / "model-1.safetensors").unlink(), "weight_map: shard model-1.safetensors is missing"),
    "index": (index(lambda i: i.pop("weight_map")), "weight_map: found NoneType; allowed"),
    "index of lists": (index(lambda i: i["weight_map"].update({NORM: []})), "weight_map: found dict; allowed"),
    "index leaves": (index(lambda i: i["weight_map"].update({NORM: "../x"})), "found file ../x; allowed"),
    "index is cut": (cut(checkpoint.INDEX_FILE), "not valid JSON"),
    "index is deep": (lambda f: (f / checkpoint.INDEX_FILE).write_text("[" * 10**5), "not valid JSON"),
    "other shard": (index(lambda i: i["weight_map"].update({NORM: "model-0.safetensors"})), f"{NORM} is missing"),
    "not in index": (index(lambda i: i["weight_map"].pop(UP)), f"tensor {UP} is not in model.safetensors.index.json"),
    "shard is cut": (cut("model-1.safetensors"), "model-1.safetensors: not a complete safetensors file"),
    "shard is empty": (cut("model-1.safetensors", 0), "model-1.safetensors: not a complete safetensors file"),
    "missing tensor": (
        lambda f: [step(f) for step in (shard(1, lambda t: t.pop(UP)), index(lambda i: i["weight_map"].pop(UP)))],
        f"tensor {UP} is missing; needed with shape [64, 32]",
    ),
    "type": (shard(1, lambda t: t.update({UP: t[UP].astype(np.float64)})), f"{UP} is F64; allowed: BF16, F16, F32"),
    "NaN": (shard(1, lambda t: t[UP].fill(np.nan)), f"tensor {UP} holds NaN or infinity"),
    "infinity": (shard(1, lambda t: t[UP].fill(np.inf)), f"tensor {UP} holds NaN or infinity"),
    "bias": (
        lambda f: [
            step(f)
            for step in (
                shard(1, lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": t[NORM]})),
                index(
                    lambda i: i["weight_map"].update({"model.layers.0.self_attn.q_proj.bias": "model-1.safetensors"})
                ),
            )
        ],
        "tensor model.layers.0.self_attn.q_proj.bias is not part of Qwen3ForCausalLM",
    ),
}


def save_sharded(folder: Path, cfg: Qwen3Config = TINY) -> Path:
    """A folder of two shards with random float32 weights."""
    weights = random_weights(cfg)
    checkpoint.save(folder, cfg, weights, json.dumps(BYTE_TOKENIZER), "<|end|>")
    (folder / checkpoint.WEIGHTS_FILE).unlink()
    table = {name: f"model-{int(i > len(weights) // 2)}.safetensors" for i, name in enumerate(weights)}
    for file in set(table.values()):
        save_file({name: weights[name] for name in weights if table[name] == file}, folder / file)
    (folder / checkpoint.INDEX_FILE).write_text(json.dumps({"metadata": {}, "weight_map": table}))
    return folder


@pytest.mark.parametrize("case", REFUSED)
def test_refused_folder(case, tmp_path):
    spoil, message = REFUSED[case]
    folder = save_sharded(tmp_path / "m")
    np.testing.assert_array_equal(models.resolve(folder).weights()[UP], random_weights(TINY)[UP])  # fine before
    spoil(folder)
    with pytest.raises(UserError) as error:
        models.resolve(folder).weights()
    assert str(error.value).startswith(str(folder))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_transformers_ignores_is_ignored(tmp_path):
    """A tied head stored again, the RoPE frequencies of old files, and a window that is not in use."""
    folder = save_sharded(tmp_path / "m")
    extra = {"lm_head.weight": np.zeros(3, np.float32), "model.rotary_emb.inv_freq": np.zeros(3, np.float32)}
    shard(1, lambda t: t.update(extra))(folder)
    index(lambda i: i["weight_map"].update(dict.fromkeys(extra, "model-1.safetensors")))(folder)
    config(sliding_window=4096, use_sliding_window=False, layer_types=["full_attention"] * 2, num_experts=0)(folder)
    assert list(models.resolve(folder).weights()) == list(checkpoint.tensor_shapes(TINY))


def test_end_tokens_of_the_generation_config(tmp_path):
    folder = save_sharded(tmp_path / "m")
    assert models.resolve(folder).end_tokens == (0,)
    (folder / checkpoint.GENERATION_FILE).write_text('{"eos_token_id": [5, 6, 5]}')
    assert models.resolve(folder).end_tokens == (5, 6)


def without(name: str):
    return lambda draft: draft.tensors.pop(name)


def field(name: str, value: object):
    return lambda draft: draft.fields.update({name: value})


def tensor(name: str, values: np.ndarray):
    return lambda draft: draft.tensors.update({name: (values, None)})


HOLE = np.full((64, 32), np.nan, np.float32)
REFUSED_GGUF = {
    "architecture": (lambda d: setattr(d, "arch", "gemma"), "general.architecture is 'gemma'; allowed"),
    "scaling": (field("*.rope.scaling.type", "yarn"), "llama.rope.scaling.type is 'yarn'; allowed"),
    "scaling factor": (field("*.rope.scaling.factor", 4.0), "llama.rope.scaling.factor is 4.0; allowed"),
    "scaling table": (tensor("rope_freqs.weight", np.ones(8, np.float32)), "rope_freqs.weight found; allowed"),
    "rotated part": (field("*.rope.dimension_count", 8), "rope.dimension_count is 8; allowed: 16"),
    "values": (field("*.attention.value_length", 8), "value_length is 8; allowed: 16"),
    "experts": (field("*.expert_count", 8), "llama.expert_count is 8; allowed: 0"),
    "window": (field("*.attention.sliding_window", 512), "sliding_window is 512; allowed: 0"),
    "parts": (field("split.count", 3), "split.count is 3; allowed: 1"),
    "layers": (field("*.block_count", 10**9), "block_count is 1000000000; allowed: 1..4096"),
    "groups": (field("*.attention.head_count_kv", 3), "allowed: a divisor of num_attention_heads 4"),
    "no theta": (field("*.rope.freq_base", -1.0), "rope.freq_base is -1.0; allowed"),
    "size per layer": (field("*.feed_forward_length", [64, 64]), "feed_forward_length is [64, 64]; allowed"),
    "no embedding": (without("token_embd.weight"), "token_embd.weight is missing"),
    "missing": (without("blk.1.ffn_up.weight"), "tensor blk.1.ffn_up.weight is missing; needed with shape [64, 32]"),
    "bias": (tensor("blk.0.attn_q.bias", np.ones(64, np.float32)), "tensor blk.0.attn_q.bias is not part of Llama"),
    "shape": (tensor("blk.1.ffn_up.weight", HOLE[:, :5]), "has shape [64, 5]; allowed: [64, 32]"),
    "type": (tensor("blk.1.ffn_up.weight", HOLE.astype(np.float64)), "is 'F64'; allowed"),
    "NaN": (tensor("blk.1.ffn_up.weight", HOLE), "holds NaN or infinity"),
    "tokenizer": (field("tokenizer.ggml.model", "llama"), "tokenizer.ggml.model is 'llama'; allowed"),
    "splitting": (field("tokenizer.ggml.pre", "deepseek-llm"), "tokenizer.ggml.pre is 'deepseek-llm'; allowed"),
    "merges": (field("tokenizer.ggml.merges", ["q zzz"]), "tokenizer.ggml.merges: not usable"),
    "merge of one": (field("tokenizer.ggml.merges", ["qz"]), "tokenizer.ggml.merges: not usable"),
    "twice": (field("tokenizer.ggml.tokens", ["a"] * 300), "300 tokens, 1 different"),
    "begin": (field("tokenizer.ggml.bos_token_id", 999), "tokenizer.ggml.bos_token_id is 999; allowed: 0..299"),
    "end": (field("tokenizer.ggml.eos_token_id", "</s>"), "tokenizer.ggml.eos_token_id is '</s>'; allowed: 0..299"),
    "no list": (field("tokenizer.ggml.tokens", 7), "tokenizer.ggml.tokens: found other values; allowed: a list"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_GGUF)
def test_refused_gguf(case, tmp_path):
    spoil, message = REFUSED_GGUF[case]
    draft = Draft(replace(TINY, qk_norm=False), "llama")
    spoil(draft)
    path = draft.write(tmp_path / "m.gguf")
    with pytest.raises(UserError) as error:
        source = models.resolve(path)
        source.weights()
        source.tokenizer()
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_gguf(tmp_path):
    """Cut anywhere, or not GGUF at all: one line, and no other exception."""
    path = Draft(replace(TINY, qk_norm=False), "llama").write(tmp_path / "m.gguf")
    data = path.read_bytes()
    cuts = [0, 3, 10, 20, *np.random.default_rng(0).integers(24, len(data) - 300, 20)]
    for damaged in (b"no", b"x" * 4096, *(data[:cut] for cut in cuts)):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"m\.gguf: [^\n]*$"):
            models.resolve(path)


def test_model_not_found(monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"nothing: model not found; allowed: .*smollm2 or shakespeare"):
        models.resolve("nothing")
    (tmp_path / "weights.bin").touch()
    with pytest.raises(UserError, match=r"weights\.bin: model not found"):
        models.resolve(tmp_path / "weights.bin")
    with pytest.raises(
        UserError, match=r"--model \(MODEL=\.\.\. of make\): found nothing, allowed a, b: .*shakespeare$"
    ):
        models.resolve("", ["a", "b"])
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"smollm2: .* is not installed; run: make setup-train"):
        models.resolve("smollm2")
    monkeypatch.setattr(models, "SHAKESPEARE", tmp_path / "none")
    with pytest.raises(UserError, match=r"shakespeare: .*/none not found"):
        models.resolve("shakespeare")
