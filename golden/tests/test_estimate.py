"""estimate: the program without weights is the compiler's, ports and linears have the headers' figures, 3 % are seen"""

import json
import math
import re
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lutloom import estimate_engines, estimate_ports
from lutloom.cli import app
from lutloom.errors import UserError
from lutloom.estimate import ALLOWED, Case, beyond, capacity, estimate, sweep, with_slices
from lutloom.estimate_linear import BOOK_BEATS, COMMANDS, INDEX_BEATS, Linears, Slice
from lutloom.estimate_machine import Operation, cycles_by_stage
from lutloom.estimate_plan import of_image, plan
from lutloom.estimate_plots import front
from lutloom.estimate_ports import Machine, Port
from lutloom.hardware import configuration
from lutloom.image import Image
from lutloom.program import Gather, LinearSynth, Search, decode
from lutloom.synthetic import Synthetic, synthetic_image, synthetic_path

ROOT = Path(__file__).resolve().parents[2]
TINY = Case("qwen3-tiny", "tiny", 64)
# docs/hbm2e.md: MHz of two ports that read one pseudo-channel, bytes between them -> share of its 25.6 GB/s
MEASURED = {
    (250, 8192): 0.59, (300, 8192): 0.69, (400, 8192): 0.88,
    (250, 0): 0.57, (300, 0): 0.66, (400, 0): 0.74, (400, 15 * 1024): 0.74,
}  # fmt: skip


