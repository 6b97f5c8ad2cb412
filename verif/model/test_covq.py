"""covq: the golden functions against plain Python loops, the file's checks, and the committed quantised model."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from lutloom import checkpoint
from lutloom.covq import (
    CovqLinear,
    accumulator_bound,
    build_table,
    centroid_search,
    dequant,
    exponent_runs,
    group_slices,
    lookup_accumulate,
    quantize_activation,
)
from lutloom.errors import UserError
from lutloom.evaluate import load_model, load_validation, perplexity
from lutloom.quantized_model import QuantizedModel, file_hash, pack_indices, unpack_indices

MODELS = Path(__file__).parents[2] / "models"
FLOAT, COVQ = MODELS / "shakespeare-qwen3", MODELS / "shakespeare-qwen3-covq"


def random_linear(seed: int, positions: int = 6, outputs: int = 20, **changes) -> CovqLinear:
    """A small linear with uneven exponents; activation values reach saturation."""
    rng = np.random.default_rng(seed)
    groups = len(group_slices(outputs))
    blocks = rng.integers(0, 8, ((positions + 1) // 2, groups))
    arrays = {
        "pairs": rng.permutation(2 * positions).reshape(positions, 2).astype(np.int32),
        "a_exp": rng.integers(-9, 3, positions).astype(np.int8),
        "a_cent": rng.integers(-128, 128, (positions, 64, 2)).astype(np.int8),
        "w_cent": rng.normal(size=(positions, groups, 16, 2)).astype(np.float32),
        "idx": rng.integers(0, 16, (positions, outputs)).astype(np.uint8),
        "exp": np.repeat(blocks, 2, axis=0)[:positions].astype(np.uint8),
        "lsb": rng.uniform(0.001, 0.1, groups).astype(np.float32),
        "start": rng.integers(-1000, 1000, outputs).astype(np.int32),
        "out_scale": rng.uniform(0.001, 0.1, outputs).astype(np.float32),
    }
    return CovqLinear(**(arrays | changes))


def saturate(value: float) -> int:
    return max(-128, min(127, round(value)))  # Python's round is half to even


def naive_accumulate(layer: CovqLinear, x: np.ndarray) -> list[int]:
    """One token, in Python ints and floats, straight from the contract: acc of every output."""
    positions, outputs = layer.idx.shape
    acc = [int(s) for s in layer.start]
    for p in range(positions):
        scaled = [saturate(float(x[i]) * 2.0 ** -int(layer.a_exp[p])) for i in layer.pairs[p]]
        cents = [[int(v) for v in cent] for cent in layer.a_cent[p]]
        distance = [max(abs(scaled[0] - a0), abs(scaled[1] - a1)) for a0, a1 in cents]
        c = distance.index(min(distance))
        act = [v * 2.0 ** int(layer.a_exp[p]) for v in cents[c]]
        for n in range(outputs):
            g = n // 512
            weight = [float(v) for v in layer.w_cent[p, g, layer.idx[p, n]]]
            step = float(layer.lsb[g]) * 2.0 ** int(layer.exp[p, g])
            acc[n] += saturate((act[0] * weight[0] + act[1] * weight[1]) / step) << int(layer.exp[p, g])
    return acc


@pytest.mark.parametrize(("positions", "outputs"), [(1, 1), (2, 3), (7, 20), (4, 513)])
def test_linear_equals_plain_loops(positions, outputs):
    layer = random_linear(positions, positions, outputs)
    loudness = 2.0 ** np.arange(-6, 0, 2)[:, None]
    x = (np.random.default_rng(1).normal(size=(3, 2 * positions)) * loudness).astype(np.float32)
    c = layer.search(x)
    acc = lookup_accumulate(c, layer.table, layer.idx, layer.exp, layer.start, chunk=2)
    assert acc.dtype == np.int32
    assert acc.tolist() == [naive_accumulate(layer, row) for row in x]
    y = layer(x)
    assert y.dtype == np.float32
    assert np.array_equal(y, np.float32(acc) * layer.out_scale)
    assert np.array_equal(layer(x[None]), y[None])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 5))
def test_search_equals_plain_loops(seed, tokens, centroids):
    rng = np.random.default_rng(seed)
    spread = int(rng.choice([2, 20, 128]))  # small spreads give many ties
    x = rng.integers(-spread, spread, (tokens, 3, 2)).astype(np.int8)
    cent = rng.integers(-spread, spread, (3, centroids, 2)).astype(np.int8)
    found = centroid_search(x, cent)
    for t in range(tokens):
        for p in range(3):
            a, b = (int(v) for v in x[t, p])
            distance = [max(abs(a - int(u)), abs(b - int(v))) for u, v in cent[p]]
            assert found[t, p] == distance.index(min(distance))


def test_search_takes_the_lowest_of_equal_centroids():
    cent = np.zeros((1, 64, 2), np.int8)
    cent[0, :40] = 100
    assert centroid_search(np.array([[[-3, 3]]], np.int8), cent)[0, 0] == 40
    assert centroid_search(np.array([[[127, -128]]], np.int8), cent)[0, 0] == 40
    assert centroid_search(np.array([[[127, 127]]], np.int8), cent)[0, 0] == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (126.5, 126), (127.49, 127), (127.5, 127), (1e30, 127),
        (-128.5, -128), (-129, -128), (-1e30, -128), (math.inf, 127), (-math.inf, -128), (math.nan, 0), (1e-40, 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("a_exp", [-9, 0, 3])
def test_activation_rounding(value, expected, a_exp):
    x = np.array([[value, 1.0]], np.float32) * np.float32(2.0**a_exp)
    pairs, exps = np.array([[1, 0]], np.int32), np.array([a_exp], np.int8)
    assert quantize_activation(x, exps, pairs).tolist() == [[[1, expected]]]


@pytest.mark.parametrize(
    ("product", "expected"), [(0.5, 0), (1.5, 2), (-2.5, -2), (127.5, 127), (-128.5, -128), (-500, -128), (500, 127)]
)
def test_table_rounding_and_saturation(product, expected):
    a_cent = np.zeros((1, 64, 2), np.int8)
    a_cent[0, 7] = (1, 2)
    w_cent = np.zeros((1, 1, 16, 2), np.float32)
    w_cent[0, 0, 3] = (product, product * 1.5)  # 1 p + 2 (1.5 p) = 4 p
    table = build_table(
        np.array([1], np.int8), a_cent, w_cent, np.array([[2]], np.uint8), np.array([2.0], np.float32)
    )  # 2^1 * 4 p / (2 * 2^2) = p
    assert table.dtype == np.int8
    assert table[0, 0, 7, 3] == expected
    assert np.count_nonzero(table) == (expected != 0)


def test_table_is_deterministic():
    layer, again = random_linear(3), random_linear(3)
    assert np.array_equal(layer.table, again.table)
    assert np.array_equal(layer.table, build_table(layer.a_exp, layer.a_cent, layer.w_cent, layer.exp, layer.lsb))


def test_dequant_rounds_to_nearest_even_before_the_product():
    acc = np.array([[2**24 + 1, 2**24 + 3, -(2**24) - 1]], np.int32)
    assert dequant(acc, np.ones(3, np.float32)).tolist() == [[2.0**24, 2.0**24 + 4, -(2.0**24)]]


def test_runs_cover_every_position_and_stay_short():
    exp = np.repeat([3, 4, 3, 0], [300, 2, 256, 1])
    runs = exponent_runs(exp)
    assert [p for first, last in runs for p in range(first, last)] == list(range(len(exp)))
    assert all(len(set(exp[first:last])) == 1 and last - first <= 255 for first, last in runs)


def test_long_run_of_extreme_mantissas_is_exact():
    positions = 600
    cent = np.full((positions, 64, 2), 127, np.int8)
    weight = np.full((positions, 1, 16, 2), -1.0, np.float32)
    layer = random_linear(
        0, positions, 2, a_exp=np.zeros(positions, np.int8), a_cent=cent, w_cent=weight,
        exp=np.zeros((positions, 1), np.uint8), lsb=np.ones(1, np.float32), start=np.array([5, -5], np.int32),
    )  # fmt: skip
    acc = lookup_accumulate(np.zeros((1, positions), np.uint8), layer.table, layer.idx, layer.exp, layer.start)
    assert acc.tolist() == [[5 - 128 * positions, -5 - 128 * positions]]


def test_bound_is_never_exceeded_and_is_reached():
    layer = random_linear(5)
    bound = accumulator_bound(layer.table, layer.idx, layer.exp, layer.start)
    peak = [
        abs(int(layer.start[n]))
        + sum(max(abs(int(v)) for v in layer.table[p, 0, :, layer.idx[p, n]]) << int(layer.exp[p, 0]) for p in range(6))
        for n in range(20)
    ]
    assert bound.tolist() == peak
    c = np.random.default_rng(0).integers(0, 64, (500, 6)).astype(np.uint8)
    acc = lookup_accumulate(c, layer.table, layer.idx, layer.exp, layer.start)
    assert (np.abs(acc.astype(np.int64)).max(axis=0) <= bound).all()


def test_overflow_is_refused():
    layer = random_linear(5)
    room = 2**27 - 1 - int(accumulator_bound(layer.table, layer.idx, layer.exp, np.zeros(20, np.int32)).max())
    random_linear(5, start=np.full(20, room, np.int32))
    with pytest.raises(ValueError, match="28 signed bits"):
        random_linear(5, start=np.full(20, room + 1, np.int32))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("idx", np.full((6, 20), 16, np.uint8)),
        ("exp", np.full((6, 1), 8, np.uint8)),
        ("exp", np.arange(6, dtype=np.uint8)[:, None]),
        ("a_exp", np.full(6, 32, np.int8)),
        ("a_exp", np.zeros(6, np.int32)),
        ("lsb", np.zeros(1, np.float32)),
        ("out_scale", np.full(20, np.nan, np.float32)),
        ("pairs", np.full((6, 2), -1, np.int32)),
        ("w_cent", np.zeros((6, 2, 16, 2), np.float32)),
    ],
)
def test_bad_field_is_named(field, value):
    with pytest.raises(ValueError, match=f"^{field}: found .* allowed "):
        random_linear(0, **{field: value})


@pytest.mark.parametrize("outputs", [1, 6, 7])
def test_packing_round_trip(outputs):
    idx = np.random.default_rng(0).integers(0, 16, (5, outputs)).astype(np.uint8)
    assert np.array_equal(unpack_indices(pack_indices(idx), outputs), idx)


@pytest.fixture
def saved(tmp_path):
    """A folder with one quantised linear of odd width, and its float model."""
    source = tmp_path / "float"
    source.mkdir()
    save_file({"x": np.zeros(1)}, source / "model.safetensors")
    sha256 = file_hash(source / "model.safetensors")
    layer = random_linear(2, outputs=21, w_cent=np.ones((6, 1, 16, 2), np.float32))
    norms = {"n.weight": np.ones(4, np.float32)}
    model = QuantizedModel({"a.q_proj": layer}, norms, str(source), sha256, inputs={"a.q_proj": "a.qkv"})
    model.save(tmp_path / "covq")
    return tmp_path / "covq", model


def test_save_and_load_round_trip(saved):
    folder, model = saved
    loaded = QuantizedModel.load(folder)
    for field in CovqLinear.__dataclass_fields__:
        assert np.array_equal(getattr(loaded.linears["a.q_proj"], field), getattr(model.linears["a.q_proj"], field))
    assert np.array_equal(loaded.norms["n.weight"], np.ones(4, np.float32))
    x = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    assert np.array_equal(loaded.linear("a.q_proj", x), model.linears["a.q_proj"](x))
    (folder / "other").touch()
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1  # whoever may read other files may read these


def rewrite(folder: Path, change, metadata=None):
    """Change the tensors of a saved folder."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    config = json.loads((folder / "config.json").read_text())
    right = {"format": "lutloom-quantized", "version": "2", "source_sha256": config["source"]["sha256"]}
    save_file(tensors, file, right | (metadata or {}))


