"""eval: perplexity by its definition, figures by hand, the command on a tiny model, every refusal."""

import json
import math
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from lutloom import cli, evaluate, models
from lutloom.corpus import VALIDATION_FILE
from lutloom.errors import UserError
from lutloom.evaluate import bits_per_weight, load_text, machine_runners, measure, quantize_minutes, score
from lutloom.generate import cached_image
from lutloom.hardware import configuration
from lutloom.machine import Machine
from lutloom.program import SEARCH, LinearSynth, LinearTable
from lutloom.quantized_model import QuantizedModel
from lutloom.qwen3 import Qwen3
from lutloom.tests.toy import Toy, build
from lutloom.traffic import CLASSES, traffic
from lutloom.wvq import WvqLinear

CONTEXT = 20


@pytest.fixture(scope="module", params=["fused", "covq"])
def toy(request, tmp_path_factory) -> Toy:
    model = build(tmp_path_factory.mktemp(request.param), request.param)
    tokens = np.random.default_rng(1).integers(0, model.cfg.vocab_size, 5 * CONTEXT + 8).astype(np.uint16)
    save_file({"tokens": tokens}, model.source / VALIDATION_FILE)
    return model


def machine_of(toy: Toy) -> Machine:
    return Machine.open(cached_image(toy.folder, configuration("tiny"), folder=toy.folder.parent))


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["lutloom", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


def test_score_is_the_negative_log_likelihood():
    logits = np.array([[0, math.log(3), 0], [1000, 999, -1000], [5, 5, 5]], np.float32)
    nll, choices = score(logits, np.array([1, 1, 2]))
    assert nll == pytest.approx(math.log(5 / 3) + math.log(1 + math.e) + math.log(3), rel=1e-6)
    assert choices.tolist() == [1, 0, 0]


def test_contexts_are_independent_and_in_order():
    """A model that predicts its position: the loss of every context is known."""
    seen = []

    def forward(ids):
        seen.append(ids.tolist())
        return np.eye(50, dtype=np.float32)[(ids + 1) % 50] * 100

    result = measure([forward], np.arange(48), context=10)
    assert seen == [list(range(first, first + 10)) for first in (0, 10, 20, 30)]
    assert result.predictions == 40
    assert result.perplexity == pytest.approx(1)
    assert result.choices.tolist() == list(range(1, 41))


def test_too_few_tokens():
    with pytest.raises(UserError, match=r"10 tokens found; allowed: at least 10 \+ 1"):
        measure([lambda ids: None], np.arange(10), context=10)


def test_result_does_not_depend_on_threads_and_is_the_float_models(toy):
    tokens = evaluate.load_validation(toy.source)
    source = models.resolve(toy.source)
    floats = [measure(evaluate.float_runners(source, n), tokens, CONTEXT) for n in (1, 3)]
    machines = [measure(machine_runners(machine_of(toy), n), tokens, CONTEXT) for n in (1, 3)]
    for one, three in (floats, machines):
        assert (one.nll, one.predictions) == (three.nll, three.predictions)
        assert np.array_equal(one.choices, three.choices)
    whole = Qwen3(source.cfg, source.weights()).forward(tokens[: 5 * CONTEXT].reshape(5, CONTEXT))
    assert (whole.argmax(-1).ravel() == floats[0].choices).all()
    assert machines[0].nll != floats[0].nll


def test_an_error_in_a_thread_reaches_the_user(toy):
    machine = machine_of(toy)
    with pytest.raises(UserError, match=r"allowed 0\.\."):
        measure(machine_runners(machine, 2), np.full(200, machine.vocab), CONTEXT)


def stored_bits(toy: Toy) -> tuple[int, int]:
    """Bits of decoder and head, counted from the arrays: what an array's values need, not what its type holds."""
    totals, seen = {False: 0, True: 0}, set()
    for name, linear in toy.model.linears.items():
        bits = linear.idx.size * int(math.log2(linear.w_cent.shape[2])) + 3 * linear.exp.size
        bits += 32 * linear.out_scale.size
        if isinstance(linear, WvqLinear):
            bits += 8 * linear.w_cent.size + 16 * linear.pairs.size
        else:
            bits += 16 * linear.w_cent.size + 32 * linear.lsb.size + 32 * linear.start.size
            if toy.model.inputs[name] not in seen:
                bits += 16 * linear.pairs.size + 8 * linear.a_exp.size + 8 * linear.a_cent.size
            seen.add(toy.model.inputs[name])
        totals[name == "lm_head"] += bits
    return totals[False], totals[True]


def test_bits_per_weight(toy):
    cfg = toy.cfg
    queries = (cfg.num_attention_heads + 2 * cfg.num_key_value_heads) * cfg.head_dim
    attended = cfg.num_attention_heads * cfg.head_dim
    layer = cfg.hidden_size * (queries + attended + 3 * cfg.intermediate_size)
    head = cfg.hidden_size * cfg.vocab_size
    bits = stored_bits(toy)
    found = bits_per_weight(QuantizedModel.open(toy.folder))
    assert found["decoder"] == pytest.approx(bits[0] / (2 * layer))
    assert found["head"] == pytest.approx(bits[1] / head)
    assert found["total"] == pytest.approx(sum(bits) / (2 * layer + head))


def test_traffic_by_hand(toy):
    machine, cfg = machine_of(toy), toy.cfg
    found = traffic(machine.program, machine.image.config, 17)
    assert tuple(found) == CLASSES
    synths = [d for d in machine.program if isinstance(d, LinearSynth)]
    tables = [d for d in machine.program if isinstance(d, LinearTable)]
    searched = [d for d in tables if d.flags & SEARCH]
    # every byte of the ports and packets is read once a token, but for what fills up a packet's last address unit
    assert found["streams"] == sum(port.size for port in machine.reader.ports)
    packets = machine.image.table["packets"].bytes if tables else 0
    assert packets - 32 * len(tables) <= found["packets"] <= packets
    layers, dim, inner = cfg.num_hidden_layers, cfg.head_dim, cfg.intermediate_size
    assert found["norms"] == 4 * (layers * (2 * cfg.hidden_size + 2 * dim) + cfg.hidden_size)
    outputs = (cfg.num_attention_heads + 2 * cfg.num_key_value_heads) * dim + 2 * cfg.hidden_size + 2 * inner
    assert found["scales"] == 4 * (layers * outputs + cfg.vocab_size)
    # of covq 129 bytes of codebook and exponent a position, searched once an input; a beat for a row of 16
    assert found["codebooks"] == sum(129 * d.positions for d in searched)
    assert len(searched) == (4 * layers if tables else 0)
    assert found["rows"] == sum(32 * d.positions for d in tables)
    assert found["pairs"] == sum(4 * d.positions for d in synths + searched)
    assert found["embedding"] == 128  # 45 or 36 words of two bytes, in units of 64
    assert found["rope"] == layers * 4 * dim
    assert found["kv_read"] == layers * 2 * cfg.num_key_value_heads * 17 * dim * 2
    assert found["kv_write"] == layers * 2 * cfg.num_key_value_heads * dim * 2
    assert found["program"] == 64 * len(machine.program)


def test_command_writes_all_figures(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (toy.folder / "quantize.json").write_text('{"minutes": {"calibration": 1.5, "distillation": 2}}')
    out = tmp_path / "r" / "eval.json"
    code = run(
        monkeypatch, "eval", "--model", toy.source, "--quantized", toy.folder, "--context", CONTEXT,
        "--tokens", 3 * CONTEXT + 5, "--out", out,
    )  # fmt: skip
    assert code == 0
    report = json.loads(out.read_text())
    (entry,) = report["quantized"]
    assert report["float"]["predictions"] == entry["predictions"] == 3 * CONTEXT
    assert entry["ratio"] == pytest.approx(entry["perplexity"] / report["float"]["perplexity"])
    machine, tokens = machine_of(toy), evaluate.load_validation(toy.source).astype(int)
    network = Qwen3(models.resolve(toy.source).cfg, models.resolve(toy.source).weights())
    agree = 0
    for first in range(0, 3 * CONTEXT, CONTEXT):
        machine.reset()
        ids = tokens[first : first + CONTEXT]
        agree += (machine.run(ids, every=True).argmax(-1) == network.forward(ids).argmax(-1)).sum()
    assert entry["agreement"] == pytest.approx(agree / (3 * CONTEXT))
    assert entry["minutes"] == 3.5
    assert entry["bytes_per_token"]["total"] == sum(entry["bytes_per_token"][name] for name in CLASSES)
    assert set(entry["bits_per_weight"]) == {"decoder", "head", "total"}
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert {"quantised", f"{entry['perplexity']:.3f}", f"{entry['ratio']:.4f}"} <= set(capsys.readouterr().out.split())
    before = [path.stat().st_mtime_ns for path in (tmp_path / "build/images").iterdir()]
    assert run(monkeypatch, "eval", "--model", toy.source, "--quantized", toy.folder, "--context", CONTEXT) == 0
    assert [path.stat().st_mtime_ns for path in (tmp_path / "build/images").iterdir()] == before  # not compiled anew
    assert len(before) == 1


def test_quantize_minutes(tmp_path):
    assert quantize_minutes(tmp_path) is None
    damaged = (
        "{",
        "[]",
        "[" * 10**5,
        "{}",
        "7",
        '"minutes"',
        *(f'{{"minutes": {m}}}' for m in ('"abc"', '{"a": "b"}', "[]")),
    )
    cases = {'{"minutes": 3}': 3, '{"train_seconds": 90}': 1.5} | dict.fromkeys(damaged)
    for text, minutes in cases.items():
        (tmp_path / "quantize.json").write_text(text)
        assert quantize_minutes(tmp_path) == minutes


def test_text_leaves_out_separators(tmp_path):
    tokenizer = models.resolve("shakespeare").tokenizer()
    file = tmp_path / "text"
    file.write_text("one\n\f\ntwo\n")
    assert tokenizer.decode(load_text(file, tokenizer).tolist()) == "one\ntwo\n"


def test_threads_are_bounded(monkeypatch, capsys):
    assert run(monkeypatch, "eval", "--model", "shakespeare", "--threads", 100000) == 2
    error = capsys.readouterr().err
    assert "--threads" in error and "256" in error


REFUSALS = {
    "missing": (None, (), "No such file"),
    "empty": (b" \n", (), "text: found none, allowed a file with text"),
    "short": (b"Enough for a line.", (), "allowed at least 21 for one context"),
    "not UTF-8": (b"abc\xff" * 99, (), "text: found a bad byte at 3, allowed UTF-8"),
    "too many": (b"Now is the winter. " * 20, ("--tokens", 99999), "--tokens: found 99999, allowed 20.."),
    "few": (b"Now is the winter. " * 20, ("--tokens", 5), "--tokens: found 5, allowed 20.."),
    "hardware": (b"Now is the winter. " * 20, ("--hardware", "huge"), "--hardware: found huge, allowed tiny"),
    "quantised": (b"Now is the winter. " * 20, ("--quantized", "nowhere"), "nowhere/config.json: found No such file"),
    "out is a folder": (b"Now is the winter. " * 20, ("--out", "."), ".: found a folder, allowed a file"),
    "out below a file": (b"Now is the winter. " * 20, ("--out", "text/x"), "/text, allowed a file that can be written"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals(case, tmp_path, monkeypatch, capsys):
    data, more, message = REFUSALS[case]
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "text"
    if data is not None:
        file.write_bytes(data)
    assert run(monkeypatch, "eval", "--model", "shakespeare", "--text", file, "--context", CONTEXT, *more) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_context_longer_than_the_image(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ("eval", "--model", toy.source, "--quantized", toy.folder, "--context", 50)
    assert run(monkeypatch, *arguments) == 2
    assert "--context: found 50, allowed 1..40" in capsys.readouterr().err
