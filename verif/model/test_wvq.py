"""wvq's quantiser: one linear, the budget, the student's gradients, and whole runs that are cut and continued."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from typer.testing import CliRunner

from lutloom import checkpoint
from lutloom.errors import UserError
from lutloom.evaluate import bits_per_weight
from lutloom.quantize import fitting
from lutloom.quantized_model import QuantizedModel, file_hash
from lutloom.qwen3 import Qwen3, Qwen3Config
from lutloom.sampled_text import sampled_text
from lutloom.torch_qwen3 import TorchQwen3
from lutloom.wvq_calibrate import (
    CHOICES,
    Metric,
    Sensitivity,
    Setting,
    assign,
    choose_settings,
    quantize_activation,
    quantize_linear,
    to_grid,
)
from lutloom.wvq_distil import DistilSettings, Text, WvqRecipe, WvqRun
from lutloom.wvq_head import head_setting, quantize_head
from lutloom.wvq_student import HEAD, Student, StudentLinear, fused_parts, hidden_states, measure_sensitivity

CFG = Qwen3Config(
    vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
)  # fmt: skip
TOKENS = np.random.default_rng(0).integers(0, CFG.vocab_size, 4000).astype(np.uint16)
RECIPE = WvqRecipe(
    budget=12, head_bits=20, act_bits=9, calibration=8, sensitivity=4, context=32,
    distil=DistilSettings(steps=6, batch=2, context=16, latent_lr=0.05),
)  # fmt: skip


def correlated(seed: int, outputs: int, inputs: int, samples: int = 400):
    """(weight [N, K], inputs [S, K]) with inputs of uneven power that depend on one another."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator) * torch.linspace(0.5, 2, outputs)[:, None]
    mix = torch.randn(inputs, inputs, generator=generator) * 0.3 + torch.eye(inputs)
    x = torch.randn(samples, inputs, generator=generator) @ mix * torch.logspace(0, -1, inputs)
    return weight, x


def float_weight(layer) -> torch.Tensor:
    """What the quantised layer multiplies with: float32 [N, K]."""
    return torch.from_numpy((layer.dense.T * layer.out_scale[:, None]).astype(np.float32))


def relative_error(weight: torch.Tensor, x: torch.Tensor, layer) -> float:
    """Power of the error of y = W x over that of y, on the float inputs."""
    y = x @ weight.T
    wrong = y - x @ float_weight(layer).T
    return float(wrong.square().sum() / y.square().sum())


def weights_of(model: TorchQwen3) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    torch.manual_seed(3)
    return weights_of(TorchQwen3(CFG))


# --- one linear -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act_bits", [8, 10, 12])
@pytest.mark.parametrize(("centroids", "residual"), [(16, 0.0), (64, 0.25), (16, 1.0)])
def test_linear_keeps_to_its_format_and_size(centroids, residual, act_bits):
    """WvqLinear checks grid, exponents and accumulator itself: finish() raises if one is off."""
    weight, x = correlated(1, 96, 32)
    setting = Setting(centroids, residual, group=64, act_bits=act_bits)
    layer = quantize_linear(weight, Metric.of(x.T @ x / len(x)), setting).finish()
    assert layer.shape == (96, 32) and layer.centroids == centroids and layer.act_bits == act_bits
    assert layer.idx.shape[0] == setting.positions(32)
    assert sorted(set(layer.pairs.flatten().tolist())) == list(range(32))
    assert layer.bits_per_weight == pytest.approx(setting.bits(96, 32) / (96 * 32))


