"""axi_cdc: all relations of the clocks on the pyuvm bench, the proof of its FIFO, broken ones, constraints."""

import re
import subprocess
import sys

import pytest

from lutloom.axi_cdc import CHANNELS
from verif.axi_cdc.proof import Model
from verif.lib import Mutation, SimulationFailed, base_seed, simulate
from verif.lib.corefiles import core_files
from verif.lib.paths import ROOT
from verif.lib.runner import ElaborationRefused

TESTS = 6
RATIOS = ["250:400", "400:250", "1:1", "3:1", "jitter"]
FIFO = "rtl/axi_cdc/async_fifo.sv"


def bench(name, ratio="250:400", module="tb", **more):
    env = {"LUTLOOM_RATIO": ratio}
    return simulate("axi_cdc", f"verif.axi_cdc.{module}", name=name, target="sim", env=env, **more)


@pytest.mark.parametrize("ratio", RATIOS)
def test_bench(ratio):
    assert bench(ratio.replace(":", "-"), ratio).tests == TESTS


SIZES = {
    "smallest": ("jitter", dict(DataW=8, AddrW=40, IdW=4, Depth=4, Stages=3)),
    "just full rate": ("1:1", dict(DataW=32, Depth=16, Stages=5)),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    ratio, parameters = SIZES[name]
    outcome = bench(name.replace(" ", "-"), ratio, parameters=parameters, seed=base_seed() + 1)
    assert outcome.tests == TESTS


def test_broken_core_is_caught():
    swapped = Mutation(
        "rtl/axi_cdc/axi_cdc.sv", ".s_data_i({m_axi_bid, m_axi_bresp})", ".s_data_i({m_axi_bresp, m_axi_bid})"
    )
    with pytest.raises(SimulationFailed, match="Mismatch"):
        bench("broken", mutation=swapped)


def test_reset_of_one_side_is_reported():
    with pytest.raises(SimulationFailed, match="a_reset_of_both"):
        bench("one-reset", module="tb_one_reset", waves_on_failure=False)


@pytest.mark.parametrize(
    "parameters", [{"Depth": 24}, {"Depth": 2}, {"Stages": 1}, {"DataW": 12}, {"AddrW": 0}], ids=str
)
def test_illegal_parameters_are_refused(parameters):
    with pytest.raises(ElaborationRefused, match=rf"{next(iter(parameters))} is .*allowed: "):
        bench("illegal", parameters=parameters)


# ---- the proof -------------------------------------------------------------------------------------------------------
STEPS = 12  # enough to fill four places, and for every broken FIFO to show


@pytest.mark.parametrize("depth,stages", [(4, 2), (8, 3), (32, 2)])
def test_fifo_is_proven(tmp_path, depth, stages):
    model = Model.make(tmp_path, depth, stages)
    assert model.inductive()
    assert not {name for name in model.reached(2) if name.startswith("bad_")}


def test_proof_is_not_empty(tmp_path):
    """What must be possible is: the queue fills, the followed word comes out."""
    assert Model.make(tmp_path, 4).reached(STEPS) == {"can_fill_o", "can_follow_o"}


BROKEN = {
    "binary pointers": (
        (("return ptr ^ (ptr >> 1);", "return ptr;"), ("ptr_t'(3) << (AddrW - 1)", "ptr_t'(1) << AddrW")),
        {"bad_wr_gray_o", "bad_rd_gray_o", "bad_underflow_o", "bad_word_o"},
    ),
    "full a word late": (
        (("gray(wr_q + ptr_t'(1)) == (rd_seen ^ Lap)", "wr_gray_q == (rd_seen ^ Lap)"),),
        {"bad_overflow_o", "bad_word_o"},
    ),
    "empty a word late": (
        (("gray(rd_q + ptr_t'(1)) != wr_seen", "rd_gray_q != wr_seen"),),
        {"bad_underflow_o"},
    ),
    "output overwritten": ((("some_q && (!out_valid_q || m_ready_i)", "some_q"),), {"bad_wait_o", "bad_word_o"}),
    "never ready": ((("assign s_ready_o = !full_q", "assign s_ready_o = 1'b0"),), {"bad_late_s_o"}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_fifo_is_refuted(tmp_path, name):
    broken, wanted = BROKEN[name]
    model = Model.make(tmp_path, 4, broken=broken)
    assert not model.inductive()
    assert wanted <= model.reached(STEPS)


# ---- constraints -----------------------------------------------------------------------------------------------------
def registers() -> set[str]:
    """Names of the elaborated axi_cdc's wires, / between the levels."""
    sources = " ".join(map(str, core_files("axi_cdc").sources))
    script = (
        "from pyosys import libyosys as y; d = y.Design(); "
        f"y.run_pass('read_slang --top axi_cdc --ignore-assertions {sources}', d); y.run_pass('memory_map', d); "
        "y.run_pass('select -list w:*', d)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.replace(".", "/") for name in re.findall(r"^axi_cdc/(\S+)$", done.stdout, re.M)}


def test_constraints_name_registers_that_exist():
    """Of every channel's FIFO; Vivado names the cells of register x `x_reg[..]`."""
    text = (ROOT / "constraints/v80/axi_cdc.tcl").read_text()
    known = registers()
    pairs = re.search(r"foreach \{pointer seen\} \{(.*?)\}", text).group(1).split()
    names = [*(name.removesuffix("_reg") for name in pairs[::2]), *(f"{seen}/sync_q" for seen in pairs[1::2])]
    names += re.findall(r"\$fifo/(\w+)_reg", text)
    assert len(names) == 6, names
    for channel in CHANNELS:
        for name in names:
            assert any(wire.startswith(f"u_{channel}/{name}") for wire in known), f"u_{channel}/{name}"
    assert not any(wire.startswith("u_ar/wr_grey_q") for wire in known)
