"""The NumPy Qwen3 against `transformers`, against our torch module and against itself; training; bad checkpoints."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as save_tensors

from lutloom import checkpoint, cli, corpus, evaluate
from lutloom.errors import UserError
from lutloom.qwen3 import KVCache, Qwen3, Qwen3Config

MODEL = Path(__file__).resolve().parents[2] / "models" / "shakespeare-qwen3"
TINY = Qwen3Config(
    hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=8, vocab_size=300, max_position_embeddings=64,
)  # fmt: skip
CONFIGS = {
    "gqa": TINY,
    "untied, one KV head, long rope": replace(
        TINY, tie_word_embeddings=False, num_key_value_heads=1, head_dim=16, rope_theta=1e6, rms_norm_eps=1e-5
    ),
    "full heads, wide": replace(TINY, num_key_value_heads=4, head_dim=24, hidden_size=40, num_hidden_layers=3),
    "llama": replace(TINY, qk_norm=False, rope_theta=5e5),
}


def random_weights(cfg: Qwen3Config, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights large enough that every part of the model matters: gains around 1, matrices of spectral size around 1."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in checkpoint.tensor_shapes(cfg).items():
        noise = rng.standard_normal(shape)
        weights[name] = (1 + 0.3 * noise if len(shape) == 1 else noise / shape[-1] ** 0.5).astype(np.float32)
    return weights


def tokenizer_json() -> str:
    return corpus.train_tokenizer(["KING.\nNow is the winter of our discontent\n"] * 3, 300).to_str()


def save_random(folder: Path, cfg: Qwen3Config = TINY) -> Path:
    """A folder with random weights."""
    checkpoint.save(folder, cfg, random_weights(cfg), tokenizer_json(), corpus.END_OF_TEXT)
    return folder


def reference_logits(folder: Path, ids: np.ndarray) -> np.ndarray:
    """float32 logits of `transformers` for ids [B, T], read from the folder alone."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    with torch.no_grad():
        return model(torch.from_numpy(ids)).logits.numpy()


@pytest.mark.torch
@pytest.mark.parametrize("name", CONFIGS)
def test_equals_transformers_random(name, tmp_path):
    cfg = CONFIGS[name]
    ids = np.random.default_rng(1).integers(cfg.vocab_size, size=(2, 50))
    loaded, weights = checkpoint.load(save_random(tmp_path / "m", cfg))
    assert loaded == replace(cfg, bos_token_id=0, eos_token_ids=(0,))
    expected = reference_logits(tmp_path / "m", ids)
    assert np.ptp(expected) > 1  # the comparison is about something
    assert np.abs(Qwen3(cfg, weights).forward(ids) - expected).max() < 1e-3


@pytest.mark.torch
def test_equals_transformers_trained():
    cfg, weights = checkpoint.load(MODEL)
    ids = evaluate.load_validation(MODEL)[:512].astype(np.int64).reshape(2, 256)
    assert np.abs(Qwen3(cfg, weights).forward(ids) - reference_logits(MODEL, ids)).max() < 1e-3


@pytest.mark.torch
@pytest.mark.parametrize("name", CONFIGS)
def test_equals_torch_module(name):
    torch = pytest.importorskip("torch")
    from lutloom.torch_qwen3 import TorchQwen3

    cfg, weights = CONFIGS[name], random_weights(CONFIGS[name])
    module = TorchQwen3(cfg).eval()
    module.load_state_dict({key: torch.from_numpy(w) for key, w in weights.items()})
    ids = np.random.default_rng(2).integers(cfg.vocab_size, size=(3, 33))
    with torch.no_grad():
        expected = module(torch.from_numpy(ids)).numpy()
    assert np.abs(Qwen3(cfg, weights).forward(ids) - expected).max() < 1e-3


def test_batch_and_cache_do_not_matter():
    """A sequence alone, in a batch, or in pieces through the cache: the same logits up to float rounding."""
    model = Qwen3(TINY, random_weights(TINY))
    ids = np.random.default_rng(3).integers(TINY.vocab_size, size=(3, 20))
    whole = model.forward(ids)
    np.testing.assert_allclose(model.forward(ids[1]), whole[1], atol=1e-4)
    cache = KVCache(TINY, 3, 20)
    parts = [model.forward(ids[:, a:b], cache) for a, b in ((0, 7), (7, 8), (8, 20))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-4)


