"""lutloom perf on the RTL: a small random model, HBM2e behind the ports, a filled cache; every value is golden's."""

import json
from pathlib import Path

import pytest

from lutloom.errors import UserError
from lutloom.hardware import configuration
from lutloom.image import Image
from lutloom.machine import Machine
from lutloom.perf import Prompt, measure, measure_prefill, perf_command
from lutloom.rtl import simulation
from lutloom.synthetic import Synthetic, synthetic_image


@pytest.fixture(scope="module")
def image(tmp_path_factory, worker_id) -> Image:
    """Runs lie in a folder named after the image: workers that share this file's tests must not share it."""
    model = Synthetic("qwen3-tiny", layers=1)
    path = synthetic_image(model, configuration("tiny"), 64, tmp_path_factory.mktemp("i"))
    return Image.open(path.rename(path.with_stem(f"{path.stem}-{worker_id}")))


def test_a_token_on_hbm2e(image):
    """Cycles add up, bytes are those of the program, every value is golden's; a slower clock needs fewer cycles."""
    report, compare = measure(image, 40, 250, "hbm", 0)
    decode, machine = report["decode"], Machine(image)
    found = compare()
    assert found["values"] > 2000 and not found["bits_different"] and found["tokens_equal"], found
    assert sum(group["cycles"] for group in decode["groups"].values()) == decode["cycles"]
    assert [o["number"] for o in decode["operations"]] == list(range(len(machine.program) - 1))
    assert all(0 <= o["first"] < o["last"] <= decode["cycles"] for o in decode["operations"])
    streams, expected = decode["streams"], decode["expected_bytes"]
    assert decode["bytes"]["streams"] == expected["streams"]
    assert streams["read"] * 32 == decode["bytes"]["streams"] + decode["bytes"]["kv_read"]
    assert sum(count for name, count in streams.items() if name != "written") == 2 * decode["cycles"]
    assert decode["bytes"]["kv_write"] == expected["kv_write"]
    assert decode["bytes"]["kv_read"] <= expected["kv_read"]  # the token's own never leave the chip
    assert decode["port_utilisation"] == decode["bytes_total"] / (2 * 32 * decode["cycles"])
    assert len(report["hbm"]["channels"]) == 32 and report["hbm"]["parameters"]["clock"] == 250
    faster, _ = measure(image, 40, 150, "hbm", 0)  # a slower clock: fewer cycles of latency
    assert faster["decode"]["cycles"] < decode["cycles"]


def test_a_longer_context_costs_cycles(image):
    short, _ = measure(image, 17, 250, "hbm", 0)
    long, _ = measure(image, 64, 250, "hbm", 0)
    assert (
        long["decode"]["groups"]["self_attn.attention"]["cycles"]
        > short["decode"]["groups"]["self_attn.attention"]["cycles"]
    )
    assert long["decode"]["bytes"]["kv_read"] > 3 * short["decode"]["bytes"]["kv_read"]


def test_a_prompt_in_passes(image):
    """Seven tokens in passes of 2 + 2 and 2 + 1: fewer cycles than in passes of 2, and these fewer than one by one."""
    found = measure_prefill(image, Prompt(7), 250, "hbm", 0)["prefill"]
    single, _ = measure(image, 7, 250, "hbm", 0)
    assert (found["batches_a_pass"], found["tokens_a_batch"]) == (2, 2) and found["check"]["values"] > 7 * 1000
    assert len(found["passes"]) == 2 and 0.95 * found["cycles"] < sum(found["passes"]) <= found["cycles"]
    alone = measure_prefill(image, Prompt(7, batches=1), 250, "hbm", 0)["prefill"]
    assert alone["check"]["values"] == found["check"]["values"]
    assert 2 * single["decode"]["cycles"] < found["cycles"] < alone["cycles"] < 5.5 * single["decode"]["cycles"]
    later = measure_prefill(image, Prompt(7, position=50), 250, "hbm", 0)["prefill"]
    assert later["cycles"] > found["cycles"]
    with pytest.raises(UserError, match=r"--position and --prefill: found 60 and 7, allowed 64 positions"):
        measure_prefill(image, Prompt(7, position=60), 250, "hbm", 0)


def test_another_cache_is_noticed(image):
    """The comparison is one: with other keys and values in the golden machine it must fail."""
    module = simulation(image, hbm=True, fast=True)
    run = module.Run(
        image, [5], 1, stop=False, trace=True, hbm={"map": 1}, random_text={"positions": 20}, fast=True, name="seen"
    )
    list(run.tokens())
    assert not module.compare(run).bits_different
    run.random_text["seed"] = 1
    assert module.compare(run).bits_different


@pytest.mark.parametrize("options", [{}, {"prefill": 2}])
def test_no_place_for_the_results(tmp_path, options):
    with pytest.raises(UserError, match="found a folder, allowed a file that can be written"):
        perf_command("qwen3-tiny", hardware="tiny", layers=1, out=tmp_path, **options)


@pytest.mark.parametrize(
    "options,message",
    [
        ({"model": ""}, r"--model \(MODEL=\.\.\. of make\): found nothing, allowed qwen3-0.6b, .* or shakespeare$"),
        ({"model": "foo"}, "foo: model not found; allowed: qwen3-0.6b, .*: random weights; a model folder, a .gguf"),
        ({"bits": 3.0}, "--bits: found with --model shakespeare, allowed with random weights: qwen3-0.6b, "),
        ({"head_bits": 3.0}, "--head-bits: found with --model shakespeare"),
        ({"layers": 1}, "--layers: found with --model shakespeare"),
        ({"scheme": "covq"}, "--scheme: found with --model shakespeare"),
        (
            {"model": "qwen3-tiny", "quantized": Path("x")},
            "--quantized: found with --model qwen3-tiny, allowed with all",
        ),
    ],
)
def test_options_that_would_be_ignored(options, message):
    with pytest.raises(UserError, match=message):
        perf_command(**{"model": "shakespeare", **options})


def test_files(tmp_path, monkeypatch):
    """The command writes results, page and pictures."""
    monkeypatch.chdir(tmp_path)
    perf_command("qwen3-tiny", hardware="tiny", context=9, layers=1, out=tmp_path / "r" / "perf-x.json")
    report = json.loads((tmp_path / "r" / "perf-x.json").read_text())
    assert report["check"]["tokens_equal"] and report["decode"]["context"] == 9
    page = (tmp_path / "r" / "perf-x.md").read_text()
    assert f"{report['decode']['cycles']:,}" in page
    for picture in ("timeline", "ports", "roofline"):
        assert (tmp_path / "r" / f"perf-x-{picture}.png").stat().st_size > 5000 and f"perf-x-{picture}.png" in page