def test_load_errors_name_file_and_field(saved):
    folder, model = saved
    file, config = folder / "model.safetensors", folder / "config.json"
    whole, text = file.read_bytes(), config.read_text()

    def refuses(pattern):
        with pytest.raises(UserError, match=pattern) as error:
            QuantizedModel.load(folder)
        assert "\n" not in str(error.value)
        file.write_bytes(whole)
        config.write_text(text)

    file.write_bytes(whole[:-100])
    refuses("model.safetensors: found a damaged or foreign file")
    file.write_bytes(b"GGUF")
    refuses("model.safetensors: found a damaged or foreign file")
    file.unlink()
    refuses("model.safetensors: file: found nothing")
    rewrite(folder, lambda t: None, {"format": "other"})
    refuses("metadata format: found 'other', allowed 'lutloom-quantized'")
    rewrite(folder, lambda t: None, {"version": "1"})
    refuses("metadata version: found '1', allowed '2'")
    rewrite(folder, lambda t: t.pop("a.q_proj.start"))
    refuses("a.q_proj.start: found nothing")
    rewrite(folder, lambda t: t.update({"b.start": np.zeros(1)}))
    refuses("found tensor b.start")
    rewrite(folder, lambda t: t.update({"a.q_proj.idx": np.zeros((6, 10), np.uint8)}))
    refuses(r"a.q_proj.idx: found uint8 \[6, 10\], allowed uint8 \[6, 11\]")
    rewrite(folder, lambda t: t.update({"a.q_proj.start": np.zeros(20, np.int32)}))
    refuses(r"a.q_proj.start: found int32 \[20\], allowed int32 \[21\]")
    rewrite(folder, lambda t: t.update({"a.q_proj.exp": t["a.q_proj.exp"] + np.uint8(8)}))
    refuses("a.q_proj.exp: found .* allowed 0..7")
    rewrite(folder, lambda t: t.update({"a.qkv.pairs": t["a.qkv.pairs"] + np.int32(1)}))
    refuses("a.q_proj.pairs: found 12, allowed 0..11")
    rewrite(folder, lambda t: t.update({"n.weight": np.full(4, np.inf, np.float32)}))
    refuses("n.weight: found")
    config.write_text("{")
    refuses("config.json: found no readable JSON")
    config.write_text("[]")
    refuses("config.json: format: found None, allowed 'lutloom-quantized'")
    config.write_text(text.replace('"inputs": 12', '"inputs": "12"'))
    refuses("linears.a.q_proj.inputs: found '12', allowed int")
    config.unlink()
    refuses("config.json: file: found nothing")
    save_file({"x": np.ones(1)}, Path(model.source) / "model.safetensors")
    refuses("sha256")


