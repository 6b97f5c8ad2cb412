"""The golden machine on tiny random models: the same bits however it is run, the right numbers, damage refused."""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lutloom import fp32, models
from lutloom.compiler import compile_model
from lutloom.errors import UserError
from lutloom.hardware import Hardware
from lutloom.image import Image
from lutloom.image_writer import ImageWriter
from lutloom.machine import Machine
from lutloom.program import BYTES, LAST, LinearSynth, LinearTable, Sample, decode, encode
from lutloom.qwen3 import Qwen3
from lutloom.sampler import sample
from lutloom.tests.corruption import KINDS as CORRUPTIONS
from lutloom.tests.corruption import corrupt
from lutloom.tests.toy import KINDS, Toy, build, float_sizes
from lutloom.weights import WeightCache
from lutloom.wvq import WvqLinear

TOKENS = np.random.default_rng(0).integers(8, 203, 23)  # no end-of-text token
CONTEXT = 40


@pytest.fixture(scope="module")
def toys(tmp_path_factory) -> dict[str, Toy]:
    return {kind: build(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture(scope="module")
def images(toys, tmp_path_factory) -> dict[tuple[str, int], Path]:
    """An image of every model for 1, 2 and 8 slices."""
    folder, paths = tmp_path_factory.mktemp("images"), {}
    for kind, toy in toys.items():
        for slices in (1, 2, 8):
            paths[kind, slices] = folder / f"{kind}{slices}.img"
            compile_model(toy.folder, paths[kind, slices], Hardware(slices=slices))
    return paths


@pytest.fixture(scope="module")
def logits(images) -> dict[str, np.ndarray]:
    """Of every token, the text in one piece, two slices."""
    return {kind: Machine.open(images[kind, 2]).run(TOKENS, every=True) for kind in KINDS}


def traced(path: Path, tokens: np.ndarray) -> tuple[Machine, list[tuple[str, np.ndarray]]]:
    """A machine that has run tokens, and what it has traced."""
    found: list[tuple[str, np.ndarray]] = []
    machine = Machine.open(path, trace=lambda stage, values: found.append((stage, values.copy())))
    machine.run(tokens, every=True)
    return machine, found


# --- the same bits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_token_by_token(images, logits, kind):
    machine = Machine.open(images[kind, 2])
    found = np.concatenate([machine.run(TOKENS[t : t + 1]) for t in range(len(TOKENS))])
    np.testing.assert_array_equal(found, logits[kind])
    assert machine.position == len(TOKENS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_random_splits(images, logits, kind, seed):
    rng, machine = np.random.default_rng(seed), Machine.open(images[kind, 2])
    for part in np.split(np.arange(len(TOKENS)), np.sort(rng.choice(np.arange(1, 23), 4, replace=False))):
        last = machine.run(TOKENS[part])
        np.testing.assert_array_equal(last, logits[kind][part[-1:]])  # only the head's last token
        cache = machine.cache[1]
    whole = Machine.open(images[kind, 2])
    whole.run(TOKENS)
    for found, expected in zip(cache, whole.cache[1], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slices", [1, 8])
def test_slices(images, logits, kind, slices):
    np.testing.assert_array_equal(Machine.open(images[kind, slices]).run(TOKENS, every=True), logits[kind])


def test_hidden_future_and_reset(images, logits):
    """A token's logits do not depend on what follows, nor on what the machine did before `reset`."""
    machine = Machine.open(images["fused", 2])
    machine.run(np.arange(30))
    machine.reset()
    assert machine.position == 0
    np.testing.assert_array_equal(machine.run(TOKENS[:9], every=True), logits["fused"][:9])
    machine.reset()
    np.testing.assert_array_equal(machine.run(TOKENS, every=True), logits["fused"])


def test_shared_weights(images, logits):
    first = Machine.open(images["covq", 2])
    second = Machine(first.image, weights=first.weights)
    first.run(TOKENS[::-1])
    np.testing.assert_array_equal(second.run(TOKENS, every=True), logits["covq"])


@pytest.mark.parametrize("threads", ["1", "2"])
def test_threads(images, logits, threads):
    """Another process with another number of threads."""
    script = (
        "import sys, hashlib, numpy as np\nfrom lutloom.machine import Machine\n"
        "for path in sys.argv[2:]:\n"
        "    tokens = np.array(list(map(int, sys.argv[1].split())))\n"
        "    print(hashlib.sha256(Machine.open(path).run(tokens, every=True).tobytes()).hexdigest())\n"
    )
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    run = subprocess.run(
        [sys.executable, "-c", script, " ".join(map(str, TOKENS)), *[str(images[kind, 2]) for kind in KINDS]],
        env={**os.environ, **variables}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert run.stdout.split() == [hashlib.sha256(logits[kind].tobytes()).hexdigest() for kind in KINDS]


def test_no_torch(images):
    """Nothing on the way to a generated token imports torch."""
    script = (
        "import sys\nfrom lutloom.machine import Machine\nprint(next(Machine.open(sys.argv[1]).generate([9], 1)))\n"
    )
    script += "assert 'torch' not in sys.modules"
    run = subprocess.run(
        [sys.executable, "-c", script, str(images["fused", 1])], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert 0 <= int(run.stdout) < 203


# --- the right numbers ------------------------------------------------------------------------------------------------


BEFORE = {  # the stage whose output a linear reads
    "qkv_proj": "input_layernorm", "q_proj": "input_layernorm", "k_proj": "input_layernorm",
    "v_proj": "input_layernorm", "o_proj": "self_attn.attention", "gate_up_proj": "post_attention_layernorm",
    "gate_proj": "post_attention_layernorm", "up_proj": "post_attention_layernorm", "down_proj": "mlp.swiglu",
}  # fmt: skip


def outputs_of(path: Path) -> dict[str, np.ndarray]:
    """The output of every stage for TOKENS; a stage of several descriptors has theirs side by side."""
    joined: dict[str, np.ndarray] = {}
    for stage, values in traced(path, TOKENS)[1]:
        joined[stage] = np.concatenate((joined[stage], values), axis=1) if stage in joined else values
    return joined


def input_of(outputs: dict[str, np.ndarray], name: str) -> np.ndarray:
    """What a linear of the machine reads."""
    if name == "lm_head":
        return outputs["model.norm"]
    home, short = ".".join(name.split(".")[:3]), name.rpartition(".")[2]
    return outputs[f"{home}.{BEFORE[short]}"]


def widths(toy: Toy) -> dict[str, int]:
    return {name: size[0] for name, size in float_sizes(toy.cfg).items()}


def reference(toy: Toy, linear) -> Qwen3:
    """The float model with other linears; its outputs are what the head reads."""
    cfg = replace(toy.cfg, tie_word_embeddings=False)
    identity = {"lm_head.weight": np.eye(cfg.hidden_size, dtype=np.float32)}
    return Qwen3(cfg, {**models.resolve(toy.source).weights(), **toy.model.norms, **identity}, linear=linear)


@pytest.mark.parametrize("kind", KINDS)
def test_linears(toys, images, kind):
    """Every linear of the machine is the quantised model's linear on the same input, plus the residual."""
    outputs, toy = outputs_of(images[kind, 2]), toys[kind]
    stream = outputs["model.embed_tokens"]
    for name, parts in toy.model.parts.items():
        x = input_of(outputs, name)
        expected = np.concatenate([toy.model.linear(part, x, widths(toy)) for part in parts], axis=1)
        np.testing.assert_array_equal(expected, toy.model.linears[name](x))
        if name.endswith(("o_proj", "down_proj")):
            stream = expected = fp32.add(expected, stream)
        np.testing.assert_array_equal(outputs[name], expected, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_between_the_linears(toys, images, logits, kind):
    """Float32 Qwen3 and Llama, whose linears answer as the machine's did: all they are asked agrees with the machine.

    What remains is the rounding of keys and values to bf16.
    """
    outputs, toy, asked = outputs_of(images[kind, 2]), toys[kind], {}

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        right = input_of(outputs, name)
        asked[name] = np.abs(x - right).max() / np.abs(right).max()
        return toy.model.linear(name, right, widths(toy))

    last = reference(toy, linear).forward(TOKENS)
    asked["lm_head"] = np.abs(last - outputs["model.norm"]).max() / np.abs(last).max()
    worst = max(asked, key=asked.get)
    print(f"{kind}: largest difference {asked[worst]:.1e} of the largest value, at {worst}")
    assert set(asked) == set(float_sizes(toy.cfg))
    assert all(value < (2**-7 if "o_proj" in name else 1e-5) for name, value in asked.items())
    np.testing.assert_array_equal(toy.model.linears["lm_head"](outputs["model.norm"]), logits[kind])


@pytest.mark.parametrize("kind", ["fused", "unfused"])
def test_logits(toys, logits, kind):
    """The whole against the float model with the quantised linears as hook.

    Not for covq: its random tables have jumps everywhere, so that a rounded key leads to another centroid.
    """
    toy = toys[kind]
    hidden = reference(toy, lambda name, x: toy.model.linear(name, x, widths(toy))).forward(TOKENS)
    expected = toy.model.linears["lm_head"](hidden)
    difference = logits[kind] - expected
    relative = np.sqrt(np.mean(difference**2) / np.mean(expected**2))
    print(f"{kind}: relative error {relative:.4f}, largest {np.abs(difference).max():.4f} at {expected.std():.2f}")
    assert expected.std() > 0.5  # the comparison is about something
    assert relative < 0.02
    assert np.abs(difference).max() < 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_trace_names_are_the_stages(toys, images, kind):
    machine, trace = traced(images[kind, 2], TOKENS[:3])
    names = [name for n, (name, _) in enumerate(trace) if not n or trace[n - 1][0] != name]
    assert [*names, "sample", "end"] == machine.stages
    assert names[:2] == ["model.embed_tokens", "model.layers.0.input_layernorm"]
    assert names[-2:] == ["model.norm", "lm_head"]
    assert all(values.shape[0] == 3 and values.dtype == np.float32 for _, values in trace)
    assert trace[-1][1].shape == (3, 203)


def test_head_only_for_the_last_token(images):
    seen = {}
    machine = Machine.open(images["fused", 2], trace=lambda stage, values: seen.update({stage: len(values)}))
    assert machine.run(TOKENS).shape == (1, 203)
    assert {stage for stage, rows in seen.items() if rows == 1} == {"model.norm", "lm_head"}
    assert {rows for rows in seen.values()} == {1, len(TOKENS)}


def test_norms_of_the_quantised_model_are_used(toys, images):
    """The gain of the final norm is not the float model's."""
    _, trace = traced(images["fused", 2], TOKENS)
    joined, toy = dict(trace), toys["fused"]
    x = joined["model.layers.1.mlp.down_proj"]
    rms = np.sqrt(np.mean(x.astype(np.float64) ** 2, axis=-1, keepdims=True) + toy.cfg.rms_norm_eps)
    np.testing.assert_allclose(joined["model.norm"], x / rms * toy.model.norms["model.norm.weight"], rtol=1e-5)


def test_tokenizer(images):
    tokenizer = Machine.open(images["fused", 2]).tokenizer()
    assert tokenizer.encode("w12 w5 w202").ids == [12, 5, 202]


# --- generating -------------------------------------------------------------------------------------------------------


def test_greedy(images, logits):
    machine, text = Machine.open(images["fused", 2]), list(TOKENS)
    new = list(machine.generate(TOKENS, 6, stop=False))
    assert len(new) == 6
    assert new[0] == int(np.argmax(logits["fused"][-1]))
    again = Machine.open(images["fused", 2])
    for token in new:
        again.reset()
        assert token == int(np.argmax(again.run(np.array(text))[-1]))
        text.append(token)
    assert list(machine.generate(TOKENS, 6, stop=False)) == new  # begins anew


def test_sampling_and_seed(images, logits):
    machine = Machine.open(images["fused", 2])

    def draw(seed: int) -> list[int]:
        return list(machine.generate(TOKENS, 10, temperature=1.5, seed=seed, stop=False))

    first = draw(1)
    assert first == draw(1) == list(Machine.open(images["fused", 8]).generate(TOKENS, 10, 1.5, 1, False))
    assert first[0] == sample(logits["fused"][-1], 1.5, 1, 0)
    assert first != draw(2)
    assert len({tuple(draw(seed)) for seed in range(6)}) == 6
    with pytest.raises(UserError, match="temperature: found -1"):
        next(machine.generate(TOKENS, 1, temperature=-1))


def test_end_of_text(images):
    machine = Machine.open(images["fused", 2])
    assert machine.end_tokens == {7}
    new = list(machine.generate(TOKENS, 12, temperature=2.0, seed=3, stop=False))
    end = new[5]
    machine.end_tokens = frozenset({end})
    assert list(machine.generate(TOKENS, 12, temperature=2.0, seed=3)) == new[: new.index(end)]
    assert list(machine.generate(TOKENS, 12, temperature=2.0, seed=3, stop=False)) == new


@pytest.mark.parametrize("length", [1, 23, CONTEXT])
def test_up_to_the_end_of_the_cache(images, length):
    """Every position is used; the last token needs none, as nothing is computed from it."""
    machine, prompt = Machine.open(images["covq", 2]), np.resize(TOKENS, length)
    assert len(list(machine.generate(prompt, 100, stop=False))) == CONTEXT - length + 1
    assert machine.position == CONTEXT
    assert list(machine.generate(prompt, 0)) == []


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.resize(TOKENS, CONTEXT + 1), "tokens: found 41 positions, allowed 40 in this image"),
        (np.array([203]), "tokens: found ids 203..203, allowed 0..202"),
        (np.array([5, -1]), "tokens: found ids -1..5, allowed 0..202"),
        (np.array([], int), "tokens: found int64 of shape .0,., allowed integers"),
        (np.array([[1, 2]]), "tokens: found int64 of shape .1, 2., allowed integers"),
        (np.array([1.0]), "tokens: found float64"),
    ],
)
def test_tokens_refused(images, tokens, message):
    machine = Machine.open(images["fused", 2])
    with pytest.raises(UserError, match=message):
        machine.run(tokens)
    with pytest.raises(UserError, match=message):
        list(machine.generate(tokens, 3))
    assert machine.position == 0


def test_one_token_too_many(images):
    machine = Machine.open(images["fused", 2])
    machine.run(np.resize(TOKENS, CONTEXT))
    with pytest.raises(UserError, match="found 41 positions, allowed 40"):
        machine.run(TOKENS[:1])
    assert machine.position == CONTEXT


# --- damage -----------------------------------------------------------------------------------------------------------


def test_random_corruption(images, tmp_path):
    """500 damaged images of both schemes: each is refused, and a section is named."""
    kinds, path = Counter(), tmp_path / "a.img"
    for seed in range(500):
        shutil.copyfile(images["covq" if seed % 8 == 0 else "fused", 2], path)
        kind = corrupt(path, seed)
        with pytest.raises(UserError) as error:
            Machine.open(path)
        assert str(error.value).startswith(f"{path}: section "), (seed, kind, str(error.value))
        assert "\n" not in str(error.value)
        kinds[kind] += 1
    print(f"500 of 500 refused: {dict(kinds)}")
    assert set(kinds) == {kind.__name__ for kind in CORRUPTIONS}


def forged(source: Path, path: Path, section: str, data: bytes) -> Path:
    """A copy with other bytes in a section, and checksums that agree."""
    image = Image.open(source)
    contents = {name: image.section(name).tobytes() for name in image.names} | {section: data}
    with ImageWriter(path, image.config["hardware"], {name: len(data) for name, data in contents.items()}) as writer:
        for name, data in contents.items():
            writer.write(name, data)
    return path


def changed_program(path: Path, operation: type, **changes) -> bytes:
    """The program of an image, the first descriptor of an operation changed."""
    program = decode(Image.open(path).section("program").tobytes())
    at = next(n for n, d in enumerate(program) if isinstance(d, operation))
    program[at] = replace(program[at], **changes)
    return encode(program)


@pytest.mark.parametrize(
    ("kind", "operation", "changes", "message"),
    [
        ("fused", LinearSynth, {"stream": 2}, "section program: descriptor 2: port0: job header: found"),
        ("fused", LinearSynth, {"beats": 4}, "section program: descriptor 2: index stream"),
        ("fused", LinearSynth, {"subsets": 1}, "section program: descriptor 2: port"),
        ("covq", LinearTable, {"packet": 0}, "section program: descriptor 2: index stream"),
        ("covq", LinearTable, {"table": 1 << 30}, "section program: address 1073741824"),
    ],
)
def test_forged_descriptor(images, tmp_path, kind, operation, changes, message):
    """What no checksum finds is found when the descriptor runs, and nothing outside the image is read."""
    program = changed_program(images[kind, 2], operation, **changes)
    machine = Machine.open(forged(images[kind, 2], tmp_path / "a.img", "program", program))
    with pytest.raises(UserError, match=message):
        machine.run(TOKENS)


def test_forged_program(images, tmp_path):
    program = Image.open(images["fused", 2]).section("program").tobytes()
    path = forged(images["fused", 2], tmp_path / "a.img", "program", b"\x63" + program[1:])
    with pytest.raises(UserError, match=r"a\.img: section program: descriptor 0: operation: found 99"):
        Machine.open(path)
    path = forged(images["fused", 2], tmp_path / "b.img", "program", program[:-BYTES])
    with pytest.raises(UserError, match=r"b\.img: section program: found no End"):
        Machine.open(path)


def test_forged_stream(images, tmp_path):
    """A packet's header that names another output, behind a right checksum."""
    port = bytearray(Image.open(images["fused", 2]).section("port1").tobytes())
    port[8:12] = struct.pack("<I", 5)
    machine = Machine.open(forged(images["fused", 2], tmp_path / "a.img", "port1", bytes(port)))
    with pytest.raises(UserError, match="descriptor 2: port1: job header: found"):
        machine.run(TOKENS)


def test_weights_too_large_to_keep(images, logits):
    """Where the unpacked weights do not fit they are unpacked for every use, to the same bits."""
    machine = Machine(Image.open(images["fused", 2]), weights=WeightCache(keep=50_000))
    for _ in range(2):
        machine.reset()
        np.testing.assert_array_equal(machine.run(TOKENS, every=True), logits["fused"])


def test_program_of_the_head(images):
    """The three operations behind the layers, and only they, are for the last token."""
    program = Machine.open(images["fused", 2]).program
    assert [d.flags & LAST for d in program] == [0] * (len(program) - 4) + [LAST] * 3 + [0]
    assert isinstance(program[-2], Sample)


@pytest.mark.parametrize("kind", KINDS)
def test_models_hold_what_the_tests_are_about(toys, kind):
    """Residual stages, all codebook sizes, runs of exponents, groups that do not divide the outputs, both schemes."""
    linears = toys[kind].model.linears.values()
    wvq = [linear for linear in linears if isinstance(linear, WvqLinear)]
    if kind == "covq":
        assert len(wvq) == 1 < len(linears)
        assert max(linear.shape[0] for linear in linears) > 512
        return
    assert len(wvq) == len(linears)
    assert {linear.centroids for linear in wvq} == {16, 32, 64}
    assert any(len(linear.pairs) > linear.inputs for linear in wvq)
    assert any(linear.shape[0] > linear.group and linear.shape[0] % linear.group for linear in wvq)
    assert all((np.diff(linear.exp[::2, 0].astype(int)) == 0).any() for linear in wvq)