def test_the_future_does_not_matter():
    model = Qwen3(TINY, random_weights(TINY))
    a = np.random.default_rng(4).integers(TINY.vocab_size, size=20)
    b = a.copy()
    b[12:] = (b[12:] + 1) % TINY.vocab_size
    la, lb = model.forward(a), model.forward(b)
    np.testing.assert_allclose(la[:12], lb[:12], atol=1e-5)
    assert np.abs(la[12:] - lb[12:]).max() > 1e-2


def test_hooks_see_every_linear():
    weights, seen = random_weights(TINY), {}
    plain = Qwen3(TINY, weights)

    def linear(name, x):
        return plain.float_linear(name, x)

    model = Qwen3(TINY, weights, linear=linear, record=lambda name, x: seen.update({name: x.shape}))
    ids = np.arange(12).reshape(2, 6)
    np.testing.assert_array_equal(model.forward(ids), plain.forward(ids))
    assert list(seen) == TINY.linear_names()
    assert seen["model.layers.1.mlp.down_proj"] == (12, TINY.intermediate_size)
    model.linear = lambda name, x: 0 * linear(name, x)
    assert np.abs(model.forward(ids) - plain.forward(ids)).max() > 1e-2


def test_generate():
    model = Qwen3(TINY, random_weights(TINY))
    prompt = np.array([5, 6, 7])
    greedy = list(model.generate(prompt, 10))
    ids = list(prompt)
    for token in greedy:  # the cache changes nothing
        assert token == int(np.argmax(model.forward(np.array(ids))[-1]))
        ids.append(token)
    assert list(model.generate(prompt, 10, stop=greedy[4])) == greedy[: greedy.index(greedy[4])]
    assert list(model.generate(prompt, 20, 1.0, seed=1)) == list(model.generate(prompt, 20, 1.0, seed=1))
    assert list(model.generate(prompt, 20, 1.0, seed=1)) != list(model.generate(prompt, 20, 1.0, seed=2))


@pytest.mark.parametrize("ids", [[-1], [300], [], [0.5], [[[1]]], [1] * 65])
def test_bad_tokens(ids):
    with pytest.raises(UserError, match=r"^tokens: .*allowed"):
        Qwen3(TINY, random_weights(TINY)).forward(np.array(ids))


def test_generate_past_the_last_position():
    with pytest.raises(UserError, match="65 positions; allowed: 64"):
        next(Qwen3(TINY, random_weights(TINY)).generate(np.arange(5), 60))


def test_perplexity_of_a_uniform_model():
    weights = random_weights(TINY)
    weights["model.norm.weight"] = np.zeros(TINY.hidden_size, np.float32)
    result = evaluate.perplexity(Qwen3(TINY, weights), np.arange(200, dtype=np.uint16), context=16)
    assert result.predictions == 192
    assert result.perplexity == pytest.approx(TINY.vocab_size)


def test_trained_model_is_good():
    cfg, weights = checkpoint.load(MODEL)
    assert (MODEL / checkpoint.WEIGHTS_FILE).stat().st_size < 8e6
    tokens = evaluate.load_validation(MODEL)
    assert len(tokens) == corpus.STORED_TOKENS
    assert evaluate.perplexity(Qwen3(cfg, weights), tokens[:4097]).perplexity < 30


def test_bfloat16_round_trip(tmp_path):
    """Written values are the nearest bfloat16, ties to even; all three float types are read back exactly."""
    x = np.array([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -3.14159, 0, 1e-30], np.float32)
    expected = np.array([1, 1, 1 + 2**-6, 1 + 2**-7, -3.140625, 0, 1e-30], np.float32)
    found = checkpoint.bf16_values(checkpoint.bf16_bits(x))
    np.testing.assert_array_equal(found[:6], expected[:6])
    assert found[6] == pytest.approx(1e-30, rel=2**-8)
    folder = save_random(tmp_path / "m")
    _, weights = checkpoint.load(folder)
    for dtype in (np.float32, np.float16):
        data = save_tensors({name: w.astype(dtype) for name, w in weights.items()})
        (folder / checkpoint.WEIGHTS_FILE).write_bytes(data)
        for name, w in checkpoint.load(folder)[1].items():
            assert w.dtype == np.float32
            np.testing.assert_array_equal(w, weights[name].astype(dtype).astype(np.float32))


def edit_config(**changes):
    def edit(folder: Path) -> None:
        raw = json.loads((folder / "config.json").read_text())
        raw.update(changes)
        (folder / "config.json").write_text(json.dumps({k: v for k, v in raw.items() if v != "drop"}))

    return edit


def edit_tensors(change):
    def edit(folder: Path) -> None:
        _, weights = checkpoint.load(folder)
        change(weights)
        (folder / "model.safetensors").write_bytes(save_tensors(weights))

    return edit


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


