"""linear_synth: random linears through packets, rows and lookups, several parameter sets, and a broken core."""

import numpy as np
import pytest

from lutloom.dequant import dequant
from lutloom.hardware import Hardware
from lutloom.linear_synth import command, linear_synth, pack_streams
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.linear_synth.linears import largest_linear, random_linear

SMALL = {"MaxInputs": 256, "MaxPositions": 256, "MemBytes": 1 << 18}
ROOM = {"MaxInputs": 512, "MaxPositions": 512, "MemBytes": 1 << 20}
SETS = [
    {},
    {"Slices": 4, "Slots": 8, "Centroids": 32, "DrainW": 8, "BufferBeats": 128, "IndexBeats": 24, **SMALL},
    {"Slices": 1, "Lanes": 1, "Units": 64, "Slots": 4, **SMALL},
    {"Slices": 2, "Width": 32, "Lanes": 1, "Units": 64, "Slots": 4, "Centroids": 16, "DrainW": 8, **SMALL},
    {"Slices": 8, "Width": 64, "Slots": 8, "Centroids": 16, "DrainW": 8, **SMALL, **ROOM},
    {"Slices": 4, "Slots": 8, "Centroids": 16, "Tokens": 3, **SMALL, **ROOM},
    {"Slices": 4, "Slots": 8, "Centroids": 16, "DrainW": 8, "Tokens": 4, "Drains": 2, **SMALL, **ROOM},
]

GATHER_SETS = [  # groups of covq linears have 512 outputs
    {"Gather": 1, "Slots": 16, "MaxInputs": 1024, "MaxPositions": 512},
    {"Gather": 1, "Slices": 4, "Lanes": 1, "Units": 64, "Slots": 8, "Centroids": 16, "DrainW": 8, "BufferBeats": 128,
     "IndexBeats": 64, **ROOM, "MemBytes": 1 << 21},
    {"Gather": 1, "Slices": 8, "Width": 64, "Slots": 16, "Centroids": 16, "DrainW": 8, **ROOM, "MemBytes": 1 << 22},
]  # fmt: skip


def run(name, parameters, bench="tb", **options):
    bench = f"verif.linear_synth.{bench}"
    return simulate("linear_synth", bench, name=name, target="sim", parameters=parameters, **options)


@pytest.mark.parametrize("index", range(len(SETS)))
def test_random_linears(index):
    run(f"set{index}", SETS[index], seed=base_seed() + index)


@pytest.mark.parametrize("index", range(len(GATHER_SETS)))
def test_gathered_linears(index):
    run(f"gather{index}", GATHER_SETS[index], "tb_gather", seed=base_seed() + index)


def test_random_linears_with_gather():
    """Calculated rows are what they are without it."""
    run("set-gather", GATHER_SETS[0], seed=base_seed())


def test_broken_core_is_caught():
    """The banks of the activations are never changed."""
    broken = Mutation("rtl/linear_synth/linear_synth_gather.sv", "act_wr_q             <= !act_wr_q;", "")
    with pytest.raises(SimulationFailed):
        run("broken", SETS[2], mutation=broken, env={"COCOTB_MAX_FAILURES": 1})  # all tests fail, each slowly


@pytest.mark.parametrize(
    "file,line,broken",
    [
        ("gather", "ElemW'((Slices - 1) * Steps + 1)", "ElemW'(1)"),  # a search takes neighbouring blocks
        ("split", "m_job_row_o <= m_job_row_o + job_rows_q;", ""),  # all jobs have the first one's rows
    ],
    ids=["stride", "rows"],
)
def test_broken_gather_is_caught(file, line, broken):
    mutation = Mutation(f"rtl/linear_synth/linear_synth_{file}.sv", line, broken)
    with pytest.raises(SimulationFailed):
        run(f"broken-{file}", GATHER_SETS[1], "tb_gather", mutation=mutation, waves_on_failure=False)


@pytest.mark.parametrize(
    "parameters,message",
    [
        ({"Slices": 3}, "allowed: powers of two"),
        ({"Lanes": 4}, "allowed: BeatW = 256"),
        ({"Lanes": 8, "Units": 8}, "allowed: 1 and 64, 2 and 32, 4 and 16"),
        ({"MaxPositions": 100}, "allowed: powers of two from 16"),
        ({"DrainW": 16}, "DrainW is 16, allowed: "),
        ({"IndexBeats": 64}, "allowed: >= 96"),
        ({"Width": 8}, "allowed: 16, 32, 64"),
        ({"Tokens": 9}, "Tokens is 9, allowed: 1..8"),
        ({"Tokens": 6, "Drains": 3}, "Drains is 3, allowed: powers of two"),
        ({"Width": 64, "Slots": 1}, "Units\\*Slots is 32, allowed: >= Width"),
    ],
    ids=lambda v: "-".join(f"{k}{n}" for k, n in v.items()) if isinstance(v, dict) else "",
)
def test_refused_parameters(parameters, message):
    with pytest.raises(SimulationFailed, match=message):
        run("refused", parameters, waves_on_failure=False)


def test_linear_synth_is_the_linear():
    """Golden: the core's two results, scaled, are the outputs of the linear."""
    rng = np.random.default_rng(base_seed())
    linear = random_linear(rng, 80, 40, group=64, residual=True)
    x = rng.normal(0, 1, (3, 40)).astype(np.float32)
    acc, scale = linear_synth(x, linear)
    np.testing.assert_array_equal(dequant(acc, linear.out_scale, scale), linear(x))


def test_command_names_the_streams():
    linear = largest_linear(96, 64, 64)
    streams = pack_streams(linear, 2, Hardware(slices=2))
    found = command(linear, 2, 7, streams.shape[1])
    assert (found.subsets, found.positions, found.stream, found.code) == (1, 32, 7, 0)
    assert found.beats % 2 == 0
