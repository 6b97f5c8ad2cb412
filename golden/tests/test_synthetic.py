"""Random models of real shapes: through the compiler, same bytes for a seed, activations in a sensible range."""

from dataclasses import fields, replace

import numpy as np
import pytest

from lutloom.covq import exponent_runs, largest_sum
from lutloom.errors import UserError
from lutloom.hardware import Hardware, configuration
from lutloom.image import Image
from lutloom.kv_state import KvState
from lutloom.machine import Machine
from lutloom.program import Gather, LinearSynth, LinearTable, Search
from lutloom.qwen3_accel import CONFIGURATIONS
from lutloom.synthetic import (
    BITS,
    SHAPES,
    Synthetic,
    compile_synthetic,
    random_covq,
    random_state,
    synthetic_image,
)

TINY = configuration("tiny")


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Image:
    return Image.open(synthetic_image(Synthetic("qwen3-tiny"), TINY, 64, tmp_path_factory.mktemp("images")))


@pytest.mark.parametrize("bits", BITS)
def test_schemes(tmp_path, bits):
    """Centroids and stages are in the program; outputs are finite and about as large as inputs."""
    path = synthetic_image(Synthetic("qwen3-tiny", bits, head_bits=2.0), TINY, 64, tmp_path)
    found: dict[str, np.ndarray] = {}
    machine = Machine(Image.open(path), trace=lambda stage, values: found.update({stage: values}))
    linears = [d for d in machine.program if isinstance(d, LinearSynth)]
    centroids, residual = BITS[bits]
    assert {(d.centroids, 2 * d.positions / d.inputs - 1) for d in linears[:-1]} == {(centroids, residual)}
    assert (linears[-1].centroids, linears[-1].positions) == (16, 32)
    machine.restore(random_state(machine.image, 40))
    machine.run(np.array([5]))
    for stage, values in found.items():
        assert np.isfinite(values).all() and 0.01 < np.sqrt(np.mean(values**2)) < 30, stage


@pytest.mark.parametrize("hardware", ["tiny", "tiny-gather"])
def test_covq(tmp_path, hardware):
    """All linears are covq, the head too; outputs are finite and about as large as inputs."""
    path = synthetic_image(Synthetic("qwen3-tiny", scheme="covq"), configuration(hardware), 64, tmp_path)
    found: dict[str, np.ndarray] = {}
    machine = Machine(Image.open(path), trace=lambda stage, values: found.update({stage: values}))
    kinds = [LinearTable] if hardware == "tiny" else [Search, Gather]
    assert not any(isinstance(d, LinearSynth) for d in machine.program)
    assert {type(d) for d in machine.program if isinstance(d, LinearTable | Search | Gather)} == set(kinds)
    machine.restore(random_state(machine.image, 40))
    machine.run(np.array([5]))
    for stage, values in found.items():
        assert np.isfinite(values).all() and 0.01 < np.sqrt(np.mean(values**2)) < 30, stage


def test_covq_linear():
    """Exponents in two runs, all indices and centroids, the sums within the accumulator; the same for a seed."""
    linears = [random_covq(np.random.default_rng(3), 1100, 128, -5) for _ in range(2)]
    linear = linears[0]
    assert linear.shape == (1100, 128) and np.array_equal(np.sort(linear.pairs, axis=None), np.arange(128))
    assert all(len(exponent_runs(linear.exp[:, g])) == 2 for g in range(3))
    assert set(np.unique(linear.idx)) == set(range(16)) and set(np.unique(linear.a_exp)) == {-6, -5}
    assert (np.abs(linear.table.astype(int)) == 127).mean() < 0.1 and np.std(linear.table) > 20
    assert largest_sum(linear.table, linear.exp, linear.start) < 1 << 27
    for f in fields(linear):
        np.testing.assert_array_equal(getattr(linear, f.name), getattr(linears[1], f.name))
    x = np.random.default_rng(4).standard_normal((40, 128), np.float32)
    assert 0.8 < np.sqrt(np.mean(linear(x) ** 2)) < 1.25


def test_a_seed_is_a_model(tmp_path, image):
    paths = [tmp_path / f"{n}.img" for n in range(2)]
    for seed, path in enumerate(paths):
        compile_synthetic(Synthetic("qwen3-tiny", seed=seed), path, TINY, 64)
    assert paths[0].read_bytes() == image.path.read_bytes() != paths[1].read_bytes()
    assert synthetic_image(Synthetic("qwen3-tiny"), TINY, 64, image.path.parent) == image.path


@pytest.mark.parametrize("bits", [8, 16])
def test_random_texts(tmp_path, bits):
    """Card's bytes and what attention sees agree; a file brings back the same."""
    image = Image.open(synthetic_image(Synthetic("qwen3-tiny"), replace(TINY, kv_bits=bits), 64, tmp_path))
    state = random_state(image, 21)
    machine = Machine(image)
    machine.restore(state)
    assert machine.position == 21
    again = machine.save()
    state.write(tmp_path / "text.kv")
    (tmp_path / "other").touch()
    assert (tmp_path / "text.kv").stat().st_mode == (tmp_path / "other").stat().st_mode
    read = KvState.read(tmp_path / "text.kv", image)
    for other in (again, read):
        assert other.positions == 21 and all((other.data[key] == data).all() for key, data in state.data.items())
    keys = machine.cache[1][0][:, :21].astype(np.uint32) << 16
    assert 0.5 < np.std(keys.view(np.float32)) < 2 and not machine.cache[1][0][:, 21:].any()


def test_shapes_are_those_of_the_configurations():
    """The largest shape that v80 takes whole; `layers` cuts a shape."""
    cfg, v80 = SHAPES["qwen3-1.7b"], CONFIGURATIONS["v80"]
    assert cfg.intermediate_size <= v80.max_inputs and cfg.hidden_size <= v80.max_hidden
    assert Synthetic("qwen3-1.7b", layers=2).cfg.num_hidden_layers == 2
    assert Synthetic("qwen3-1.7b", scheme="covq", layers=2).name == "qwen3-1.7b-covq-layers2"
    assert Synthetic("qwen3-1.7b", 3, 2, seed=4, layers=2).name == "qwen3-1.7b-wvq3-head2-seed4-layers2"


@pytest.mark.parametrize(
    "options",
    [
        {"shape": "qwen3-2b"}, {"bits": 7}, {"head_bits": 1}, {"layers": 3}, {"scheme": "x"},
        {"scheme": "covq", "bits": 3.0}, {"scheme": "covq", "head_bits": 4.0}, {"scheme": "covq", "group": 64},
    ],
    ids=str,
)  # fmt: skip
def test_refused(options):
    with pytest.raises(UserError, match=r"found .*, allowed"):
        Synthetic(**{"shape": "qwen3-tiny"} | options)


def test_more_positions_than_the_cache_has(image):
    with pytest.raises(UserError, match=r"position: found 65, allowed 0\.\.64"):
        random_state(image, 65)


def test_hardware_with_other_groups(tmp_path):
    """Fewer slots a unit than a group needs: refused by the compiler in one line."""
    with pytest.raises(UserError, match="groups of"):
        compile_synthetic(Synthetic("qwen3-tiny"), tmp_path / "x.img", Hardware(slots=2), 64)