def test_float16_never_rounds_silently(saved, tmp_path):
    layer = random_linear(1)
    model = QuantizedModel({"a": layer}, {}, saved[1].source, saved[1].source_sha256, inputs={"a": "b"})
    with pytest.raises(UserError, match="w_cent"):
        model.save(tmp_path / "half")
    model.save(tmp_path / "full", half=False)
    assert np.array_equal(QuantizedModel.load(tmp_path / "full").linears["a"].w_cent, layer.w_cent)


@pytest.fixture(scope="module")
def figures():
    return json.loads((COVQ / "eval.json").read_text())


def test_committed_model_fits_its_budget():
    model = QuantizedModel.load(COVQ)
    assert Path(model.source).resolve() == FLOAT.resolve()
    cfg, _ = checkpoint.load(FLOAT)
    assert set(model.linears) == {*cfg.linear_names(), "lm_head"}
    assert (COVQ / "model.safetensors").stat().st_size <= 2_000_000
    for name in cfg.linear_names():
        runs = exponent_runs(model.linears[name].exp[:, 0])
        assert min(last - first for first, last in runs) >= 16


def test_committed_perplexity(figures):
    """On the first 2,048 predictions, the golden path reproduces the model card's figure and stays near float."""
    tokens = load_validation(FLOAT)[:2049]
    covq = perplexity(load_model(FLOAT, COVQ), tokens).perplexity
    reference = perplexity(load_model(FLOAT), tokens).perplexity
    assert covq == pytest.approx(figures["slice"]["covq_perplexity"], rel=5e-4)
    assert reference == pytest.approx(figures["slice"]["float_perplexity"], rel=5e-4)
    assert covq <= figures["slice"]["bound"] * reference