def test_more_bits_and_error_feedback_lower_the_error():
    weight, x = correlated(2, 256, 64)
    metric = Metric.of(x.T @ x / len(x))
    errors = [
        relative_error(weight, x, quantize_linear(weight, metric, Setting(c, r)).finish())
        for c, r in [(16, 0.0), (32, 0.0), (64, 0.0), (16, 1.0), (64, 1.0)]
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.08 and errors[-1] < 0.001
    blind = Metric.of(torch.eye(64))  # the same without knowledge of the inputs
    assert relative_error(weight, x, quantize_linear(weight, blind, Setting(16)).finish()) > 1.5 * errors[0]


def test_centroids_that_are_too_large_are_shrunk_not_bent():
    cent = torch.tensor([[200.0, 100.0], [3.4, -2.6], [-90.0, 90.0]])
    grid = to_grid(cent, 128)
    assert (grid.abs().sum(-1) <= 128).all() and (grid == grid.round()).all()
    assert grid[1].tolist() == [3, -3] and grid[0, 0] / grid[0, 1] == pytest.approx(2, abs=0.05)


def test_two_stages_are_searched_jointly():
    """The nearest sum, which the nearest centroid of the first stage misses."""
    first, second = torch.tensor([[[0.0, 0], [10, 0]]]), torch.tensor([[[0.0, 0], [-4, 0]]])
    near = assign(torch.tensor([[[4.9, 0.0], [5.9, 0]]]), [first, second])
    assert [n.tolist() for n in near] == [[[1, 1]], [[1, 1]]]


# --- the budget -------------------------------------------------------------------------------------------------------


def test_budget_is_kept_and_goes_where_it_matters():
    energies = {"quiet": 1e-3, "loud": 1.0}
    linears = {name: Sensitivity(256, 64, torch.full((32,), energy)) for name, energy in energies.items()}
    weights, cost = sum(s.outputs * s.inputs for s in linears.values()), []
    for budget in (2.5, 3, 4, 5, 8):
        chosen = choose_settings(linears, budget, act_bits=9)
        bits = {name: linears[name].bits_of(setting) for name, setting in chosen.items()}
        smallest = sum(min(s.bits_of(Setting(*choice)) for choice in CHOICES) for s in linears.values())
        assert sum(bits.values()) <= max(budget * weights, smallest)
        assert bits["loud"] >= bits["quiet"]
        cost.append(sum(linears[name].cost(setting) for name, setting in chosen.items()))
    assert cost == sorted(cost, reverse=True) and cost[-1] < cost[0]


def test_settings_fit_the_hardware():
    """v80: 16 centroids and groups of 512, however many bits there are; more of them are residual stages."""
    limits = fitting("v80")
    assert limits == {"group": 512, "centroids": 16} and fitting("small") == {"group": 1024, "centroids": 64}
    linears = {n: Sensitivity(512, 64, torch.rand(32, generator=torch.Generator().manual_seed(n))) for n in range(3)}
    chosen = choose_settings(linears, 4.0, act_bits=9, **limits).values()
    assert {(s.group, s.centroids) for s in chosen} == {(512, 16)} and max(s.residual for s in chosen) > 0
    assert head_setting(49152, 576, 4.5, 10, **limits) == Setting(16, 0.9375, 512, 10)


def test_head_setting_takes_the_largest_that_fits():
    assert head_setting(49152, 576, 4.5, 10) == Setting(16, 1.0, act_bits=10)
    assert head_setting(49152, 576, 2.3, 9) == Setting(16, 0.0, act_bits=9)
    with pytest.raises(UserError, match=r"--head-bits: found 1.5, allowed 2\.\d+ and more"):
        head_setting(49152, 576, 1.5, 9)


def test_sensitivity_predicts_the_divergence(weights):
    """To second order: small random errors in a linear, against the measured divergence."""
    teacher = TorchQwen3(CFG)
    teacher.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()}, strict=False)
    teacher.eval().requires_grad_(False)
    tokens = torch.from_numpy(TOKENS[:3200].astype(np.int64)).view(-1, 32)
    name, found = "model.layers.0.mlp.down_proj", measure_sensitivity(teacher, tokens)
    weight = teacher.get_submodule(name).weight
    original, ideal = weight.detach().clone(), teacher(tokens).log_softmax(-1)
    seen = []
    handle = teacher.get_submodule(name).register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    teacher(tokens)
    handle.remove()
    x = seen[0].flatten(0, 1)
    layer = quantize_linear(original, Metric.of(x.T @ x / len(x)), Setting(16))
    weight.data = float_weight(layer.finish())
    share = float(((weight - original) @ x.T).square().sum() / (original @ x.T).square().sum())
    divergence = float((ideal.exp() * (ideal - teacher(tokens).log_softmax(-1))).sum(-1).mean())
    expected = share * float(found[name].energy.sum())
    assert expected > 0 and 0.1 < divergence / expected < 10


# --- the student ------------------------------------------------------------------------------------------------------


def student_linear(act_bits: int = 8) -> tuple[StudentLinear, torch.Tensor]:
    weight, x = correlated(4, 48, 16)
    metric = Metric.of(x.T @ x / len(x))
    return StudentLinear(quantize_linear(weight, metric, Setting(16, 0.5, act_bits=act_bits))), x[:24]