@pytest.mark.parametrize("bits", [2.0, 3.0, 4.0])
def test_the_program_is_the_compiler_s(tmp_path, bits):
    synthetic, hardware = Synthetic("qwen3-tiny", bits, group=128), configuration("tiny")
    image = Image.open(synthetic_image(synthetic, hardware, 128, tmp_path))
    theirs = decode(image.section("program").tobytes())
    planned = plan(synthetic, hardware, 128)
    assert planned.config["stages"] == image.config["stages"] and len(planned.program) == len(theirs)
    places = {"address", "gain", "table", "pairs", "scales", "stream", "beats", "cache_k", "cache_v"}
    for ours, other in zip(planned.program, theirs, strict=True):
        for name in {f.name for f in fields(ours)} - places:
            # inv_n, eps and scale went through binary32
            assert getattr(ours, name) == pytest.approx(getattr(other, name), rel=1e-6), (other, name)
        if isinstance(ours, LinearSynth):  # where exponents change is not the same place
            assert abs(ours.beats - other.beats) <= 2 * -(-other.outputs // other.group)
    for name in ("norms", "embedding", "rope", "pairs", "scales"):
        assert planned.sizes[name] == image.table[name].bytes
    assert image.path == synthetic_path(synthetic, hardware, 128, tmp_path)


def test_the_program_of_covq(tmp_path):
    """Descriptors but for addresses, and the sizes of all sections; an image's estimate is the plan's."""
    synthetic, hardware = Synthetic("qwen3-tiny", scheme="covq"), configuration("tiny-gather")
    image = Image.open(synthetic_image(synthetic, hardware, 128, tmp_path))
    theirs, planned = decode(image.section("program").tobytes()), plan(synthetic, hardware, 128)
    names = {"pairs", "act_scales", "scales", "embedding"}
    assert {name: planned.sizes[name] for name in names} == {name: image.table[name].bytes for name in names}
    fixed = ("src", "dst", "residual", "inputs", "outputs", "positions", "group", "subsets", "flags", "stage")
    for ours, other in zip(planned.program, theirs, strict=True):
        assert type(ours) is type(other)
        if isinstance(ours, Search | Gather):
            assert all(getattr(ours, name, 0) == getattr(other, name, 0) for name in fixed)
            assert abs(ours.beats - other.beats) <= 2
    case = replace(TINY, scheme="covq", configuration="tiny-gather")
    found = estimate(case, planned)["decode"]
    assert found["cycles"] == pytest.approx(estimate(case, of_image(image))["decode"]["cycles"], rel=0.02)
    assert found["cycles"] > found["bound_cycles"] and found["bytes"]["rows"] > 0
    assert estimate(replace(case, context=512))["decode"]["cycles"] > found["cycles"]


def test_runs_of_an_image(tmp_path):
    """Every round has the ends of a job's runs; the last one is the job's."""
    synthetic, hardware = Synthetic("qwen3-tiny", group=64), configuration("tiny")
    planned = of_image(Image.open(synthetic_image(synthetic, hardware, 128, tmp_path)))
    for number, rounds in planned.ends.items():
        d = planned.program[number]
        groups = math.ceil(d.outputs / 64)
        assert len(rounds) == math.ceil(groups * d.subsets / hardware.slices)
        assert all(ends[-1] == d.positions // hardware.lanes // d.subsets - 1 for ends in rounds)
        assert any(len(ends) > 1 for ends in rounds)
    exact = estimate(TINY, planned)["decode"]["cycles"]
    assert exact == pytest.approx(estimate(TINY, replace(planned, ends={}))["decode"]["cycles"], rel=0.1)


def test_latencies_of_the_float_units():
    """fp32_pkg.sv has the same numbers, and its formulas give the same."""
    package = (ROOT / "rtl" / "fp32" / "fp32_pkg.sv").read_text()
    values: dict[str, int] = {}
    for name, text in re.findall(r"localparam int unsigned (\w+Latency) =\s*([^;]+);", package):
        values[name] = eval(text, {}, values)  # sums and products of the names before
    for name in ("Add", "Mul", "FromInt", "ToInt", "FromBf16", "Exp", "Reciprocal", "Rsqrt", "Sigmoid"):
        ours = re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper()
        assert getattr(estimate_engines, ours) == values[f"{name}Latency"], name


@pytest.mark.parametrize("clock,apart", MEASURED)
def test_memory_as_measured(clock, apart):
    """The share of a pseudo-channel that docs/hbm2e.md has measured."""
    found = Machine(configuration("v80"), clock=clock, apart=3 * estimate_ports.BANK_ROUND + apart).stream_rate
    share = found * 2 * 32 * clock / 1000 / estimate_ports.CHANNEL_BYTES_A_NS
    assert share == pytest.approx(MEASURED[clock, apart], abs=0.01)


def test_queues_of_linear_synth():
    """Its header has the same lengths."""
    text = (ROOT / "rtl" / "linear_synth" / "linear_synth.sv").read_text()
    for name, ours in {"BookBeats": BOOK_BEATS, "IndexBeats": INDEX_BEATS, "Depth": COMMANDS}.items():
        assert re.search(rf"parameter int unsigned {name} = (\d+)", text)[1] == str(ours), name


def measured_tokens() -> dict[str, tuple[Case, int, dict[str, int]]]:
    """Of docs/performance.json, cycles by operation with them; and of smaller ones, docs/estimate.md."""
    found = {}
    for name, one in json.loads((ROOT / "docs" / "performance.json").read_text()).items():
        options = {"configuration" if key == "hardware" else key: value for key, value in one["options"].items()}
        found[name] = Case(**options), one["cycles"], one["operations"]
    gather = {"configuration": "tiny-gather", "scheme": "covq"}
    for case, cycles in (
        (Case("qwen3-tiny", "tiny"), 8463),
        (Case("qwen3-tiny", "tiny", bits=3.0), 9089),
        (Case("qwen3-tiny", **gather), 11708),
        (Case("qwen3-tiny", context=900, clock=300, **gather), 17309),
        (Case("smollm2-135m", "small"), 353257),
        (Case("smollm2-135m", "small", bits=4.0), 562043),
        (Case("qwen3-0.6b", layers=2), 34622),
    ):
        found[f"{case.model} {case.scheme} {case.bits:g} {case.context}"] = case, cycles, {}
    return found


@pytest.mark.parametrize("case,cycles,operations", measured_tokens().values(), ids=measured_tokens())
def test_tokens_as_measured(case, cycles, operations):
    """3 % of the token, each operation too."""
    decode = estimate(case)["decode"]
    assert decode["cycles"] == pytest.approx(cycles, rel=ALLOWED)
    for name, measured in operations.items():
        assert decode["groups"][name]["cycles"] == pytest.approx(measured, abs=ALLOWED * cycles), name


@pytest.mark.parametrize("clock,rate", [(250, 0.66), (300, 0.56)])
def test_port_of_all_pseudo_channels(clock, rate):
    """docs/hbm2e.md, where the streams never rest."""
    assert rate <= Machine(configuration("v80"), clock=clock).far_rate == pytest.approx(rate, abs=0.03)


def test_port_reads_ahead_as_far_as_its_buffer():
    port = Port(latency=92, efficiency=0.5, buffer=64)
    assert port.read(16, 0) == 100 + 16 / 0.5
    for _ in range(3):
        port.read(16, 0)
    assert port.time == 100 + 64 / 0.5
    port.take(1000)  # all that is there
    assert port.read(16, 0) == 1000 + 100  # of what has place from then on
    assert Port(latency=92, efficiency=0.5, buffer=64).read(80, 0) == 100 + 80 / 0.5  # a block that never fits


def test_keys_and_values_go_first():
    port = Port(latency=0, efficiency=1.0, buffer=512)
    port.share(20, 100)
    start = estimate_ports.STREAMER
    assert port.read(8, 0) == start + 8  # before them
    assert port.read(8, 0) == start + 16 + 100  # four cycles before, the rest behind
    assert port.read(20, 0) == start + 36 + 100
    assert port.read(8, 0) == start + 44 + 100 and not port.others


@pytest.mark.parametrize("inputs,outputs,group", [(512, 512, 512), (512, 256, 256), (1024, 512, 512)])
def test_latency_of_a_linear(inputs, outputs, group):
    """docs/cores/linear_synth.md: from the last activation to the first sum, all else read ahead, one round."""
    hardware = configuration("tiny")
    slots, blocks = group // hardware.units, inputs // 2 // hardware.lanes // 2
    d = LinearSynth(
        0, 0, 0, 0, 0, inputs, outputs, 0, 0, 0, 1 + 2 + blocks * (2 + slots), inputs // 2, group, 16, 10, 2
    )
    found = Machine(hardware, stream_beats=1 << 20)
    linears = Linears(found, [Slice(found, Port(0, 1.0, found.stream_beats)) for _ in range(2)])
    linears.border = lambda flush, block, blocks, *_: blocks // 4  # early: nothing waits for it
    ready = 1e6
    sums, pace, _ = next(linears.rounds(d, ready, 0.0))
    quantised = estimate_engines.QUANT + math.log2(found.lanes)
    page = math.log2(found.lanes) + 83 + 3 * hardware.lanes + 16 + (blocks - 1) * max(16, slots) + 3 + 1
    page += found.lanes / found.drain
    page += (slots + 2) * (slots >= 16)  # of the second run, where blocks have no idle cycles, as throughput says
    assert quantised + sums + pace - ready == pytest.approx(page, abs=8)


def test_cycles_by_stage_gives_the_oldest_what_several_share():
    spans = {"a": (10, 50), "b": (20, 40), "c": (30, 80), "d": (90, 95)}
    operations = [Operation(number, name, *span) for number, (name, span) in enumerate(spans.items())]
    assert cycles_by_stage(operations, 100) == {"": 10 + 10 + 5, "a": 40, "c": 30, "d": 5}


def test_more_of_everything_takes_longer():
    base = estimate(TINY)["decode"]
    assert base["cycles"] > base["bound_cycles"]
    assert sum(group["cycles"] for group in base["groups"].values()) == pytest.approx(base["cycles"], abs=10)
    assert all(o["first"] < o["last"] <= base["cycles"] for o in base["operations"])
    for other in (
        replace(TINY, bits=4.0),
        replace(TINY, context=512),
        replace(TINY, clock=500),
        replace(TINY, drain_w=1),
        with_slices(TINY, 1),
        replace(TINY, memory="fixed", clock=400),
    ):
        assert estimate(other)["decode"]["cycles"] > base["cycles"] or other.memory == "fixed", other


@pytest.mark.parametrize(
    "options,message",
    [
        ({"group": 48}, "--group: found 48, allowed multiples of 32 up to 1024"),
        ({"group": 2048}, "--group: found 2048, allowed multiples of 32 up to 1024"),
        ({"drain_w": 64}, "--drain-w: found 64, allowed 1, 2, 4, 8"),
        ({"drain_w": 8, "hardware": {"units": 16, "lanes": 4}}, "--drain-w: found 8, allowed 1, 2, 4"),
        ({"stream_beats": 16}, "--stream-beats: found 16, allowed from 128"),
        ({"hardware": {"slots": 257}}, "hardware: slots: found 257, allowed 1..256"),
    ],
)
def test_what_the_rtl_refuses(options, message):
    with pytest.raises(UserError, match=f"^{message}$"):
        replace(TINY, **options).planned()


def test_room():
    small, large = Case("qwen3-1.7b"), Case("qwen3-32b", bits=5.0, context=40960, hardware={"centroids": 32})
    planned = small.planned()
    room = capacity(small, planned)
    assert room["fits"] and room["fits_window"] and not beyond(small, planned)
    assert room["cache_bytes"] == pytest.approx(2 * 28 * 8 * 128 * 2 * 4096)
    planned = large.planned()
    room = capacity(large, planned)
    assert not room["fits"] and not room["fits_half_channel"]
    assert "max_" in beyond(large, planned) or "q_heads" in beyond(large, planned) or "frame" in beyond(large, planned)


def test_sweep_and_front():
    points = sweep(TINY, "slices")
    assert [p["value"] for p in points] == ["2", "4", "8", "16", "32", "64"]
    line = front([*points, points[0] | {"tokens_a_second": 0}])
    assert line[0] == points[0] and all(a["tokens_a_second"] < b["tokens_a_second"] for a, b in pairwise(line))
    with pytest.raises(UserError, match="--sweep: found x, allowed all, slices"):
        sweep(TINY, "x")


def test_command(tmp_path):
    out = tmp_path / "estimate.json"
    arguments = ["estimate", "--model", "qwen3-tiny", "--hardware", "tiny", "--sweep", "bits", "--sweep", "context"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text())
    assert set(report["clocks"]) == {"250", "300", "400"} and set(report["sweeps"]) == {"bits", "context"}
    assert all((tmp_path / f"estimate-{name}.png").is_file() for name in ("sweeps", "pareto", "roofline"))


@pytest.mark.parametrize("out,found", [(".", "a folder"), ("file/x/y", "a file "), ("x" * 300, "File name too long")])
def test_no_place_for_the_results(out, found, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    monkeypatch.setattr("lutloom.estimate.estimate", lambda *_: pytest.fail("it has begun"))
    with pytest.raises(UserError, match=f"^{re.escape(out)}: found {found}.*, allowed a file that can be written"):
        CliRunner().invoke(app, ["estimate", "--out", out], catch_exceptions=False)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """A result of perf that is exactly the estimate, and the command that compares with it."""
    monkeypatch.setattr("lutloom.estimate.IMAGES", tmp_path)  # no image that says more than the shapes
    report = estimate(replace(TINY, head_bits=2.0))
    keys = ("shape", "bits", "head_bits", "seed", "group", "layers")
    synthetic = Synthetic("qwen3-tiny", 2.0, 2.0)
    report |= {"memory": "hbm", "synthetic": {key: getattr(synthetic, key) for key in keys}}
    path = tmp_path / "perf-qwen3-tiny.json"

    def check() -> object:
        path.write_text(json.dumps(report))
        return CliRunner().invoke(app, ["estimate", "--check", str(path)])

    return report, check


@pytest.mark.parametrize("factor,code", [(1, 0), (1.02, 0), (0.98, 0), (1.04, 1), (0.96, 1)])
def test_check_of_the_token(measured, factor, code):
    report, check = measured
    report["decode"]["cycles"] = round(report["decode"]["cycles"] * factor)
    result = check()
    assert result.exit_code == code, result.output
    assert ("allowed 3 %" in result.output) == bool(code)


def test_check_leaves_prompts_out(measured, tmp_path):
    """The files of a folder, as the documentation has it."""
    _, check = measured
    check()
    prompt = tmp_path / "perf-qwen3-tiny-prefill.json"
    prompt.write_text('{"model": "qwen3-tiny", "prefill": {"cycles": 1}}')
    result = CliRunner().invoke(app, ["estimate", "--check", *map(str, sorted(tmp_path.glob("perf-*.json")))])
    assert result.exit_code == 0, result.output
    assert f"{prompt}: left out" in result.output and "token" in result.output


def test_check_of_an_operation(measured):
    report, check = measured
    groups = report["decode"]["groups"]
    groups["lm_head"]["cycles"] += report["decode"]["cycles"] // 10
    result = check()
    assert result.exit_code == 1 and "lm_head" in result.output


def test_check_refuses_what_is_no_result(tmp_path, measured):
    report, check = measured
    del report["decode"]["groups"]
    assert isinstance(check().exception, UserError)
    with pytest.raises(UserError, match="--check: found no results"):
        CliRunner().invoke(app, ["estimate", "--check"], catch_exceptions=False)