def test_damaged_copy_of_the_committed_model_changes_the_perplexity(tmp_path):
    """The perplexity test can fail: one linear's indices shifted by one raise the perplexity."""
    shutil.copytree(COVQ, tmp_path / "covq")
    rewrite(tmp_path / "covq", lambda t: t.update({f"{NAME}.idx": np.roll(t[f"{NAME}.idx"], 1, axis=1)}))
    tokens = load_validation(FLOAT)[:257]
    good = perplexity(load_model(FLOAT, COVQ), tokens).perplexity
    assert perplexity(load_model(FLOAT, tmp_path / "covq"), tokens).perplexity > 1.02 * good


NAME = "model.layers.2.mlp.down_proj"


@pytest.fixture
def small_model(monkeypatch):
    """Of a number of layers: configuration, weights and text of a model that calibrates in a second on one thread."""
    torch = pytest.importorskip("torch")
    from lutloom import covq_qat
    from lutloom.qwen3 import Qwen3Config

    torch.set_num_threads(1)
    monkeypatch.setattr(covq_qat, "fast", lambda function: function)  # compiling takes longer than the tests

    def make(layers: int):
        cfg = Qwen3Config(64, 96, layers, 2, 1, 16, 64, 64)
        rng = np.random.default_rng(0)
        weights = {
            name: np.ones(shape, np.float32) if len(shape) == 1 else rng.normal(0, 0.08, shape).astype(np.float32)
            for name, shape in checkpoint.tensor_shapes(cfg).items()
        }
        return cfg, weights, (np.arange(4000) * 7 % 64).astype(np.uint16)  # every token follows from the one before

    return make