def test_student_equals_the_golden_linear():
    layer, x = student_linear()
    golden = layer.tensors().finish()(x.numpy())
    assert np.abs(layer(x).detach().numpy() - golden).max() < 4e-3 * np.abs(golden).max()  # bfloat16 products


def test_gradients_are_those_of_the_dense_layer():
    """Straight through the roundings: against autograd of the same formula without them."""
    layer, x = student_linear()
    x.requires_grad_(True)
    aim = torch.randn(24, 48, generator=torch.Generator().manual_seed(5))
    (layer(x) * aim).sum().backward()
    got = [layer.cent.grad.clone(), layer.gain.grad.clone(), x.grad.clone()]

    cent = layer.cent.detach().clone().requires_grad_(True)
    gain = torch.ones_like(layer.gain).requires_grad_(True)
    value = x.detach().clone().requires_grad_(True)
    flat = (cent * torch.exp2(layer.exp)[..., None, None]).flatten(1, 2).transpose(1, 2)
    rows = flat.gather(2, layer.place[:, None].expand(-1, 2, -1)).flatten(0, 1)
    weight = torch.zeros(layer.inputs, 48).index_add(0, layer.pairs.flatten(), rows)
    q, scale = quantize_activation(value.detach(), layer.act_bits)
    y = (q + (value - value.detach()) / scale) @ weight * scale * layer.out_scale * gain
    (y * aim).sum().backward()
    for found, expected in zip(got, (cent.grad, gain.grad, value.grad), strict=True):
        assert (found - expected).abs().max() < 0.02 * expected.abs().max()


def test_latent_weights_choose_the_same_indices_at_first():
    layer, _ = student_linear()
    before = layer.place.clone()
    weight = layer.weight(layer.cent)
    layer.add_latent()
    layer.choose_indices()
    assert (layer.weight(layer.cent) == weight).all()  # another index of the same sum may be chosen
    layer.latent.data.neg_()
    layer.choose_indices()
    assert (layer.place != before).float().mean() > 0.5


# --- whole runs -------------------------------------------------------------------------------------------------------


def new_run(weights, recipe=RECIPE) -> WvqRun:
    run = WvqRun(CFG, weights, "0" * 64, TOKENS, recipe)
    run.choose()
    return run


def nothing(*_) -> None:
    pass


def same(a: QuantizedModel, b: QuantizedModel) -> bool:
    arrays = [
        (getattr(a.linears[name], field.name), getattr(b.linears[name], field.name))
        for name in a.linears
        for field in dataclasses.fields(a.linears[name])
    ]
    arrays += [(a.norms[name], b.norms[name]) for name in a.norms]
    return all(np.array_equal(x, y) for x, y in arrays)


@pytest.fixture(scope="module")
def finished(weights) -> tuple[WvqRun, QuantizedModel, QuantizedModel]:
    """(run, the model after calibration, the model after distillation)."""
    run = new_run(weights)
    run.calibrate(nothing, nothing)
    calibrated = run.student.export("toy", run.sha256)
    run.start_distillation()
    run.distiller.fit(nothing, nothing)
    return run, calibrated, run.student.export("toy", run.sha256)


def test_a_run_that_was_cut_gives_the_same_model(weights, finished, tmp_path):
    """Cut after the first layer of calibration and in the middle of distillation."""

    class CutError(Exception):
        pass

    def cut(*_):
        run.save_state(path)
        raise CutError

    path, run = tmp_path / "run.pt", new_run(weights)
    with pytest.raises(CutError):
        run.calibrate(nothing, cut)
    run = WvqRun.from_state(path, CFG, weights, "0" * 64, TOKENS)
    assert run.calibration.layer == 1
    run.calibrate(nothing, nothing)
    run.start_distillation()
    with pytest.raises(CutError):
        run.distiller.fit(nothing, cut, save_every=4)
    run = WvqRun.from_state(path, CFG, weights, "0" * 64, TOKENS)
    assert run.distiller.step == 4
    run.distiller.fit(nothing, nothing)
    assert same(run.student.export("toy", run.sha256), finished[2])