NORM = "model.norm.weight"
BAD_CHECKPOINTS = {
    "no folder": (shutil.rmtree, "model not found"),
    "no config": (lambda f: (f / "config.json").unlink(), "config.json: file not found"),
    "config is not JSON": (lambda f: (f / "config.json").write_text("{"), "config.json: not valid JSON"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "list found; allowed: a JSON object"),
    "other model": (
        edit_config(architectures=["GemmaForCausalLM"]),
        'allowed: ["Qwen3ForCausalLM"] or ["LlamaForCausalLM"]',
    ),
    "scaled rope": (edit_config(rope_scaling={"rope_type": "yarn", "factor": 4.0}), "rope_scaling is"),
    "scaled rope, new": (edit_config(rope_parameters={"rope_type": "yarn", "rope_theta": 1e4}), "rope_parameters is"),
    "window": (edit_config(use_sliding_window=True), "use_sliding_window is true; allowed: false"),
    "bias": (edit_config(attention_bias=True), "attention_bias is true; allowed: false"),
    "activation": (edit_config(hidden_act="gelu"), 'hidden_act is "gelu"; allowed: "silu"'),
    "tie": (edit_config(tie_word_embeddings="yes"), "tie_word_embeddings"),
    "no heads": (edit_config(num_attention_heads="drop"), "num_attention_heads is null; allowed: a positive integer"),
    "negative": (edit_config(num_hidden_layers=-1), "num_hidden_layers is -1; allowed: a positive integer"),
    "theta": (edit_config(rope_theta="big"), 'rope_theta is "big"; allowed: a positive number'),
    "heads": (edit_config(num_key_value_heads=3), "allowed: a divisor of num_attention_heads 4"),
    "odd": (edit_config(head_dim=7), "head_dim is 7; allowed: even numbers"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "model.safetensors: file not found"),
    "truncated": (truncate, "not a complete safetensors file"),
    "empty": (lambda f: (f / "model.safetensors").write_bytes(b""), "not a complete safetensors file"),
    "missing tensor": (edit_tensors(lambda w: w.pop(NORM)), f"tensor {NORM} is missing; needed with shape [32]"),
    "wrong shape": (edit_tensors(lambda w: w.update({NORM: w[NORM][:5]})), "has shape [5]; allowed: [32]"),
    "wrong type": (edit_tensors(lambda w: w.update({NORM: w[NORM].astype(int)})), "is I64; allowed: BF16, F16, F32"),
    "NaN": (edit_tensors(lambda w: w[NORM].fill(np.nan)), f"tensor {NORM} holds NaN or infinity"),
    "extra tensor": (edit_tensors(lambda w: w.update(bias=w[NORM])), "tensor bias is not part of Qwen3ForCausalLM"),
    "no validation": (lambda f: (f / "validation.safetensors").unlink(), "validation tokens not found"),
    "bad validation": (
        lambda f: (f / "validation.safetensors").write_bytes(save_tensors({"tokens": np.zeros((2, 2))})),
        "tensor tokens: float64 [2, 2] found; allowed: uint16 [n]",
    ),
}


@pytest.mark.parametrize("case", BAD_CHECKPOINTS)
def test_bad_checkpoint_is_one_line_and_exit_code_2(case, tmp_path, monkeypatch, capsys):
    spoil, message = BAD_CHECKPOINTS[case]
    folder = save_random(tmp_path / "m")
    (folder / corpus.VALIDATION_FILE).write_bytes(save_tensors({"tokens": np.arange(300, dtype=np.uint16)}))
    spoil(folder)
    monkeypatch.setattr(sys, "argv", ["lutloom", "eval", "--model", str(folder)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith(f"error: {folder}")
    assert message in error
    assert error.count("\n") == 1


def test_cli_eval_and_generate(tmp_path, monkeypatch, capsys):
    folder = save_random(tmp_path / "m")
    (folder / corpus.VALIDATION_FILE).write_bytes(save_tensors({"tokens": np.arange(300, dtype=np.uint16)}))
    out = tmp_path / "r" / "eval.json"
    for argv in (
        ["eval", "--context", "32", "--tokens", "100", "--out", str(out)],
        ["generate", "--on", "float", "--prompt", "KING.", "--tokens", "8"],
    ):
        monkeypatch.setattr(sys, "argv", ["lutloom", argv[0], "--model", str(folder), *argv[1:]])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 0
    assert "KING." in capsys.readouterr().out
    report = json.loads(out.read_text())
    assert report["float"]["predictions"] == 96
    assert report["float"]["perplexity"] > 100