@pytest.mark.torch
def test_a_calibration_that_was_cut_off_goes_on(small_model, monkeypatch, tmp_path):
    import torch

    from lutloom import covq_qat
    from lutloom.covq_train import QatSettings, QatTrainer

    cfg, weights, tokens = small_model(layers=2)
    path, run = tmp_path / "state.pt", QatSettings(context=32, calibration=16)
    whole = QatTrainer(cfg, weights, run, tokens)
    whole.calibrate(lambda name: None)

    class Cut(Exception):
        pass

    def save():
        trainer.save_state(path, "hash")
        raise Cut

    trainer = QatTrainer(cfg, weights, run, tokens)
    with pytest.raises(Cut):
        trainer.calibrate(lambda name: None, save)
    again = QatTrainer.from_state(path, cfg, weights, "hash", tokens)
    assert again.optimiser is None
    fitted, names = [], []
    fit = covq_qat.weight_codebook
    monkeypatch.setattr(covq_qat, "weight_codebook", lambda *args: fitted.append(1) or fit(*args))
    again.calibrate(names.append)
    assert len(names) == len(cfg.linear_names()) == 2 * len(fitted)  # one layer of two was there
    expected = whole.student.state_dict()
    assert all(torch.equal(expected[name], value) for name, value in again.student.state_dict().items())


@pytest.mark.torch
def test_training_lowers_the_loss_and_exports_what_it_trained(small_model, tmp_path):
    import torch

    from lutloom import covq_qat
    from lutloom.covq_train import QatSettings, QatTrainer
    from lutloom.qwen3 import Qwen3

    cfg, weights, tokens = small_model(layers=1)
    run = QatSettings(steps=30, batch=4, context=32, lr=5e-3, warmup=2, distil=0.0, calibration=16)
    trainer = QatTrainer(cfg, weights, run, tokens)
    trainer.calibrate(lambda name: None)
    kept = [module.last for module in trainer.student.modules() if isinstance(module, covq_qat.QuantInput)]
    assert kept == [None] * 4  # else memory grows with the layers
    trainer.start()
    losses = [trainer.train_step() for _ in range(15)]
    trainer.save_state(tmp_path / "state.pt", "hash")
    again = QatTrainer.from_state(tmp_path / "state.pt", cfg, weights, "hash", tokens)
    assert again.train_step() == pytest.approx(trainer.train_step(), rel=1e-4)
    losses += [trainer.train_step() for _ in range(14)]
    assert np.mean(losses[-3:]) < 0.7 * losses[0]
    with pytest.raises(UserError, match="sha256"):
        QatTrainer.from_state(tmp_path / "state.pt", cfg, weights, "other", tokens)

    trainer.student.eval()
    covq = covq_qat.export(trainer.student, tmp_path, "hash")
    seen = {}
    for name in cfg.linear_names():
        trainer.student.get_submodule(name).register_forward_hook(
            lambda module, args, y, name=name: seen.update({name: (args[0][0].numpy(), y[0].numpy())})
        )
    ids = tokens[:32].astype(np.int64)
    with torch.no_grad():
        trainer.student(torch.from_numpy(ids)[None])
    for name, (x, y) in seen.items():  # the same search, so only the tables' rounding is left
        assert np.square(covq.linear(name, x) - y).mean() < 0.002 * np.square(y).mean()
    assert np.isfinite(Qwen3(cfg, {**weights, **covq.norms}, linear=covq.linear).forward(ids)).all()