def test_training_moves_codebooks_scales_norms_and_indices(finished):
    run, before, after = finished
    assert run.bits <= RECIPE.budget and run.bits == pytest.approx(bits_per_weight(before)["decoder"])
    name = "model.layers.0.mlp.gate_up_proj"
    a, b = before.linears[name], after.linears[name]
    assert (a.out_scale != b.out_scale).any() and (a.idx != b.idx).any()
    assert any((before.norms[norm] != after.norms[norm]).any() for norm in before.norms)
    assert same_head(before, after)


def same_head(a: QuantizedModel, b: QuantizedModel) -> bool:
    return np.array_equal(a.linears[HEAD].w_cent, b.linears[HEAD].w_cent)


def test_distillation_lowers_the_divergence(weights):
    """Before and after on the same text. The float model is one that is never sure: a tied embedding of full size
    always predicts the token that it reads, and a divergence of next to nothing follows the order of sums.
    """
    embedding = "model.embed_tokens.weight"
    unsure = weights | {embedding: 0.1 * weights[embedding]}
    recipe = dataclasses.replace(
        RECIPE, budget=3, distil=DistilSettings(steps=30, batch=4, context=32, gain_lr=3e-3, norm_lr=3e-3, seed=7)
    )
    run = new_run(unsure, recipe)
    run.calibrate(nothing, nothing)
    run.start_distillation()
    tokens = torch.from_numpy(TOKENS[:3200].astype(np.int64)).view(-1, 32)
    ideal = run.teacher(tokens).log_softmax(-1)

    @torch.no_grad()
    def divergence() -> float:
        found = run.student.head(hidden_states(run.student.network, tokens)).log_softmax(-1)
        return float((ideal.exp() * (ideal - found)).sum(-1).mean())

    before = divergence()
    losses: list[float] = []
    run.distiller.fit(lambda step, loss: losses.append(loss), nothing)
    assert len(losses) == 30 and before > 0.01 and divergence() < 0.97 * before


def test_export_is_complete_and_close_to_the_float_model(weights, finished, tmp_path):
    tokenizer = Tokenizer(WordLevel({f"w{i}": i for i in range(CFG.vocab_size)}, unk_token="w0"))
    checkpoint.save(tmp_path / "float", CFG, weights, tokenizer.to_str(), "w1")
    source = tmp_path / "float"
    model = finished[1]
    model.source, model.source_sha256 = str(source), file_hash(source / checkpoint.WEIGHTS_FILE)
    model.save(tmp_path / "wvq")
    loaded = QuantizedModel.load(tmp_path / "wvq")
    assert same(model, loaded) and set(loaded.linears) == set(fused_parts(CFG))
    sizes = {part: len(weights[f"{part}.weight"]) for part in CFG.linear_names()}
    tokens = TOKENS[:64].reshape(2, 32).astype(np.int64)
    ideal = Qwen3(CFG, weights).forward(tokens)
    found = Qwen3(
        CFG, {**weights, **loaded.norms}, linear=lambda name, x: loaded.linear(name, x, sizes)
    ).forward(tokens)  # fmt: skip
    assert np.corrcoef(ideal.flatten(), found.flatten())[0, 1] > 0.99


def test_state_errors_name_the_file(weights, tmp_path):
    path = tmp_path / "none.pt"
    with pytest.raises(UserError, match=r"none\.pt: state: found nothing"):
        WvqRun.from_state(path, CFG, weights, "0" * 64, TOKENS)
    path.write_bytes(b"no state")
    with pytest.raises(UserError, match=r"none\.pt: found no usable state"):
        WvqRun.from_state(path, CFG, weights, "0" * 64, TOKENS)
    run = new_run(weights)
    run.save_state(path)
    with pytest.raises(UserError, match=r"none\.pt: sha256: found 0000.*allowed that of --model, 1111"):
        WvqRun.from_state(path, CFG, weights, "1" * 64, TOKENS)


def test_head_of_a_model_that_is_quantised_otherwise(weights, finished):
    """Better behind its own decoder than a head that was made for the float model's hidden states."""
    model = QuantizedModel({**finished[1].linears}, finished[1].norms, "toy", "0" * 64, fused_parts(CFG))
    tokens = TOKENS[:512].reshape(16, 32).astype(np.int64)
    head = quantize_head(CFG, weights, model, tokens, Setting(16, 1.0, act_bits=9))
    assert head.shape == (CFG.vocab_size, CFG.hidden_size)
    x = np.random.default_rng(2).normal(size=(50, CFG.hidden_size)).astype(np.float32)
    y = x @ weights["model.embed_tokens.weight"].T
    assert np.square(head(x) - y).sum() < 0.1 * np.square(y).sum()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scheme", "int4"], "--scheme: found int4, allowed wvq, covq, float"),
        (["--minutes", "1", "--steps", "3"], "--minutes and --steps: found both"),
        (["--resume", "--budget", "3"], "--resume: found with a setting of the recipe"),
        (["--resume", "--scheme", "covq", "--steps", "9"], "--resume: found with a setting of the recipe"),
        (["--resume", "--contexts", "9"], "--resume: found with a setting of the recipe"),
        (["--scheme", "covq", "--budget", "3"], "--budget: found with --scheme covq, allowed with wvq"),
        (["--scheme", "covq", "--samples", "0"], "--samples: found with --scheme covq, allowed with wvq"),
        (["--lr", "1"], "--lr: found with --scheme wvq, allowed with covq or float"),
        (["--scheme", "float", "--act-bits", "9"], "--act-bits: found with --scheme float, allowed with wvq or covq"),
        (["--hardware", "huge"], "--hardware: found huge, allowed tiny"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_bad_arguments_are_named(arguments, message, tmp_path):
    from lutloom.cli import app

    result = CliRunner().invoke(app, ["quantize", "--model", "shakespeare", "--out", str(tmp_path), *arguments])
    assert isinstance(result.exception, UserError) and message in str(result.exception)


@pytest.mark.parametrize(
    ("scheme", "out", "message"),
    [
        ("wvq", "m", "--out: found m, the folder of --model"),
        ("float", "m", "--out: found m, the folder of --model"),
        (
            "covq",
            "other",
            "--out: found other/config.json of a float model, allowed a new folder, or one of a quantised",
        ),
        (
            "float",
            "made",
            "--out: found made/config.json of a quantised model, allowed a new folder, or one of a float",
        ),
    ],
)
def test_no_other_model_is_overwritten(scheme, out, message, weights, tmp_path, monkeypatch):
    from lutloom.cli import app

    monkeypatch.chdir(tmp_path)
    for folder in ("m", "other"):
        checkpoint.save(Path(folder), CFG, weights, Tokenizer(WordLevel({"<|end|>": 0}, "<|end|>")).to_str(), "<|end|>")
    QuantizedModel({}, {}, "m", "0" * 64).save("made")
    before = {path: path.read_bytes() for path in tmp_path.glob("*/*")}
    result = CliRunner().invoke(app, ["quantize", "--model", "m", "--scheme", scheme, "--out", out, "--steps", "1"])
    assert isinstance(result.exception, UserError) and str(result.exception).startswith(message)
    assert before == {path: path.read_bytes() for path in tmp_path.glob("*/*")}


def test_parts_share_one_linear(weights):
    teacher = TorchQwen3(CFG)
    student = Student(teacher)
    assert student.float_weight("model.layers.1.self_attn.qkv_proj").shape == (32 + 16 + 16, 32)


def test_half_of_a_batch_is_sampled_text():
    corpus, sampled = np.zeros(4000, np.uint16), np.ones(4000, np.uint16)
    schedule = DistilSettings(batch=5, context=16).schedule()
    assert Text(corpus, sampled).batch(schedule, 3).sum(1).tolist() == [0, 0, 0, 16, 16]
    assert Text(corpus, sampled[:0]).batch(schedule, 3).shape == (5, 16)


def test_the_float_model_writes_the_same_text_again(weights):
    """With a cache and several texts at once; and the words it writes are the likely ones."""
    certain = {name: w * 0.1 if "embed" in name else w for name, w in weights.items()}
    model = TorchQwen3(CFG)
    model.load_state_dict({name: torch.from_numpy(w) for name, w in certain.items()}, strict=False)
    text = sampled_text(model.eval(), 200, 12, seed=5)
    assert (text == sampled_text(model, 200, 12, seed=5)).all() and (text != sampled_text(model, 200, 12)).any()
    log_p = model(text)[:, :-1].log_softmax(-1)
    chosen = log_p.gather(-1, text[:, 1:, None]).mean()
    entropy = -(log_p.exp() * log_p).sum(-1).mean()
    assert entropy > 0.5 and abs(-chosen - entropy) < 0.1 * entropy
